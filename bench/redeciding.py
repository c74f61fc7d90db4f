"""A nation's sheets decided again while others come in, and all of it counted anew from scratch.

    python bench/redeciding.py                     SQLite, then PostgreSQL with Redis
    python bench/redeciding.py --only postgres --late both

The national stream (see `intake.py`) comes before its election is open, or, with `--late both`,
before the register is imported as well: nothing of it counts. Then the election is opened, and the
worker decides the sheets again by itself; meanwhile an agent's desk brings a hundred sheets a
second of another election. Printed are how long the nation waits, and what the other desk does: its
requests, and how long its sheets wait for their outcome. In the end every outcome, unit and total
is as if nothing had been late. The baseline of the recount is reading the same rows and adding
nothing up.
The register and the generator are read from the folder that OBIDIENT_BENCH_DATA names.
"""

import argparse
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import intake
import sync
from rig import Rig, sheet

from obidient import database
from obidient.accounts import tokens
from obidient.accounts.models import User
from obidient.results import elections, provisional, recount
from obidient.results.models import AgentSheet, Submission, UnitResult

BESIDE = "beside"
#: Sheets of a request of the other desk, and requests a second.
EACH, RATE = 10, 10


@dataclass
class Desk:
    """Another election's sheets, at a steady pace from one client; an open loop."""

    port: int
    token: str
    units: list[str]
    times: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        began, number = time.monotonic(), 0
        while not self.over.is_set() and (number + 1) * EACH <= len(self.units):
            due = began + number / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            some = self.units[number * EACH : (number + 1) * EACH]
            votes = {"LP": 100, "APC": 45}
            sheets = [
                sheet(f"beside-{number}-{place}", BESIDE, unit, votes)
                for place, unit in enumerate(some)
            ]
            _, status, _ = sync.post(self.port, self.token, sync.packed(sheets))
            if status not in (200, 202):
                raise SystemExit(f"the other desk was answered {status}")
            # From the moment it was due: what is late is late here too.
            self.times.append(time.monotonic() - due)
            number += 1


def make_beside() -> str:
    """The other election, and a token for its desk."""
    parties = [{"partyCode": code} for code in ("LP", "APC")]
    document: dict[str, Any] = {"electionId": BESIDE, "electionName": "Beside", "parties": parties}
    elections.create(document | {"electionType": "presidential", "status": "ongoing"})
    user = User.create(email="desk@example.org", password_hash="-", role="admin", session_key="-")
    return tokens.issue(user, "phone", ["sync"])


def wait_until_decided_again() -> float:
    began = time.monotonic()
    while provisional.is_waiting():
        time.sleep(0.2)
        database.release()
    return time.monotonic() - began


def open_late(rig: Rig, stream: Path) -> None:
    """Open the election, with everybody working, and print what becomes of the two elections."""
    token = make_beside()
    units = [row["polling_unit_code"] for row in intake.rows_of(stream / "pu_results.csv")]
    rig.worker("results-sync")
    rig.wait_for_workers()
    with rig.web():
        desk = Desk(int(rig.environ["PORT"]), token, units)
        sync.post_warm(desk.port)
        thread = threading.Thread(target=desk.run)
        thread.start()
        time.sleep(5)
        elections.set_status(intake.ELECTION, "ongoing")
        took = wait_until_decided_again()
        desk.over.set()
        thread.join()
    number = Submission.select().where(Submission.election_id == intake.ELECTION).count()
    print(
        f"  opened late: {number:,} sheets decided again in {took:.0f} s ({number / took:,.0f}/s)"
    )
    print(sync.line_of("  meanwhile a request", desk.times))
    sync.wait_until_decided(number + len(desk.times) * EACH)
    waited = sorted(
        (row.processed_at - row.received_at).total_seconds()
        for row in Submission.select().where(Submission.election_id == BESIDE)
    )
    print(sync.line_of("  meanwhile an outcome", waited))


def count_anew() -> None:
    """The recount of `results verify`, beside a bare reading of what it reads."""
    began = time.monotonic()
    for table in (Submission, AgentSheet, UnitResult):
        for _ in table.select().tuples().iterator():
            """Read, and nothing else."""
    bare = time.monotonic() - began
    began = time.monotonic()
    wrong = recount.differences(intake.ELECTION)
    took = time.monotonic() - began
    units = UnitResult.select().where(UnitResult.election_id == intake.ELECTION).count()
    print(f"  recount of {units:,} units {took:.1f} s; only reading the rows {bare:.1f} s")
    if wrong:
        raise SystemExit(f"{len(wrong)} differences: {wrong[0]}")


def run(name: str, embedded: bool, stream: Path, late: str) -> None:
    with Rig(embedded) as rig:
        print(name)
        if late == "election":
            intake.import_register(rig)
        intake.make_election("scheduled")
        seconds, _ = intake.load(rig, stream / "submissions.ndjson")
        print(f"  refused at first: {seconds:.0f} s")
        if late == "both":
            began = time.monotonic()
            intake.import_register(rig)
            print(f"  register imported last: {time.monotonic() - began:.0f} s")
        open_late(rig, stream)
        wrong = (
            intake.wrong_outcomes(stream),
            intake.wrong_units(stream),
            intake.wrong_totals(stream),
        )
        print(f"  {wrong[0]} wrong outcomes, {wrong[1]} wrong units, {wrong[2]} wrong totals")
        count_anew()
        if any(wrong):
            raise SystemExit("what was late does not count as it should")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--late", choices=["election", "both"], default="election")
    parser.add_argument("--stream", type=Path, help="a folder that the generator has filled")
    chosen = parser.parse_args()
    intake.need_data(parser)
    with tempfile.TemporaryDirectory() as name:
        stream = chosen.stream or Path(name)
        if chosen.stream is None:
            intake.make_stream(stream)
        if chosen.only != "postgres":
            run("SQLite", True, stream, chosen.late)
        if chosen.only != "sqlite":
            run("PostgreSQL", False, stream, chosen.late)


if __name__ == "__main__":
    main()
