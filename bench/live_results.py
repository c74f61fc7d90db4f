"""What the live count costs: a miss at two sizes, hits beside an empty answer, a crowd at a miss.

    python bench/live_results.py                    everything, about ten minutes; needs wrk
    python bench/live_results.py --only misses
    python bench/live_results.py --only hits --rounds 5 --seconds 3

Misses: an election of 176,846 reported units and 18 parties, and one of 1,000 units, asked in turn
with nothing cached; the time of the whole request inside the server, on both databases.
Hits: gunicorn with two workers and our gunicorn.conf.py, beside a WSGI app that answers "{}" on the
same settings and a Flask view that asks Redis; rounds alternate, the medians of the ratios count.
The processor time that workers use for a request says the same on a machine that others use too.
Crowd: 200 clients at once find the document gone; the log tells how often it was counted.
"""

import argparse
import contextlib
import random
import re
import socket
import statistics
import subprocess
import threading
import time
from typing import Any

from rig import Rig
from wrk import Load, Web, load, served, wrk

from obidient.areas import LGAS, ancestors
from obidient.bulk import put
from obidient.clock import utcnow
from obidient.database import db
from obidient.results import elections, generation, tally
from obidient.results.models import UnitResult
from obidient.results.sheets import Figures
from obidient.results.tally import Total, worth

PARTIES = "A AA AAC ADC ADP APC APGA APM APP BP LP NNPP NRM PDP PRP SDP YPP ZLP".split()
UNITS, FEW = 176_846, 1_000
PLACE = "/api/live-results/elections"
CLIENTS = 200


def fill(election_id: str, units: int) -> None:
    """An election of which `units` polling units have reported, in wards of 20 all over."""
    rng = random.Random(units)
    elections.create(
        {
            "electionId": election_id,
            "electionName": f"{units:,} polling units",
            "electionType": "presidential",
            "status": "ongoing",
            "parties": [{"partyCode": code} for code in PARTIES],
        }
    )
    totals: dict[str, Total] = {}
    rows: list[dict[str, Any]] = []
    lgas = sorted(LGAS)
    for number in range(units):
        lga, place = lgas[number % len(lgas)], number // len(lgas)
        votes = {code: rng.randrange(60) for code in PARTIES}
        valid = sum(votes.values())
        figures = Figures(3 * valid + 100, valid + 20, valid, 10, votes).dumps()
        unit = UnitResult(
            election_id=election_id,
            unit_code=f"{lga}-{1 + place // 20:02d}-{1 + place % 20:03d}",
            figures=figures,
            updated_at=utcnow(),
        )
        rows.append(unit.__data__)
        for code in ancestors(unit.unit_code)[1:]:
            totals.setdefault(code, Total()).add(worth(unit))
    with db.atomic():
        put(UnitResult, rows)
        tally.write(election_id, totals, utcnow())


# ---- misses -------------------------------------------------------------------------------------


def miss(rig: Rig, address: str, election_id: str) -> float:
    """Milliseconds of one request that finds nothing cached."""
    generation.invalidate(election_id)
    client = rig.app.test_client()
    began = time.perf_counter()
    answer = client.get(address)
    took = time.perf_counter() - began
    if answer.status_code != 200:
        raise SystemExit(f"{address}: {answer.status}")
    return took * 1000


def misses(rig: Rig, name: str, rounds: int = 200) -> None:
    for what, path in (("live-summary", "live-summary"), ("areas/NG", "areas/NG")):
        few: list[float] = []
        all_of_them: list[float] = []
        for _ in range(rounds):
            few.append(miss(rig, f"{PLACE}/small/{path}", "small"))
            all_of_them.append(miss(rig, f"{PLACE}/big/{path}", "big"))
        ratio = statistics.median(a / b for a, b in zip(all_of_them, few, strict=True))
        print(
            f"{name:<11} miss of {what:<13} {FEW:,} units {statistics.median(few):5.2f} ms   "
            f"{UNITS:,} units {statistics.median(all_of_them):5.2f} ms   ratio {ratio:.2f}"
        )
    began = time.perf_counter()
    recounted = Total()
    for row in UnitResult.select().where(UnitResult.election_id == "big").iterator():
        recounted.add(worth(row))
    print(f"{name:<11} the same by adding up {UNITS:,} rows {time.perf_counter() - began:5.1f} s")


# ---- hits ---------------------------------------------------------------------------------------


def etag_of(url: str) -> str:
    done = subprocess.run(["curl", "-sI", url], capture_output=True, text=True, check=True)
    found = re.search(r"(?i)^etag: (.+?)\r?$", done.stdout, re.MULTILINE)
    assert found
    return found[1]


def compare(
    name: str, bare: Web, ways: dict[str, tuple[Web, str, tuple[str, ...]]], rounds: int, secs: int
) -> None:
    """Each way beside the bare answer to the same request; the machine is not alone."""
    pairs: dict[str, list[tuple[Load, Load]]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, (web, path, options) in ways.items():
            # Below the same path, since our access log leaves that one out.
            pair = load(bare, f"{PLACE}/x", secs, *options), load(web, path, secs, *options)
            if number:  # the first is to warm up
                pairs[way].append(pair)
    middle = statistics.median
    rate = middle(most.rate for most, _ in pairs["live-summary"])
    cost = middle(most.cost for most, _ in pairs["live-summary"])
    print(f"{name:<11} {'bare {}':<22} {rate:>7,.0f}/s   {cost:4.0f} µs of CPU each")
    for way, measured in pairs.items():
        print(
            f"{name:<11} {way:<22} {middle(ours.rate for _, ours in measured):>7,.0f}/s   "
            f"{middle(ours.cost for _, ours in measured):4.0f} µs   ratio of rates "
            f"{middle(ours.rate / most.rate for most, ours in measured):.2f}, "
            f"of CPU {middle(most.cost / ours.cost for most, ours in measured):.2f}"
        )


def hits(rig: Rig, name: str, rounds: int, seconds: int) -> None:
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(served(rig))
        bare = stack.enter_context(served(rig, "served:bare"))
        path = f"{PLACE}/big/live-summary"
        known = ("-H", f"If-None-Match: {etag_of(ours.address + path)}")
        packed = ("-H", "Accept-Encoding: gzip")
        ways: dict[str, tuple[Web, str, tuple[str, ...]]] = {
            "live-summary": (ours, path, ()),
            "… gzipped": (ours, path, packed),
            "… unchanged (304)": (ours, path, known),
            "page /results/big": (ours, "/results/big", packed),
        }
        if rig.environ.get("REDIS_URL"):
            plain = stack.enter_context(served(rig, "served:flask_redis"))
            ways["Flask view, Redis GET"] = (plain, f"{PLACE}/x", ())
        compare(name, bare, ways, rounds, seconds)
        script = ours.folder / "pace.lua"
        # 20 connections that wait 19 ms on average between requests: 1,000 a second.
        script.write_text("function delay() return math.random(9, 29) end\n")
        for way, web in (("bare {}", bare), ("live-summary", ours)):
            runs = [
                wrk(web.address + path, seconds, "-c20", "-s", str(script)) for _ in range(rounds)
            ]
            rate, slowest = (statistics.median(values) for values in zip(*runs, strict=True))
            best = min(slow for _, slow in runs)
            print(
                f"{name:<11} {way:<22} {rate:>7,.0f}/s   p99 {slowest:.2f} ms, best run {best:.2f}"
            )
        log = (ours.folder / "server.log").read_text()
        print(f"{name:<11} {log.count('Cache hit'):,} hit lines in {len(log) / 1e3:,.0f} kB of log")


# ---- a crowd ------------------------------------------------------------------------------------


def crowd(rig: Rig, name: str) -> None:
    """Everybody asks at once when nobody has the document: on one key, gone."""
    with served(rig) as web:
        port = int(web.address.rsplit(":", 1)[1])
        request = f"GET {PLACE}/big/live-summary HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        log = web.folder / "server.log"
        counts, times = [], []
        for _ in range(5):
            generation.invalidate("big")
            before = log.read_text().count("Cache miss") if log.exists() else 0
            answers, took = ask_together(port, request.encode())
            if answers != CLIENTS:
                raise SystemExit(f"{CLIENTS - answers} clients got no answer")
            time.sleep(0.2)
            counts.append(log.read_text().count("Cache miss") - before)
            times.append(took * 1000)
        print(
            f"{name:<11} {CLIENTS} clients on a missing key: counted {max(counts)} time(s) at "
            f"most in {len(counts)} rounds; all answered in {statistics.median(times):,.0f} ms"
        )
        if max(counts) != 1:
            raise SystemExit("a stampede")


def ask_together(port: int, request: bytes) -> tuple[int, float]:
    """How many of the clients got the document, and seconds until the last had it."""
    start = threading.Barrier(CLIENTS + 1)
    good: list[bool] = []

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port)) as client:
            start.wait()
            client.sendall(request)
            answer = b""
            while part := client.recv(65536):
                answer += part
            good.append(answer.startswith(b"HTTP/1.1 200"))

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return sum(good), time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["misses", "hits", "crowd"])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgres"])
    chosen = parser.parse_args()
    for name, embedded in (("SQLite", True), ("PostgreSQL", False)):
        if chosen.database and chosen.database != ("sqlite" if embedded else "postgres"):
            continue
        with Rig(embedded) as rig:
            fill("small", FEW)
            fill("big", UNITS)
            if chosen.only in (None, "misses"):
                misses(rig, name)
            if chosen.only in (None, "hits"):
                hits(rig, name, chosen.rounds, chosen.seconds)
            # Without Redis each process of a host counts for itself; there is one by default.
            if chosen.only in (None, "crowd") and not embedded:
                crowd(rig, name)


if __name__ == "__main__":
    main()
