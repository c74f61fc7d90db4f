"""Counting again from the sheets as they were received, an LGA at a time, and putting right.

Checks every layer on the one below: each agent's newest sheet on the submissions, what counts in
a unit on the agents' sheets and the reviewers' decisions, the totals on the units.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from peewee import fn

from obidient import jobs
from obidient.areas import LGAS, Area, ancestors, parent_of
from obidient.bulk import put
from obidient.clock import utcnow
from obidient.database import db
from obidient.results import decisions, flags, generation, tally
from obidient.results.elections import get, names_of, parties_of
from obidient.results.models import (
    AgentSheet,
    Decision,
    Election,
    ReviewFlag,
    Submission,
    Tally,
    UnitResult,
)
from obidient.results.received import decode
from obidient.results.sheets import Figures, Refused, read, snake_keys
from obidient.results.tally import NUMBERS, Total, worth

#: The kind of job that counts again.
JOB = "results-verify"
#: Differences listed one by one on a page.
SHOWN = 200


@dataclass
class Found:
    """One LGA as it is stored and as it should be."""

    lga: str
    #: unit -> agent -> the sheet that should be that agent's newest
    sheets: dict[str, dict[str, AgentSheet]] = field(default_factory=dict)
    units: dict[str, UnitResult] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def run(job: jobs.Job) -> dict[str, Any]:
    """The job behind the admin's button; `repair` puts right what it finds."""
    election_id = job.params["electionId"]
    wrong = differences(election_id, lambda lgas: jobs.progress(job, lgas, len(LGAS)))
    if wrong and job.params.get("repair"):
        repair(election_id)
        generation.invalidate(election_id)
    return {"differences": len(wrong), "shown": wrong[:SHOWN]}


def differences(election_id: str, progress: Callable[[int], None] = lambda lgas: None) -> list[str]:
    """What is stored wrongly, a sentence each; empty when all is right."""
    totals: dict[str, Total] = {}
    wrong: list[str] = []
    for number, found in enumerate(_count(election_id), 1):
        progress(number)
        wrong += found.wrong
        _add(totals, found.units.values())
    return wrong + _compare_totals(election_id, totals)


def repair(election_id: str) -> None:
    """Put everything right in one transaction, holding the election."""
    with db.atomic():
        election = tally.lock_election(election_id)
        if election is None:
            return
        totals: dict[str, Total] = {}
        for found in _count(election_id):
            if found.wrong:
                _save(election_id, found)
            _add(totals, found.units.values())
        Tally.delete().where(Tally.election_id == election_id).execute()
        moment = max(utcnow(), election.updated_at + tally.TICK)
        tally.write(election_id, totals, moment)
        Election.update(updated_at=moment).where(Election.id == election_id).execute()


def _add(totals: dict[str, Total], units: Iterable[UnitResult]) -> None:
    """Sum units up to their wards, and wards through all areas around them."""
    wards: dict[str, Total] = {}
    for unit in units:
        wards.setdefault(str(parent_of(unit.unit_code)), Total()).add(worth(unit))
    for ward, part in wards.items():
        for code in ancestors(ward):
            totals.setdefault(code, Total()).add(part)


def _count(election_id: str) -> Iterator[Found]:
    parties = names_of(parties_of(election_id))
    for lga in _lgas(election_id):
        # All codes are of one form, so these are the bounds under any collation.
        bounds = (f"{lga}-00-000", f"{lga}-99-999")
        yield _count_lga(Found(lga), election_id, bounds, parties)


def _lgas(election_id: str) -> list[str]:
    """The LGAs from which anything came or in which anything counts."""
    found: set[str] = set()
    for table in (Submission, AgentSheet, UnitResult, ReviewFlag, Decision):
        lga = fn.SUBSTR(table.unit_code, 1, 5)
        rows: Any = table.select(lga).where(table.election_id == election_id).distinct().tuples()
        found.update(row[0] for row in rows)
    return sorted(found & set(LGAS))


def _count_lga(
    found: Found, election_id: str, bounds: tuple[str, str], parties: dict[str, str]
) -> Found:
    newest, firsts = _newest(election_id, bounds)
    table = AgentSheet
    rows: Any = table.select(
        table.unit_code, table.agent, table.submission, table.figures, table.first_id
    ).where(table.election_id == election_id, table.unit_code.between(*bounds))
    stored = {
        (unit, agent): (submission, figures, first or submission)
        for unit, agent, submission, figures, first in rows.tuples()
    }
    for (unit, agent), row in newest.items():
        sheet = _sheet_of(row, election_id, parties, found)
        sheet.first_id = firsts[unit, agent]
        found.sheets.setdefault(unit, {})[agent] = sheet
        kept = stored.pop((unit, agent), None)
        if kept != (row.id, sheet.figures, sheet.first):
            found.wrong.append(f"{unit}: the newest sheet of {agent} is not the one kept")
    found.wrong += [f"{unit}: {agent} sent no accepted sheet" for unit, agent in stored]
    _check_units(found, election_id, bounds)
    return found


def _newest(
    election_id: str, bounds: tuple[str, str]
) -> tuple[dict[tuple[str, str], Any], dict[tuple[str, str], int]]:
    """Each agent's accepted sheet with the highest revision, and the row of their first one."""
    newest: dict[tuple[str, str], Any] = {}
    firsts: dict[tuple[str, str], int] = {}
    table = Submission
    accepted: Any = table.select(
        table.id, table.unit_code, table.agent, table.revision, table.submission_id, table.payload
    ).where(
        table.election_id == election_id,
        table.unit_code.between(*bounds),
        table.status.in_(("accepted", "superseded")),
    )
    # Rows as they are: to make an object of each takes as long as everything else.
    for row in accepted.namedtuples():
        key = (row.unit_code, row.agent)
        firsts[key] = min(row.id, firsts.get(key, row.id))
        known = newest.get(key)
        order = (row.revision, row.submission_id)
        if known is None or order > (known.revision, known.submission_id):
            newest[key] = row
    return newest, firsts


def _sheet_of(row: Any, election_id: str, parties: dict[str, str], found: Found) -> AgentSheet:
    try:
        figures = read(snake_keys(decode(row.payload)), parties).dumps()
    except Refused as refusal:
        found.wrong.append(f"{row.unit_code}: accepted {row.submission_id}, but: {refusal}")
        figures = ""
    return AgentSheet(
        election_id=election_id,
        unit_code=row.unit_code,
        agent=row.agent,
        submission=row.id,
        revision=row.revision,
        submission_id=row.submission_id,
        figures=figures,
    )


def _check_units(found: Found, election_id: str, bounds: tuple[str, str]) -> None:
    """What counts is the sheet of the unit's agent, or the reviewer's last word."""
    results = UnitResult.select().where(
        UnitResult.election_id == election_id, UnitResult.unit_code.between(*bounds)
    )
    found.units = {row.unit_code: row for row in results}
    decided = _decisions(election_id, bounds)
    doubted = _doubted(election_id, bounds)
    known = {*found.sheets, *decided, *doubted}
    for code in sorted(known - set(found.units)):
        found.units[code] = UnitResult(election_id=election_id, unit_code=code)
        found.wrong.append(f"{code}: what counts is not noted")
    # What is certified keeps the register that it was certified with.
    certified = get(election_id).status == "certified"
    register = {} if certified else _register(bounds)
    for code, unit in found.units.items():
        agent, submission, figures = _right(code, found, decided)
        _set(
            found,
            unit,
            "what counts is not what its sheets and decisions say",
            agent=agent,
            submission=submission,
            figures=figures,
            settled=code in decided,
        )
        if code in register:
            sentence = "its registered voters are not the register's"
            _set(found, unit, sentence, listed_voters=register[code])
        _check_notes(found, unit, doubted.get(code, []))


def _set(found: Found, unit: UnitResult, sentence: str, **right: Any) -> None:
    """Put a unit right, and say so if it was wrong."""
    if any(getattr(unit, name) != value for name, value in right.items()):
        found.wrong.append(f"{unit.unit_code}: {sentence}")
        for name, value in right.items():
            setattr(unit, name, value)


def _check_notes(found: Found, unit: UnitResult, doubts: list[dict[str, Any]]) -> None:
    """What is noted beside the figures follows from them and from the open doubts."""
    figures = Figures.loads(unit.figures) if unit.figures else None
    _set(
        found,
        unit,
        "what it is compared by is noted wrongly",
        pattern=figures.pattern() if figures else "",
        high=bool(figures and flags.is_high(figures, unit.listed_voters)),
    )
    stake = 0
    if doubts:
        mine = found.sheets.get(unit.unit_code, {}).values()
        sheets = [Figures.loads(sheet.figures) for sheet in mine if sheet.figures]
        stake = flags.at_stake(figures, sheets, doubts, unit.listed_voters)
    _set(
        found,
        unit,
        "whether it is under review, and for how many votes, is noted wrongly",
        in_review=bool(doubts),
        votes_at_stake=stake,
    )


def _register(bounds: tuple[str, str]) -> dict[str, int | None]:
    """The voters of the register's units."""
    rows: Any = Area.select(Area.code, Area.registered_voters).where(
        Area.code.between(*bounds), Area.level == "unit"
    )
    return dict(rows.tuples())


def _right(code: str, found: Found, decided: dict[str, Decision]) -> tuple[str, int | None, str]:
    """Agent, submission and figures that should count for a unit."""
    if code in decided:
        last = decided[code]
        return _agent_of(last), last.submission, last.figures
    mine = found.sheets.get(code)
    if not mine:
        return "", None, ""
    first = min(mine.values(), key=lambda sheet: sheet.first)
    return first.agent, first.submission, first.figures


def _agent_of(decision: Decision) -> str:
    """Whose figures a reviewer let count."""
    if decision.submission is None:
        return "reviewer" if decision.figures else ""
    row = Submission.get_or_none(Submission.id == decision.submission)
    return row.agent if row else ""


def _decisions(election_id: str, bounds: tuple[str, str]) -> dict[str, Decision]:
    rows = Decision.select().where(
        Decision.election_id == election_id, Decision.unit_code.between(*bounds)
    )
    found: dict[str, list[Decision]] = {}
    for row in rows.order_by(Decision.id):
        found.setdefault(row.unit_code, []).append(row)
    standing = {code: decisions.standing(rows) for code, rows in found.items()}
    return {code: rows[-1] for code, rows in standing.items() if rows}


def _doubted(election_id: str, bounds: tuple[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Units with open doubts, and the evidence."""
    flag = ReviewFlag
    rows = flag.select(flag.unit_code, flag.evidence).where(
        flag.election_id == election_id,
        flag.unit_code.between(*bounds),
        flag.closed_at.is_null(),
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.unit_code, []).append(row.evidence)
    return found


def _save(election_id: str, found: Found) -> None:
    sheet = AgentSheet
    bounds = (f"{found.lga}-00-000", f"{found.lga}-99-999")
    sheet.delete().where(
        sheet.election_id == election_id, sheet.unit_code.between(*bounds)
    ).execute()
    put(sheet, [one.__data__ for sheets in found.sheets.values() for one in sheets.values()])
    put(UnitResult, [unit.__data__ for unit in found.units.values()])


def _compare_totals(election_id: str, totals: dict[str, Total]) -> list[str]:
    wrong = []
    query = Tally.select().where(Tally.election_id == election_id)
    for row in query.order_by(Tally.area_code).iterator():
        right = totals.pop(row.area_code, Total())
        for name in NUMBERS:
            stored, counted = getattr(row, name), getattr(right, name)
            if stored != counted:
                wrong.append(f"{row.area_code}: {name} is {stored:,}, counted {counted:,}")
        if row.votes != right.votes_text():
            wrong.append(f"{row.area_code}: votes are {row.votes}, counted {right.votes_text()}")
        if row.parent != parent_of(row.area_code):
            wrong.append(f"{row.area_code}: lies under {row.parent}")
    wrong += [
        f"{code}: has no total, counted {total.units:,} units"
        for code, total in totals.items()
        if total != Total()
    ]
    return wrong
