"""The desk on which a chunk of sheets is decided: what is known, what changes, written at once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from peewee import chunked

from obidient.areas import parent_of
from obidient.bulk import among, insert, put, rows_sql
from obidient.config import settings
from obidient.database import db, mark
from obidient.results import flags, neighbours
from obidient.results.models import AgentSheet, Election, ReviewFlag, UnitResult
from obidient.results.received import encode
from obidient.results.sheets import Figures
from obidient.results.tally import Book, Total, turnout_of, worth

#: Columns of flags that are changed together.
_LOWERED = {"unit_code": "text", "kind": "text"}
_RESTATED = _LOWERED | {"evidence": "jsonb"}


@dataclass
class Desk:
    """All that deciding sheets of one election needs to know, and what that changes."""

    election_id: str
    election: Election | None = None
    #: Squeezed codes and aliases -> party code; None where there is no election.
    parties: dict[str, str] | None = None
    #: Units of the register -> its voters.
    listed: dict[str, int | None] = field(default_factory=dict)
    #: Unit -> agent -> that agent's newest sheet.
    sheets: dict[str, dict[str, AgentSheet]] = field(default_factory=dict)
    #: Submission id -> digest of the first that came under it.
    firsts: dict[str, str] = field(default_factory=dict)
    #: Agent -> the unit they may report now, of agents who reported another.
    own_units: dict[str, str | None] = field(default_factory=dict)
    changed_sheets: set[tuple[str, str]] = field(default_factory=set)
    _units: dict[str, UnitResult] = field(default_factory=dict)
    #: What changed units were worth before.
    _before: dict[str, Total] = field(default_factory=dict)
    _recounted: set[str] = field(default_factory=set)
    #: How many of the changed units had a pattern before.
    _old_patterns: Counter[str] = field(default_factory=Counter)
    #: Unit -> kind -> evidence of its open flags.
    _open: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    _raised: set[tuple[str, str]] = field(default_factory=set)
    _restated: set[tuple[str, str]] = field(default_factory=set)
    _lowered: set[tuple[str, str]] = field(default_factory=set)

    def load(self, codes: Sequence[str]) -> None:
        """Read what is known about some units."""
        sheet, unit, flag = AgentSheet, UnitResult, ReviewFlag
        for known in sheet.select().where(
            sheet.election_id == self.election_id, among(sheet.unit_code, codes)
        ):
            self.sheets.setdefault(known.unit_code, {})[known.agent] = known
        for result in unit.select().where(
            unit.election_id == self.election_id, among(unit.unit_code, codes)
        ):
            self._units[result.unit_code] = result
        for raised in flag.select(flag.unit_code, flag.kind, flag.evidence).where(
            flag.election_id == self.election_id,
            among(flag.unit_code, codes),
            flag.closed_at.is_null(),
        ):
            self._open.setdefault(raised.unit_code, {})[raised.kind] = raised.evidence

    def load_more(self, codes: Iterable[str]) -> None:
        """Load further units that have to be compared with the changed ones."""
        wanted = sorted(set(codes) - set(self._units))
        for some in chunked(wanted, 500):
            self.load(some)

    def unit(self, code: str) -> UnitResult:
        """A unit that is about to change."""
        if code not in self._units:
            self._units[code] = UnitResult(
                election_id=self.election_id,
                unit_code=code,
                listed_voters=self.listed.get(code),
            )
        if code not in self._before:
            self._before[code] = worth(self._units[code])
            self._old_patterns[self._units[code].pattern] += 1
        return self._units[code]

    def is_settled(self, code: str) -> bool:
        """Whether a person has decided on a unit."""
        return code in self._units and self._units[code].settled

    def version(self, code: str) -> str:
        """A short text that changes with whatever a reviewer of this unit should have seen."""
        unit, doubts = self._units.get(code), self._open.get(code, {})
        of = (
            (unit.figures, unit.settled) if unit else None,
            sorted((one.agent, one.submission) for one in self.sheets.get(code, {}).values()),
            sorted((kind, evidence.get("submission", 0)) for kind, evidence in doubts.items()),
        )
        return sha256(repr(of).encode()).hexdigest()[:16]

    def count(self, code: str, agent: str, submission: int | None, figures: str) -> None:
        """Make these figures, in their canonical form, the ones that count for a unit."""
        result = self.unit(code)
        result.agent, result.submission, result.figures = agent, submission, figures
        result.pattern = Figures.loads(figures).pattern()
        self.list_voters(code)

    def list_voters(self, code: str) -> None:
        """Note the register's voters of a unit, and look at what counts there anew."""
        result = self.unit(code)
        result.listed_voters = self.listed.get(code)
        if result.figures:
            result.high = flags.is_high(Figures.loads(result.figures), result.listed_voters)
            self._recounted.add(code)

    def uncount(self, code: str) -> None:
        """Make no figures count for a unit."""
        result = self.unit(code)
        result.agent, result.submission, result.figures, result.pattern = "", None, "", ""
        result.high = False
        self._recounted.discard(code)

    def first_sheet(self, code: str) -> AgentSheet | None:
        """The newest sheet of the agent from whom a sheet of this unit was received first."""
        sheets = self.sheets.get(code, {}).values()
        return min(sheets, key=lambda sheet: sheet.first, default=None)

    # -- doubts --

    def raise_flag(self, code: str, kind: str, evidence: dict[str, Any]) -> None:
        """Put a unit under review; of several claims the one of most votes is kept."""
        known = self._open.setdefault(code, {}).get(kind)
        if known is not None:
            weaker = "valid" in evidence and evidence["valid"] <= known.get("valid", 0)
            if weaker or evidence == known:
                return
        self.unit(code)
        self._open[code][kind] = evidence
        if known is None:
            self._raised.add((code, kind))
        elif (code, kind) not in self._raised:
            self._restated.add((code, kind))

    def lower_flag(self, code: str, kind: str) -> None:
        if self._open.get(code, {}).pop(kind, None) is None:
            return
        self.unit(code)
        self._restated.discard((code, kind))
        if (code, kind) in self._raised:
            self._raised.discard((code, kind))
        else:
            self._lowered.add((code, kind))

    def withdraw(self, code: str, kind: str, submission: int) -> bool:
        """Lower a flag if it was this sheet that raised it; whether it was."""
        is_mine = self._open.get(code, {}).get(kind, {}).get("submission") == submission
        if is_mine:
            self.lower_flag(code, kind)
        return is_mine

    def close_all(self, code: str) -> None:
        for kind in list(self._open.get(code, ())):
            self.lower_flag(code, kind)

    def _doubt(self, code: str, kind: str, evidence: dict[str, Any] | None) -> None:
        if evidence is None:
            self.lower_flag(code, kind)
        else:
            self.raise_flag(code, kind, evidence)

    def compare(self, code: str) -> None:
        """See whether the agents of a unit agree, unless a person has decided."""
        result = self.unit(code)
        sheets = list(self.sheets[code].values())
        if len(sheets) > 1 and not result.settled:
            first, *others = [Figures.loads(sheet.figures) for sheet in sheets]
            if all(first.agrees_with(other) for other in others):
                self.lower_flag(code, flags.DISPUTE)
            else:
                agents = sorted(sheet.agent for sheet in sheets)
                self.raise_flag(code, flags.DISPUTE, {"agents": agents})

    def _examine(self, book: Book) -> None:
        """Look at what counts anew beside the rest, and at the rest beside that.

        So it makes no difference which of them came first. What a person has decided is left
        alone: they have looked.
        """
        bound = settings().turnout_doubted_above
        wards = neighbours.wards_after(book, self._before, self._units)
        high = neighbours.high_units(self.election_id, wards)
        alike = neighbours.Alike(self.election_id, self._before, self._units, self._old_patterns)
        self.load_more([*high, *alike.worth_a_look()])
        twins = {code for code, unit in self._units.items() if unit.pattern in alike.patterns}
        for code in sorted((self._recounted | set(high) | twins) & set(self._units)):
            result = self._units[code]
            if result.settled or not result.figures:
                continue
            figures, listed = Figures.loads(result.figures), result.listed_voters
            ward = wards.get(parent_of(code) or "")
            if ward is not None:
                self._doubt(code, flags.JUMP, flags.jump(figures, listed, ward, turnout_of(result)))
            if code in self._recounted:
                self._doubt(code, flags.OVER_ACCREDITED, flags.over_accredited(figures, listed))
                self._doubt(code, flags.EMPTY, flags.empty(figures))
                self._doubt(code, flags.TURNOUT, flags.turnout(figures, listed, bound))
                self._doubt(code, flags.LANDSLIDE, flags.landslide(figures, listed))
            if code in self._recounted or code in twins:
                others = alike.others(result.pattern, code)
                self._doubt(code, flags.SAME_VOTES, {"units": others} if others else None)

    def _stake(self, result: UnitResult) -> int:
        """The most votes that the review of a unit could make count."""
        code = result.unit_code
        if not self._open.get(code):
            return 0
        sheets = self.sheets.get(code, {}).values()
        return flags.at_stake(
            Figures.loads(result.figures) if result.figures else None,
            [Figures.loads(sheet.figures) for sheet in sheets],
            self._open[code].values(),
            result.listed_voters,
        )

    # -- writing --

    def save(self) -> None:
        """Write everything that changed, and the totals with it."""
        if not self._before and not self.changed_sheets:
            return
        book = Book(self.election_id, self._before)
        self._examine(book)
        book.cover(self._before)
        for code, before in self._before.items():
            result = self._units[code]
            result.in_review = bool(self._open.get(code))
            result.votes_at_stake = self._stake(result)
            result.updated_at = book.moment
            book.change(code, before, worth(result))
        self._save_sheets()
        put(UnitResult, [self._units[code].__data__ for code in sorted(self._before)])
        self._save_flags(book)
        book.save()

    def _save_sheets(self) -> None:
        changed = sorted(self.changed_sheets)
        put(AgentSheet, [self.sheets[unit][agent].__data__ for unit, agent in changed])

    def _save_flags(self, book: Book) -> None:
        # First: one of the same kind may have been raised since, with other evidence.
        self._change_open(f"closed_at = {mark()}", [book.moment], _LOWERED, sorted(self._lowered))
        rows = [
            {
                "election_id": self.election_id,
                "unit_code": code,
                "kind": kind,
                "evidence": encode(self._open[code][kind]),
                "opened_at": book.moment,
            }
            for code, kind in sorted(self._raised)
        ]
        if rows:
            insert(ReviewFlag, list(rows[0]), rows, "")
        restated = [(*key, encode(self._open[key[0]][key[1]])) for key in sorted(self._restated)]
        self._change_open("evidence = v.evidence", [], _RESTATED, restated)

    def _change_open(
        self,
        change: str,
        given: Sequence[Any],
        columns: Mapping[str, str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        """Do the same to many open flags at once."""
        for some in chunked(rows, 500):
            values, params = rows_sql(columns, some)
            db.execute_sql(
                f"WITH {values} UPDATE review_flag SET {change} FROM v "
                f"WHERE review_flag.election_id = {mark()} "
                "AND review_flag.unit_code = v.unit_code AND review_flag.kind = v.kind "
                "AND review_flag.closed_at IS NULL",
                (*params, *given, self.election_id),
            )
