"""The real register's stream for one state, in pieces, twice, in parallel, while things die."""

import csv
import gzip
import json
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from flask import Flask

from obidient.results import elections, recount, register
from obidient.results.models import Submission, Tally
from obidient.results.tally import as_total

DATA = ROOT.parent / "shared" / "data"
ELECTION = "NG-PRES-2023-SYNTHETIC"
STATE = "37"
SENDERS = 4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the register lies in ../shared/data"),
]


@pytest.fixture(scope="session")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sheets of one state with resends, corrections and faults, and what must become of each."""
    folder = tmp_path_factory.mktemp("stream")
    script = [sys.executable, str(DATA / "make_pu_results.py"), "--out", str(folder)]
    options = ["--states", STATE, "--reuploads", "--dirty", "0.02", "--format", "ndjson"]
    subprocess.run([*script, *options], check=True, capture_output=True)
    return folder


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@pytest.fixture
def world(app: Flask, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    with gzip.open(DATA / "polling_units.csv.gz", "rt", encoding="utf-8") as whole:
        lines = iter(whole)
        head = next(lines)
        place = head.strip().split(",").index("state_code")
        wanted = [line for line in lines if line.split(",")[place] == STATE]
    units.write_text(head + "".join(wanted), encoding="utf-8")
    register.import_file(units, lambda number: None)
    parties = [
        {"partyCode": row["party_code"]} for row in rows_of(DATA / "parties_2023_presidential.csv")
    ]
    elections.create(
        {
            "electionId": ELECTION,
            "electionName": "Synthetic",
            "electionType": "presidential",
            "status": "ongoing",
            "parties": parties,
        }
    )


def pieces(lines: list[str], seed: int) -> list[list[str]]:
    """Shuffled batches of any size, a third of them twice, some sheets in several of them."""
    chance = random.Random(seed)
    order = lines.copy()
    chance.shuffle(order)
    made = []
    while order:
        size = chance.choice((1, 7, 60, 200, 300))
        made.append(order[:size])
        del order[:size]
    again = [chance.sample(piece, len(piece)) for piece in chance.sample(made, len(made) // 3)]
    again += [chance.sample(lines, 150) for _ in range(3)]
    made += again
    chance.shuffle(made)
    return made


def send(address: str, auth: dict[str, str], piece: list[str]) -> None:
    """As a device does it: until there is an answer."""
    body = ('{"submissions": [' + ",".join(piece) + "]}").encode()
    headers = auth | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    request = urllib.request.Request(
        f"{address}/api/sync/submissions", gzip.compress(body), headers
    )
    for _ in range(60):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 202
                return
        except (OSError, urllib.error.HTTPError):
            time.sleep(0.5)
    raise AssertionError("no answer")


@pytest.mark.both
def test_outcomes_and_totals_are_right_whatever_dies_on_the_way(
    world: None,
    stream: Path,
    backend: str,
    request: pytest.FixtureRequest,
    server: Callable[[], str],
    worker: Callable[..., subprocess.Popen[bytes]],
    auth: Callable[..., dict[str, str]],
) -> None:
    lines = (stream / "submissions.ndjson").read_text().splitlines()
    address = server()
    todo = pieces(lines, seed=len(backend))
    tokens = [auth("admin") for _ in range(SENDERS)]
    done = threading.Semaphore(0)

    def deliver(place: int) -> None:
        send(address, tokens[place % SENDERS], todo[place])
        done.release()

    first = worker("results-sync")
    with ThreadPoolExecutor(SENDERS) as pool:
        running = [pool.submit(deliver, place) for place in range(len(todo))]
        wait_for(done, len(todo) // 4)
        first.send_signal(signal.SIGKILL)
        first.wait()
        redis = request.getfixturevalue("redis_server") if backend == "postgres" else None
        if redis:
            redis.stop()
        wait_for(done, len(todo) // 4)
        second = worker("results-sync")
        if redis:
            redis.start()
        wait_for(done, len(todo) // 4)
        second.send_signal(signal.SIGKILL)
        second.wait()
        worker("results-sync")
        for one in running:
            one.result()
    wait_until_decided()
    check(stream)


def wait_for(done: threading.Semaphore, number: int) -> None:
    for _ in range(number):
        assert done.acquire(timeout=120), "the senders got stuck"


def wait_until_decided(seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while Submission.select().where(Submission.status == "received").exists():
        assert time.monotonic() < end, "sheets were left undecided"
        time.sleep(0.2)


def check(stream: Path) -> None:
    """Each sheet under its id as the generator says, and the totals of the state and its LGAs."""
    wanted: dict[str, str] = {}
    for row in rows_of(stream / "expectations.csv"):
        wanted.setdefault(row["submission_id"], row["outcome"].replace("accept", "accepted"))
    found = {
        row.submission_id: f"reject:{row.reason}" if row.status == "rejected" else row.status
        for row in Submission.select().where(Submission.repeat == 0)
    }
    assert found == wanted
    repeats = Submission.select().where(Submission.repeat > 0)
    assert repeats.count() == repeats.where(Submission.status == "duplicate").count() > 0
    totals = {row.area_code: as_total(row) for row in Tally.select()}
    for level in ("state", "lga"):
        for row in rows_of(stream / f"truth_{level}.csv"):
            assert_equal(totals[row[f"{level}_code"]], row)
    nation = json.loads((stream / "truth_national.json").read_text())
    assert totals["NG"].units == nation["totals"]["units"]
    assert recount.differences(ELECTION) == []


def assert_equal(total: Any, row: dict[str, str]) -> None:
    votes = {name: int(text) for name, text in row.items() if name.isupper() and int(text)}
    assert {code: number for code, number in total.votes.items() if number} == votes
    assert [total.units, total.registered, total.accredited, total.valid, total.rejected] == [
        int(row[name])
        for name in (
            "units",
            "registered_voters",
            "accredited_voters",
            "valid_votes",
            "rejected_votes",
        )
    ]
