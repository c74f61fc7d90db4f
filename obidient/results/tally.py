"""Running totals per election and area, changed by differences, checked by counting again."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from peewee import chunked

from obidient.areas import Area, ancestors, parent_of
from obidient.clock import utcnow
from obidient.database import db, is_postgres
from obidient.results.models import Election, Tally, UnitResult
from obidient.results.sheets import Figures

_NUMBERS = ("units", "registered", "accredited", "valid", "rejected", "disputed")


@dataclass
class Total:
    """What one area has, or gains."""

    units: int = 0
    registered: int = 0
    accredited: int = 0
    valid: int = 0
    rejected: int = 0
    disputed: int = 0
    votes: dict[str, int] = field(default_factory=dict)

    def add(self, figures: Figures, registered: int | None, units: int, sign: int) -> None:
        own = figures.registered if figures.registered is not None else registered
        self.units += units
        self.registered += sign * (own or 0)
        self.accredited += sign * figures.accredited
        self.valid += sign * figures.valid
        self.rejected += sign * figures.rejected
        for code, number in figures.votes.items():
            self.votes[code] = self.votes.get(code, 0) + sign * number


class Changes:
    """Differences of a transaction, by area, from ward to nation."""

    def __init__(self) -> None:
        self.areas: dict[str, Total] = {}

    def __bool__(self) -> bool:
        return bool(self.areas)

    def _of(self, unit: str) -> list[Total]:
        return [self.areas.setdefault(code, Total()) for code in ancestors(unit)[1:]]

    def add(
        self, unit: str, figures: Figures, registered: int | None, units: int = 0, sign: int = 1
    ) -> None:
        """Count a unit's figures (or with sign -1 take them out) in all areas above it."""
        for total in self._of(unit):
            total.add(figures, registered, units, sign)

    def dispute(self, unit: str, change: int) -> None:
        for total in self._of(unit):
            total.disputed += change

    def write(self, election_id: str) -> None:
        """Add the differences to the stored totals, in the caller's transaction."""
        codes = sorted(self.areas)
        stored: dict[str, Tally] = {}
        for some in chunked(codes, 500):
            query = (
                Tally.select()
                .where(Tally.election_id == election_id, Tally.area_code.in_(some))
                .order_by(Tally.area_code)
            )
            found = query.for_update() if is_postgres() else query
            stored |= {row.area_code: row for row in found}
        rows = [_sum(election_id, code, stored.get(code), self.areas[code]) for code in codes]
        _save(rows)
        Election.update(updated_at=utcnow()).where(Election.id == election_id).execute()


def _sum(election_id: str, code: str, stored: Tally | None, change: Total) -> dict[str, Any]:
    votes = dict(stored.votes) if stored else {}
    for party, number in change.votes.items():
        votes[party] = votes.get(party, 0) + number
    row: dict[str, Any] = {
        name: (getattr(stored, name) if stored else 0) + getattr(change, name) for name in _NUMBERS
    }
    votes = {party: number for party, number in sorted(votes.items()) if number}
    return row | {
        "election_id": election_id,
        "area_code": code,
        "parent": parent_of(code),
        "votes": votes,
    }


def _save(rows: list[dict[str, Any]]) -> None:
    fields = [getattr(Tally, name) for name in (*_NUMBERS, "votes")]
    for some in chunked(rows, 500):
        Tally.insert_many(some).on_conflict(
            conflict_target=[Tally.election_id, Tally.area_code], preserve=fields
        ).execute()


def recount(election_id: str) -> dict[str, Total]:
    """The totals of all areas counted from what counts unit by unit."""
    changes = Changes()
    registered: dict[str, int | None] = {}
    units = UnitResult.select().where(UnitResult.election_id == election_id)
    rows: Iterable[UnitResult] = units.order_by(UnitResult.unit_code).iterator()
    for some in chunked(rows, 500):
        codes = [row.unit_code for row in some]
        found: Any = Area.select(Area.code, Area.registered_voters).where(Area.code.in_(codes))
        registered = dict(found.tuples())
        for row in some:
            figures = Figures.loads(row.figures)
            changes.add(row.unit_code, figures, registered.get(row.unit_code), units=1)
            if row.disputed:
                changes.dispute(row.unit_code, 1)
    return changes.areas


def differences(election_id: str) -> list[str]:
    """What the stored totals have wrong, a sentence each; empty when all is right."""
    counted = recount(election_id)
    wrong = []
    for row in Tally.select().where(Tally.election_id == election_id).order_by(Tally.area_code):
        right = counted.pop(row.area_code, Total())
        for name in _NUMBERS:
            stored, found = getattr(row, name), getattr(right, name)
            if stored != found:
                wrong.append(f"{row.area_code}: {name} is {stored}, counted {found}")
        votes = {party: number for party, number in right.votes.items() if number}
        if row.votes != votes:
            wrong.append(f"{row.area_code}: votes are {row.votes}, counted {votes}")
    wrong += [
        f"{code}: has no total, counted {total.units} units" for code, total in counted.items()
    ]
    return wrong


def repair(election_id: str) -> None:
    """Replace the stored totals by a fresh count, holding the election."""
    with db.atomic():
        query = Election.select().where(Election.id == election_id)
        (query.for_update() if is_postgres() else query).get()
        counted = recount(election_id)
        Tally.delete().where(Tally.election_id == election_id).execute()  # type: ignore[misc]
        _save([_sum(election_id, code, None, counted[code]) for code in sorted(counted)])
        Election.update(updated_at=utcnow()).where(Election.id == election_id).execute()
