"""What a decision does: to the unit, to its state, and to who leads."""

from dataclasses import dataclass

from obidient.areas import area_name
from obidient.config import settings
from obidient.results.models import Election, Tally, UnitResult
from obidient.results.sheets import Figures
from obidient.results.tally import Total, as_total


@dataclass(frozen=True)
class Lead:
    """Who is ahead, and by how many votes; nobody ahead: level, or no votes."""

    party: str
    votes: int

    def __str__(self) -> str:
        return f"{self.party} leads by {self.votes:,}" if self.party else "nobody leads"


@dataclass(frozen=True)
class Around:
    """An area around the unit, before and after."""

    code: str
    name: str
    valid_before: int
    valid_after: int
    before: Lead
    after: Lead

    @property
    def changes_leader(self) -> bool:
        return self.before.party != self.after.party


@dataclass(frozen=True)
class Effect:
    before: Figures | None
    after: Figures | None
    #: Votes that come or go, over all parties and the rejected ones.
    moved: int
    areas: list[Around]


def of(election: Election, unit_code: str, after: Figures | None) -> Effect:
    """What it does to let these figures count for a unit (none: nothing counts)."""
    result: UnitResult | None = UnitResult.get_or_none(
        UnitResult.election_id == election.id, UnitResult.unit_code == unit_code
    )
    before = Figures.loads(result.figures) if result and result.figures else None
    codes = dict.fromkeys([unit_code[:2], election.area_code])
    rows = Tally.select().where(Tally.election_id == election.id, Tally.area_code.in_(list(codes)))
    totals = {row.area_code: as_total(row) for row in rows}
    areas = [_around(code, totals.get(code, Total()), before, after) for code in codes]
    return Effect(before, after, _moved(before, after), areas)


def _around(code: str, total: Total, before: Figures | None, after: Figures | None) -> Around:
    votes = dict(total.votes)
    valid = total.valid
    for figures, sign in ((before, -1), (after, 1)):
        for party, number in (figures.votes if figures else {}).items():
            votes[party] = votes.get(party, 0) + sign * number
        valid += sign * (figures.valid if figures else 0)
    return Around(code, area_name(code), total.valid, valid, _lead(total.votes), _lead(votes))


def _lead(votes: dict[str, int]) -> Lead:
    ranked = sorted(votes.items(), key=lambda item: -item[1])
    first, second = [*ranked, ("", 0), ("", 0)][:2]
    ahead = first[1] - second[1]
    return Lead(first[0], ahead) if ahead else Lead("", 0)


def _moved(before: Figures | None, after: Figures | None) -> int:
    mine, theirs = (figures.votes if figures else {} for figures in (before, after))
    parties = {*mine, *theirs}
    rejected = [figures.rejected if figures else 0 for figures in (before, after)]
    return abs(rejected[0] - rejected[1]) + sum(
        abs(mine.get(party, 0) - theirs.get(party, 0)) for party in parties
    )


def needs_second(effect: Effect) -> bool:
    """Whether it moves more votes than one reviewer may."""
    most = settings().second_review_above
    return bool(most and effect.moved > most)
