"""Declared figures of 774 LGAs beside readings of 123,918 sheets: what is found, and why.

    python bench/collation.py [--most 10]

Real figures, read by volunteers, contested and noisy: they try the comparison, and say nothing
about an election. Printed are how many areas are of which kind, and for the largest differences
what decides between a misread sheet and a wrong sum: how few sheets could carry it, how many units
are in, and how many of their sheets contradict themselves.
The register and the figures are read from the folder that OBIDIENT_BENCH_DATA names.
"""

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import intake
from rig import Rig

from obidient.areas import area_name, parent_of
from obidient.results import deciding, elections
from obidient.results.collation import compare, declare, largest
from obidient.results.models import Submission

ELECTION = "NG-PRES-2023-VOLUNTEERS"
PARTIES = ("APC", "LP", "NNPP", "PDP")


def sheets(path: Path) -> Iterator[dict[str, Any]]:
    """A sheet for each unit that was read: four parties, and no rejected votes."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in intake.csv.DictReader(file):
            votes = {party: int(row[party]) for party in PARTIES}
            valid = sum(votes.values())
            yield {
                "submissionId": f"read-{row['polling_unit_code']}",
                "pollingUnitCode": row["polling_unit_code"],
                "revision": 1,
                "submittedAt": "2023-02-25T20:00:00Z",
                "deviceId": "volunteers",
                "registeredVoters": int(row["registered_voters"]) or None,
                "accreditedVoters": int(row["accredited_voters"]),
                "votes": votes,
                "validVotes": valid,
                "rejectedVotes": 0,
                "votesCast": valid,
            }


def declared(name: str, column: str) -> list[dict[str, Any]]:
    return [
        {"area": row[column], "votes": {party: int(row[party]) for party in PARTIES}}
        for row in intake.rows_of(intake.DATA / name)
    ]


def refused() -> dict[str, Counter[str]]:
    """By LGA, how many sheets were not taken, and why."""
    found: dict[str, Counter[str]] = {}
    rows: Any = Submission.select(Submission.unit_code, Submission.reason).where(
        Submission.status == "rejected"
    )
    for code, reason in rows.tuples().iterator():
        found.setdefault(code[:5], Counter())[reason] += 1
    return found


def tell(finding: compare.Finding, out: Counter[str]) -> None:
    """One of the largest differences, in a few lines."""
    state = area_name(str(parent_of(finding.code)))
    print(f"\n{finding.name} ({finding.code}, {state}): {finding.kind}, {finding.effect:,} votes")
    told = ", ".join(f"{number:,} {reason}" for reason, number in out.most_common()) or "none"
    print(f"  {finding.ours.units:,} of {finding.units:,} units in; sheets not taken: {told}")
    for line in finding.lines:
        print(f"  {line.party:<5} declared {line.declared:>7,}   sheets {line.ours:>7,}")
    for one in largest.carried(finding):
        print(f"  {one.sentence}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--most", type=int, default=10, help="differences that are told one by one")
    chosen = parser.parse_args()
    intake.need_data(parser)
    with Rig(embedded=True) as rig:
        intake.import_register(rig)
        parties = [{"partyCode": party} for party in PARTIES]
        document: dict[str, Any] = {"electionId": ELECTION, "electionName": "As read"}
        document |= {"electionType": "presidential", "status": "ongoing", "parties": parties}
        elections.create(document)
        counts = deciding.load(
            sheets(intake.DATA / "results_2023_presidential_by_polling_unit.csv.gz"), ELECTION
        )
        print("sheets:", json.dumps(dict(counts)))
        rows = declared("results_2023_presidential_by_lga.csv", "lga_code")
        rows += declared("results_2023_presidential_by_state.csv", "state_code")
        declare.declare(ELECTION, rows, "2023")
        found = compare.findings(ELECTION)
        for level in ("state", "lga"):
            kinds = Counter(one.kind for one in found if one.level == level)
            print(f"{level}: " + ", ".join(f"{n:,} {kind}" for kind, n in kinds.most_common()))
        out = refused()
        lgas = [one for one in found if one.level == "lga"]
        for finding in lgas[: chosen.most]:
            tell(finding, out.get(finding.code, Counter()))


if __name__ == "__main__":
    main()
