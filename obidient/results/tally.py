"""Running totals per election and area: the sums of what counts in each unit, kept by difference.

Each change of a unit holds the election's row (`lock_election`) until it and the totals are
committed together, so writers never wait for each other in a circle and no sum is ever half done.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from peewee import chunked

from obidient.areas import ROOT_CODE, ancestors, parent_of
from obidient.bulk import among, put
from obidient.clock import utcnow
from obidient.database import locked
from obidient.results.models import Election, Tally, UnitResult
from obidient.results.sheets import Figures

NUMBERS = (
    "units",
    "registered",
    "accredited",
    "known",
    "valid",
    "rejected",
    "listed",
    "unlisted",
    "review_units",
    "review_votes",
)
#: Documents show milliseconds, and each change must show.
TICK = timedelta(milliseconds=1)


@dataclass
class Total:
    """What one area has, or gains."""

    units: int = 0
    registered: int = 0
    accredited: int = 0
    known: int = 0
    valid: int = 0
    rejected: int = 0
    listed: int = 0
    unlisted: int = 0
    review_units: int = 0
    review_votes: int = 0
    votes: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Total", sign: int = 1) -> None:
        for name in NUMBERS:
            number = getattr(other, name)
            if number:
                setattr(self, name, getattr(self, name) + sign * number)
        votes = self.votes
        for code, number in other.votes.items():
            votes[code] = votes.get(code, 0) + sign * number

    def votes_text(self) -> str:
        """The parties that have votes, as JSON."""
        counted = {code: number for code, number in self.votes.items() if number}
        return orjson.dumps(counted, option=orjson.OPT_SORT_KEYS).decode()


class Turnout(NamedTuple):
    """What the turnout of some units is made of: a part of their total."""

    units: int = 0
    registered: int = 0
    known: int = 0


def turnout_of(result: UnitResult) -> Turnout:
    """What a unit adds to the turnout around it."""
    if not result.figures:
        return Turnout()
    figures = Figures.loads(result.figures)
    voters = figures.registered if figures.registered is not None else result.listed_voters
    return Turnout(1, voters or 0, figures.accredited if voters else 0)


def worth(result: UnitResult | None) -> Total:
    """What a unit adds to the areas around it."""
    if result is None:
        return Total()
    review = (1, result.votes_at_stake) if result.in_review else (0, 0)
    if not result.figures:
        return Total(review_units=review[0], review_votes=review[1])
    figures = Figures.loads(result.figures)
    listed, turnout = result.listed_voters, turnout_of(result)
    return Total(
        units=turnout.units,
        registered=turnout.registered,
        accredited=figures.accredited,
        known=turnout.known,
        valid=figures.valid,
        rejected=figures.rejected,
        listed=listed or 0,
        unlisted=int(listed is None),
        review_units=review[0],
        review_votes=review[1],
        votes=dict(figures.votes),
    )


def lock_election(election_id: str) -> Election | None:
    """Lock an election for the rest of the transaction (SQLite: it already is ours)."""
    query = Election.select().where(Election.id == election_id)
    found: Election | None = locked(query).first()
    return found


def as_total(row: Tally) -> Total:
    numbers = {name: getattr(row, name) for name in NUMBERS}
    return Total(**numbers, votes=orjson.loads(row.votes))


class Book:
    """The totals of all areas around some units, in the transaction that changes them."""

    def __init__(self, election_id: str, units: Iterable[str]) -> None:
        self.election_id = election_id
        self.totals: dict[str, Total] = {}
        self._changes: dict[str, Total] = {}
        self._known: set[str] = set()
        #: The time of this change: later than the last one's, whatever the clock did since.
        self.moment: datetime = utcnow()
        self.cover(units)

    def cover(self, units: Iterable[str]) -> None:
        """Read the totals around some units, those that are not here yet."""
        above = {code for unit in units for code in ancestors(unit)[1:]}
        codes = sorted(above - self._known)
        self._known |= above
        stored: list[Tally] = []
        for some in chunked(codes, 500):
            # Not with +=, which Peewee takes for a UNION.
            stored.extend(
                Tally.select().where(
                    Tally.election_id == self.election_id, among(Tally.area_code, some)
                )
            )
        self.totals |= {row.area_code: as_total(row) for row in stored}
        before = [row.updated_at for row in stored if row.area_code == ROOT_CODE]
        self.moment = max([self.moment, *(moment + TICK for moment in before)])

    def change(self, unit: str, before: Total, after: Total) -> None:
        """A unit was worth `before` and is now worth `after`."""
        change = self._changes.setdefault(parent_of(unit) or ROOT_CODE, Total())
        change.add(after)
        change.add(before, -1)

    def save(self) -> None:
        for ward, change in list(self._changes.items()):
            for code in ancestors(ward)[1:]:
                self._changes.setdefault(code, Total()).add(change)
        for code, change in self._changes.items():
            self.totals.setdefault(code, Total()).add(change)
        write(
            self.election_id,
            {code: self.totals[code] for code in sorted(self._changes)},
            self.moment,
        )


def write(election_id: str, totals: dict[str, Total], moment: datetime) -> None:
    """Put totals into the table, in place of what it had for those areas."""
    rows: list[dict[str, Any]] = [
        {
            **{name: getattr(total, name) for name in NUMBERS},
            "election_id": election_id,
            "area_code": code,
            "parent": parent_of(code),
            "votes": total.votes_text(),
            "updated_at": moment,
        }
        for code, total in totals.items()
    ]
    put(Tally, rows)
