"""The PIN an agent writes into a text, since the number a text seems to come from can be forged."""

import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from obidient.accounts import audit
from obidient.accounts.models import User
from obidient.clock import utcnow
from obidient.config import settings
from obidient.database import db, locked
from obidient.errors import Invalid
from obidient.sync.models import AgentPin

SHORTEST, LONGEST = 4, 8
#: Guesses before texts of an agent wait for a person, until a new PIN is set.
MOST_FAILURES = 5
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _peppered(user_id: int, pin: str) -> str:
    """Few digits are soon tried out: without the server's secret a copied table tells nothing."""
    key = settings().secret_key or "development-only"
    return hmac.new(key.encode(), f"pin:{user_id}:{pin}".encode(), "sha256").hexdigest()


def set_pin(user: User, pin: str | None = None) -> str:
    """Give an agent a PIN, made up unless given; returns it, which is the only time it is seen."""
    if user.role != "agent":
        raise Invalid(f"{user.email} is no agent: only agents report by text.")
    if not user.phone:
        raise Invalid(f"{user.email} has no phone number: texts are matched by it. Add it first.")
    chosen = pin if pin is not None else f"{secrets.randbelow(1_000_000):06d}"
    if not (chosen.isascii() and chosen.isdigit() and SHORTEST <= len(chosen) <= LONGEST):
        raise Invalid(f"A PIN has {SHORTEST} to {LONGEST} digits.")
    values = {
        "hash": _hasher.hash(_peppered(user.id, chosen)),
        "failures": 0,
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
