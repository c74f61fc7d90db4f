"""Results as one file, streamed: which part of an election, from one moment, a chunk at a time."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from obidient import __version__
from obidient.accounts.models import AuditEntry
from obidient.areas import LEVELS, LGAS, ROOT_CODE, STATES, Area, area_name, level_of, resolve_state
from obidient.clock import isoformat
from obidient.contacts.imports import safe_cell
from obidient.database import db, is_postgres
from obidient.errors import Invalid
from obidient.results import tally
from obidient.results.elections import get, parties_of
from obidient.results.live import documents
from obidient.results.models import Election, Party, RegisterTotal, Tally, UnitResult
from obidient.results.tally import Total

FORMATS = ("csv", "nist")


@dataclass(frozen=True)
class Part:
    """What one file holds: areas of `level` in a state, or in the whole election."""

    election: Election
    parties: list[Party]
    state: str | None
    level: str
    #: `lastUpdated` of the count that the file shows.
    moment: str

    def holds(self, code: str) -> bool:
        """Whether an area lies in this part."""
        limits = (self.election.area_code, self.state or ROOT_CODE)
        return all(limit == ROOT_CODE or code.startswith(limit) for limit in limits)

    def etag(self, kind: str) -> str:
        """Changes with the count, the election, the register's names, and this program."""
        names = AuditEntry.select(AuditEntry.id).where(AuditEntry.subject_type == "register")
        register = RegisterTotal.get_or_none(RegisterTotal.area_code == ROOT_CODE)
        of = (
            (kind, self.election.id, self.state, self.level, self.moment, __version__),
            names.order_by(AuditEntry.id.desc()).limit(1).tuples().first(),
            (register.units, register.voters) if register else None,
        )
        return f'"{sha256(repr(of).encode()).hexdigest()[:32]}"'


@dataclass(frozen=True)
class Line:
    """One area of a file. `total.units` of `units` polling units have reported."""

    code: str
    name: str
    total: Total
    units: int
    changed: datetime | None


def snapshot() -> AbstractContextManager[Any]:
    """All that is read within is of one moment, and no writer waits for it."""
    how = "REPEATABLE READ" if is_postgres() else "DEFERRED"
    found: AbstractContextManager[Any] = db.atomic(how)
    return found


def part(election_id: str, state: str | None, level: str) -> Part:
    """Raises NotFound, and Invalid for a part that this election doesn't have."""
    election = get(election_id)
    if level not in LEVELS:
        raise Invalid(f"level {level!r}: use one of {', '.join(LEVELS)}.")
    code = resolve_state(state) if state else None
    own = election.area_code
    if code is not None and own != ROOT_CODE and own[:2] != code:
        raise Invalid(f"{STATES[code]} does not vote in this election.")
    top = max(LEVELS.index(level_of(own)), 1 if code else 0)
    if LEVELS.index(level) < top:
        raise Invalid(f"There is no {level} in this part: use {', '.join(LEVELS[top:])}.")
    moment = documents.stamp(election_id, ROOT_CODE)
    return Part(election, parties_of(election_id), code, level, moment)


def chunks(part: Part, level: str) -> Iterator[list[Line]]:
    """All areas of a level in a part, those without a result included, by code.

    Polling units come an LGA at a time and wards a state at a time: never all in memory.
    """
    if level == "unit":
        for lga in LGAS:
            if part.holds(lga) or part.election.area_code[:5] == lga:
                yield _units(part, lga)
        return
    if level == "ward":
        for state in STATES:
            yield _areas(part, level, state)
        return
    yield _areas(part, level, "")


def _areas(part: Part, level: str, state: str) -> list[Line]:
    """Areas above the polling units with their totals."""
    election_id = part.election.id
    found = Area.select(Area.code, Area.name).where(Area.level == level)
    tallies = Tally.select().where(Tally.election_id == election_id)
    registers = RegisterTotal.select()
    if state:
        # All wards' codes are of one form, so these are the bounds under any collation.
        bounds = (f"{state}-00-00", f"{state}-99-99")
        found = found.where(Area.code.between(*bounds))
        tallies = tallies.where(Tally.area_code.between(*bounds))
        registers = registers.where(RegisterTotal.area_code.between(*bounds))
    rows = [(row.code, row.name) for row in found.order_by(Area.code) if part.holds(row.code)]
    if not rows:
        return []
    totals = {row.area_code: row for row in tallies if level_of(row.area_code) == level}
    units = {row.area_code: row.units for row in registers}
    lines = []
    for code, name in rows:
        row = totals.get(code)
        total = tally.as_total(row) if row else Total()
        changed = row.updated_at if row else None
        lines.append(Line(code, name, total, units.get(code, total.units), changed))
    return lines


def _units(part: Part, lga: str) -> list[Line]:
    """The polling units of an LGA with what counts for each."""
    # All codes are of one form, so these are the bounds under any collation.
    low, high = f"{lga}-00-000", f"{lga}-99-999"
    unit = UnitResult
    # Without rows as objects: there are as many as polling units.
    results: Any = unit.select(
        unit.unit_code,
        unit.figures,
        unit.listed_voters,
        unit.in_review,
        unit.votes_at_stake,
        unit.updated_at,
    ).where(unit.election_id == part.election.id, unit.unit_code.between(low, high))
    found = {row.unit_code: row for row in results.namedtuples()}
    names: Any = Area.select(Area.code, Area.name).where(
        Area.level == "unit", Area.code.between(low, high)
    )
    lines = []
    for code, name in names.order_by(Area.code).tuples():
        if part.holds(code):
            row = found.get(code)
            lines.append(Line(code, name, tally.worth(row), 1, row.updated_at if row else None))
    return lines


# ---- CSV ----------------------------------------------------------------------------------------

#: Columns before and behind the parties'; the first are those of an import of declared figures.
BEFORE = ("area", "registered", "accredited", "valid", "rejected")
BEHIND = ("level", "name", "state", "lga", "ward", "units_reported", "units_total", "under_review",
          "last_changed")  # fmt: skip


def csv_text(part: Part) -> Iterator[str]:
    """The part as CSV: areas from which something came, with names of all that is above them."""
    yield _written([[*BEFORE, *(party.code for party in part.parties), *BEHIND]])
    wards: dict[str, str] = {}
    for lines in chunks(part, part.level):
        told = [line for line in lines if line.total.units or line.total.review_units]
        if part.level == "unit" and told:
            lga = told[0].code[:5]
            named = Area.select(Area.code, Area.name).where(Area.parent == lga)
            wards = {row.code: row.name for row in named}
        elif part.level == "ward":
            wards = {line.code: line.name for line in told}
        if told:
            yield _written(_row(part, line, wards) for line in told)


def _row(part: Part, line: Line, wards: dict[str, str]) -> list[object]:
    total, code = line.total, line.code
    figures: list[object] = [""] * (4 + len(part.parties))
    if total.units:
        votes = [total.votes.get(party.code, 0) for party in part.parties]
        figures = [total.registered, total.accredited, total.valid, total.rejected, *votes]
    above = [
        area_name(code[:2]) if code != ROOT_CODE else "",
        area_name(code[:5]) if len(code) >= 5 else "",
        wards.get(code[:8], "") if len(code) >= 8 else "",
    ]
    return [
        code,
        *figures,
        level_of(code),
        safe_cell(line.name),
        *map(safe_cell, above),
        total.units,
        line.units,
        total.review_units,
        isoformat(line.changed) or "",
    ]


def _written(rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
