"""The national stream of result sheets through the intake, beside a bare insert of the same lines.

    python bench/intake.py                     SQLite, then PostgreSQL with Redis
    python bench/intake.py --only sqlite --stream FOLDER
    python bench/intake.py --before ../before  beside another version, checked out there

192,848 sheets of 176,846 polling units go through `obidient results load`: repeats, corrections,
late revisions and refusals among them. Checked against what the generator says: the outcome of
every line, what counts in every unit, the totals of every state and LGA, and `results verify`.
The baseline inserts id, unit and line in commits of as many lines, checking nothing.
With `--before` the other version takes the same stream by its own benchmark, in turn.
The register and the generator are read from the folder that OBIDIENT_BENCH_DATA names.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rig import ROOT, Rig, in_turn, of_other, resident

from obidient.database import db, mark
from obidient.results import elections
from obidient.results.deciding import CHUNK
from obidient.results.models import Submission, Tally, UnitResult
from obidient.results.tally import as_total, worth

#: The folder of the register and the generator; `main` refuses to begin without it.
DATA = Path(os.environ.get("OBIDIENT_BENCH_DATA", ".")).resolve()
ONLY = {"SQLite": "sqlite", "PostgreSQL": "postgres"}
ELECTION = "NG-PRES-2023-SYNTHETIC"


def make_stream(folder: Path) -> None:
    """The seeded stream, 96 MB, and what must become of it."""
    script = [sys.executable, str(DATA / "make_pu_results.py"), "--out", str(folder)]
    subprocess.run([*script, "--reuploads", "--dirty", "0.02"], check=True, capture_output=True)


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def import_register(rig: Rig) -> None:
    obidient(rig, "register", "import", str(DATA / "polling_units.csv.gz"))


def make_election(status: str) -> None:
    parties = [
        {"partyCode": row["party_code"], "partyName": row["party_name"]}
        for row in rows_of(DATA / "parties_2023_presidential.csv")
    ]
    document = {"electionId": ELECTION, "electionName": "Synthetic", "parties": parties}
    elections.create(document | {"electionType": "presidential", "status": status})


def obidient(rig: Rig, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "obidient", *arguments],
        env=dict(os.environ) | rig.environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def bare_insert(path: Path) -> float:
    """Seconds of the baseline."""
    make = "CREATE TABLE bare (id {} PRIMARY KEY, submission_id text, unit text, line text)"
    db.execute_sql(make.format("integer" if mark() == "?" else "bigserial"))
    sql = "INSERT INTO bare (submission_id, unit, line) VALUES "
    began = time.monotonic()
    with path.open() as lines:
        rows: list[tuple[str, str, str]] = []

        def flush() -> None:
            marks = ", ".join([f"({mark()}, {mark()}, {mark()})"] * len(rows))
            with db.atomic():
                db.execute_sql(sql + marks, [value for row in rows for value in row])
            rows.clear()

        for line in lines:
            sheet = json.loads(line)
            rows.append((sheet["submission_id"], sheet["polling_unit_code"], line))
            if len(rows) == CHUNK:
                flush()
        flush()
    took = time.monotonic() - began
    db.execute_sql("DROP TABLE bare")
    return took


def load(rig: Rig, path: Path) -> tuple[float, list[float]]:
    """Seconds of `obidient results load`, and its memory in MB at each quarter of that time."""
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "obidient", "results", "load", str(path), "--election", ELECTION],
        env=dict(os.environ) | rig.environ,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    memory = []
    while child.poll() is None:
        memory.append(resident(child.pid))
        time.sleep(0.5)
    if child.returncode:
        raise SystemExit("results load failed")
    used = [megabytes for megabytes in memory if megabytes]
    quarters = [max(used[: max(1, len(used) * part // 4)]) for part in (1, 2, 3, 4)]
    return time.monotonic() - began, quarters


def wrong_outcomes(stream: Path) -> int:
    """Lines that did not become what they had to: the n-th of an id is its n-th row."""
    words = {"accept": "accepted"}
    query: Any = Submission.select(
        Submission.submission_id, Submission.repeat, Submission.status, Submission.reason
    ).where(Submission.election_id == ELECTION)
    found = {
        (name, repeat): f"reject:{reason}" if status == "rejected" else status
        for name, repeat, status, reason in query.tuples().iterator()
    }
    seen: Counter[str] = Counter()
    wrong = 0
    for row in rows_of(stream / "expectations.csv"):
        name = row["submission_id"]
        wanted = words.get(row["outcome"], row["outcome"])
        wrong += found.pop((name, seen[name]), "lost") != wanted
        seen[name] += 1
    return wrong + len(found)


def wrong_units(stream: Path) -> int:
    """Units in which something else counts than the truth."""
    rows = UnitResult.select().where(UnitResult.election_id == ELECTION)
    counted = {row.unit_code: worth(row) for row in rows.iterator() if row.figures}
    wrong = 0
    for row in rows_of(stream / "pu_results.csv"):
        wrong += not is_right(counted.pop(row["polling_unit_code"], None), row)
    return wrong + len(counted)


def wrong_totals(stream: Path) -> int:
    """Areas whose totals differ from the truth files: the nation, 37 states, 774 LGAs."""
    rows = Tally.select().where(Tally.election_id == ELECTION)
    stored = {row.area_code: as_total(row) for row in rows if len(row.area_code) <= 5}
    truth = json.loads((stream / "truth_national.json").read_text())
    nation, numbers = stored.pop("NG"), truth["totals"]
    names = ("units", "registered", "accredited", "valid", "rejected")
    wrong = int([getattr(nation, name) for name in names] != [numbers[name] for name in names])
    wrong += nation.votes != truth["votes"]
    for level in ("state", "lga"):
        for row in rows_of(stream / f"truth_{level}.csv"):
            code = row[f"{level}_code"]
            wrong += not is_right(stored.pop(code, None), row, int(row["units"]))
    return wrong + len(stored)


def is_right(total: Any, row: dict[str, str], units: int = 1) -> bool:
    if total is None:
        return False
    votes = {name: int(text) for name, text in row.items() if name.isupper() and int(text)}
    names = ("registered_voters", "accredited_voters", "valid_votes", "rejected_votes")
    return (
        total.units == units
        and [total.registered, total.accredited, total.valid, total.rejected]
        == [int(row[name]) for name in names]
        and {code: number for code, number in total.votes.items() if number} == votes
    )


def run(name: str, stream: Path) -> float:
    """Sheets a second."""
    path = stream / "submissions.ndjson"
    with Rig(embedded=name == "SQLite") as rig, path.open() as file:
        lines = sum(1 for _ in file)
        import_register(rig)
        make_election("ongoing")
        bare = lines / bare_insert(path)
        seconds, memory = load(rig, path)
        ours = lines / seconds
        quarters = ", ".join(f"{megabytes:,.0f}" for megabytes in memory)
        print(
            f"{name:<11} intake {ours:>7,.0f} sheets/s   bare insert {bare:>7,.0f} lines/s   "
            f"ratio {ours / bare:.2f}   peak MB by quarter {quarters}"
        )
        verified = obidient(rig, "results", "verify", ELECTION)
        wrong = wrong_outcomes(stream), wrong_units(stream), wrong_totals(stream)
        print(
            f"{'':<11} {lines:,} lines: {wrong[0]} wrong outcomes, {wrong[1]} wrong units, "
            f"{wrong[2]} wrong totals; verify: {verified.stdout.strip().splitlines()[-1]}"
        )
        if any(wrong) or verified.returncode:
            raise SystemExit("the intake is wrong")
    return ours


def other(root: Path, name: str, stream: Path) -> float:
    """Sheets a second of the version checked out at `root`, by its own benchmark."""
    arguments = ["--only", ONLY[name], "--stream", str(stream)]
    return of_other(root, "intake.py", arguments, r"intake +([\d,]+) sheets/s")


def need_data(parser: argparse.ArgumentParser) -> None:
    """End with a sentence when the folder of the data is not named."""
    if not (DATA / "polling_units.csv.gz").exists():
        parser.error("set OBIDIENT_BENCH_DATA to the folder of the register and the generator")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(ONLY.values()))
    parser.add_argument("--stream", type=Path, help="a folder that the generator has filled")
    parser.add_argument("--before", type=Path, help="where another version is checked out")
    chosen = parser.parse_args()
    need_data(parser)
    # The other version is asked in its own folder.
    os.environ["OBIDIENT_BENCH_DATA"] = str(DATA)
    with tempfile.TemporaryDirectory() as folder:
        stream = (chosen.stream or Path(folder)).resolve()
        if chosen.stream is None:
            make_stream(stream)
        for name, only in ONLY.items():
            if chosen.only not in (None, only):
                continue
            if chosen.before is None:
                run(name, stream)
            else:
                before = partial(other, chosen.before.resolve(), name, stream)
                in_turn(name, before, partial(run, name, stream))


if __name__ == "__main__":
    main()
