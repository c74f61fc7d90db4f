"""Agents' PINs: for signing in, and in texts, whose numbers can be forged.

Made for reading out over a bad line: six digits in two groups, none twice in a row, and no 9,
which is heard as 5. Each is seen once, when it is made.
"""

import hmac
import secrets
import threading
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from peewee import EXCLUDED, chunked

from obidient.accounts import audit
from obidient.accounts.models import User
from obidient.accounts.passwords import nobodys
from obidient.clock import utcnow
from obidient.config import settings
from obidient.database import db, locked
from obidient.errors import Invalid
from obidient.sync.models import AgentPin

SHORTEST, LONGEST = 4, 8
#: Guesses before texts of an agent wait for a person, until a new PIN is set.
MOST_FAILURES = 5
#: The same at sign-in, counted apart.
MOST_SIGN_INS = 10
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


def make_many(users: Sequence[User], why: str) -> list[tuple[User, str]]:
    """New PINs for agents, in one transaction; each is seen only in what this returns."""
    made = [(user, made_up()) for user in users]
    rows = [
        {
            "user_id": user.id,
            "hash": _hasher.hash(_peppered(user.id, pin)),
            "failures": 0,
            "sign_in_failures": 0,
            "set_at": utcnow(),
        }
        for user, pin in made
    ]
    with db.atomic():
        for some in chunked(rows, 500):
            AgentPin.insert_many(some).on_conflict(
                conflict_target=[AgentPin.user_id],
                update={
                    field: getattr(EXCLUDED, field.name)
                    for field in (
                        AgentPin.hash,
                        AgentPin.failures,
                        AgentPin.sign_in_failures,
                        AgentPin.set_at,
                    )
                },
            ).execute()
        if rows:
            what = f"{len(rows):,} new PIN{'' if len(rows) == 1 else 's'}"
            audit.record("agent.pins", f"Made {what}: {why}", "agents", "")
    return made


def may_sign_in(user: User | None, pin: str) -> str:
    """As `check`, for signing in; takes as long for nobody as for somebody."""
    with _slots, db.atomic():
        query = AgentPin.select().where(AgentPin.user_id == (user.id if user else 0))
        row: AgentPin | None = locked(query).first()
        if row is not None and (row.sign_in_failures or 0) >= MOST_SIGN_INS:
            return "locked"
        key = user.id if user else 0
        try:
            _hasher.verify(row.hash if row else _NOBODY, _peppered(key, pin))
        except (VerifyMismatchError, InvalidHashError):
            failures = (row.sign_in_failures or 0) + 1 if row else 0
            AgentPin.update(sign_in_failures=failures).where(AgentPin.user_id == key).execute()
            return "wrong" if row else "none"
        AgentPin.update(sign_in_failures=0).where(AgentPin.user_id == key).execute()
        return "right" if row else "none"


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
    values = {
        "hash": _hasher.hash(_peppered(user.id, chosen)),
        "failures": 0,
        "sign_in_failures": 0,
        "set_at": utcnow(),
    }
    with db.atomic():
        AgentPin.insert(user_id=user.id, **values).on_conflict(
            conflict_target=[AgentPin.user_id], update=values
        ).execute()
        audit.record("agent.pin", f"Set a new PIN for {user.email}", "user", user.id)
    return chosen


def check(user: User, pin: str) -> str:
    """`right`, `wrong`, `locked` or `none`; in the caller's transaction, which holds the agent."""
    query = AgentPin.select().where(AgentPin.user_id == user.id)
    row: AgentPin | None = locked(query).first()
    if row is None:
        return "none"
    if row.failures >= MOST_FAILURES:
        return "locked"
    try:
        _hasher.verify(row.hash, _peppered(user.id, pin))
    except (VerifyMismatchError, InvalidHashError):
        AgentPin.update(failures=AgentPin.failures + 1).where(AgentPin.user_id == user.id).execute()
        return "wrong"
    AgentPin.update(failures=0).where(AgentPin.user_id == user.id).execute()
    return "right"
