"""The cache of the live count: forgotten in time, shared by Redis, computed once."""

import json
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from live_world import URL, take, world
from results_world import UNITS, sheet
from servers import RedisServer, free_port

from obidient import create_app, database
from obidient.breaker import LOOK_AGAIN
from obidient.results import elections, generation, review
from obidient.results.live import copies, documents
from obidient.results.models import Election, Party

__all__ = ["world"]


LOGGER = "obidient.results.live.copies"


# ---- the cache ----------------------------------------------------------------------------------


@pytest.mark.both
def test_misses_are_logged_and_hits_at_once_and_then_once_a_second(
    world: Election,
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(copies.time, "monotonic", lambda: now)
    caplog.set_level(logging.INFO, logger=LOGGER)
    for _ in range(6):
        client.get(URL)
    assert [line for line in caplog.messages if "Cache" in line] == [
        "Cache miss election=abc123 key=abc123",
        "Cache hit election=abc123 hits=1",
    ]
    now += 1.5
    client.get(URL)
    assert caplog.messages[-1] == "Cache hit election=abc123 hits=5"


@pytest.mark.both
def test_what_is_counted_shows_within_a_second_and_the_etag_changes(
    world: Election, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(copies.time, "monotonic", lambda: now)
    before = client.get(URL)
    take(sheet("c", UNITS[1]))
    assert client.get(URL).data == before.data
    now += copies.FRESH
    after = client.get(URL)
    assert after.json["summary"]["pollingUnitsReported"] == 3
    assert after.headers["ETag"] != before.headers["ETag"]


@pytest.mark.both
def test_equal_data_gives_equal_bytes_after_an_invalidation(
    world: Election, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    before = client.get(URL)
    url = URL.replace("live-summary", "invalidate-cache")
    assert client.post(url).status_code == 401
    assert client.post(url, headers=auth("reviewer")).status_code == 403
    assert client.post(url, headers=auth("admin")).status_code == 202
    # Many clients name a type for the body that they don't send.
    empty = client.post(url, headers=auth("admin"), content_type="application/json")
    assert empty.status_code == 202
    assert client.post(url.replace("abc123", "no"), headers=auth("admin")).status_code == 404
    after = client.get(URL)
    assert (after.data, after.headers["ETag"]) == (before.data, before.headers["ETag"])


@pytest.mark.both
def test_an_invalidation_shows_what_was_changed_by_hand(
    world: Election, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    client.get(URL)
    Party.update(name="Labour").where(Party.code == "LP").execute()
    assert client.get(URL).json["parties"][0]["partyName"] == "Labour Party"
    client.post(URL.replace("live-summary", "invalidate-cache"), headers=auth("admin"))
    assert client.get(URL).json["parties"][0]["partyName"] == "Labour"


def test_a_decision_and_a_new_status_show_at_once(world: Election, client: FlaskClient) -> None:
    client.get(URL)
    review.settle("abc123", UNITS[0], "Nothing to see", void=True)
    assert client.get(URL).json["summary"]["pollingUnitsReported"] == 1
    elections.set_status("abc123", "ended")
    assert client.get(URL).json["election"]["status"] == "ended"


def test_the_count_is_served_while_the_database_is_away(
    world: Election, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.get(URL).data
    copies.current().generation.bump()

    def broken(*_: Any) -> Any:
        raise database.OperationalError("gone")

    monkeypatch.setattr(documents, "stamp", broken)
    assert client.get(URL).data == before


@pytest.mark.slow
def test_two_apps_of_a_host_forget_together_without_redis(
    world: Election, environ: dict[str, str], client: FlaskClient
) -> None:
    client.get(URL)
    other = create_app(environ)
    with other.app_context():
        make = Party.update(name="Labour").where(Party.code == "LP")
        make.execute()
        generation.invalidate("abc123")
    assert client.get(URL).json["parties"][0]["partyName"] == "Labour"


@pytest.fixture
def with_redis(
    environ: dict[str, str], redis_server: RedisServer, world: Election
) -> Iterator[tuple[FlaskClient, redis.Redis]]:
    store = redis.Redis.from_url(redis_server.url)
    store.flushall()
    made = create_app(environ | {"REDIS_URL": redis_server.url})
    with made.app_context():
        yield made.test_client(), store


def test_redis_holds_the_document_itself_for_a_minute(
    with_redis: tuple[FlaskClient, redis.Redis],
) -> None:
    client, store = with_redis
    body = client.get(URL).data
    assert store.get("live-results:abc123") == body
    assert 55 <= store.ttl("live-results:abc123") <= 60
    assert sorted(store.keys("live-results:*")) == [b"live-results:abc123"]


@pytest.mark.slow
def test_a_key_deleted_by_hand_is_made_again_within_a_second(
    with_redis: tuple[FlaskClient, redis.Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store = with_redis
    now = time.monotonic()
    monkeypatch.setattr(copies.time, "monotonic", lambda: now)
    client.get(URL)
    Party.update(name="Labour").where(Party.code == "LP").execute()
    store.delete("live-results:abc123")
    now += copies.FRESH
    assert client.get(URL).json["parties"][0]["partyName"] == "Labour"
    assert store.exists("live-results:abc123")


@pytest.mark.slow
def test_what_redis_holds_is_what_is_served_unless_the_count_moved_on(
    with_redis: tuple[FlaskClient, redis.Redis],
) -> None:
    client, store = with_redis
    document = client.get(URL).json
    document["parties"][0]["totalVotes"] = 7
    store.set("live-results:abc123", json.dumps(document), ex=60)
    copies.current()._entries.clear()
    assert client.get(URL).json["parties"][0]["totalVotes"] == 7
    take(sheet("c", UNITS[1]))
    copies.current()._entries.clear()
    assert client.get(URL).json["parties"][0]["totalVotes"] == 320
    store.set("live-results:abc123", "no json", ex=60)
    copies.current()._entries.clear()
    assert client.get(URL).json["parties"][0]["totalVotes"] == 320


@pytest.mark.slow
def test_an_invalidation_leaves_other_keys_alone(
    with_redis: tuple[FlaskClient, redis.Redis],
) -> None:
    client, store = with_redis
    client.get(URL)
    client.get(URL.replace("live-summary", "areas/NG"))
    store.set("live-results:abc1234", "{}")
    store.set("bulk-communications:sms-broadcast:wait", "x")
    generation.invalidate("abc123")
    # What looks whether Redis takes anything has keys of its own, for moments.
    kept = [key for key in store.keys("*") if b":probe:" not in key]
    assert sorted(kept) == [
        b"bulk-communications:sms-broadcast:wait",
        b"live-results:abc1234",
    ]


@pytest.mark.slow
def test_a_redis_that_swallows_everything_delays_one_request_at_most(
    environ: dict[str, str], world: Election
) -> None:
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    hole.listen(100)
    made = create_app(environ | {"REDIS_URL": f"redis://127.0.0.1:{hole.getsockname()[1]}/0"})
    with made.app_context():
        client = made.test_client()
        assert client.get(URL).status_code == 200
        backend = copies._backend()
        assert backend._breaker.problem().startswith("Redis is silent")
        asked: list[str] = []

        class Watched:
            def __getattr__(self, name: str) -> Any:
                asked.append(threading.current_thread().name)
                raise redis.ConnectionError("still away")

        backend.redis = Watched()
        for _ in range(20):
            copies.current()._entries.clear()
            assert client.get(URL).status_code == 200
        time.sleep(2 * LOOK_AGAIN)
        assert asked == []
    hole.close()


@pytest.mark.slow
def test_a_document_is_computed_once_for_many_at_the_same_time(
    app: Flask, world: Election, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER)
    real = documents.summary

    def slow(election_id: str) -> dict[str, Any]:
        time.sleep(0.2)
        return real(election_id)

    monkeypatch.setattr(documents, "summary", slow)
    answers: list[int] = []

    def ask() -> None:
        answers.append(app.test_client().get(URL).status_code)

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40
    assert sum("Cache miss" in line for line in caplog.messages) == 1


@pytest.mark.both
@pytest.mark.slow
def test_two_hundred_clients_of_two_processes_cause_one_computation(
    world: Election, environ: dict[str, str], redis_server: RedisServer, tmp_path: Path
) -> None:
    port = free_port()
    more = {
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
        "REDIS_URL": redis_server.url,
        "LOG_LEVEL": "info",
        "LOG_DIR": str(tmp_path / "web"),
    }
    redis.Redis.from_url(redis_server.url).flushall()
    from conftest import ROOT
    from servers import listening, process, wait_for

    config = str(ROOT / "gunicorn.conf.py")
    with process("gunicorn", "-c", config, environ=environ | more, cwd=ROOT):
        wait_for(lambda: listening(port), what="gunicorn")
        url = f"http://127.0.0.1:{port}{URL}"
        asked = subprocess.run(
            ["curl", "-sS", "--parallel", "--parallel-immediate", "--parallel-max", "200"]
            + ["-o", "/dev/null", "-w", "%{http_code}\n"] + [f"{url}?[1-200]"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert asked.stdout.split() == ["200"] * 200
        log = (tmp_path / "web" / "server.log").read_text()
    assert log.count("Cache miss election=abc123") == 1
