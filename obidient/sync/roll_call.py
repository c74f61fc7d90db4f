"""The roll call of a day: who is at their unit, where polls opened and closed, who is missing."""

import re
from datetime import UTC, datetime, time
from typing import Any

from peewee import JOIN, SQL, chunked, fn

from obidient.accounts.models import User
from obidient.areas import unit_bounds
from obidient.campaigns.texts.incoming import LONGEST_ROLL
from obidient.clock import isoformat, local, utcnow
from obidient.config import settings
from obidient.errors import Invalid
from obidient.letters import without_marks
from obidient.sync import grammar
from obidient.sync.grammar_words import COURTESY
from obidient.sync.models import AgentHeard, RollCall

#: What an agent can tell, and where it is kept.
MARKS = {"arrived": "arrived_at", "opened": "opened_at", "closed": "closed_at"}
#: What is missing of an agent, in the order of a day.
MISSING = {
    "signed-in": "not signed in",
    "arrived": "not arrived",
    "opened": "polls not opened",
    "closed": "polls not closed",
    "reported": "not reported",
}
#: The words by which a text tells it: HERE 482715, POLLS OPENED PIN 482715.
_MEANT = {
    **dict.fromkeys(("here", "arrived", "reached", "present"), "arrived"),
    **dict.fromkeys(("open", "opened", "started", "commenced"), "opened"),
    **dict.fromkeys(("close", "closed", "ended"), "closed"),
}
#: "I am at my unit" tells it without such a word.
_PLACES = frozenset("unit pu booth station".split())
#: What may stand around them. Not "not", nor anything else that might turn it into its opposite.
_AROUND = _PLACES | COURTESY | frozenset(
    "i am im ive we have has been just now already polling poll polls voting accreditation at to "
    "on time".split()
)  # fmt: skip
_CALLED = re.compile(r"\bp\.?i\.?n\b\.?(?:[\W_]*(?:no|number|code|is)\b)*")
_GROUPS = re.compile(r"(?<![0-9])([0-9]{3})[ .-]{1,3}([0-9]{3})(?![0-9])")
#: Words of a text with a PIN that might be meant for the roll call.
MOST_WORDS = 12
SAID = {"arrived": "You are at your unit", "opened": "Polls opened", "closed": "Polls closed"}


def today() -> str:
    """The day of the roll call: the local date."""
    return local(utcnow(), settings().timezone).date().isoformat()


def day_begins(day: str) -> datetime:
    """The first moment of a local day, UTC. Raises Invalid."""
    try:
        date = datetime.fromisoformat(day).date()
    except ValueError:
        raise Invalid("A day looks like 2027-02-25.") from None
    start = datetime.combine(date, time(), settings().timezone)
    return start.astimezone(UTC).replace(tzinfo=None)


def meant(text: str) -> tuple[str, str] | None:
    """What a text tells for the roll call, and its PIN (empty: none); None for other texts.

    It tells nothing (an empty word) where there is a PIN beside more than we understand.
    """
    if len(text) > LONGEST_ROLL:
        return None
    plain = grammar.without_unit(without_marks(text).lower().replace("’", "").replace("'", ""))
    plain = _GROUPS.sub(r"\1\2", _CALLED.sub(" ", plain))
    words, numbers = re.findall("[a-z]+", plain), re.findall("[0-9]+", plain)
    told = {_MEANT[word] for word in words if word in _MEANT}
    if not told and "at" in words and _PLACES & set(words):
        told = {"arrived"}
    pin = numbers[0] if len(numbers) == 1 and len(numbers[0]) in grammar.PIN_DIGITS else ""
    if not told or (numbers and not pin):
        return None
    if all(word in _AROUND or word in _MEANT for word in words):
        # Who tells two things has done the later one.
        return max(told, key=list(MARKS).index), pin
    return ("", pin) if len(pin) == 6 and len(words) <= MOST_WORDS else None


def mark(user: User, what: str) -> RollCall:
    """Note what an agent tells; the first time counts. Who opens or closes has arrived."""
    now, column = utcnow(), getattr(RollCall, MARKS[what])
    values = {"arrived_at": now, MARKS[what]: now}
    update = {
        RollCall.arrived_at: fn.COALESCE(RollCall.arrived_at, now),
        column: fn.COALESCE(column, now),
    }
    RollCall.insert(day=today(), user_id=user.id, **values).on_conflict(
        conflict_target=[RollCall.day, RollCall.user_id], update=update
    ).execute()
    return of(user)


def of(user: User) -> RollCall:
    """What an agent has told today."""
    known = RollCall.get_or_none(RollCall.day == today(), RollCall.user_id == user.id)
    return known or RollCall(day=today(), user_id=user.id)


def told(row: RollCall) -> dict[str, str | None]:
    return {name: isoformat(getattr(row, column)) for name, column in MARKS.items()}


# ---- who is missing -----------------------------------------------------------------------------


def joined(query: Any, day: str) -> Any:
    """A query of agents with what each told of a day and when each was heard from."""
    on = (RollCall.user_id == User.id) & (RollCall.day == day)
    heard = AgentHeard.user_id == User.id
    return (
        query.join(RollCall, JOIN.LEFT_OUTER, on=on)
        .switch(User)
        .join(AgentHeard, JOIN.LEFT_OUTER, on=heard)
    )


def agents_of(area: str) -> Any:
    """Who is an agent of an area (empty: of any), may sign in and has a unit."""
    mine = SQL("role = 'agent'") & User.active
    return mine & (
        User.polling_unit_code.between(*unit_bounds(area))
        if area
        else User.polling_unit_code.is_null(False)
    )


def lacks(what: str, start: datetime) -> Any:
    """Whether an agent has not done something on the day that begins at `start`."""
    if what == "signed-in":
        return User.last_login_at.is_null()
    if what == "reported":
        return AgentHeard.heard_at.is_null() | (AgentHeard.heard_at < start)
    return getattr(RollCall, MARKS[what]).is_null()


def missing(what: str, day: str, area: str = "") -> Any:
    """A query of the ids of an area's agents who have not done something. Raises Invalid."""
    if what not in MISSING:
        raise Invalid(f"Choose one of: {', '.join(MISSING)}.")
    query = joined(User.select(User.id), day)
    return query.where(agents_of(area), lacks(what, day_begins(day)))


def everybody(area: str = "") -> Any:
    """A query of the ids of an area's agents."""
    return User.select(User.id).where(agents_of(area))


def people(ids: Any, limit: int) -> list[User]:
    """The first agents of such a query, by polling unit: the ids come from the index alone."""
    some = [row.id for row in ids.order_by(User.polling_unit_code, User.id).limit(limit)]
    found: list[User] = []
    for part in chunked(some, 500):
        found.extend(User.select().where(User.id.in_(part)))
    return sorted(found, key=lambda user: (user.polling_unit_code or "", user.id))
