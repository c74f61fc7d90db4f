"""Which sheets carry a difference: a slip sits on one or two of them, a wrong sum on many."""

from dataclasses import dataclass
from typing import Any

from obidient.results.collation.compare import Finding
from obidient.results.models import UnitResult
from obidient.results.sheets import Figures

SHOWN = 5


@dataclass(frozen=True)
class Carried:
    """A party whose sheets exceed the declared figure, and its sheets with the most votes."""

    party: str
    excess: int
    #: So many sheets, those with the most votes, must be wrong altogether to make up for it.
    needed: int
    sheets: list[tuple[str, int]]

    @property
    def sentence(self) -> str:
        if self.needed == 1:
            return (
                f"{self.party}: one sheet alone holds as many votes as the difference of "
                f"{self.excess:,}. Look at its photo first: it may be misread."
            )
        return (
            f"{self.party}: to make up for the difference of {self.excess:,}, at least "
            f"{self.needed:,} sheets would have to hold none of the votes they show."
        )


def carried(finding: Finding) -> list[Carried]:
    """For each party whose sheets exceed what was declared, in an area below the nation."""
    over = [line for line in finding.lines if line.difference > 0]
    if not over or finding.level == "nation":
        return []
    # All codes are of one form, so these are the bounds under any collation.
    ending = "-00-00-000"[3 * finding.code.count("-") :]
    low, high = finding.code + ending, finding.code + ending.replace("0", "9")
    rows: Any = UnitResult.select(UnitResult.unit_code, UnitResult.figures).where(
        UnitResult.election_id == finding.declared.election_id,
        UnitResult.unit_code.between(low, high),
        UnitResult.figures != "",
    )
    sheets = [(code, Figures.loads(text).votes) for code, text in rows.tuples()]
    found = []
    for line in over:
        votes = sorted(
            ((code, of.get(line.party, 0)) for code, of in sheets), key=lambda one: (-one[1], one)
        )
        needed, held = 0, 0
        while held < line.difference and needed < len(votes):
            held += votes[needed][1]
            needed += 1
        found.append(Carried(line.party, line.difference, needed, votes[:SHOWN]))
    return found
