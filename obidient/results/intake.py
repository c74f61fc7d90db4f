"""From received sheets to outcomes: accepted, superseded, duplicate or rejected, in bulk.

All sheets of an election are decided by one worker at a time (the election's row is the lock), a
chunk in one transaction together with the totals they change. So whatever order sheets come in,
and however many processes take them, the totals are what counts unit by unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson
from peewee import chunked, fn

from obidient import queues
from obidient.areas import ROOT_CODE, Area
from obidient.clock import utcnow
from obidient.database import db, is_postgres
from obidient.results import tally
from obidient.results.elections import names_of, parties_of
from obidient.results.models import (
    AgentSheet,
    Election,
    ReviewFlag,
    Submission,
    UnitResult,
)
from obidient.results.sheets import (
    MESSAGES,
    STATUS_MESSAGES,
    Figures,
    Refused,
    check,
    snake_keys,
)

#: Sheets decided in one transaction.
CHUNK = 250
_LONGEST_ID = 100


@dataclass(frozen=True)
class Sender:
    """Who sends: `agent` names them; `own_unit` is the only unit they may report, if any."""

    agent: str | None = None
    own_unit: str | None = None


# ---- the door -----------------------------------------------------------------------------------


def digest_of(payload: Mapping[str, Any]) -> str:
    """Equal content, equal digest, whatever the order of keys."""
    return sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).hexdigest()


def receive(payloads: Sequence[Mapping[str, Any]], sender: Sender) -> list[int]:
    """Store sheets as they came, in the caller's transaction; returns their rows' ids."""
    rows = [_row(payload, sender) for payload in payloads]
    fresh: dict[str, dict[str, Any]] = {}
    for row in rows:
        fresh.setdefault(row["submission_id"], row)
    # Sorted: two requests with the same sheets in another order must not wait for each other.
    inserted = (
        Submission.insert_many([fresh[key] for key in sorted(fresh)])
        .on_conflict(conflict_target=[Submission.submission_id, Submission.repeat], action="IGNORE")
        .returning(Submission.id, Submission.submission_id)
        .execute()
    )
    first = {row.submission_id: int(row.id) for row in inserted}
    ids = []
    for row in rows:
        is_first = row["submission_id"] in first and fresh[row["submission_id"]] is row
        ids.append(first[row["submission_id"]] if is_first else _repeat(row))
    return ids


def _repeat(row: dict[str, Any]) -> int:
    """Keep what came under a known id as well, numbered by the order of arrival."""
    last = Submission.select(fn.MAX(Submission.repeat)).where(
        Submission.submission_id == row["submission_id"]
    )
    while True:
        number = (last.scalar() or 0) + 1
        added = (
            Submission.insert(**row | {"repeat": number})
            .on_conflict(
                conflict_target=[Submission.submission_id, Submission.repeat], action="IGNORE"
            )
            .returning(Submission.id)
            .execute()
        )
        for one in added:
            return int(one.id)


def _row(payload: Mapping[str, Any], sender: Sender) -> dict[str, Any]:
    sheet = snake_keys(payload)
    revision = sheet.get("revision", 1)
    whole = isinstance(revision, int) and not isinstance(revision, bool)
    return {
        "submission_id": str(sheet.get("submission_id", ""))[:_LONGEST_ID],
        "election_id": str(sheet.get("election_id", ""))[:64],
        "unit_code": str(sheet.get("polling_unit_code", ""))[:64],
        "agent": sender.agent or f"device:{str(sheet.get('device_id', ''))[:100]}",
        "revision": revision if whole and 0 <= revision < 2**31 else 0,
        "payload": orjson.dumps(payload).decode().replace("\\u0000", ""),
        "digest": digest_of(payload),
        "own_unit": sender.own_unit,
    }


# ---- deciding -----------------------------------------------------------------------------------


@dataclass
class Desk:
    """All that deciding a chunk of one election needs to know, and what it changes."""

    election: Election | None
    parties: dict[str, str]
    registered: dict[str, int | None]
    #: unit -> agent -> that agent's newest sheet
    sheets: dict[str, dict[str, AgentSheet]]
    units: dict[str, UnitResult]
    firsts: dict[str, Submission]
    totals: tally.Changes = field(default_factory=tally.Changes)
    outcomes: dict[int, tuple[str, str]] = field(default_factory=dict)
    changed_sheets: set[tuple[str, str]] = field(default_factory=set)
    changed_units: set[str] = field(default_factory=set)
    flags: list[dict[str, Any]] = field(default_factory=list)


def process_waiting(most: int = 40) -> int:
    """Decide received sheets, up to `most` chunks; returns how many were decided."""
    done = 0
    for _ in range(most):
        number = _process_chunk()
        done += number
        if number == 0:
            break
    return done


def _process_chunk() -> int:
    with db.atomic():
        first = (
            Submission.select(Submission.election_id)
            .where(Submission.status == "received")
            .order_by(Submission.id)
            .first()
        )
        if first is None:
            return 0
        election = _lock(first.election_id)
        rows = list(
            Submission.select()
            .where(Submission.status == "received", Submission.election_id == first.election_id)
            .order_by(Submission.id)
            .limit(CHUNK)
        )
        if rows:
            decide(rows, election)
    if rows and election is not None:
        from obidient.results import live

        live.counted(election.id)
    return len(rows)


def _lock(election_id: str) -> Election | None:
    query = Election.select().where(Election.id == election_id)
    found: Election | None = (query.for_update() if is_postgres() else query).first()
    return found


def decide(rows: Sequence[Submission], election: Election | None) -> None:
    """Decide sheets of one election, whose row the caller's transaction holds."""
    desk = _open_desk(rows, election)
    for row in rows:
        desk.outcomes[row.id] = _outcome(row, desk)
    _write(desk, rows)


def _open_desk(rows: Sequence[Submission], election: Election | None) -> Desk:
    election_id = election.id if election else ""
    codes = {row.unit_code for row in rows if len(row.unit_code) == 12}
    ids = {row.submission_id for row in rows if row.repeat}
    sheets = AgentSheet.select().where(
        AgentSheet.election_id == election_id, AgentSheet.unit_code.in_(codes)
    )
    units = UnitResult.select().where(
        UnitResult.election_id == election_id, UnitResult.unit_code.in_(codes)
    )
    areas: Any = (
        Area.select(Area.code, Area.registered_voters)
        .where(Area.code.in_(codes), Area.level == "unit")
        .tuples()
    )
    firsts = Submission.select().where(Submission.submission_id.in_(ids), Submission.repeat == 0)
    return Desk(
        election=election,
        parties=names_of(parties_of(election_id)) if election else {},
        registered=dict(areas) if codes else {},
        sheets=_by_unit(sheets) if codes else {},
        units={row.unit_code: row for row in units} if codes else {},
        firsts={row.submission_id: row for row in firsts} if ids else {},
    )


def _by_unit(sheets: Iterable[AgentSheet]) -> dict[str, dict[str, AgentSheet]]:
    found: dict[str, dict[str, AgentSheet]] = {}
    for sheet in sheets:
        found.setdefault(sheet.unit_code, {})[sheet.agent] = sheet
    return found


def _outcome(row: Submission, desk: Desk) -> tuple[str, str]:
    """Status and reason of one sheet; notes on the desk what it changes."""
    if row.repeat:
        first = desk.firsts[row.submission_id]
        same = first.digest == row.digest
        return ("duplicate", "") if same else ("rejected", "id_reused")
    if desk.election is None:
        return "rejected", "unknown_election"
    try:
        unit, figures = check(snake_keys(orjson.loads(row.payload)), desk.parties, desk.registered)
        _check_place(row, unit, desk.election)
    except Refused as refusal:
        if refusal.reason == "over_voting":
            _flag(desk, row, row.unit_code, "over_voting")
        return "rejected", refusal.reason
    return _take(row, unit, figures, desk), ""


def _check_place(row: Submission, unit: str, election: Election) -> None:
    if election.status != "ongoing":
        raise Refused("election_not_open")
    if election.area_code != ROOT_CODE and not unit.startswith(election.area_code):
        raise Refused("outside_area")
    if row.own_unit is not None and row.own_unit != unit:
        raise Refused("not_your_unit")


def _take(row: Submission, unit: str, figures: Figures, desk: Desk) -> str:
    """A sheet that passed: newest of its agent or not, counted or not."""
    mine = desk.sheets.setdefault(unit, {})
    known = mine.get(row.agent)
    if known is not None:
        # The id breaks ties, so that the order of arrival never matters.
        if (row.revision, row.submission_id) <= (known.revision, known.submission_id):
            return "superseded"
        desk.outcomes[known.submission] = ("superseded", "")
    registered = desk.registered.get(unit)
    if figures.accredited > (figures.registered or registered or figures.accredited):
        _flag(desk, row, unit, "accredited_over_registered")
    mine[row.agent] = AgentSheet(
        election_id=row.election_id,
        unit_code=unit,
        agent=row.agent,
        submission=row.id,
        revision=row.revision,
        submission_id=row.submission_id,
        figures=figures.dumps(),
    )
    desk.changed_sheets.add((unit, row.agent))
    _count(row, unit, figures, desk)
    return "accepted"


def _count(row: Submission, unit: str, figures: Figures, desk: Desk) -> None:
    """Count a newest sheet if its agent's counts; see whether agents disagree."""
    result = desk.units.get(unit)
    text = figures.dumps()
    registered = desk.registered.get(unit)
    if result is None:
        desk.units[unit] = UnitResult(
            election_id=row.election_id,
            unit_code=unit,
            agent=row.agent,
            submission=row.id,
            figures=text,
        )
        desk.totals.add(unit, figures, registered, units=1)
    elif result.settled:
        # A person has decided: a newer sheet asks them to look again, and changes no total.
        if text != result.figures:
            _flag(desk, row, unit, "changed_after_decision")
    elif result.agent == row.agent:
        desk.totals.add(unit, Figures.loads(result.figures), registered, sign=-1)
        desk.totals.add(unit, figures, registered)
        result.submission, result.figures = row.id, text
    desk.changed_units.add(unit)
    _dispute(row, unit, desk)


def _dispute(row: Submission, unit: str, desk: Desk) -> None:
    result = desk.units[unit]
    texts = {sheet.figures for sheet in desk.sheets[unit].values()}
    disputed = len(texts) > 1 and not result.settled
    if disputed and not result.disputed:
        _flag(desk, row, unit, "dispute")
    if disputed != result.disputed:
        desk.totals.dispute(unit, 1 if disputed else -1)
        result.disputed = disputed


def _flag(desk: Desk, row: Submission, unit: str, kind: str) -> None:
    desk.flags.append(
        {
            "election_id": row.election_id,
            "unit_code": unit,
            "kind": kind,
            "evidence": {"submission": row.id, "agent": row.agent, "revision": row.revision},
        }
    )


# ---- writing ------------------------------------------------------------------------------------


def _write(desk: Desk, rows: Sequence[Submission]) -> None:
    _write_outcomes(desk.outcomes)
    sheets = [desk.sheets[unit][agent].__data__ for unit, agent in sorted(desk.changed_sheets)]
    for some in chunked(sheets, 500):
        AgentSheet.insert_many(some).on_conflict(
            conflict_target=[AgentSheet.election_id, AgentSheet.unit_code, AgentSheet.agent],
            preserve=[
                AgentSheet.submission,
                AgentSheet.revision,
                AgentSheet.submission_id,
                AgentSheet.figures,
            ],
        ).execute()
    units = [
        {"disputed": False, "settled": False} | desk.units[code].__data__
        for code in sorted(desk.changed_units)
    ]
    for some in chunked(units, 500):
        UnitResult.insert_many(some).on_conflict(
            conflict_target=[UnitResult.election_id, UnitResult.unit_code],
            preserve=[UnitResult.submission, UnitResult.figures, UnitResult.disputed],
        ).execute()
    if desk.flags:
        ReviewFlag.insert_many(desk.flags).execute()
    if desk.election is not None and (desk.totals or desk.flags):
        desk.totals.write(desk.election.id)


def _write_outcomes(outcomes: Mapping[int, tuple[str, str]]) -> None:
    """All outcomes of a kind in one statement."""
    now = utcnow()
    by_outcome: dict[tuple[str, str], list[int]] = {}
    for row_id, outcome in outcomes.items():
        by_outcome.setdefault(outcome, []).append(row_id)
    for (status, reason), ids in sorted(by_outcome.items()):
        message = MESSAGES.get(reason) or STATUS_MESSAGES[status]
        Submission.update(status=status, reason=reason, message=message, processed_at=now).where(
            Submission.id.in_(ids)
        ).execute()


def load(payloads: Iterable[Mapping[str, Any]], election_id: str) -> dict[str, int]:
    """Take sheets from a file: the same door and the same decisions; returns counts by status."""
    counts: dict[str, int] = {}
    for some in chunked(payloads, CHUNK):
        with db.atomic():
            sheets = [dict(payload) | {"election_id": election_id} for payload in some]
            ids = receive([snake_keys(sheet) for sheet in sheets], Sender())
        process_waiting()
        query = Submission.select(Submission.status).where(Submission.id.in_(ids))
        for row in query:
            counts[row.status] = counts.get(row.status, 0) + 1
    return counts


def sweep() -> None:
    """Received sheets whose hint was lost."""
    if Submission.select().where(Submission.status == "received").exists():
        queues.current().enqueue(queues.RESULTS_SYNC, "process")
