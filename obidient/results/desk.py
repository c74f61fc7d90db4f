"""The desk on which a chunk of sheets is decided: what is known, what changes, written at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from peewee import chunked

from obidient.areas import parent_of
from obidient.results import flags
from obidient.results.models import AgentSheet, Election, ReviewFlag, UnitResult
from obidient.results.rows import put
from obidient.results.sheets import Figures
from obidient.results.tally import Book, Total, worth


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
    changed_sheets: set[tuple[str, str]] = field(default_factory=set)
    _units: dict[str, UnitResult] = field(default_factory=dict)
    #: What changed units were worth before.
    _before: dict[str, Total] = field(default_factory=dict)
    _recounted: set[str] = field(default_factory=set)
    _open: dict[str, set[str]] = field(default_factory=dict)
    _raised: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _lowered: set[tuple[str, str]] = field(default_factory=set)

    def load(self, codes: Sequence[str]) -> None:
        """Read what is known about some units."""
        sheet, unit, flag = AgentSheet, UnitResult, ReviewFlag
        for known in sheet.select().where(
            sheet.election_id == self.election_id, sheet.unit_code.in_(codes)
        ):
            self.sheets.setdefault(known.unit_code, {})[known.agent] = known
        for result in unit.select().where(
            unit.election_id == self.election_id, unit.unit_code.in_(codes)
        ):
            self._units[result.unit_code] = result
        for raised in flag.select(flag.unit_code, flag.kind).where(
            flag.election_id == self.election_id,
            flag.unit_code.in_(codes),
            flag.closed_at.is_null(),
        ):
            self._open.setdefault(raised.unit_code, set()).add(raised.kind)

    def unit(self, code: str) -> UnitResult:
        """A unit that is about to change."""
        if code not in self._before:
            self._before[code] = worth(self._units.get(code))
        if code not in self._units:
            self._units[code] = UnitResult(election_id=self.election_id, unit_code=code)
        return self._units[code]

    def count(self, code: str, agent: str, submission: int | None, figures: Figures) -> None:
        """Let these figures count for a unit."""
        result = self.unit(code)
        result.agent, result.submission, result.figures = agent, submission, figures.dumps()
        result.listed_voters, result.pattern = self.listed.get(code), figures.pattern()
        self._recounted.add(code)

    def uncount(self, code: str) -> None:
        """Let nothing count for a unit."""
        result = self.unit(code)
        result.agent, result.submission, result.figures, result.pattern = "", None, "", ""
        self._recounted.discard(code)

    def trust(self, code: str) -> None:
        """A person answers for these figures: don't look for anything odd about them."""
        self._recounted.discard(code)

    # -- doubts --

    def raise_flag(self, code: str, kind: str, evidence: dict[str, Any]) -> None:
        result = self.unit(code)
        result.votes_at_stake = max(result.votes_at_stake, self._most(code, evidence))
        opened = self._open.setdefault(code, set())
        if kind not in opened:
            opened.add(kind)
            self._raised[code, kind] = evidence

    def lower_flag(self, code: str, kind: str) -> None:
        if kind in self._open.get(code, ()):
            self.unit(code)
            self._open[code].discard(kind)
            if self._raised.pop((code, kind), None) is None:
                self._lowered.add((code, kind))

    def close_all(self, code: str) -> None:
        for kind in list(self._open.get(code, ())):
            self.lower_flag(code, kind)

    def _doubt(self, code: str, kind: str, evidence: dict[str, Any] | None) -> None:
        if evidence is None:
            self.lower_flag(code, kind)
        else:
            self.raise_flag(code, kind, evidence)

    def _most(self, code: str, evidence: dict[str, Any]) -> int:
        """The votes that a unit could come to: of any sheet, but no more than its voters."""
        sheets = self.sheets.get(code, {}).values()
        valid = [Figures.loads(sheet.figures).valid for sheet in sheets]
        claimed = evidence.get("valid", 0)
        listed = self.listed.get(code)
        most: int = max([*valid, claimed if listed is None else min(claimed, listed)])
        return most

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
        if self._open.get(code):
            result.votes_at_stake = max(result.votes_at_stake, self._most(code, {}))

    def _examine(self, book: Book) -> None:
        """Look at what counts anew beside what counts elsewhere."""
        alike = self._same_patterns()
        for code in sorted(self._recounted):
            result = self._units[code]
            figures = Figures.loads(result.figures)
            ward = book.totals.get(parent_of(code) or "", Total())
            listed = result.listed_voters
            self._doubt(code, flags.OVER_ACCREDITED, flags.over_accredited(figures, listed))
            self._doubt(code, flags.JUMP, flags.jump(figures, listed, ward, self._before[code]))
            others = sorted(alike.get(result.pattern, set()) - {code})[:10]
            self._doubt(code, flags.SAME_VOTES, {"units": others} if others else None)

    def _same_patterns(self) -> dict[str, set[str]]:
        """Pattern -> the units that have it, of the patterns counted anew."""
        fresh = {self._units[code].pattern for code in self._recounted} - {""}
        found: dict[str, set[str]] = {}
        for some in chunked(sorted(fresh), 500):
            for row in UnitResult.select(UnitResult.unit_code, UnitResult.pattern).where(
                UnitResult.election_id == self.election_id, UnitResult.pattern.in_(some)
            ):
                if row.unit_code not in self._before:
                    found.setdefault(row.pattern, set()).add(row.unit_code)
        for code in self._before:
            if self._units[code].pattern:
                found.setdefault(self._units[code].pattern, set()).add(code)
        return found

    # -- writing --

    def save(self) -> None:
        """Write everything that changed, and the totals with it."""
        if not self._before and not self.changed_sheets:
            return
        book = Book(self.election_id, self._before)
        self._examine(book)
        for code, before in self._before.items():
            result = self._units[code]
            result.in_review = bool(self._open.get(code))
            if not result.in_review:
                result.votes_at_stake = 0
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
        flag = ReviewFlag
        if self._raised:
            rows = [
                {
                    "election_id": self.election_id,
                    "unit_code": code,
                    "kind": kind,
                    "evidence": evidence,
                    "opened_at": book.moment,
                }
                for (code, kind), evidence in self._raised.items()
            ]
            flag.insert_many(rows).execute()
        for code, kind in self._lowered:
            flag.update(closed_at=book.moment).where(
                flag.election_id == self.election_id,
                flag.unit_code == code,
                flag.kind == kind,
                flag.closed_at.is_null(),
            ).execute()
