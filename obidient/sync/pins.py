"""Agents' PINs: for signing in, and in texts, whose numbers can be forged.

Made for reading out over a bad line: six digits in two groups, none twice in a row, and no 9,
which is heard as 5. Each is seen once, when it is made.
"""

import hmac
import secrets
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from peewee import EXCLUDED, chunked

from obidient.accounts import audit
from obidient.accounts.growing import Growing, remembered
from obidient.accounts.models import User
from obidient.accounts.passwords import nobodys
from obidient.clock import utcnow
from obidient.config import settings
from obidient.database import db, locked
from obidient.errors import Invalid
from obidient.sync.models import AgentPin

SHORTEST, LONGEST = 4, 8
#: Wrong PINs in texts of an agent's number, which anybody can forge.
TEXTS = Growing(free=5)
#: Wrong PINs of an agent on phones that are not known, wherever they are; `pin_guessing` has what
#: one place may, so that it takes many to get here.
SIGN_INS = Growing(free=50)
_DIGITS, _LENGTH = "012345678", 6
#: Less than for passwords: so few digits are kept safe by the server's secret, not by the work, and
#: a nation's agents need 200,000 of them.
_hasher = PasswordHasher(time_cost=2, memory_cost=1_024, parallelism=1)
#: A flood of sign-ins must not take all processors.
_slots = threading.BoundedSemaphore(2)


def _peppered(user_id: int, pin: str) -> str:
    """Few digits are soon tried out: without the server's secret a copied table tells nothing."""
    key = settings().secret_key or "development-only"
    return hmac.new(key.encode(), f"pin:{user_id}:{pin}".encode(), "sha256").hexdigest()


def made_up() -> str:
    """A PIN that can be read out."""
    pin = secrets.choice(_DIGITS)
    while len(pin) < _LENGTH:
        digit = secrets.choice(_DIGITS)
        if digit != pin[-1]:
            pin += digit
    return pin


def spoken(pin: str) -> str:
    """`482 715`: in groups of three."""
    return " ".join(pin[start : start + 3] for start in range(0, len(pin), 3))


def _fresh(user_id: int, pin: str) -> dict[str, Any]:
    """The columns of a new PIN: nothing was tried against it yet."""
    return {
        "hash": _hasher.hash(_peppered(user_id, pin)),
        "failures": 0,
        "failed_at": None,
        "sign_in_failures": 0,
        "sign_in_failed_at": None,
        "set_at": utcnow(),
    }


def make_many(users: Sequence[User], why: str) -> list[tuple[User, str]]:
    """New PINs for agents, in one transaction; each is seen only in what this returns."""
    made = [(user, made_up()) for user in users]
    rows = [{"user_id": user.id, **_fresh(user.id, pin)} for user, pin in made]
    with db.atomic():
        for some in chunked(rows, 500):
            AgentPin.insert_many(some).on_conflict(
                conflict_target=[AgentPin.user_id],
                update={
                    getattr(AgentPin, name): getattr(EXCLUDED, name)
                    for name in some[0]
                    if name != "user_id"
                },
            ).execute()
        if rows:
            what = f"{len(rows):,} new PIN{'' if len(rows) == 1 else 's'}"
            audit.record("agent.pins", f"Made {what}: {why}", "agents", "")
    return made


class Standing(NamedTuple):
    """`right`, `wrong`, `none` (there is no PIN), or `waits`, and then for how many seconds."""

    verdict: str
    seconds: int = 0


def of(user: User | None) -> AgentPin | None:
    """What is kept of an agent's PIN."""
    found: AgentPin | None = AgentPin.get_or_none(AgentPin.user_id == user.id) if user else None
    return found


def sign_in_wait(row: AgentPin | None) -> int:
    """Seconds until an unknown phone may try again."""
    return SIGN_INS.left(row.sign_in_failures or 0, row.sign_in_failed_at) if row else 0


def may_sign_in(user: User | None, pin: str, known: bool = False) -> Standing:
    """As `check`, for signing in; takes as long for nobody as for somebody.

    A phone that is `known` is not held up by what others tried.
    """
    key = user.id if user else 0
    with _slots, db.atomic():
        row: AgentPin | None = locked(AgentPin.select().where(AgentPin.user_id == key)).first()
        seconds = 0 if known else sign_in_wait(row)
        if seconds:
            return Standing("waits", seconds)
        if _fits(row.hash if row else _NOBODY, key, pin):
            return Standing("right" if row else "none")
        before = remembered(row.sign_in_failures or 0, row.sign_in_failed_at) if row else 0
        if not known:
            AgentPin.update(sign_in_failures=before + 1, sign_in_failed_at=utcnow()).where(
                AgentPin.user_id == key
            ).execute()
    return Standing("wrong" if row else "none")


def _fits(hashed: str, user_id: int, pin: str) -> bool:
    try:
        return _hasher.verify(hashed, _peppered(user_id, pin))
    except (VerifyMismatchError, InvalidHashError):
        return False


#: Checked for an unknown number, so that the answer takes as long as for a known one.
_NOBODY = nobodys(_hasher)


def set_pin(user: User, pin: str | None = None) -> str:
    """Give an agent a PIN, made up unless given; returns it, which is the only time it is seen."""
    if user.role != "agent":
        raise Invalid(f"{user.email} is no agent: only agents report by text.")
    if not user.phone:
        raise Invalid(f"{user.email} has no phone number: texts are matched by it. Add it first.")
    chosen = pin if pin is not None else made_up()
    if not (chosen.isascii() and chosen.isdigit() and SHORTEST <= len(chosen) <= LONGEST):
        raise Invalid(f"A PIN has {SHORTEST} to {LONGEST} digits.")
    values = _fresh(user.id, chosen)
    with db.atomic():
        AgentPin.insert(user_id=user.id, **values).on_conflict(
            conflict_target=[AgentPin.user_id], update=values
        ).execute()
        audit.record("agent.pin", f"Set a new PIN for {user.email}", "user", user.id)
    return chosen


def check(user: User, pin: str) -> Standing:
    """How it stands with the PIN of a text; in the caller's transaction."""
    row: AgentPin | None = locked(AgentPin.select().where(AgentPin.user_id == user.id)).first()
    if row is None:
        return Standing("none")
    seconds = TEXTS.left(row.failures, row.failed_at)
    if seconds:
        return Standing("waits", seconds)
    is_right = _fits(row.hash, user.id, pin)
    if is_right and not row.failures:
        return Standing("right")
    failures = 0 if is_right else remembered(row.failures, row.failed_at) + 1
    AgentPin.update(failures=failures, failed_at=None if is_right else utcnow()).where(
        AgentPin.user_id == user.id
    ).execute()
    return Standing("right" if is_right else "wrong")
