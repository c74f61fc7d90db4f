"""A Redis that is full, silent or away: told in words, waited for once, and sent without."""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from black_hole import BlackHole
from conftest import PASSWORD, ROOT
from flask import Flask
from flask.testing import FlaskClient
from following import follow, people
from own_redis import own_redis as own_redis
from servers import RedisServer, process, wait_for
from signed_in import sign_in
from standin_africastalking import API_KEY, StandIn

from obidient import breaker, create_app, queues
from obidient.accounts import users
from obidient.campaigns import control, standstill
from obidient.campaigns.models.campaign import Batch, Campaign
from obidient.campaigns.sending import hints
from obidient.clock import utcnow
from obidient.contacts import imports
from obidient.extensions import limiter
from obidient.operations import health
from obidient.standby import Standby
from obidient.workers.models import TickerLease

POLICIES = ("noeviction", "allkeys-lru")


def fill(server: RedisServer, policy: str) -> None:
    """Leave no room for another key, whatever the connections of the test give back later."""
    with redis.Redis.from_url(server.url) as store:
        store.config_set("maxmemory-policy", policy)
        for number in range(50):
            store.set(f"filler:{number}", b"x" * 10_000)
        store.config_set("maxmemory", int(store.info("memory")["used_memory"]) - 200_000)
        for number in range(20):
            with contextlib.suppress(redis.ResponseError):
                store.set(f"more:{number}", b"x" * 10_000)


def make_room(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as store:
        store.config_set("maxmemory", 0)
        store.config_resetstat()


@pytest.fixture
def network() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


@pytest.fixture
def full(
    environ: dict[str, str], own_redis: RedisServer, network: StandIn, request: Any
) -> dict[str, str]:
    """An environment whose Redis is full."""
    fill(own_redis, request.param)
    return environ | {
        "REDIS_URL": own_redis.url,
        "PLUGINS": "africastalking",
        "AT_USERNAME": "sandbox",
        "AT_API_KEY": API_KEY,
        "AT_BASE_URL": network.url,
    }


@pytest.mark.slow
@pytest.mark.parametrize("full", POLICIES, indirect=True)
def test_sending_goes_on_from_the_database_while_redis_is_full(
    full: dict[str, str], tmp_path: Path, network: StandIn
) -> None:
    """Before, 36 of 1,200 messages left in 12 seconds, and then none."""
    with create_app(full).app_context():
        imports.run(people(tmp_path, 1200))
        campaign = control.create(
            {"title": "T", "message_template": "Hello", "audience": {"everyone": True}}
        )
        with process("obidient", "worker", environ=full, cwd=ROOT):
            control.launch(campaign.id)
            done = follow(campaign.id, lambda row: row.status == "completed")
        assert (done.sent, done.unconfirmed, len(network.accepted)) == (1200, 0, 1200)


@pytest.mark.slow
@pytest.mark.parametrize("full", ["noeviction"], indirect=True)
def test_workers_of_one_channel_see_to_it_though_another_leads(
    full: dict[str, str], tmp_path: Path, network: StandIn
) -> None:
    with create_app(full).app_context():
        imports.run(people(tmp_path, 300))
        campaign = control.create(
            {"title": "T", "message_template": "Hello", "audience": {"everyone": True}}
        )
        with process("obidient", "worker", "voice", environ=full, cwd=ROOT):
            # The first process leads: it works on no texts, and its hints reach nobody.
            wait_for(lambda: TickerLease.select().exists(), what="the first process to lead")
            with process("obidient", "worker", "sms", environ=full, cwd=ROOT):
                control.launch(campaign.id)
                follow(campaign.id, lambda row: row.status == "completed")
        assert len(network.accepted) == 300


@pytest.mark.slow
@pytest.mark.parametrize("full", POLICIES, indirect=True)
def test_a_full_redis_is_told_everywhere(full: dict[str, str], own_redis: RedisServer) -> None:
    made = create_app(full)
    with made.app_context():
        said = health.queue_health()
        assert not said.ok
        assert said.problems[0].startswith("Redis ")
        assert "full" in said.problems[0]
        assert "maxmemory" in said.problems[0]
        ready = made.test_client().get("/readyz")
        assert (ready.status_code, ready.json["status"]) == (200, "degraded")
        assert "full" in ready.json["problems"][0]
        make_room(own_redis)
        wait_for(lambda: not breaker.current().look(), what="Redis to be used again")
        assert health.queue_health().ok or "full" not in str(health.queue_health().problems)


def test_a_redis_that_is_read_only_is_told_with_its_own_cure(
    environ: dict[str, str], own_redis: RedisServer
) -> None:
    """More memory, which was the advice, would change nothing."""
    with create_app(environ | {"REDIS_URL": own_redis.url}).app_context():
        assert breaker.current().look() == ""
        with redis.Redis.from_url(own_redis.url) as store:
            store.replicaof("127.0.0.1", "1")
            (said,) = health.queue_health().problems
            assert "read only replica" in said
            assert "Point REDIS_URL at the master" in said and "memory" not in said
            store.replicaof("NO", "ONE")
        wait_for(lambda: not breaker.current().look(), what="Redis to be used again")


def test_a_full_redis_takes_nothing_and_says_so(environ: dict[str, str], own_redis: Any) -> None:
    fill(own_redis, "noeviction")
    with create_app(environ | {"REDIS_URL": own_redis.url}).app_context():
        assert health.redis_problem() == "Redis takes nothing: it is full"


# ---- throttling ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("state", ["full", "silent", "refused"])
def test_wrong_passwords_are_counted_whatever_redis_does(
    environ: dict[str, str], own_redis: RedisServer, state: str
) -> None:
    """Before, a wrong password was a 500 and counted nowhere: 53 tries in ten seconds."""
    hole = BlackHole()
    if state == "full":
        fill(own_redis, "noeviction")
    elif state == "refused":
        own_redis.stop()
    made = create_app(environ | {"REDIS_URL": hole.url if state == "silent" else own_redis.url})
    with made.app_context():
        users.create("agent@example.org", "agent", PASSWORD, polling_unit_code="24-11-02-017")
        client = made.test_client()
        answers = [wrong(client) for _ in range(14)]
    hole.close()
    assert set(answers[:10]) == {401}
    assert answers[-1] == 429


def wrong(client: FlaskClient) -> int:
    body = {"email": "agent@example.org", "password": "not this one", "deviceId": "device-17"}
    with client.application.app_context():
        return client.post("/api/sync/sign-in", json=body).status_code


@pytest.mark.slow
@pytest.mark.usefixtures("app")
def test_the_storage_of_limits_has_no_path_that_fails(
    environ: dict[str, str], own_redis: RedisServer
) -> None:
    with create_app(environ | {"REDIS_URL": own_redis.url}).app_context():
        store: Any = limiter.storage
        assert store.acquire_entry("LIMITS:a", 2, 60)
        own_redis.stop()
        assert store.incr("LIMITS:b", 60) == 1
        assert store.get("LIMITS:b") == 1
        assert store.get_expiry("LIMITS:b") > 0
        assert [store.acquire_entry("LIMITS:a", 2, 60) for _ in range(3)] == [True, True, False]
        assert store.get_moving_window("LIMITS:a", 2, 60)[1] == 2
        store.clear("LIMITS:a")
        assert store.acquire_entry("LIMITS:a", 2, 60)
        assert store.check()
        store.reset()


# ---- one breaker for all ------------------------------------------------------------------------


@pytest.mark.slow
def test_a_silent_redis_is_waited_for_once_by_all_of_a_process(
    app: Flask, environ: dict[str, str], make_user: Callable[..., Any]
) -> None:
    """Before, an admin page asked a silent Redis a dozen times, five seconds each."""
    admin = make_user("admin")
    hole = BlackHole()
    made = create_app(environ | {"REDIS_URL": hole.url})
    with made.app_context():
        client = made.test_client()
        sign_in(client, admin)
        client.get("/readyz")
        assert breaker.current().problem() == "Redis is silent: it does not answer in time"
        asked, began = hole.connections, time.monotonic()
        for path in ("/admin/", "/admin/queues/", "/admin/queues/sms-broadcast/", "/readyz"):
            page = client.get(path)
            assert page.status_code == 200, path
            assert "Redis is silent" in page.text
        # The thread that looks after Redis goes on; no page asks.
        assert hole.connections - asked <= 2 + 2 * (time.monotonic() - began)
        assert not queues.current().enqueue(queues.MAINTENANCE, "run_job", jobId=1)
        with pytest.raises(redis.ConnectionError, match="silent"):
            queues.current().storage("sms").enqueued_items()
    hole.close()


def test_what_redis_says_of_one_key_stops_nobody_else(
    environ: dict[str, str], own_redis: RedisServer
) -> None:
    with create_app(environ | {"REDIS_URL": own_redis.url}).app_context():
        known = breaker.current()
        known.trip(redis.ResponseError("WRONGTYPE Operation against a key"))
        assert known.problem() == ""
        for error in (
            redis.exceptions.OutOfMemoryError("command not allowed when used memory"),
            redis.ResponseError("MISCONF Redis is configured to save"),
            redis.ReadOnlyError("You can't write against a read only replica."),
        ):
            known.trip(error)
            assert known.problem().startswith("Redis takes nothing: ")
            known._set("", True)


# ---- jobs kept by a worker ----------------------------------------------------------------------


def test_jobs_are_kept_for_queues_of_this_process_and_come_when_they_are_due() -> None:
    kept = Standby()
    assert not kept.put("q", b"1")
    kept.consumes("q")
    assert kept.put("q", b"later", 60)
    assert kept.put("q", b"first")
    assert kept.put("q", b"second", -1)
    assert [kept.take("q") for _ in range(3)] == [b"first", b"second", None]
    assert kept.holds("q")
    assert kept.take("other") is None


def test_a_hint_that_no_queue_takes_leaves_the_batch_to_others(app: Flask, tmp_path: Path) -> None:
    campaign = stuck_campaign(tmp_path)
    queues.current()._away_until = time.monotonic() + 60
    Batch.update(hinted_until=None).execute()
    assert hints.feed(campaign) == 1
    assert Batch.get().hinted_until is None


# ---- a campaign that stands still ---------------------------------------------------------------


def stuck_campaign(tmp_path: Path) -> Campaign:
    from obidient.campaigns.sending import staging

    imports.run(people(tmp_path, 3))
    campaign = control.create(
        {"title": "Rally", "message_template": "Hello", "audience": {"everyone": True}}
    )
    control.launch(campaign.id)
    staging.stage(campaign.id)
    return Campaign.get_by_id(campaign.id)


@pytest.mark.both
def test_a_campaign_with_people_waiting_and_nobody_at_work_is_told(
    app: Flask, tmp_path: Path
) -> None:
    campaign = stuck_campaign(tmp_path)
    assert standstill.stalled() == []
    before = utcnow() - timedelta(minutes=2)
    Campaign.update(started_at=before, updated_at=before).execute()
    Batch.update(hinted_until=None).execute()
    assert [row.id for row in standstill.stalled()] == [campaign.id]
    said = health.queue_health()
    assert any("Rally" in one and "3 people waiting" in one for one in said.problems)
    Batch.update(next_at=utcnow() + timedelta(minutes=5)).execute()
    assert standstill.stalled() == []
