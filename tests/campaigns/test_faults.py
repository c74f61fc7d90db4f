"""Real workers, killed in the middle of real calls: nobody is lost, nobody written to twice."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import faults
import pytest
import redis
from flask import Flask
from following import follow, people
from servers import process, wait_for
from standin_africastalking import API_KEY, StandIn

from obidient import create_app, database
from obidient.campaigns import control, decisions
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import lifecycle
from obidient.contacts import imports

S = RecipientStatus
ROOT = Path(__file__).parents[2]


#: A busy machine may take its time for an answer, and none may then be in doubt.
PATIENT = {"AFRICASTALKING_SMS_READ_TIMEOUT": "30"}
#: What is done to a campaign under way must not come when all is over.
UNHURRIED = PATIENT | {"SMS_RATE_LIMIT_PER_SECOND": "300"}


@pytest.fixture
def network() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


@pytest.fixture
def environ(environ: dict[str, str], network: StandIn) -> dict[str, str]:
    """As usual, but Africa's Talking is the stand-in, and leases are short."""
    return environ | {
        "PLUGINS": "africastalking",
        "AT_USERNAME": "sandbox",
        "AT_API_KEY": API_KEY,
        "AT_BASE_URL": network.url,
        "AFRICASTALKING_SMS_READ_TIMEOUT": "4",
    }


def launch(template: str = "Hello") -> int:
    campaign = control.create(
        {"title": "T", "message_template": template, "audience": {"everyone": True}}
    )
    control.launch(campaign.id)
    return int(campaign.id)


def at_rest(campaign: Campaign) -> bool:
    return campaign.status == "completed"


def accepted_twice(network: StandIn) -> list[str]:
    counts = Counter(number for number, _, _ in network.accepted)
    return [number for number, times in counts.items() if times > 1]


def check(network: StandIn, campaign: Campaign, number: int) -> None:
    """Accepted twice: none. Lost: none. Accepted but unrecorded: all among the unconfirmed."""
    assert accepted_twice(network) == []
    rows = {row.phone: row for row in Recipient.select()}
    assert len(rows) == number
    taken = {phone for phone, _, _ in network.accepted}
    recorded = {phone for phone, row in rows.items() if row.status == S.SENT}
    unconfirmed = {phone for phone, row in rows.items() if row.status == S.UNCONFIRMED}
    assert recorded <= taken
    assert taken - recorded <= unconfirmed
    assert recorded | unconfirmed == set(rows)
    assert campaign.total == number


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("template", ["Hello", "Hello {{first_name}}"])
def test_a_killed_worker_sends_nobody_twice(
    app: Flask,
    tmp_path: Path,
    network: StandIn,
    worker: Callable[..., subprocess.Popen[bytes]],
    template: str,
) -> None:
    imports.run(people(tmp_path, 1500))
    network.behave(latency=0.1)
    campaign_id = launch(template)
    for _ in range(2):
        victim = worker("sms")
        before = len(network.accepted)
        end = time.monotonic() + 20
        while len(network.accepted) < before + 150 and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
    worker("sms")
    campaign = follow(campaign_id, at_rest)
    check(network, campaign, 1500)
    # At the worst, what four threads had in hand when each of the two was killed.
    assert campaign.unconfirmed <= 2 * 4 * 100


@pytest.mark.both
@pytest.mark.slow
def test_a_wiped_queue_costs_seconds_and_nobody(
    app: Flask,
    environ: dict[str, str],
    tmp_path: Path,
    network: StandIn,
    worker: Callable[..., object],
    cli: Callable[..., object],
) -> None:
    imports.run(people(tmp_path, 1500))
    network.behave(latency=0.05)
    campaign_id = launch()
    worker("sms", **PATIENT)
    for _ in range(3):
        time.sleep(0.4)
        if "REDIS_URL" in environ:
            redis.Redis.from_url(environ["REDIS_URL"]).flushall()
        else:
            cli("queue", "clear")
    campaign = follow(campaign_id, at_rest)
    check(network, campaign, 1500)
    assert campaign.sent == 1500


@pytest.mark.slow
@pytest.mark.parametrize("embedded", [True, False], ids=["sqlite", "postgres"])
def test_a_storm_of_faults_loses_nobody_and_writes_to_nobody_twice(
    embedded: bool, request: pytest.FixtureRequest
) -> None:
    """The short version of `bench/faults.py`, which goes through 25 seeds and 20,000 people."""
    if not embedded:
        request.getfixturevalue("redis_server")
        request.getfixturevalue("postgres_server")
    storm = faults.run(seed=5, people=3000, embedded=embedded, rate=400, first=("kill",))
    assert storm.problems == [], storm.line()
    assert storm.kills > 0


@pytest.mark.slow
def test_a_full_disk_is_waited_out(
    environ: dict[str, str],
    tmp_path: Path,
    network: StandIn,
    worker: Callable[..., object],
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can make a disk that is small enough to fill")
    try:
        _send_with_a_full_disk(environ, tmp_path, disk, network, worker)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _send_with_a_full_disk(
    environ: dict[str, str],
    tmp_path: Path,
    disk: Path,
    network: StandIn,
    worker: Callable[..., object],
) -> None:
    shutil.copy(environ["DATABASE_URL"].removeprefix("sqlite:///"), disk / "small.db")
    url = f"sqlite:///{disk}/small.db"
    filler = disk / "filler"
    with create_app(environ | {"DATABASE_URL": url}).app_context():
        imports.run(people(tmp_path, 3000))
        network.behave(latency=0.05)
        campaign_id = launch("Hello {{first_name}}")
        worker("sms", DATABASE_URL=url, SMS_RATE_LIMIT_PER_SECOND="500")
        follow(campaign_id, lambda campaign: campaign.sent > 200)
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
        time.sleep(3)
        assert lifecycle.get(campaign_id).sent < 3000
        filler.unlink()
        campaign = follow(campaign_id, at_rest)
        check(network, campaign, 3000)
        database.db.close()


@pytest.mark.slow
def test_a_small_campaign_is_not_kept_waiting_by_a_large_one(
    app: Flask, tmp_path: Path, network: StandIn, worker: Callable[..., object]
) -> None:
    imports.run(people(tmp_path, 6000))
    imports.run(people(tmp_path, 10), tags=("few",))
    network.behave(latency=0.05)
    large = launch("Hello {{first_name}}")
    worker("sms", **UNHURRIED)
    follow(large, lambda campaign: campaign.sent > 100)
    small = control.create(
        {"title": "Few", "message_template": "Hi", "audience": {"tags": ["few"]}}
    )
    control.launch(small.id)
    follow(small.id, lambda campaign: campaign.sent == 10)
    assert lifecycle.get(large).sent < 6000


@pytest.mark.slow
def test_a_network_that_hangs_does_not_hold_up_another_provider_s_campaign(
    app: Flask, environ: dict[str, str], tmp_path: Path, network: StandIn
) -> None:
    imports.run(people(tmp_path, 4000))
    imports.run(people(tmp_path, 10), tags=("few",))
    network.behave(latency=6.0)
    both = {"PLUGINS": "africastalking,simulator"}
    with (
        create_app(environ | both).app_context(),
        process("obidient", "worker", "sms", environ=environ | both, cwd=ROOT),
    ):
        launch("Hello")
        wait_for(lambda: network.at_once == 4, what="the large campaign's calls")
        small = control.create(
            {
                "title": "Few",
                "message_template": "Hi",
                "audience": {"tags": ["few"]},
                "provider": "simulator-sms",
            }
        )
        control.launch(small.id)
        follow(small.id, lambda campaign: campaign.sent == 10)
        # The four calls it met, and three that began after: not a second round of all threads.
        assert len(network.requests) <= 7


@pytest.mark.both
@pytest.mark.slow
def test_cancel_stops_a_full_queue(
    app: Flask, tmp_path: Path, network: StandIn, worker: Callable[..., object]
) -> None:
    imports.run(people(tmp_path, 3000))
    network.behave(latency=0.05)
    campaign_id = launch("Hello {{first_name}}")
    worker("sms", **UNHURRIED)
    follow(campaign_id, lambda campaign: campaign.sent > 100)
    control.cancel(campaign_id)
    campaign = follow(campaign_id, lambda c: c.queued == 0 and c.sending == 0)
    taken = len(network.accepted)
    time.sleep(1.5)
    assert len(network.accepted) == taken
    assert campaign.status == "cancelled"
    assert campaign.skipped == 3000 - campaign.sent
    assert campaign.skipped > 0


@pytest.mark.slow
def test_a_wrong_key_pauses_the_campaign_and_says_so(
    app: Flask, tmp_path: Path, network: StandIn, worker: Callable[..., object]
) -> None:
    imports.run(people(tmp_path, 50))
    network.behave(status=401, body="The supplied authentication is invalid")
    campaign_id = launch()
    worker("sms")
    campaign = follow(campaign_id, lambda c: c.status == "paused")
    assert "AT_API_KEY" in campaign.status_reason
    assert (campaign.queued, campaign.sending) == (50, 0)
    network.behave()
    control.resume(campaign_id)
    campaign = follow(campaign_id, at_rest)
    assert campaign.sent == 50


@pytest.mark.slow
def test_unknown_outcomes_are_never_sent_again_by_themselves(
    app: Flask, tmp_path: Path, network: StandIn, worker: Callable[..., object]
) -> None:
    imports.run(people(tmp_path, 40))
    network.behave(reset="after", times=1)
    campaign_id = launch()
    worker("sms")
    campaign = follow(campaign_id, at_rest)
    assert campaign.unconfirmed == 40
    assert len(network.accepted) == 40
    decisions.resolve_unconfirmed(campaign_id, resend=True)
    campaign = follow(campaign_id, at_rest)
    assert campaign.sent == 40
    assert database.pending_migrations() == []


@pytest.mark.slow
def test_a_campaign_without_a_provider_pauses_with_the_reason(
    app: Flask, environ: dict[str, str], tmp_path: Path
) -> None:
    imports.run(people(tmp_path, 5))
    from obidient import create_app

    other = create_app(environ | {"AT_API_KEY": "", "OBIDIENT_ENV": "production"})
    with other.app_context():
        campaign = lifecycle.get(launch())
        assert campaign.status == "paused"
        assert "AT_API_KEY is not set" in campaign.status_reason
