"""Does the quick count's margin hold the truth in 95 of 100 samples? Synthetic national count.

    OBIDIENT_BENCH_DATA=FOLDER python bench/quickcount.py [--samples 10000] [--size 2000]

Draws many samples from one synthetic truth (its generator is in FOLDER) by the project's own
allocation and estimates, from a seed fixed beforehand, and counts how often a party's share and the
lead lie within their margins: with all reports, with a tenth missing at random, and with units of
small wards late. Only the lot is another: random numbers are quicker than hashes, and as fair.
"""

import argparse
import csv
import gzip
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from obidient.results.quickcount import design, missing
from obidient.results.quickcount.estimate import Sample, estimate

PARTIES = ("APC", "PDP", "LP", "NNPP")
SEED = 20270220
#: Of the units in wards smaller than the state's middle one, this share has not arrived.
LATE = 0.5


def load(folder: Path, truth: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Strata with a row for each unit, and the true shares and lead."""
    register = folder / "polling_units.csv.gz"
    with gzip.open(register, "rt", encoding="utf-8-sig", newline="") as file:
        voters = {
            row["polling_unit_code"]: int(row["registered_voters"] or 0) or None
            for row in csv.DictReader(file)
        }
    units = [design.Unit(code, number) for code, number in sorted(voters.items())]
    strata, members = design.strata_of(units, "states")
    wards = Counter(unit.code[:8] for unit in units)
    rows: dict[str, tuple[int, list[int]]] = {}
    total: Counter[str] = Counter()
    with truth.open(newline="") as file:
        for row in csv.DictReader(file):
            votes = [int(row[party]) for party in PARTIES]
            valid = int(row["valid_votes"])
            rows[row["polling_unit_code"]] = (valid, votes)
            total["valid"] += valid
            total.update(dict(zip(PARTIES, votes, strict=True)))
    population: dict[str, Any] = {}
    for one in strata:
        some = members[one.name]
        middle = sorted(wards[unit.code[:8]] for unit in some)[len(some) // 2]
        population[one.name] = (
            one,
            [
                (unit.voters or one.mean, *rows[unit.code], wards[unit.code[:8]],
                 wards[unit.code[:8]] < middle)
                for unit in some
            ],
        )  # fmt: skip
    truth_of = {party: total[party] / total["valid"] for party in PARTIES}
    truth_of["lead"] = truth_of[PARTIES[0]] - truth_of[PARTIES[1]]
    return population, truth_of


def arrived(chosen: list[Any], scenario: str, lot: random.Random) -> list[Any]:
    """What has come of the units drawn."""
    if scenario == "tenth":
        return [row for row in chosen if lot.random() >= 0.1]
    if scenario == "late":
        return [row for row in chosen if not row[4] or lot.random() >= LATE]
    return chosen


def run(job: tuple[Path, Path, str, str, int, int, int]) -> dict[str, Any]:
    folder, truth_file, allocation, scenario, size, samples, seed = job
    population, truth = load(folder, truth_file)
    design.allocate([one for one, _ in population.values()], size, allocation)
    lot = random.Random(f"{seed}:{scenario}:{allocation}")
    held: Counter[str] = Counter()
    off: Counter[str] = Counter()
    wide: Counter[str] = Counter()
    warned = 0
    for number in range(samples):
        strata, drawn = {}, []
        for name, (one, rows) in population.items():
            chosen = lot.sample(rows, one.drawn)
            came = arrived(chosen, scenario, lot)
            strata[name] = Sample(
                one.units,
                one.voters,
                [row[0] for row in came],
                [row[1] for row in came],
                {party: [row[2][place] for row in came] for place, party in enumerate(PARTIES)},
            )
            if scenario != "all" and number < 500:
                here = set(map(id, came))
                drawn += [missing.Drawn(name, row[0], row[3], id(row) in here) for row in chosen]
        found = estimate(strata, PARTIES, design.zone_of)
        assert found is not None
        if drawn:
            warned += bool(missing.warnings(drawn, str))
        shares = found.shares | {"lead": found.lead(PARTIES[0], PARTIES[1])}
        for name, share in shares.items():
            held[name] += abs(share.share - truth[name]) <= share.margin
            off[name] += share.share - truth[name]  # type: ignore[assignment]
            wide[name] += share.margin  # type: ignore[assignment]
    return {
        "samples": samples,
        "held": held,
        "off": off,
        "wide": wide,
        "warned": warned,
        "looked": min(samples, 500) if scenario != "all" else 0,
        "truth": truth,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=2_000)
    parser.add_argument("--allocation", choices=design.ALLOCATIONS, default="proportional")
    parser.add_argument("--only", choices=("all", "tenth", "late"))
    parser.add_argument("--truth", type=Path, help="pu_results.csv of the generator, if at hand")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    place = os.environ.get("OBIDIENT_BENCH_DATA")
    if not place:
        print("Set OBIDIENT_BENCH_DATA to the folder with the generator and the register.")
        return 2
    folder = Path(place)
    with tempfile.TemporaryDirectory() as scratch:
        truth = given.truth or Path(scratch) / "pu_results.csv"
        if given.truth is None:
            generator = [sys.executable, str(folder / "make_pu_results.py"), "--format", "csv"]
            subprocess.run([*generator, "--out", scratch], check=True, stdout=subprocess.DEVNULL)
        for scenario in ("all", "tenth", "late"):
            if given.only in (None, scenario):
                tell(scenario, given, folder, truth)
    return 0


def tell(scenario: str, given: Any, folder: Path, truth: Path) -> None:
    """One line for each party and the lead."""
    began = time.monotonic()
    parts = given.processes
    jobs = [
        (folder, truth, given.allocation, scenario, given.size, given.samples // parts, SEED + part)
        for part in range(parts)
    ]
    if parts == 1:
        results = [run(jobs[0])]
    else:
        with ProcessPoolExecutor(parts) as pool:
            results = list(pool.map(run, jobs))
    samples = sum(one["samples"] for one in results)
    title = {"all": "all reports", "tenth": "a tenth missing at random",
             "late": f"{LATE:.0%} of the units in small wards late"}[scenario]  # fmt: skip
    print(f"{given.allocation}, {given.size:,} units, {samples:,} samples: {title}")
    for name in (*PARTIES, "lead"):
        held = sum(one["held"][name] for one in results) / samples
        off = sum(one["off"][name] for one in results) / samples
        wide = sum(one["wide"][name] for one in results) / samples
        print(
            f"  {name:5} true {results[0]['truth'][name]:8.3%}  held {held:7.2%}  "
            f"off on average {off:+8.3%}  margin ±{wide:.3%}"
        )
    looked = sum(one["looked"] for one in results)
    if looked:
        print(f"  warned in {sum(one['warned'] for one in results) / looked:.1%} of the samples")
    print(f"  {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
