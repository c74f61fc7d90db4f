"""Shares and margins from the sheets that arrived: separate ratio estimates by stratum.

Cochran, Sampling Techniques (3rd ed., 1977), sections 6.10 to 6.12: in each stratum votes and valid
votes are taken per registered voter and blown up to the stratum's registered voters; a party's
share is the quotient of the sums. Its variance is that of the residuals, with the finite-population
correction. Units that are missing are replaced by those of their stratum that arrived, which is
right if they are missing at random; `missing.py` looks whether they are. A stratum of which fewer
than two units arrived is joined with a neighbour (collapsed strata, ibid. 5A.12), so that its
one unit is never taken for certain.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)


@dataclass
class Sample:
    """What arrived of one stratum (or of several joined ones), column by column."""

    #: Units and voters of the stratum, whether drawn or not.
    units: int
    total_voters: float
    voters: list[float]
    valid: list[int]
    #: Party -> votes, a list as long as `valid`.
    votes: dict[str, list[int]]

    def joined(self, other: "Sample") -> "Sample":
        return Sample(
            self.units + other.units,
            self.total_voters + other.total_voters,
            self.voters + other.voters,
            self.valid + other.valid,
            {party: votes + other.votes[party] for party, votes in self.votes.items()},
        )


@dataclass(frozen=True)
class Share:
    """A share of the valid votes and its 95 % margin, from 0 to 1."""

    share: float
    margin: float


@dataclass(frozen=True)
class Estimate:
    shares: dict[str, Share]
    #: Names of strata that were joined with others, since fewer than two units had arrived.
    joined: list[str]
    _groups: "list[_Group]"
    _valid: float

    def lead(self, first: str, second: str) -> Share:
        """How far one party is ahead of another."""
        share = self.shares[first].share - self.shares[second].share

        def ahead(sample: Sample) -> list[int]:
            pairs = zip(sample.votes[first], sample.votes[second], strict=True)
            return [one - other for one, other in pairs]

        return Share(share, _margin(self._groups, self._valid, share, ahead))


@dataclass(frozen=True)
class _Group:
    sample: Sample
    drawn_voters: float
    valid_rate: float
    #: From the sum of squared residuals to the variance of the stratum's total.
    factor: float


def estimate(
    strata: Mapping[str, Sample], parties: Sequence[str], near: Callable[[str], str]
) -> Estimate | None:
    """Shares of all parties; None while fewer than two units have arrived.

    `near(name)` says the neighbourhood of a stratum: such strata are joined first.
    """
    samples, joined = _collapse(dict(strata), near)
    if not samples:
        return None
    groups = [_group(sample) for sample in samples]
    valid = sum(group.valid_rate * group.sample.total_voters for group in groups)
    if not valid:
        return None
    shares = {}
    for party in parties:
        votes = sum(
            sum(group.sample.votes[party]) / group.drawn_voters * group.sample.total_voters
            for group in groups
        )
        share = votes / valid
        margin = _margin(groups, valid, share, _votes_of(party))
        shares[party] = Share(share, margin)
    return Estimate(shares, joined, groups, valid)


def _votes_of(party: str) -> Callable[[Sample], list[int]]:
    return lambda sample: sample.votes[party]


def _collapse(
    strata: dict[str, Sample], near: Callable[[str], str]
) -> tuple[list[Sample], list[str]]:
    """Join strata with fewer than two arrivals with the best known neighbour."""
    small = sorted(name for name, sample in strata.items() if len(sample.voters) < 2)
    joined = []
    for name in small:
        if len(strata[name].voters) > 1:
            # Others were joined with it meanwhile.
            continue
        others = [other for other in strata if other != name]
        if not others:
            break
        home = near(name)
        best = max(
            others, key=lambda other: (near(other) == home, len(strata[other].voters), other)
        )
        if len(strata[best].voters) + len(strata[name].voters) < 2:
            # The whole neighbourhood is silent: look at the rest of the country.
            best = max(others, key=lambda other: (len(strata[other].voters), other))
        strata[best] = strata[best].joined(strata.pop(name))
        joined.append(name)
    return [sample for sample in strata.values() if len(sample.voters) > 1], joined


def _group(sample: Sample) -> _Group:
    number = len(sample.voters)
    drawn = sum(sample.voters) or 1.0
    expansion = sample.total_voters / drawn
    correction = 1 - number / sample.units
    factor = expansion**2 * number * correction / (number - 1)
    return _Group(sample, drawn, sum(sample.valid) / drawn, factor)


def _margin(
    groups: Iterable[_Group], valid: float, share: float, votes: Callable[[Sample], list[int]]
) -> float:
    """1.96 standard errors, more where few units carry most of the variance."""
    variance, weight = 0.0, 0.0
    for group in groups:
        sample = group.sample
        counted = votes(sample)
        rate = sum(counted) / group.drawn_voters - share * group.valid_rate
        squares = sum(
            (vote - share * whole - rate * voters) ** 2
            for vote, whole, voters in zip(counted, sample.valid, sample.voters, strict=True)
        )
        part = group.factor * squares
        variance += part
        weight += part * part / (len(counted) - 1)
    freedom = variance * variance / weight if weight else math.inf
    return _quantile(freedom) * math.sqrt(variance) / valid


def _quantile(freedom: float) -> float:
    """97.5 % of Student's t by its expansion at the normal (Abramowitz and Stegun 26.7.5)."""
    if math.isinf(freedom):
        return Z95
    freedom = max(freedom, 1.0)
    first = (Z95**3 + Z95) / 4
    second = (5 * Z95**5 + 16 * Z95**3 + 3 * Z95) / 96
    third = (3 * Z95**7 + 19 * Z95**5 + 17 * Z95**3 - 15 * Z95) / 384
    return Z95 + first / freedom + second / freedom**2 + third / freedom**3
