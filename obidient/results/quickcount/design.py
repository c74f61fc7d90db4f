"""Strata, how many units of each, and which: by a published seed, so that anybody can draw again.

Within a stratum the units are ordered by the SHA-256 of `SEED:CODE` (text in UTF-8, compared as
hexadecimal) and the first are taken: every set of that size is as likely, and a page of any
programming language can check it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from statistics import fmean, pstdev
from typing import Any

from obidient.errors import Invalid
from obidient.results.live.tiles import TILES

KINDS = ("zones", "states", "lgas", "wards")
#: Length of the code that names a unit's stratum.
_LENGTHS = {"states": 2, "lgas": 5, "wards": 8}
ALLOCATIONS = ("proportional", "optimal")
#: Fewer tell nothing of how the units of a stratum differ.
LEAST = 2

#: The six geopolitical zones, by abbreviation of the state.
_ZONES = {
    "NW": "JI KD KN KT KE SO ZA",
    "NE": "AD BA BO GO TA YO",
    "NC": "BE KO KW NA NI PL FC",
    "SW": "EK LA OG ON OS OY",
    "SE": "AB AN EB EN IM",
    "SS": "AK BY CR DE ED RI",
}
_ZONE_OF = {short: zone for zone, states in _ZONES.items() for short in states.split()}
#: Code of a state -> its zone.
ZONES = {code: _ZONE_OF[short] for code, (short, _, _) in TILES.items()}


@dataclass(frozen=True)
class Unit:
    """A polling unit as the register has it; `voters` is None where it has no figure."""

    code: str
    voters: int | None


@dataclass
class Stratum:
    """`voters` are all of its units', unknown ones at the mean of the known."""

    name: str
    units: int
    voters: float
    mean: float
    #: By how much its units differ in voters.
    deviation: float
    drawn: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def stratum_of(code: str, kind: str) -> str:
    return ZONES[code[:2]] if kind == "zones" else code[: _LENGTHS[kind]]


def zone_of(stratum: str) -> str:
    """What is nearest to a stratum: a state's zone, an LGA's state, a ward's LGA."""
    if len(stratum) == 2:
        return ZONES.get(stratum, "")
    return stratum.rpartition("-")[0]


def strata_of(units: Iterable[Unit], kind: str) -> tuple[list[Stratum], dict[str, list[Unit]]]:
    """The strata by name, and the units of each. Raises Invalid when there is no register."""
    members: dict[str, list[Unit]] = {}
    for unit in units:
        members.setdefault(stratum_of(unit.code, kind), []).append(unit)
    if not members:
        raise Invalid("The register has no polling units here: import one first.")
    known = [unit.voters for some in members.values() for unit in some if unit.voters]
    usual = fmean(known) if known else 1.0
    strata = []
    for name, some in sorted(members.items()):
        sizes = [unit.voters for unit in some if unit.voters]
        mean = fmean(sizes) if sizes else usual
        deviation = pstdev(sizes) if len(sizes) > 1 else 0.0
        total = sum(sizes) + mean * (len(some) - len(sizes))
        strata.append(Stratum(name, len(some), total, mean, deviation or mean / 2))
    return strata, members


def allocate(
    strata: Sequence[Stratum],
    size: int,
    allocation: str = "proportional",
    turnout: Mapping[str, float] | None = None,
) -> None:
    """Say how many units of each stratum are drawn, `size` in all.

    `proportional`: to the voters; `optimal`: to units times the deviation of their voters (Neyman
    1934), so that strata of unlike units get more. `turnout` of last time, a share by stratum,
    weighs both. No stratum gets fewer than two units (or all it has) nor more than it has.
    """
    least = sum(min(LEAST, one.units) for one in strata)
    most = sum(one.units for one in strata)
    if not least <= size <= most:
        raise Invalid(f"The sample must have from {least:,} to {most:,} polling units.")
    share = turnout or {}
    weights = {
        one.name: share.get(one.name, 1.0)
        * (one.voters if allocation == "proportional" else one.units * one.deviation)
        for one in strata
    }
    fixed: dict[str, int] = {}
    free = list(strata)
    while True:
        left = size - sum(fixed.values())
        total = sum(weights[one.name] for one in free) or 1.0
        wanted = {one.name: left * weights[one.name] / total for one in free}
        low = [one for one in free if wanted[one.name] < min(LEAST, one.units)]
        high = [one for one in free if wanted[one.name] > one.units]
        if not low and not high:
            break
        # One side at a time: what one gets too little, another may have too much.
        for one in low or high:
            fixed[one.name] = min(LEAST, one.units) if low else one.units
        free = [one for one in free if one.name not in fixed]
    whole = {name: math.floor(number) for name, number in wanted.items()}
    rest = size - sum(fixed.values()) - sum(whole.values())
    by_rest = sorted(wanted, key=lambda name: (whole[name] - wanted[name], name))
    for name in by_rest[:rest]:
        whole[name] += 1
    for one in strata:
        one.drawn = fixed.get(one.name, whole.get(one.name, 0))
    _place_the_rest(strata, size - sum(one.drawn for one in strata))


def _place_the_rest(strata: Sequence[Stratum], rest: int) -> None:
    """Draw `rest` more where the weighty strata are full: one each, most units to spare first."""
    while rest > 0:
        spare = [one for one in strata if one.drawn < one.units]
        for one in sorted(spare, key=lambda one: (one.drawn - one.units, one.name))[:rest]:
            one.drawn += 1
            rest -= 1


def draw(units: Sequence[Unit], number: int, seed: str) -> list[Unit]:
    """The units of one stratum that a seed chooses."""
    return sorted(units, key=lambda unit: sha256(f"{seed}:{unit.code}".encode()).hexdigest())[
        :number
    ]
