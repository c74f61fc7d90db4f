"""Declared figures beside those of the sheets: what differs, and what could still explain it.

The kinds, worst first. `exceeds` needs no assumption: the sheets we hold give a party more than was
declared, whatever the units still out say. `sum`: the declared figures of an area's parts don't
add up to its own. `short`: more was declared than we have and all voters still out could add.
`doubted`: the sheets exceed, but by no more than is under review. `unlikely`: what is out would
have to bring more votes than about that many registered voters. `open`: what is out could explain
it. `agrees`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from peewee import chunked

from obidient.areas import ROOT_CODE, Area, area_names, level_of, parent_of
from obidient.results import tally
from obidient.results.collation import declare
from obidient.results.collation.models import DeclaredFigure
from obidient.results.elections import parties_of
from obidient.results.live import documents
from obidient.results.models import RegisterTotal, Tally
from obidient.results.tally import Total

KINDS = ("exceeds", "sum", "short", "doubted", "unlikely", "open", "agrees")
CHUNK = 500
PARTS = {"nation": "states", "state": "LGAs", "lga": "wards"}


@dataclass
class Line:
    """One party in one area."""

    party: str
    declared: int
    ours: int
    #: What the declared figures of the area's parts add up to, if all of them are known.
    parts: int | None = None

    @property
    def difference(self) -> int:
        return self.ours - self.declared


@dataclass
class Finding:
    """One area: declared, ours, and what to think of it. `effect` is a number of votes."""

    code: str
    name: str
    declared: DeclaredFigure
    ours: Total
    units: int
    lines: list[Line]
    #: Registered voters of the units still out: about, and at most.
    voters_out: int = 0
    most_out: int = 0
    kind: str = "agrees"
    effect: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def level(self) -> str:
        return level_of(self.code)

    @property
    def units_out(self) -> int:
        return max(0, self.units - self.ours.units)


def findings(election_id: str, area: str = ROOT_CODE) -> list[Finding]:
    """All areas with declared figures in an area, by kind and size of effect."""
    query = DeclaredFigure.select().where(
        DeclaredFigure.election_id == election_id, DeclaredFigure.is_current
    )
    rows = [row for row in query if area == ROOT_CODE or row.area_code.startswith(area)]
    by_code = {row.area_code: row for row in rows}
    totals, registers = _totals(election_id, by_code), _registers(by_code)
    names = area_names(by_code)
    children = _children(by_code)
    parties = {party.code for party in parties_of(election_id)}
    found = []
    for code, row in by_code.items():
        register = registers.get(code)
        ours = totals.get(code, Total())
        finding = Finding(
            code=code,
            name=names.get(code, code),
            declared=row,
            ours=ours,
            units=register.units if register else ours.units,
            lines=_lines(row, ours, children.get(code, [])),
        )
        _weigh(finding, register)
        _look_at_itself(finding, parties)
        found.append(finding)
    return sorted(found, key=lambda one: (KINDS.index(one.kind), -one.effect, one.code))


def _totals(election_id: str, codes: Iterable[str]) -> dict[str, Total]:
    found = {}
    for some in chunked(list(codes), CHUNK):
        rows = Tally.select().where(Tally.election_id == election_id, Tally.area_code.in_(some))
        found.update({row.area_code: tally.as_total(row) for row in rows})
    return found


def _registers(codes: Iterable[str]) -> dict[str, RegisterTotal]:
    found = {}
    for some in chunked(list(codes), CHUNK):
        rows = RegisterTotal.select().where(RegisterTotal.area_code.in_(some))
        found.update({row.area_code: row for row in rows})
    return found


def _children(declared: dict[str, DeclaredFigure]) -> dict[str, list[DeclaredFigure]]:
    """Area -> the declared figures of its parts, only where every part has some."""
    found: dict[str, list[DeclaredFigure]] = {}
    for code, row in declared.items():
        above = parent_of(code)
        if above in declared:
            found.setdefault(above, []).append(row)
    for above, rows in list(found.items()):
        if Area.select().where(Area.parent == above).count() != len(rows):
            del found[above]
    return found


def _lines(row: DeclaredFigure, ours: Total, children: list[DeclaredFigure]) -> list[Line]:
    """Parties that were declared, most votes first."""
    parts = [orjson.loads(child.votes) for child in children]
    lines = []
    for code, declared in orjson.loads(row.votes).items():
        told = [votes[code] for votes in parts if code in votes]
        complete = told and len(told) == len(parts)
        total = sum(told) if complete else None
        lines.append(Line(code, declared, ours.votes.get(code, 0), total))
    return sorted(lines, key=lambda line: (-line.declared, line.party))


def _weigh(finding: Finding, register: RegisterTotal | None) -> None:
    """Kind and effect: how many votes the declared figures are off beyond what could explain it."""
    ours = finding.ours
    if register is not None:
        out = documents.voters_out(ours, register, finding.units_out)
        finding.voters_out, finding.most_out = out
    stated = finding.declared.registered
    if stated is not None:
        # More voters than were declared can't be out either.
        finding.most_out = min(finding.most_out, max(0, stated - ours.registered))
    excess = sum(max(0, line.difference) for line in finding.lines)
    missing = sum(max(0, -line.difference) for line in finding.lines)
    apart = sum(abs(line.parts - line.declared) for line in finding.lines if line.parts is not None)
    if excess > ours.review_votes:
        finding.kind, finding.effect = "exceeds", excess
    elif apart:
        finding.kind, finding.effect = "sum", apart
    elif missing > finding.most_out + ours.review_votes:
        finding.kind, finding.effect = "short", missing - finding.most_out
    elif excess:
        finding.kind, finding.effect = "doubted", excess
    elif missing > finding.voters_out + ours.review_votes:
        finding.kind, finding.effect = "unlikely", missing - finding.voters_out
    elif missing:
        finding.kind, finding.effect = "open", missing
    finding.notes += _notes(finding)


def _notes(finding: Finding) -> list[str]:
    """Each kind of difference in words, whichever of them gave the area its kind."""
    ours, out = finding.ours, finding.units_out
    still = f"{out:,} of {_units(finding.units)} {'is' if out == 1 else 'are'} still out"
    notes = [
        f"{line.party}: the sheets of {_units(ours.units)} hold {line.ours:,} votes, "
        f"{line.difference:,} more than the {line.declared:,} declared"
        + (f", and {still}." if out else ".")
        for line in finding.lines
        if line.difference > 0
    ]
    notes += [
        f"{line.party}: the declared figures of all {PARTS[finding.level]} add up to "
        f"{line.parts:,}, the area's own is {line.declared:,}."
        for line in finding.lines
        if line.parts is not None and line.parts != line.declared
    ]
    missing = sum(max(0, -line.difference) for line in finding.lines)
    lacking = f"{missing:,} declared vote{' is' if missing == 1 else 's are'}"
    if missing and not out:
        notes.append(f"All units have reported, and {lacking} on no sheet.")
    elif missing > finding.most_out:
        notes.append(
            f"{lacking} not on our sheets; {still}, with at most {finding.most_out:,} voters."
        )
    elif missing > finding.voters_out:
        notes.append(
            f"{lacking} not on our sheets; {still}, with about "
            f"{finding.voters_out:,} registered voters."
        )
    if ours.review_units:
        doubted = _units(ours.review_units)
        notes.append(f"Under review: {doubted}, {ours.review_votes:,} votes at most.")
    return notes


def _units(number: int) -> str:
    return f"{number:,} unit{'' if number == 1 else 's'}"


def _look_at_itself(finding: Finding, parties: set[str]) -> None:
    """What can't be right in the declared figures alone."""
    row = finding.declared
    added = sum(line.declared for line in finding.lines)
    everybody = {line.party for line in finding.lines} == parties
    if row.valid is not None and (added > row.valid or (everybody and added != row.valid)):
        finding.notes.append(f"The declared parties add up to {added:,}, valid says {row.valid:,}.")
    cast = (row.valid if row.valid is not None else added) + (row.rejected or 0)
    if row.accredited is not None and cast > row.accredited:
        finding.notes.append(f"Declared: {cast:,} votes, but {row.accredited:,} accredited.")
    most = row.registered if row.registered is not None else declare.MOST
    if row.accredited is not None and row.accredited > most:
        finding.notes.append(f"Declared: {row.accredited:,} accredited, but {most:,} registered.")


def as_json(finding: Finding) -> dict[str, Any]:
    """One area for programs."""
    row, ours = finding.declared, finding.ours
    return {
        "area": finding.code,
        "name": finding.name,
        "level": finding.level,
        "kind": finding.kind,
        "effect": finding.effect,
        "notes": finding.notes,
        "unitsReported": ours.units,
        "unitsTotal": finding.units,
        "votersOut": finding.voters_out,
        "mostVotesOut": finding.most_out,
        "votesUnderReview": ours.review_votes,
        "declared": {name: getattr(row, name) for name in _STATED}
        | {"votes": orjson.loads(row.votes)},
        "ours": {name: getattr(ours, name) for name in _STATED} | {"votes": ours.votes},
        "differences": [
            {
                "partyCode": line.party,
                "declared": line.declared,
                "ours": line.ours,
                "difference": line.difference,
                "declaredOfParts": line.parts,
            }
            for line in finding.lines
        ],
        "source": row.source,
        "revision": row.revision,
        "sheets": f"/api/live-results/elections/{row.election_id}/areas/{finding.code}",
    }


_STATED = ("registered", "accredited", "valid", "rejected")
