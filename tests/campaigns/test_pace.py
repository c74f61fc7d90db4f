"""The pace that was set holds for all workers together, whoever keeps the tokens."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from one_turn import PEOPLE, batches, launch, people, provider, work

from obidient import database, queues
from obidient.campaigns import control
from obidient.campaigns.models.campaign import PaceBucket
from obidient.campaigns.sending import delivery, lifecycle, pace
from obidient.clock import utcnow
from obidient.config import settings
from obidient.plugin import Provider
from obidient.stopping import stopping

__all__ = ["people", "provider"]


def pass_time(bucket: pace.Bucket, seconds: float) -> None:
    """As if nobody had asked for so long: a clock that no busy machine can be late for."""
    if settings().embedded:
        PaceBucket.update(at=PaceBucket.at - seconds).where(
            PaceBucket.name == bucket.name
        ).execute()
    else:
        queues.current().hints().hincrbyfloat(pace._key(bucket), "at", -seconds)


@pytest.mark.both
@pytest.mark.slow
def test_many_workers_together_never_exceed_the_rate(app: Flask) -> None:
    bucket = pace.Bucket("africastalking-sms", 100)
    granted: list[int] = []
    began = time.time()

    def work() -> None:
        with app.app_context():
            for _ in range(40):
                number, _ = pace.take([bucket], 7)
                granted.append(number)
            database.release()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # It starts with one, so no more than that and the rate times the time was handed out.
    assert sum(granted) <= 1 + 100 * (time.time() - began)


@pytest.mark.both
@pytest.mark.usefixtures("app")
def test_the_slower_of_two_limits_decides() -> None:
    fast, slow = pace.Bucket("provider", 1000), pace.Bucket("campaign-1", 2)
    pace.take([fast, slow], 1)
    # Longer than anybody waits for its next message.
    for bucket in (fast, slow):
        pass_time(bucket, 1 / 2 + pace.LATE + 1)
    number, _ = pace.take([fast, slow], 500)
    assert number == 2


@pytest.mark.both
@pytest.mark.usefixtures("app")
def test_tokens_that_were_not_spent_can_be_taken_again() -> None:
    bucket = pace.Bucket("provider", 50)
    pace.take([bucket], 1)
    pass_time(bucket, 1.1)
    assert pace.take([bucket], 50)[0] == 50
    pace.give_back([bucket], 40)
    assert pace.take([bucket], 40)[0] == 40


@pytest.mark.both
@pytest.mark.usefixtures("app")
def test_an_idle_bucket_holds_one_second_s_worth() -> None:
    bucket = pace.Bucket("provider", 10)
    pace.take([bucket], 1)
    # Longer than anybody waits for its next message.
    pass_time(bucket, 0.1 + pace.LATE + 1)
    assert pace.take([bucket], 100)[0] == 10


@pytest.mark.both
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("rate", [0.5, 1])
def test_a_slow_pace_is_kept_although_workers_look_a_little_late(rate: float) -> None:
    bucket, late = pace.Bucket("campaign-1", rate), 0.3
    passed, moments = 0.0, list[float]()
    while len(moments) < 6:
        number, wait = pace.take([bucket], 1)
        moments += [passed] * number
        if wait:
            # As long as it takes to bring a job forward and to find a thread for it.
            passed += wait + late
            pass_time(bucket, wait + late)
    # The last may be late, but not by what all were late together.
    assert moments[-1] - moments[0] < 5 / rate + 3 * late


@pytest.mark.both
@pytest.mark.usefixtures("app")
def test_the_first_message_of_a_slow_campaign_does_not_wait_for_an_hour() -> None:
    hourly = pace.Bucket("campaign-1", 1 / 3600)
    assert pace.take([hourly], 1)[0] == 1
    number, wait = pace.take([hourly], 1)
    assert number == 0
    assert wait == pytest.approx(3600, rel=0.01)


# ---- a batch that waits for its pace -------------------------------------------------------------


@pytest.fixture
def two_at_a_time(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other time somebody asks for tokens there are two, else they are due in a moment."""
    asked = itertools.count()
    monkeypatch.setattr(
        pace, "take", lambda buckets, wanted: (0, 0.01) if next(asked) % 2 else (2, 0.0)
    )
    # However busy this machine is, the slice lasts.
    monkeypatch.setattr(delivery, "SLICE", 600.0)


def while_waiting(monkeypatch: pytest.MonkeyPatch, look: Callable[[], object]) -> list[object]:
    """What `look` finds each time a worker waits for its pace, which takes no time."""
    found: list[object] = []
    monkeypatch.setattr(stopping, "wait", lambda _: found.append(look()))
    return found


@pytest.mark.both
@pytest.mark.usefixtures("two_at_a_time")
def test_a_batch_stays_with_its_worker_while_the_pace_makes_it_wait() -> None:
    campaign = work(launch())
    assert (campaign.sent, campaign.status) == (PEOPLE, "completed")


@pytest.mark.both
@pytest.mark.usefixtures("two_at_a_time")
def test_a_worker_that_waits_for_the_pace_is_free_for_another_campaign() -> None:
    first, second = launch(), launch()
    campaign = work(first)
    assert (campaign.sent, campaign.queued) == (2, PEOPLE - 2)
    assert all(batch.lease_until is None for batch in batches(first))
    # Once the other is through, nobody wants the thread.
    control.cancel(second)
    assert work(first).sent == PEOPLE


@pytest.fixture(params=["1", "3"])
def threads(environ: dict[str, str], request: pytest.FixtureRequest) -> int:
    environ["SMS_WORKER_CONCURRENCY"] = request.param
    return int(request.param)


@pytest.mark.both
@pytest.mark.usefixtures("threads", "two_at_a_time")
def test_the_last_thread_of_a_process_never_waits_for_a_pace(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = while_waiting(monkeypatch, lambda: None)
    campaign_id = launch()
    # All other threads are busy with this campaign already.
    monkeypatch.setattr(delivery, "_seated", Counter({campaign_id: threads - 1}))
    assert work(campaign_id).sent == 2
    assert waits == []


@pytest.mark.both
@pytest.mark.usefixtures("two_at_a_time")
def test_whoever_waits_for_the_pace_has_recorded_its_last_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign_id = launch()
    in_doubt = while_waiting(monkeypatch, lambda: lifecycle.get(campaign_id).sending)
    assert work(campaign_id).sent == PEOPLE
    assert len(in_doubt) >= PEOPLE // 2 - 1
    assert set(in_doubt) == {0}


@pytest.mark.both
@pytest.mark.usefixtures("two_at_a_time")
def test_whoever_waits_for_the_pace_keeps_no_connection_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = while_waiting(monkeypatch, lambda: database.db.is_closed())
    assert work(launch()).sent == PEOPLE
    assert set(closed) == {database.is_postgres()}


@pytest.mark.both
@pytest.mark.usefixtures("two_at_a_time")
def test_a_worker_that_is_told_to_stop_while_it_waits_sends_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = threading.Event()
    monkeypatch.setattr(delivery, "stopping", told)
    while_waiting(monkeypatch, told.set)
    campaign_id = launch()
    campaign = work(campaign_id)
    assert (campaign.sent, campaign.queued) == (2, PEOPLE - 2)
    assert all(batch.lease_until is None for batch in batches(campaign_id))


@pytest.mark.both
@pytest.mark.usefixtures("two_at_a_time")
def test_a_campaign_that_is_paused_while_it_waits_for_its_pace_sends_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign_id = launch()
    while_waiting(monkeypatch, lambda: control.pause(campaign_id))
    campaign = work(campaign_id)
    assert (campaign.sent, campaign.status) == (2, "paused")


@pytest.mark.both
@pytest.mark.usefixtures("provider")
def test_a_pace_of_one_an_hour_holds_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "take", lambda buckets, wanted: (0, 3_600.0))
    waits = while_waiting(monkeypatch, lambda: None)
    campaign_id = launch()
    assert work(campaign_id).sent == 0
    assert waits == []
    (batch,) = batches(campaign_id)
    assert batch.lease_until is None
    assert batch.next_at is not None
    assert 3_000 < (batch.next_at - utcnow()).total_seconds() <= 3_600
