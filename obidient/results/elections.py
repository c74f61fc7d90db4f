"""Elections and their parties: made from a file or in the admin, opened and closed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import cycle
from typing import Any

from peewee import IntegrityError

from obidient.accounts import audit
from obidient.areas import LGAS, ROOT_CODE, STATES, Area, ancestors, find_state, level_of
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.results import certifying, generation, provisional
from obidient.results.models import (
    ELECTION_STATUSES,
    ELECTION_TYPES,
    QUARTER_OF,
    AgentSheet,
    Election,
    Party,
    Submission,
    Tally,
    UnitResult,
)
from obidient.results.sheets import party_key
from obidient.results.tally import TICK, lock_election

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
LONGEST_NAME = 255
NATIONAL = "National"
#: For parties that bring no colour; told apart by their codes as well, always.
COLORS = (
    "#0B6E4F #B3261E #1F5FA8 #B8860B #6A3D9A #D9480F #0C8599 #862E9C #5C940D #A61E4D "
    "#364FC7 #7F4F24 #2B8A3E #C2255C #1864AB #E67700 #495057 #087F5B"
).split()


def get(election_id: str) -> Election:
    found: Election = one(election_id, Election.select())
    return found


def one(election_id: str, query: Any) -> Any:
    """The row of an election in a query over elections. Raises NotFound."""
    # What is no id must not reach the database: PostgreSQL fails on some letters.
    is_id = _ID.fullmatch(election_id)
    found = query.where(Election.id == election_id).first() if is_id else None
    if found is None:
        raise NotFound("There is no such election.")
    return found


def newest(limit: int, after: str | None = None) -> tuple[list[Election], str | None]:
    """Elections, the newest first, those behind `after`; and what to ask the next ones with."""
    query = Election.select().order_by(Election.created_at.desc(), Election.id)
    if after is not None:
        last = get(after)
        query = query.where(
            (Election.created_at < last.created_at)
            | ((Election.created_at == last.created_at) & (Election.id > last.id))
        )
    rows = list(query.limit(limit + 1))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


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


def lies_in(unit_code: str, election: Election) -> bool:
    """Whether a polling unit votes in an election."""
    return election.area_code == ROOT_CODE or unit_code.startswith(election.area_code)


def moment_of_change(election: Election) -> datetime:
    """Now, but later than any change before, whatever the clock did since."""
    root = Tally.get_or_none(Tally.election_id == election.id, Tally.area_code == ROOT_CODE)
    before = [election.updated_at] + ([root.updated_at] if root else [])
    moment: datetime = max([utcnow(), *(moment + TICK for moment in before)])
    return moment


def _place(document: Mapping[str, Any]) -> tuple[str, str]:
    """What it says of where it is held, and the area: `areaCode` if there is one, else `state`."""
    state = _line("state", document.get("state") or NATIONAL)
    area = ROOT_CODE
    if state.lower() not in ("national", "nigeria", "ng"):
        found = find_state(state)
        if found is None:
            raise Invalid(f"There is no state {state!r}. Write National, or a state's name.")
        area = found
    code = document.get("areaCode")
    if code is None:
        return state, area
    if not isinstance(code, str) or level_of(code) == "unit":
        raise Invalid("areaCode must be the code of a state, LGA or ward, such as 24-11.")
    if code not in (ROOT_CODE, *STATES, *LGAS) and not _is_ward(code):
        raise Invalid(f"There is no area {code!r} in the register.")
    if area not in ancestors(code):
        raise Invalid(f"areaCode {code!r} does not lie in {state}: correct one of them.")
    if area == ROOT_CODE != code:
        state = STATES[code[:2]]
    return state, code


def _is_ward(code: str) -> bool:
    return bool(Area.select().where(Area.code == code, Area.level == "ward").exists())


def _line(where: str, value: object, longest: int = LONGEST_NAME) -> str:
    """A text that both databases can hold."""
    text = str(value).strip()
    if len(text) > longest:
        raise Invalid(f"{where} is longer than {longest} letters.")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Invalid(f"{where} holds a character that can't be stored: type it again.")
    return text


def create(document: Mapping[str, Any], is_demo: bool = False) -> Election:
    """Make an election from its JSON document; raises Invalid naming the field that is wrong."""
    values = _checked(document)
    parties = _parties(values["id"], document["parties"])
    try:
        with db.atomic():
            opened = utcnow() if values["status"] == "ongoing" else None
            election: Election = Election.create(is_demo=is_demo, opened_at=opened, **values)
            Party.insert_many(parties).execute()
            audit.record(
                "election.created", f"Made the election {election.name}", "election", election.id
            )
            # Phones may have sent sheets for it before it was made here.
            if Submission.select().where(Submission.election_id == election.id).exists():
                provisional.request(election.id)
    except IntegrityError:
        raise Conflict(f"There is an election {values['id']} already.") from None
    return election


def change(election_id: str, document: Mapping[str, Any]) -> Election:
    """Change what an election is called and its parties; what was sent in stays readable."""
    with db.atomic():
        election = lock_election(election_id)
        if election is None:
            raise NotFound("There is no such election.")
        # Its status has an action of its own.
        values = _checked({**document, "electionId": election_id, "status": election.status})
        parties = _parties(election_id, document["parties"])
        if Submission.select().where(Submission.election_id == election_id).exists():
            _check_readable(election, values, parties)
        Election.update(**values, updated_at=moment_of_change(election)).where(
            Election.id == election_id
        ).execute()
        Party.delete().where(Party.election_id == election_id).execute()
        Party.insert_many(parties).execute()
        audit.record("election.changed", f"Changed {values['name']}", "election", election_id)
        provisional.request(election_id, provisional.OF_ELECTION)
    generation.invalidate(election_id)
    return get(election_id)


def document_of(election: Election) -> dict[str, Any]:
    """What `create` would make this election from."""
    return {
        "electionId": election.id,
        "electionName": election.name,
        "electionType": election.type,
        "state": election.state,
        "areaCode": election.area_code,
        "status": election.status,
        "startDate": election.start_date,
        "endDate": election.end_date,
        "issuer": election.issuer,
        "issuerAbbreviation": election.issuer_short,
        "quarterStates": election.quarter_states,
        "quarterOf": election.quarter_of,
        "parties": [
            {
                "partyCode": party.code,
                "partyName": party.name,
                "displayName": party.display_name,
                "color": party.color,
                "aliases": party.aliases,
            }
            for party in parties_of(election.id)
        ],
    }


def _check_readable(
    election: Election, values: Mapping[str, Any], parties: Sequence[Mapping[str, Any]]
) -> None:
    """The sheets that came in name parties and units: those must keep their meaning."""
    if values["area_code"] != election.area_code and _has_units_outside(
        election.id, values["area_code"]
    ):
        raise Conflict(
            "Sheets have come in from outside that area: where the election is held can't change "
            "so that they would no longer lie in it."
        )
    after = {party_key(name): party["code"] for party in parties for name in _names(party)}
    for name, code in names_of(parties_of(election.id)).items():
        if after.get(name) != code:
            raise Conflict(
                f"Sheets have come in: keep the party {code} with its code and aliases. "
                "You can change its name, colour and place, and add to its aliases."
            )


def _has_units_outside(election_id: str, area: str) -> bool:
    """Whether anything was taken from a unit that does not lie in an area."""
    if area == ROOT_CODE:
        return False
    return any(
        table.select()
        .where(table.election_id == election_id, ~table.unit_code.startswith(area))
        .exists()
        for table in (AgentSheet, UnitResult)
    )


def _parties(election_id: str, raw: Sequence[Any]) -> list[dict[str, Any]]:
    taken = {str(party["color"]).upper() for party in raw if _has_color(party)}
    free = cycle([color for color in COLORS if color not in taken] or COLORS)
    parties = [_party(election_id, place, party, free) for place, party in enumerate(raw)]
    keys = [key for party in parties for key in {party_key(name) for name in _names(party)}]
    if "" in keys:
        raise Invalid("A party's code and aliases need a letter or a digit each.")
    if len(set(keys)) != len(keys):
        raise Invalid("Two parties share a code or an alias: give each its own.")
    return parties


def _names(party: Mapping[str, Any]) -> list[str]:
    return [party["code"], *party["aliases"]]


def _checked(document: Mapping[str, Any]) -> dict[str, Any]:
    def text(key: str) -> str:
        value = document.get(key)
        if not isinstance(value, str) or not value.strip():
            raise Invalid(f"{key} is missing: give it as text.")
        return _line(key, value)

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
    state, area = _place(document)
    return {
        "id": election_id,
        "name": text("electionName"),
        "type": kind,
        "state": state,
        "area_code": area,
        "status": status,
        **_terms(document),
    }


def _terms(document: Mapping[str, Any]) -> dict[str, Any]:
    """When it is held, who publishes the count, and what a president needs."""
    start = _day("startDate", document)
    end = _day("endDate", document) or start
    if end and not start:
        raise Invalid("endDate has no startDate: give both days, or the first alone.")
    if end < start:
        raise Invalid(f"endDate {end} lies before startDate {start}.")
    states = document.get("quarterStates", 25)
    if isinstance(states, bool) or not isinstance(states, int) or not 1 <= states <= len(STATES):
        raise Invalid(f"quarterStates: write a whole number from 1 to {len(STATES)}.")
    quarter_of = document.get("quarterOf", "valid")
    if quarter_of not in QUARTER_OF:
        raise Invalid(f"quarterOf {quarter_of!r}: use one of {', '.join(QUARTER_OF)}.")
    return {
        "start_date": start,
        "end_date": end,
        "issuer": _line("issuer", document.get("issuer") or ""),
        "issuer_short": _line("issuerAbbreviation", document.get("issuerAbbreviation") or "", 32),
        "quarter_states": states,
        "quarter_of": quarter_of,
    }


def _day(key: str, document: Mapping[str, Any]) -> str:
    """A day as 2027-02-20, or nothing."""
    text = document.get(key) or ""
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except (TypeError, ValueError):
        raise Invalid(f"{key} must be a day like 2027-02-20.") from None


def _has_color(party: Any) -> bool:
    return isinstance(party, dict) and bool(party.get("color"))


def _party(election_id: str, place: int, raw: Any, colors: Iterator[str]) -> dict[str, Any]:
    if not isinstance(raw, dict) or not str(raw.get("partyCode") or "").strip():
        raise Invalid(f"parties[{place}] has no partyCode.")
    where = f"parties[{place}]"
    code = _line(f"{where}.partyCode", raw["partyCode"], 20)
    name = _line(f"{where}.partyName", raw.get("partyName") or code)
    color = str(raw.get("color") or next(colors))
    if not _COLOR.fullmatch(color):
        raise Invalid(f"parties[{place}].color must look like #0B6E4F.")
    # A name that just fits leaves no room for the code behind it.
    display = str(raw.get("displayName") or "") or f"{name} ({code})"[:LONGEST_NAME]
    display = _line(f"{where}.displayName", display)
    aliases = raw.get("aliases") or []
    if not isinstance(aliases, list):
        raise Invalid(f"parties[{place}].aliases must be a list.")
    return {
        "election_id": election_id,
        "code": code,
        "name": name,
        "display_name": display,
        "color": color,
        "position": place,
        "aliases": [_line(f"{where}.aliases", alias) for alias in aliases],
    }


def set_status(election_id: str, status: str, knowing: bool = False) -> Election:
    """Open, close or certify; only an ongoing election takes results.

    Raises StillWaiting where certified figures would leave something out, unless whoever certifies
    says that they know.
    """
    if status not in ELECTION_STATUSES:
        raise Invalid(f"status {status!r}: use one of {', '.join(ELECTION_STATUSES)}.")

    with db.atomic():
        election = lock_election(election_id)
        if election is None:
            raise NotFound("There is no such election.")
        waits = certifying.waiting(election) if status == "certified" != election.status else []
        if waits and not knowing:
            raise certifying.StillWaiting(waits)
        Election.update(
            status=status, updated_at=moment_of_change(election), **_moments(election, status)
        ).where(Election.id == election_id).execute()
        if election.status == "certified" != status:
            provisional.request(election_id)
        elif status != election.status:
            provisional.request(election_id, provisional.OF_STATUS)
        sentence = f"Changed {election.name} from {election.status} to {status}"
        if waits:
            sentence += f", knowing: {' '.join(one.sentence for one in waits)}"
        left_out = {one.kind: one.number for one in waits}
        audit.record("election.status", sentence, "election", election_id, waiting=left_out)
    generation.invalidate(election_id)
    return get(election_id)


def _moments(election: Election, status: str) -> dict[str, datetime]:
    """When it opens or closes by this change, if it does."""
    if status == "ongoing" != election.status:
        return {"opened_at": utcnow()}
    if election.status == "ongoing" != status:
        return {"closed_at": utcnow()}
    return {}
