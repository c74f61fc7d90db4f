"""Elections and their parties: made from a file or in the admin, opened and closed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from peewee import IntegrityError

from obidient.accounts import audit
from obidient.areas import ROOT_CODE, find_state
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.results.models import ELECTION_STATUSES, ELECTION_TYPES, Election, Party
from obidient.results.sheets import party_key

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def get(election_id: str) -> Election:
    found: Election | None = Election.get_or_none(Election.id == election_id)
    if found is None:
        raise NotFound("There is no such election.")
    return found


def parties_of(election_id: str) -> list[Party]:
    query = Party.select().where(Party.election_id == election_id)
    return list(query.order_by(Party.position, Party.code))


def names_of(parties: Sequence[Party]) -> dict[str, str]:
    """Squeezed codes and aliases -> party code."""
    found = {}
    for party in parties:
        for name in (party.code, *party.aliases):
            found[party_key(name)] = party.code
    return found


def _area_of(state: str) -> str:
    if state.strip().lower() in ("", "national", "nigeria", "ng"):
        return ROOT_CODE
    code = find_state(state)
    if code is None:
        raise Invalid(f"There is no state {state!r}. Write National, or a state's name.")
    return code


def create(document: Mapping[str, Any], is_demo: bool = False) -> Election:
    """Make an election from its JSON document; raises Invalid naming the field that is wrong."""
    values = _checked(document)
    parties = [_party(values["id"], place, raw) for place, raw in enumerate(document["parties"])]
    keys = [party_key(name) for p in parties for name in {p["code"], *p["aliases"]}]
    if len(set(keys)) != len(keys):
        raise Invalid("Two parties share a code or an alias: give each its own.")
    try:
        with db.atomic():
            election: Election = Election.create(is_demo=is_demo, **values)
            Party.insert_many(parties).execute()
            audit.record(
                "election.created", f"Made the election {election.name}", "election", election.id
            )
    except IntegrityError:
        raise Conflict(f"There is an election {values['id']} already.") from None
    return election


def _checked(document: Mapping[str, Any]) -> dict[str, Any]:
    def text(key: str) -> str:
        value = document.get(key)
        if not isinstance(value, str) or not value.strip():
            raise Invalid(f"{key} is missing: give it as text.")
        return value.strip()

    election_id = text("electionId")
    if not _ID.fullmatch(election_id):
        raise Invalid("electionId: use letters, digits, dots, dashes, at most 64.")
    kind = text("electionType")
    if kind not in ELECTION_TYPES:
        raise Invalid(f"electionType {kind!r}: use one of {', '.join(ELECTION_TYPES)}.")
    status = document.get("status", "scheduled")
    if status not in ELECTION_STATUSES:
        raise Invalid(f"status {status!r}: use one of {', '.join(ELECTION_STATUSES)}.")
    parties = document.get("parties")
    if not isinstance(parties, list) or not parties:
        raise Invalid("parties is missing: give a list of at least one.")
    state = str(document.get("state") or "National").strip()
    return {
        "id": election_id,
        "name": text("electionName"),
        "type": kind,
        "state": state,
        "area_code": _area_of(state),
        "status": status,
    }


def _party(election_id: str, place: int, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict) or not str(raw.get("partyCode") or "").strip():
        raise Invalid(f"parties[{place}] has no partyCode.")
    code = str(raw["partyCode"]).strip().upper()
    name = str(raw.get("partyName") or code).strip()
    color = str(raw.get("color") or "")
    if color and not _COLOR.fullmatch(color):
        raise Invalid(f"parties[{place}].color must look like #0B6E4F.")
    aliases = raw.get("aliases") or []
    if not isinstance(aliases, list):
        raise Invalid(f"parties[{place}].aliases must be a list.")
    return {
        "election_id": election_id,
        "code": code[:20],
        "name": name,
        "display_name": str(raw.get("displayName") or f"{name} ({code})").strip(),
        "color": color,
        "position": place,
        "aliases": [str(alias).strip() for alias in aliases],
    }


def set_status(election_id: str, status: str) -> Election:
    """Open, close or certify; only an ongoing election takes results."""
    if status not in ELECTION_STATUSES:
        raise Invalid(f"status {status!r}: use one of {', '.join(ELECTION_STATUSES)}.")
    from obidient.results import live

    with db.atomic():
        election = get(election_id)
        Election.update(status=status, updated_at=utcnow()).where(
            Election.id == election_id
        ).execute()
        sentence = f"Changed {election.name} from {election.status} to {status}"
        audit.record("election.status", sentence, "election", election_id)
    live.invalidate(election_id)
    return get(election_id)
