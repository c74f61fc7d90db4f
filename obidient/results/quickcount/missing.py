"""Whether what is still missing of a sample may be left out, or differs from what arrived."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

#: A difference that chance makes once in a hundred samples is told.
CHANCE = 0.01
Z99 = NormalDist().inv_cdf(1 - CHANCE / 2)


@dataclass(frozen=True)
class Drawn:
    """A unit of the sample and whether its sheet is here."""

    stratum: str
    voters: float
    ward_units: int
    arrived: bool


def warnings(drawn: Sequence[Drawn], names: Callable[[str], str]) -> list[str]:
    """Sentences; empty where nothing speaks against missing at random (which proves nothing)."""
    arrived = sum(unit.arrived for unit in drawn)
    if not arrived or arrived == len(drawn):
        return []
    found = []
    by_stratum = _by_stratum(drawn)
    uneven = _uneven(by_stratum)
    if uneven:
        worst = min(by_stratum, key=lambda name: (_rate(by_stratum[name]), name))
        found.append(
            f"What arrived is uneven: {_rate(by_stratum[worst]):.0%} in {names(worst)}, "
            f"{arrived / len(drawn):.0%} in all."
        )
    wards = _lean(by_stratum, lambda unit: math.log(unit.ward_units))
    if abs(wards) > Z99:
        what = "large wards, as in towns," if wards > 0 else "small wards, as in the country,"
        found.append(f"Units of {what} have arrived sooner than the others of their stratum.")
    sizes = _lean(by_stratum, lambda unit: unit.voters)
    if abs(sizes) > Z99:
        what = "large" if sizes > 0 else "small"
        found.append(f"Units that arrived are rather the {what} ones of their stratum.")
    if found:
        found.append(
            "What is missing differs from what is here, so the figures may be off by more than "
            "their margins say."
        )
    return found


def _by_stratum(drawn: Sequence[Drawn]) -> dict[str, list[Drawn]]:
    found: dict[str, list[Drawn]] = {}
    for unit in drawn:
        found.setdefault(unit.stratum, []).append(unit)
    return found


def _rate(units: Sequence[Drawn]) -> float:
    return sum(unit.arrived for unit in units) / len(units)


def _uneven(strata: dict[str, list[Drawn]]) -> bool:
    """A chi-square test that all strata report alike, by Wilson and Hilferty's approximation."""
    number = sum(map(len, strata.values()))
    rate = sum(unit.arrived for units in strata.values() for unit in units) / number
    freedom = len(strata) - 1
    if not freedom:
        return False
    square = sum(
        (sum(unit.arrived for unit in units) - rate * len(units)) ** 2
        / (len(units) * rate * (1 - rate))
        for units in strata.values()
    )
    spread = 2 / (9 * freedom)
    z = ((square / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return bool(z > NormalDist().inv_cdf(1 - CHANCE))


def _lean(strata: dict[str, list[Drawn]], value: Callable[[Drawn], float]) -> float:
    """By how many standard errors the arrived lie above those of their stratum, as if by lot."""
    sum_of, variance = 0.0, 0.0
    for units in strata.values():
        number, arrived = len(units), sum(unit.arrived for unit in units)
        if number < 2 or arrived in (0, number):
            continue
        mean = sum(map(value, units)) / number
        squares = sum((value(unit) - mean) ** 2 for unit in units)
        sum_of += sum(value(unit) - mean for unit in units if unit.arrived)
        variance += arrived * (1 - arrived / number) * squares / (number - 1)
    return sum_of / math.sqrt(variance) if variance else 0.0
