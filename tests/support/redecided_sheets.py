"""Records that change, and sheets decided again since they did."""

from collections.abc import Mapping
from typing import Any

from results_world import make_register

from obidient.accounts import users
from obidient.accounts.models import User
from obidient.areas import Area
from obidient.database import db
from obidient.results import provisional, redeciding, register
from obidient.results.received import Sender, receive

NOBODY = Sender()


def send(*sheets: Mapping[str, Any], sender: Sender = NOBODY) -> None:
    with db.atomic():
        receive(sheets, sender)


def again() -> None:
    while provisional.is_waiting():
        redeciding.work()


def make_register_again() -> None:
    Area.delete().execute()
    make_register()
    provisional.request_everywhere(provisional.OF_REGISTER)
    register.relist()


def move(agent: User, unit: str) -> None:
    users.change(agent, agent.name, None, unit)
    agent.polling_unit_code = unit
