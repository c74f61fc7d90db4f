"""The live count in real processes: one forgets, all forget; Redis hangs, refuses, returns."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from black_hole import BlackHole
from conftest import ROOT
from flask import Flask
from own_redis import own_redis as own_redis
from results_world import UNITS, make_world, sheet
from servers import RedisServer, free_port, listening, process, wait_for

from obidient import create_app
from obidient.database import db
from obidient.results import deciding, generation
from obidient.results.live import copies
from obidient.results.models import Election, Party, Submission
from obidient.results.received import Sender, receive

pytestmark = pytest.mark.slow


URL = "/api/live-results/elections/abc123/live-summary"


def take(*sheets: dict[str, Any]) -> None:
    with db.atomic():
        receive(sheets, Sender())
    deciding.process_waiting()


@pytest.fixture
def world(app: Flask) -> Election:
    election = make_world()
    take(sheet("a"), sheet("b", UNITS[-1], votes={"LP": 80, "APC": 121}))
    return election


@contextlib.contextmanager
def serving(environ: dict[str, str], **more: str) -> Iterator[str]:
    """A real gunicorn with one worker; its address."""
    port = free_port()
    values = environ | {"PORT": str(port), "WEB_CONCURRENCY": "1"} | more
    with process("gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), environ=values, cwd=ROOT):
        wait_for(lambda: listening(port), what="gunicorn")
        yield f"http://127.0.0.1:{port}"


def ask(address: str, method: str = "GET", **headers: str) -> Any:
    request = urllib.request.Request(address, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def party_name(address: str) -> str:
    name: str = ask(address + URL)["parties"][0]["partyName"]
    return name


@pytest.mark.both
def test_an_invalidation_holds_at_once_in_every_process_of_the_host(
    world: Election, environ: dict[str, str], auth: Callable[..., dict[str, str]]
) -> None:
    with serving(environ) as one, serving(environ) as other:
        for address in (one, other):
            assert party_name(address) == "Labour Party"
        Party.update(name="Labour").where(Party.code == "LP").execute()
        assert [party_name(address) for address in (one, other)] == ["Labour Party"] * 2
        ask(one + URL.replace("live-summary", "invalidate-cache"), "POST", **auth("admin"))
        assert [party_name(address) for address in (other, one, other)] == ["Labour"] * 3


@pytest.mark.both
def test_what_a_worker_counts_shows_on_every_web_process(
    world: Election, environ: dict[str, str], worker: Callable[..., Any]
) -> None:
    def reported(address: str) -> int:
        number: int = ask(address + URL)["summary"]["pollingUnitsReported"]
        return number

    with serving(environ) as one, serving(environ) as other:
        assert [reported(one), reported(other)] == [2, 2]
        with db.atomic():
            receive([sheet("c", UNITS[1])], Sender())
        worker("results-sync")
        for address in (one, other):
            wait_for(lambda at=address: reported(at) == 3, what="the new count")  # type: ignore[misc]


def test_a_swallowing_redis_is_asked_by_no_request_after_the_first(
    world: Election, environ: dict[str, str]
) -> None:
    hole = BlackHole()
    with serving(environ, REDIS_URL=hole.url) as address:
        ask(address + URL)
        wait_for(lambda: hole.connections >= 2, what="the probe")
        asked, began = hole.connections, time.monotonic()
        for number in range(100):
            take(sheet(f"c{number}", UNITS[1], revision=number + 1, votes={"LP": number}))
            generation.invalidate("abc123")
            votes = ask(address + URL)["parties"][0]["totalVotes"]
            assert votes == 200 + number
        # The probe goes on, less than twice a second; two questions a request would be 200.
        assert hole.connections - asked < 5 + 2 * (time.monotonic() - began)
    hole.close()


@pytest.mark.parametrize("how", ["refused", "frozen"])
def test_while_redis_is_away_memory_serves_the_count_and_redis_takes_over_again(
    world: Election, environ: dict[str, str], own_redis: RedisServer, how: str
) -> None:
    made = create_app(environ | {"REDIS_URL": own_redis.url})
    store = redis.Redis.from_url(own_redis.url)
    with made.app_context(), go_away(own_redis, how) as (leave, come_back):
        client = made.test_client()
        client.get(URL)
        assert store.exists("live-results:abc123")
        leave()
        for number in range(3):
            take(sheet(f"c{number}", UNITS[1 + number]))
            generation.invalidate("abc123")
            assert client.get(URL).json["summary"]["pollingUnitsReported"] == 3 + number
        come_back()
        wait_for(lambda: not copies._backend()._breaker.problem(), what="Redis to be used again")
        generation.invalidate("abc123")
        fresh = client.get(URL)
        assert fresh.json["summary"]["pollingUnitsReported"] == 5
        assert store.get("live-results:abc123") == fresh.data
    store.close()


@contextlib.contextmanager
def go_away(
    server: RedisServer, how: str
) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """How Redis leaves and returns: its port refuses, or it stands still with all it has open."""
    if how == "refused":
        yield server.stop, server.start
        return
    running = server._process
    assert isinstance(running, subprocess.Popen)
    try:
        yield (
            lambda: os.kill(running.pid, signal.SIGSTOP),
            lambda: os.kill(running.pid, signal.SIGCONT),
        )
    finally:
        os.kill(running.pid, signal.SIGCONT)


def test_a_key_deleted_by_hand_is_soon_counted_again(
    world: Election, environ: dict[str, str], own_redis: RedisServer
) -> None:
    store = redis.Redis.from_url(own_redis.url)
    with serving(environ, REDIS_URL=own_redis.url) as one:
        assert party_name(one) == "Labour Party"
        Party.update(name="Labour").where(Party.code == "LP").execute()
        store.delete("live-results:abc123")
        wait_for(lambda: party_name(one) == "Labour", what="the new name")
        assert b"Labour" in (store.get("live-results:abc123") or b"")
    store.close()


def test_a_worker_decides_what_came_in_while_redis_is_away(
    world: Election, environ: dict[str, str], own_redis: RedisServer, worker: Callable[..., Any]
) -> None:
    environ["REDIS_URL"] = own_redis.url
    worker("results-sync")
    own_redis.stop()
    with db.atomic():
        receive([sheet("c", UNITS[1])], Sender())
    waiting = Submission.select().where(Submission.status == "received")
    wait_for(lambda: not waiting.exists(), what="the decision")
    assert Submission.get(Submission.submission_id == "c").status == "accepted"
