"""Units that are compared with each other: those of one ward, and those with equal votes."""

from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any

from peewee import SQL, chunked, fn

from obidient.areas import parent_of
from obidient.bulk import among, rows_sql
from obidient.database import db, is_postgres, mark
from obidient.results.models import UnitResult
from obidient.results.tally import Book, Total, Turnout, turnout_of

#: Units with the same votes that are told of each other; among more, one more or less is no news.
MOST_ALIKE = 50
#: Of so many of them a unit is told.
TOLD = 10


def wards_after(
    book: Book, before: Mapping[str, Total], units: Mapping[str, UnitResult]
) -> dict[str, Turnout]:
    """The turnout of each ward in which units change, with those changes."""
    wards: dict[str, Turnout] = {}
    for code, was in before.items():
        ward, now = parent_of(code) or "", turnout_of(units[code])
        so_far = wards.get(ward) or book.totals.get(ward, Total())
        wards[ward] = Turnout(
            so_far.units + now.units - was.units,
            so_far.registered + now.registered - was.registered,
            so_far.known + now.known - was.known,
        )
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


class Alike:
    """Units with equal votes, some of which change now.

    A forged sheet may be copied to thousands of units, so only the first ones are read: as many as
    somebody is told of or looked at, and as many more as may go from among them.
    """

    def __init__(
        self,
        election_id: str,
        changing: Collection[str],
        units: Mapping[str, UnitResult],
        former: Mapping[str, int],
    ) -> None:
        """Those `changing` are `units` afterwards; `former` says how many had a pattern before."""
        self._election_id, self._changing = election_id, changing
        #: At most so many leave any one pattern.
        self._left = max((former[one] for one in former.keys() - {""}), default=0)
        self._come: dict[str, list[str]] = {}
        for code in changing:
            self._come.setdefault(units[code].pattern, []).append(code)
        self.patterns = (former.keys() | self._come.keys()) - {""}
        self._before, self._after = self._first(self.patterns, TOLD + 1)

    def others(self, pattern: str, code: str) -> list[str]:
        """The units that one is told of, by their codes."""
        return _others(self._after.get(pattern, ()), code)

    def worth_a_look(self) -> list[str]:
        """The units of which others with the same votes came or went, if they are told of those."""
        # Nobody is told of more than these: who is one of them is told of one more.
        news = {one for one, codes in self._after.items() if codes != self._before.get(one)}
        _, after = self._first(news, MOST_ALIKE)
        return [code for codes in after.values() for code in codes]

    def _first(
        self, patterns: Set[str], number: int
    ) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Pattern -> its first so many units, by their codes, before the change and after it."""
        before = first_of(self._election_id, patterns, number + self._left)
        after: dict[str, list[str]] = {}
        for pattern in patterns:
            stayed = [code for code in before.get(pattern, ()) if code not in self._changing]
            codes = sorted(stayed + self._come.get(pattern, []))[:number]
            if codes:
                after[pattern] = codes
        return {pattern: codes[:number] for pattern, codes in before.items()}, after


def others_now(election_id: str, units: Iterable[UnitResult]) -> dict[str, list[str]]:
    """Unit -> the first others that have the same votes now.

    What a doubt saw may be older: among very many alike not each is looked at again.
    """
    pattern_of = {unit.unit_code: unit.pattern for unit in units if unit.pattern}
    found = first_of(election_id, set(pattern_of.values()), TOLD + 1)
    return {code: _others(found.get(pattern, ()), code) for code, pattern in pattern_of.items()}


def _others(codes: Iterable[str], code: str) -> list[str]:
    return [other for other in codes if other != code][:TOLD]


def first_of(election_id: str, patterns: Set[str], number: int) -> dict[str, list[str]]:
    """Pattern -> its first so many units in the database, in the order of their codes."""
    found: dict[str, list[str]] = {}
    together = "STRING_AGG" if is_postgres() else "GROUP_CONCAT"
    for some in chunked(sorted(patterns), 500):
        values, params = rows_sql({"pattern": "text"}, [(pattern,) for pattern in some])
        rows = db.execute_sql(
            f"WITH {values} SELECT v.pattern, (SELECT {together}(unit_code, ',') FROM ("
            f"SELECT unit_code FROM unit_result WHERE election_id = {mark()} "
            f"AND pattern = v.pattern ORDER BY unit_code LIMIT {mark()}) AS first) FROM v",
            [*params, election_id, number],
        )
        for pattern, codes in rows:
            if codes:
                found[pattern] = sorted(codes.split(","))
    return found
