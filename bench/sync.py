"""A thousand devices come back within one minute, each with fifty reports, beside a bare server.

    python bench/sync.py                     SQLite, then PostgreSQL with Redis
    python bench/sync.py --only postgres --devices 1000 --reports 50 --seconds 60

Each device sends its reports in one gzipped request at a moment of its own. The time of each
request is measured at the client, from the connection on. Who is told 429 comes back after the
seconds of its Retry-After, as the agent page does; how many were is printed. One worker process
decides the sheets; afterwards every sheet must be accepted, every unit counted once, and the totals
verified.
The baseline is a server that reads the same bodies, under the same gunicorn settings and at the
same pace, and answers {}: what the machine and the client cost by themselves.
"""

import argparse
import gzip
import http.client
import json
import os
import random
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rig import Rig, gunicorn, sheet
from servers import free_port

from obidient.accounts import tokens
from obidient.accounts.models import User
from obidient.areas import Area
from obidient.database import db
from obidient.results import elections, recount, register
from obidient.results.models import Submission, UnitResult

ELECTION = "bench"
CLIENTS = 200
PATIENCE = 150.0


def unit(number: int) -> str:
    """Units of LGA 24-11: a thousand a ward."""
    return f"24-11-{number // 1000:02d}-{number % 1000:03d}"


def make_world(devices: int, reports: int) -> list[str]:
    """A register, an election, an agent and a token for each device."""
    codes = [unit(number) for number in range(devices * reports)]
    rows = [(code, code[:8], "unit", code, 600) for code in codes]
    fields = [Area.code, Area.parent, Area.level, Area.name, Area.registered_voters]
    made: list[str] = []
    with db.atomic():
        for start in range(0, len(rows), 2_000):
            Area.insert_many(rows[start : start + 2_000], fields=fields).execute()
        for number in range(devices):
            user = User.create(
                email=f"desk{number}@example.org", password_hash="-", role="admin", session_key="-"
            )
            # Fifty units each: an agent may report for one alone.
            made.append(tokens.issue(user, "phone", ["sync"]))
    register.add_up()
    elections.create(
        {
            "electionId": ELECTION,
            "electionName": "Bench",
            "electionType": "presidential",
            "status": "ongoing",
            "parties": [{"partyCode": code} for code in ("LP", "APC", "PDP", "NNPP")],
        }
    )
    return made


def body(device: int, reports: int) -> bytes:
    sheets = []
    for number in range(device * reports, (device + 1) * reports):
        votes = {"LP": 100 + number % 50, "APC": 45, "PDP": number % 30, "NNPP": 3}
        sheets.append(
            sheet(f"bench-{number}", ELECTION, unit(number), votes, device=f"DEV-{device}")
        )
    return packed(sheets)


def packed(sheets: list[dict[str, Any]]) -> bytes:
    """A request's body, as a phone sends it."""
    return gzip.compress(json.dumps({"submissions": sheets}).encode())


def post(port: int, token: str, content: bytes) -> tuple[float, int, float]:
    """How long one request took, its status, and the seconds after which to come back."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }
    began = time.perf_counter()
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        line.request("POST", "/api/sync/submissions", content, headers)
        answer = line.getresponse()
        answer.read()
        wait = float(answer.headers.get("Retry-After") or 1)
        return time.perf_counter() - began, answer.status, wait
    finally:
        line.close()


def wave(port: int, made: list[str], bodies: list[bytes], seconds: float) -> list[float]:
    """Every device at a moment of its own; returns the times of all requests."""
    chance = random.Random(7)
    moments = sorted(chance.uniform(0, seconds) for _ in made)
    began = time.monotonic()
    statuses: list[int] = []
    times: list[float] = []
    lock = threading.Lock()

    def device(place: int) -> None:
        time.sleep(max(0.0, began + moments[place] - time.monotonic()))
        status = 429
        while status == 429:
            took, status, wait = post(port, made[place], bodies[place])
            with lock:
                times.append(took)
                statuses.append(status)
            if status == 429:
                time.sleep(wait)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(device, range(len(made))))
    if 429 in statuses:
        print(f"  told to come back later: {statuses.count(429)} of {len(statuses):,} requests")
    wrong = [status for status in statuses if status not in (200, 202, 429)]
    if wrong:
        raise SystemExit(f"{len(wrong)} requests were answered {sorted(set(wrong))}")
    return times


def serving(
    application: str, environ: dict[str, str], work: Callable[[int], list[float]]
) -> list[float]:
    """Run `work` against a gunicorn of ours."""
    port = free_port()
    with gunicorn(environ | {"PORT": str(port)}, subprocess.DEVNULL, application):
        post_warm(port)
        return work(port)


def post_warm(port: int) -> None:
    """The first request of each process pays for its imports."""
    for _ in range(8):
        post(port, "none", gzip.compress(b"{}"))


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


def line_of(name: str, times: list[float]) -> str:
    return (
        f"{name:<26} median {statistics.median(times) * 1000:>6.0f} ms   "
        f"p99 {percentile(times, 0.99):>6.0f} ms   most {max(times) * 1000:>6.0f} ms"
    )


def wait_until_decided(number: int) -> float:
    """Seconds until all sheets are decided."""
    began = time.monotonic()
    while Submission.select().where(Submission.status != "received").count() < number:
        if time.monotonic() - began > PATIENCE:
            raise SystemExit("not decided in time")
        time.sleep(0.2)
    return time.monotonic() - began


def run(name: str, embedded: bool, devices: int, reports: int, seconds: float) -> None:
    with Rig(embedded) as rig:
        made = make_world(devices, reports)
        bodies = [body(device, reports) for device in range(devices)]
        part = max(1, devices // 5)

        def baseline() -> list[float]:
            slice_ = made[:part], bodies[:part], seconds / 5
            return serving("served:reads", rig.environ, lambda port: wave(port, *slice_))

        before = baseline()
        rig.worker("results-sync")
        ours = serving("wsgi:app", rig.environ, lambda port: wave(port, made, bodies, seconds))
        decided = wait_until_decided(devices * reports)
        after = baseline()
        busy = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        print(f"{name}: {devices:,} devices x {reports} reports within {seconds:.0f} s; {busy}")
        print(line_of("  intake", ours))
        print(line_of("  bare server, same bodies", before + after))
        print(f"  all decided {decided:.1f} s after the last request")
        accepted = Submission.select().where(Submission.status == "accepted").count()
        counted = UnitResult.select().where(UnitResult.figures != "").count()
        if not accepted == counted == devices * reports or recount.differences(ELECTION):
            raise SystemExit(f"the count is wrong: {accepted} accepted, {counted} units")
        print(f"  {accepted:,} accepted, {counted:,} units counted, totals verified")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--reports", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    chosen = parser.parse_args()
    shape = chosen.devices, chosen.reports, chosen.seconds
    if chosen.only != "postgres":
        run("SQLite", True, *shape)
    if chosen.only != "sqlite":
        run("PostgreSQL", False, *shape)


if __name__ == "__main__":
    main()
