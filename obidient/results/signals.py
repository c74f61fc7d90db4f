"""How rare by chance what a doubt saw would be, and last digits over an LGA.

Signals, not proof: people of one place vote alike, so what chance alone rarely makes may have a
plain reason. Nothing here says more than it saw.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from obidient.areas import LGAS, area_name
from obidient.results import flags
from obidient.results.models import UnitResult
from obidient.results.sheets import Figures
from obidient.results.tally import Total

#: Counts of fewer votes don't end in every digit equally often by chance: the small ones are more
#: frequent. From fewer counts nothing can be said.
FEWEST_VOTES, FEWEST_COUNTS = 50, 100
#: Rarer than once in so many is not told more exactly.
RAREST = 1_000_000_000
ALIKE = "People of one place vote alike, so it may have a plain reason."


def at_least(hits: int, tries: int, chance: float) -> float:
    """A bound on the probability of at least so many hits, each of probability `chance`.

    Chernoff's bound by relative entropy: never below the true tail of the binomial.
    https://en.wikipedia.org/wiki/Chernoff_bound#Additive_form_(absolute_error)
    """
    share = hits / tries if tries else 0.0
    if not 0 < chance < 1:
        return 1.0 if chance >= 1 or not hits else 0.0
    if share <= chance:
        return 1.0
    entropy = share * math.log(share / chance)
    if share < 1:
        entropy += (1 - share) * math.log((1 - share) / (1 - chance))
    return math.exp(-tries * entropy)


def times(probability: float) -> str:
    """`once in 1,200`, as far as that means anything."""
    if probability * RAREST < 1:
        return f"less than once in {RAREST:,}"
    return f"at most once in {int(1 / probability):,}"


def rarity(kind: str, evidence: Mapping[str, Any], state: Total, name: str) -> str:
    """How rare it would be by chance, held against the rest of the state; empty if unknown."""
    if kind == flags.EMPTY:
        bound = at_least(evidence["accredited"] - evidence["votes"], evidence["accredited"], 0.5)
        return f"Were every second ballot invalid or not cast, it would happen {times(bound)}."
    if kind == flags.TURNOUT:
        voters = state.registered - evidence["registered"]
        usual = (state.known - evidence["accredited"]) / voters if voters > 0 else 0
        if not 0 < usual < 1:
            return ""
        bound = at_least(evidence["accredited"], evidence["registered"], usual)
        return f"At the turnout of the rest of {name}, {usual:.1%}, {times(bound)}. {ALIKE}"
    if kind == flags.LANDSLIDE:
        votes = state.valid - evidence["of"]
        mine = state.votes.get(evidence["party"], 0) - evidence["votes"]
        if votes <= 0 or not 0 < mine < votes:
            return ""
        bound = at_least(evidence["votes"], evidence["of"], mine / votes)
        usual_share = f"At {evidence['party']}’s share in the rest of {name}, {mine / votes:.1%}"
        return f"{usual_share}, {times(bound)}. {ALIKE}"
    return ""


# ---- last digits --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Digits:
    """The last digits of the parties' counts in the units of an LGA."""

    code: str
    name: str
    #: How often each of 0 to 9 is the last digit.
    spread: tuple[int, ...]
    #: Of so uneven a spread, if every digit were as likely.
    chance: float

    @property
    def counts(self) -> int:
        return sum(self.spread)

    @property
    def by_chance(self) -> float:
        """In how many of all LGAs one would be as uneven, by chance alone."""
        return self.chance * len(LGAS)

    @property
    def sentence(self) -> str:
        most = max(range(10), key=lambda digit: self.spread[digit])
        share = self.spread[most] / self.counts
        return (
            f"{self.counts:,} counts of {FEWEST_VOTES} votes or more; {share:.0%} end in {most}, "
            f"where 10% is usual. So uneven {times(self.chance)} by chance; of {len(LGAS)} LGAs, "
            f"{self.by_chance:.2g} would be."
        )


def last_digits(election_id: str, state: str) -> list[Digits]:
    """The LGAs of a state with enough counts, the most uneven first."""
    spreads: dict[str, list[int]] = {}
    rows: Any = UnitResult.select(UnitResult.unit_code, UnitResult.figures).where(
        UnitResult.election_id == election_id,
        UnitResult.unit_code.between(f"{state}-00-00-000", f"{state}-99-99-999"),
        UnitResult.figures != "",
    )
    for code, figures in rows.tuples().iterator():
        _note(spreads.setdefault(code[:5], [0] * 10), Figures.loads(figures).votes.values())
    found = [
        Digits(code, area_name(code), tuple(spread), _chance(spread))
        for code, spread in spreads.items()
        if sum(spread) >= FEWEST_COUNTS
    ]
    return sorted(found, key=lambda one: (one.chance, one.code))


def _note(spread: list[int], counts: Iterable[int]) -> None:
    for number in counts:
        if number >= FEWEST_VOTES:
            spread[number % 10] += 1


def _chance(spread: list[int]) -> float:
    """The probability of a chi-squared of 9 degrees of freedom at least as large.

    For an odd number of degrees the tail has a closed form: Abramowitz and Stegun, 26.4.4.
    """
    usual = sum(spread) / 10
    x = sum((number - usual) ** 2 for number in spread) / usual
    root, series = math.sqrt(x), 0.0
    term = root
    for odd in (1, 3, 5, 7):
        series += term
        term *= x / (odd + 2)
    return math.erfc(root / math.sqrt(2)) + math.sqrt(2 / math.pi) * math.exp(-x / 2) * series
