"""Who is looking at a unit in doubt: a lease, so that two reviewers don't work on one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from peewee import EXCLUDED

from obidient.accounts import audit
from obidient.accounts.models import User
from obidient.clock import utcnow
from obidient.errors import Conflict
from obidient.results.models import UnitClaim

#: Looking at a unit's page renews it.
LEASE = timedelta(minutes=10)


def take(election_id: str, unit_code: str, user: User) -> UnitClaim:
    """Claim a unit unless somebody else has it; returns the claim that holds, theirs or ours."""
    now = utcnow()
    free = (UnitClaim.until < now) | (UnitClaim.user_id == user.id)
    UnitClaim.insert(
        election_id=election_id,
        unit_code=unit_code,
        user_id=user.id,
        name=user.name or user.email,
        until=now + LEASE,
    ).on_conflict(
        conflict_target=[UnitClaim.election_id, UnitClaim.unit_code],
        update={
            UnitClaim.user_id: EXCLUDED.user_id,
            UnitClaim.name: EXCLUDED.name,
            UnitClaim.until: EXCLUDED.until,
        },
        where=free,
    ).execute()
    found: UnitClaim = UnitClaim.get(_of(election_id, unit_code))
    return found


def _of(election_id: str, unit_code: str) -> Any:
    return (UnitClaim.election_id == election_id) & (UnitClaim.unit_code == unit_code)


def others(election_id: str, codes: Sequence[str], user_id: int) -> dict[str, str]:
    """Unit -> who looks at it, of those that somebody else has."""
    rows = UnitClaim.select().where(
        UnitClaim.election_id == election_id,
        UnitClaim.unit_code.in_(list(codes)),
        UnitClaim.user_id != user_id,
        UnitClaim.until >= utcnow(),
    )
    return {row.unit_code: row.name for row in rows}


def check(election_id: str, unit_code: str) -> None:
    """Raises Conflict while another reviewer than the one who acts has the unit."""
    user = audit.actor()
    if user is None:
        return
    name = others(election_id, [unit_code], user.id).get(unit_code)
    if name:
        raise Conflict(
            f"{name} is looking at this polling unit. Ask them, take the next one, or come back "
            "in ten minutes."
        )


def release(election_id: str, unit_code: str) -> None:
    UnitClaim.delete().where(_of(election_id, unit_code)).execute()
