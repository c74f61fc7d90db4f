"""An agent's phone: signed in once, trusted for thirty days, told what it needs for the day."""

import re
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from obidient.accounts import audit, tokens
from obidient.accounts.models import ApiToken, User
from obidient.areas import ROOT_CODE, Area, area_name
from obidient.clock import utcnow
from obidient.database import db, locked
from obidient.errors import Conflict, Forbidden
from obidient.results.elections import parties_of
from obidient.results.models import Election, Submission
from obidient.sync import roll_call
from obidient.sync.models import AgentHeard

TRUSTED_FOR = timedelta(days=30)
#: Phones of one agent that are trusted at once; the one that signed in first goes.
MOST = 10
#: What an agent's key begins with, their id follows.
USER = "user:"
#: Certified results take nothing more, so agents need not see them.
SHOWN = ("scheduled", "ongoing", "ended")


def sign_in(user: User, device_id: str) -> tuple[str, datetime]:
    """A token for this device and when it ends; the device's token before is worthless now."""
    if user.role != "agent":
        raise Forbidden("This is not a polling agent's account. Sign in at /login instead.")
    if not user.polling_unit_code:
        raise Forbidden("Your account has no polling unit yet. Ask your coordinator to set it.")
    expires = utcnow() + TRUSTED_FOR
    name = device_name(device_id)
    with db.atomic():
        # Of several that sign in at once, each is counted by the next.
        locked(User.select(User.id).where(User.id == user.id)).get()
        ApiToken.update(revoked_at=utcnow()).where(
            ApiToken.user == user, ApiToken.name == name, ApiToken.revoked_at.is_null()
        ).execute()
        _make_room(user)
        token = tokens.issue(user, name, ["sync"], expires)
        User.update(last_login_at=utcnow()).where(User.id == user.id).execute()
        audit.record("device.signed-in", f"{user.email} signed in on a phone", "user", user.id)
    return token, expires


def is_known(user: User, device_id: str) -> bool:
    """Whether this person's phone is trusted, or was until its thirty days were over."""
    mine = (ApiToken.user == user) & (ApiToken.name == device_name(device_id))
    return bool(ApiToken.select().where(mine, ApiToken.revoked_at.is_null()).exists())


def _make_room(user: User) -> None:
    live = ApiToken.select(ApiToken.id).where(
        ApiToken.user == user,
        ApiToken.name.startswith(tokens.DEVICE),
        ApiToken.revoked_at.is_null(),
    )
    too_many = [row.id for row in live.order_by(ApiToken.id.desc()).offset(MOST - 1)]
    if too_many:
        ApiToken.update(revoked_at=utcnow()).where(ApiToken.id.in_(too_many)).execute()


def device_name(device_id: str) -> str:
    """What a device's tokens are called."""
    return f"{tokens.DEVICE}{device_id}"


def sign_out(token: ApiToken) -> None:
    """The device is no longer trusted."""
    if not token.name.startswith(device_name("")):
        raise Conflict("This token belongs to no device. Whoever made it can revoke it.")
    with db.atomic():
        tokens.revoke(token)
        who = token.user
        audit.record("device.signed-out", f"{who.email} signed out on a phone", "user", who.id)


def profile(user: User) -> dict[str, Any]:
    """What a device keeps to work without network: who, where, which elections and parties."""
    return {
        "agent": {"id": user.id, "name": user.name, "email": user.email},
        "polling_unit": _unit(user.polling_unit_code or ""),
        "roll_call": roll_call.told(roll_call.of(user)),
        "elections": [_election(row, user) for row in elections_at(user.polling_unit_code or "")],
    }


def _unit(code: str) -> dict[str, Any]:
    row: Area | None = Area.get_or_none(Area.code == code)
    return {
        "code": code,
        "name": row.name if row else code,
        "ward": area_name(code[:8]),
        "lga": area_name(code[:5]),
        "state": area_name(code[:2]),
        "registered_voters": row.registered_voters if row else None,
        "is_listed": row is not None,
    }


def elections_at(unit: str, statuses: tuple[str, ...] = SHOWN) -> list[Election]:
    """Elections in which a polling unit votes, those open now first."""
    places = [ROOT_CODE, unit[:2], unit[:5], unit[:8]]
    found = Election.select().where(
        Election.area_code.in_(places), Election.status.in_(statuses), ~Election.is_demo
    )
    demos = Election.select().where(
        Election.area_code.in_(places), Election.status.in_(statuses), Election.is_demo
    )
    # Invented elections are for trying things out: offered only where there is no real one.
    rows = list(found.order_by(Election.created_at, Election.id)) or list(demos)
    return sorted(rows, key=lambda row: row.status != "ongoing")


def _election(row: Election, user: User) -> dict[str, Any]:
    return {
        "election_id": row.id,
        "election_name": row.name,
        "election_type": row.type,
        "status": row.status,
        "last_revision": last_revision(row.id, user),
        "parties": [
            {"party_code": party.code, "party_name": party.name, "color": party.color}
            for party in parties_of(row.id)
        ],
    }


def last_revision(election_id: str, user: User) -> int:
    """The highest revision that came from an agent for their unit, from any phone; 0 for none."""
    found = Submission.select(fn.MAX(Submission.revision)).where(
        Submission.election_id == election_id,
        Submission.unit_code == user.polling_unit_code,
        Submission.agent == agent_key(user),
    )
    return int(found.scalar() or 0)


def agent_key(user: User) -> str:
    """Whose sheets are compared: the agent's, whichever phone they come from."""
    return f"{USER}{user.id}"


def note_heard(user: User, device_id: str) -> None:
    """An agent sent something just now; in the caller's transaction."""
    # A device may call itself anything that JSON can hold; a column can't.
    device_id = re.sub(r"[^A-Za-z0-9_.:-]", "", device_id)[:100]
    AgentHeard.insert(user_id=user.id, heard_at=utcnow(), device_id=device_id).on_conflict(
        conflict_target=[AgentHeard.user_id],
        update={AgentHeard.heard_at: utcnow(), AgentHeard.device_id: device_id},
    ).execute()
