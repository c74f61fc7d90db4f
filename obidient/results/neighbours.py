"""Units that are compared with each other: those of one ward, and those with equal votes."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from peewee import SQL, chunked, fn

from obidient.areas import parent_of
from obidient.bulk import among
from obidient.results.models import UnitResult
from obidient.results.tally import Book, Total, worth

#: Units with the same votes that are told of each other; among more, one more or less is no news.
MOST_ALIKE = 50
#: Of so many of them a unit is told.
TOLD = 10


def _turnout(total: Total) -> Total:
    """What turnout is made of."""
    return Total(units=total.units, registered=total.registered, known=total.known)


def wards_after(
    book: Book, before: Mapping[str, Total], units: Mapping[str, UnitResult]
) -> dict[str, Total]:
    """The turnout of each ward in which units change, with those changes."""
    wards: dict[str, Total] = {}
    for code, was in before.items():
        ward = parent_of(code) or ""
        if ward not in wards:
            wards[ward] = _turnout(book.totals.get(ward, Total()))
        wards[ward].add(_turnout(worth(units[code])))
        wards[ward].add(_turnout(was), -1)
    return wards


def high_units(election_id: str, wards: Iterable[str]) -> list[str]:
    """The units of some wards whose turnout might stand out."""
    found: list[str] = []
    for some in chunked(sorted(wards), 500):
        rows: Any = UnitResult.select(UnitResult.unit_code).where(
            UnitResult.election_id == election_id,
            # As the index has it, literally: an expression with parameters would not match.
            among(fn.SUBSTR(UnitResult.unit_code, SQL("1"), SQL("8")), some),
            UnitResult.high,
        )
        found.extend(row[0] for row in rows.tuples())
    return found


class Alike(NamedTuple):
    """Pattern -> the units that have it, before and after what changes now."""

    before: dict[str, set[str]]
    after: dict[str, set[str]]

    def others(self, pattern: str, code: str) -> list[str]:
        """The units that one is told of."""
        return sorted(self.after.get(pattern, set()) - {code})[:TOLD]


def alike(
    election_id: str,
    patterns: Collection[str],
    changing: Collection[str],
    units: Mapping[str, UnitResult],
) -> Alike:
    """The units of some patterns; those `changing` are `units` afterwards."""
    found = Alike({}, {})
    for some in chunked(sorted(patterns), 500):
        rows: Any = UnitResult.select(UnitResult.pattern, UnitResult.unit_code).where(
            UnitResult.election_id == election_id, among(UnitResult.pattern, some)
        )
        for pattern, code in rows.tuples():
            found.before.setdefault(pattern, set()).add(code)
            if code not in changing:
                found.after.setdefault(pattern, set()).add(code)
    for code in changing:
        if units[code].pattern in patterns:
            found.after.setdefault(units[code].pattern, set()).add(code)
    return found


def worth_a_look(alike: Alike) -> list[str]:
    """The units of which others with the same votes came or went, if they are told of those."""
    found = []
    for pattern, after in alike.after.items():
        codes = sorted(after)
        # Nobody is told of more than these: who is one of them is told of one more.
        if codes[: TOLD + 1] != sorted(alike.before.get(pattern, ()))[: TOLD + 1]:
            found += codes[:MOST_ALIKE]
    return found
