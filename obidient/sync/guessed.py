"""Whose PINs are being guessed at, for whoever looks after the agents."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from obidient.accounts.growing import remembered
from obidient.accounts.models import User
from obidient.areas import unit_bounds
from obidient.clock import utcnow
from obidient.sync import pins
from obidient.sync.models import AgentPin

#: More wrong PINs than a person types before they ask.
MANY = 10
#: Rows of a list.
MOST = 20
LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Guessed:
    agent: User
    sign_ins: int
    texts: int
    last: datetime


def wrong_lately() -> int:
    """How many agents' PINs were wrong in a day: many of them once each is guessing as well."""
    return int(AgentPin.select().where(AgentPin.sign_in_failed_at > utcnow() - LATELY).count())


def guessed_at(area: str = "") -> list[Guessed]:
    """Agents (of an area) for whom many wrong PINs came lately, the most first."""
    ways = (
        (AgentPin.sign_in_failed_at, AgentPin.sign_in_failures, MANY),
        (AgentPin.failed_at, AgentPin.failures, pins.TEXTS.free),
    )
    # Each by an index of its own.
    rows = {row.user_id: row for way in ways for row in _most(area, *way)}
    users = User.select().where(User.id.in_(list(rows))) if rows else []
    found = [_guessed(user, rows[user.id]) for user in users]
    return sorted(found, key=lambda one: -(one.sign_ins + one.texts))[:MOST]


def _most(area: str, at: Any, wrong: Any, many: int) -> Any:
    query = AgentPin.select().where(at > utcnow() - LATELY, wrong >= many)
    if area:
        mine = User.polling_unit_code.between(*unit_bounds(area))
        query = query.join(User, on=User.id == AgentPin.user_id).where(mine)
    return query.order_by(wrong.desc()).limit(MOST)


def _guessed(user: User, row: AgentPin) -> Guessed:
    return Guessed(
        user,
        remembered(row.sign_in_failures or 0, row.sign_in_failed_at),
        remembered(row.failures, row.failed_at),
        max(at for at in (row.sign_in_failed_at, row.failed_at) if at is not None),
    )
