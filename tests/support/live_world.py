"""An election with two sheets, read through the live count."""

from typing import Any

import pytest
from flask import Flask
from results_world import UNITS, make_world, sheet

from obidient.database import db
from obidient.results import deciding
from obidient.results.models import Election
from obidient.results.received import Sender, receive

URL = "/api/live-results/elections/abc123/live-summary"


def take(*sheets: dict[str, Any]) -> None:
    with db.atomic():
        receive(sheets, Sender())
    deciding.process_waiting()


@pytest.fixture
def world(app: Flask) -> Election:
    election = make_world()
    take(sheet("a"), sheet("b", UNITS[-1], votes={"LP": 80, "APC": 121}))
    return election
