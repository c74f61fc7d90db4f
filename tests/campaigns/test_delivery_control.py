"""A person pauses, resumes and decides while workers send."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from one_turn import PEOPLE, S, accept, batches, launch, people, provider, says, work

from obidient import database, queues
from obidient.campaigns import control, decisions
from obidient.campaigns.models.campaign import (
    Batch,
    Campaign,
    Recipient,
)
from obidient.campaigns.sending import delivery, hints, lifecycle, states, sweeper
from obidient.campaigns.sending.batches import lease
from obidient.clock import utcnow
from obidient.errors import Conflict
from obidient.plugin import (
    Defer,
    Message,
    Outcome,
    Provider,
    Rejected,
)

__all__ = ["people", "provider"]


def hinted(channel: str = "sms") -> int:
    """Jobs that wait, now or for later."""
    queue = queues.current()[channel]
    return int(queue.pending_count() + queue.scheduled_count())


# ---- control ------------------------------------------------------------------------------------


def test_a_campaign_whose_plugin_has_gone_says_so_when_it_is_resumed(provider: Provider) -> None:
    campaign_id = launch()
    Campaign.update(provider="pigeon-post").where(Campaign.id == campaign_id).execute()
    campaign = work(campaign_id)
    assert campaign.status == "paused"
    with pytest.raises(Conflict, match="pigeon-post is not there any more"):
        control.resume(campaign_id)


@pytest.mark.both
def test_a_campaign_goes_on_at_once_when_it_is_resumed(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMS_BATCH_SIZE", "1")
    campaign_id = launch()
    hints.feed(lifecycle.get(campaign_id))
    control.pause(campaign_id)
    # Workers look at what is queued, and find that it is paused.
    queues.current()["sms"].storage.flush_queue()
    work(campaign_id)
    control.resume(campaign_id)
    assert hinted() > 0


@pytest.mark.both
def test_a_second_try_of_the_failed_does_not_wait_for_somebody_else_s_next_try(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed(messages: list[Message]) -> list[Outcome]:
        first, *rest = messages
        return [
            Defer(first, datetime.now(UTC) + timedelta(hours=9), "Not at night"),
            *(Rejected(one, "407", "No route") for one in rest),
        ]

    says(monkeypatch, mixed)
    campaign = work(launch())
    assert (campaign.queued, campaign.failed) == (1, PEOPLE - 1)
    decisions.retry_failed(campaign.id)
    says(monkeypatch, accept)
    (batch,) = batches(campaign.id)
    assert batch.next_at is None or batch.next_at <= utcnow()
    campaign = work(campaign.id)
    assert (campaign.sent, campaign.queued) == (PEOPLE - 1, 1)


@pytest.mark.both
def test_a_campaign_that_waits_for_the_morning_says_so(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tomorrow there: between 23:00 and midnight in Greenwich it is tomorrow in Lagos already.
    tomorrow = datetime.now(ZoneInfo("Africa/Lagos")) + timedelta(days=1)
    morning = tomorrow.replace(hour=8, minute=0, second=0).astimezone(UTC)
    says(monkeypatch, lambda messages: [Defer(one, morning, "Not at night") for one in messages])
    campaign = work(launch())
    sweeper.sweep()
    here = morning.astimezone(ZoneInfo("Africa/Lagos"))
    expected = f"Nobody's turn comes before 08:00 on {here:%d %B}"
    assert lifecycle.get(campaign.id).status_reason == expected
    Recipient.update(next_attempt_at=None).execute()
    Batch.update(next_at=None).execute()
    sweeper.sweep()
    assert lifecycle.get(campaign.id).status_reason == ""


@pytest.mark.both
@pytest.mark.slow
def test_a_decision_is_carried_out_to_its_end_by_two_workers_at_once(
    app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    says(monkeypatch, lambda messages: [Rejected(one, "407", "No route") for one in messages])
    campaign = work(launch())
    states.decide(campaign.id, "retry-failed", ["completed", "sending"])
    if backend == "sqlite":
        while states.carry_out(campaign.id, 5):
            pass
    else:
        _two_at_once(app, campaign.id)
    campaign = lifecycle.get(campaign.id)
    assert (campaign.queued, campaign.failed, campaign.decision) == (PEOPLE, 0, "")


def _two_at_once(app: Flask, campaign_id: int) -> None:
    """One carries out a chunk and has not committed yet when the other begins with the same."""

    def other() -> None:
        with app.app_context():
            states.carry_out(campaign_id, 5)
            database.release()

    with database.db.atomic():
        states.carry_out(campaign_id, 5)
        second = threading.Thread(target=other)
        second.start()
        second.join(1)
    second.join()
    while states.carry_out(campaign_id, 5):
        pass


# ---- what sweepers find -------------------------------------------------------------------------


@pytest.mark.both
def test_a_launch_that_a_dead_worker_left_half_way_is_staged_although_it_is_paused(
    provider: Provider,
) -> None:
    campaign = control.create(
        {"title": "T", "message_template": "Hello", "audience": {"everyone": True}}
    )
    control.launch(campaign.id)
    control.pause(campaign.id)
    queues.current()["sms"].storage.flush_queue()
    died = utcnow() - timedelta(seconds=1)
    Campaign.update(staging_until=died).where(Campaign.id == campaign.id).execute()
    sweeper.sweep()
    assert hinted() == 1


@pytest.mark.both
def test_a_campaign_moved_to_next_week_does_not_begin_now(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon, later = utcnow() + timedelta(seconds=60), utcnow() + timedelta(days=7)
    campaign = control.create(
        {
            "title": "T",
            "message_template": "Hello",
            "audience": {"everyone": True},
            "scheduled_at": soon,
        }
    )
    control.launch(campaign.id)
    due = utcnow() - timedelta(seconds=1)
    Campaign.update(scheduled_at=due).where(Campaign.id == campaign.id).execute()
    begin = lifecycle.begin

    def meanwhile(*args: Any) -> bool:
        # A person is quicker than the sweeper that has just read the row.
        control.reschedule(campaign.id, later)
        return begin(*args)

    monkeypatch.setattr(lifecycle, "begin", meanwhile)
    sweeper.begin_scheduled()
    assert lifecycle.get(campaign.id).status == "scheduled"


@pytest.mark.both
def test_people_added_to_a_batch_while_its_worker_closes_it_are_not_forgotten(
    app: Flask, provider: Provider, backend: str
) -> None:
    campaign_id = launch()
    (batch,) = batches(campaign_id)
    leased = lease(batch.id, provider.deadline)
    assert leased is not None
    Recipient.update(status=S.SENT).where(Recipient.campaign_id == campaign_id).execute()

    def close() -> None:
        with app.app_context():
            delivery._release(lifecycle.get(campaign_id), leased, 0.0)
            database.release()

    closing = threading.Thread(target=close)
    with database.db.atomic():
        # Staging opens the batch again for somebody new, and has not committed yet.
        Recipient.create(campaign_id=campaign_id, phone="+2348035999999", batch=batch.number)
        Batch.update(state="ready").where(Batch.id == batch.id).execute()
        closing.start()
        closing.join(0.5)
    closing.join()
    assert Batch.get_by_id(batch.id).state == "ready"
