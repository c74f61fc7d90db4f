"""Voice campaigns through the pretended phones: staged, called, listened to, counted."""

import subprocess
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from following import follow
from servers import wait_for
from voice_campaign import (
    HOOK,
    ROWS,
    call,
    calling,
    campaign_of,
    counts,
    ended,
    environ,
    simulator,
    unanswered,
)

from obidient.campaigns import control
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.voice import KeyPress, VoiceCall
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.sending.outcomes import Result
from obidient.campaigns.voice import calls
from obidient.clock import utcnow
from obidient.contacts.models import Suppression
from obidient.contacts.suppression import suppress

__all__ = ["calling", "environ"]


def due_now() -> None:
    Recipient.update(next_attempt_at=utcnow() - timedelta(seconds=1)).where(
        Recipient.next_attempt_at.is_null(False)
    ).execute()


@pytest.mark.both
@pytest.mark.slow
def test_every_call_of_a_campaign_ends_in_a_true_state(
    app: Flask,
    server: Callable[[], str],
    worker: Callable[..., subprocess.Popen[bytes]],
    environ: dict[str, str],
) -> None:
    server()
    worker(
        SIMULATOR_VOICE_SILENT="3", SIMULATOR_VOICE_REPEATS="30", SIMULATOR_VOICE_LONGEST_CALL="8"
    )
    campaign = campaign_of(300)
    control.launch(campaign.id)
    most = 0

    def over(now: Campaign) -> bool:
        nonlocal most
        # Not those about to be given up: their lines may have been taken again by the time that
        # this question reaches the database.
        soon = utcnow() + timedelta(seconds=2)
        open_calls = (VoiceCall.until > soon) & VoiceCall.ended_at.is_null()
        most = max(most, VoiceCall.select().where(open_calls).count())
        return now.status == "completed"

    follow(campaign.id, over)
    assert most <= 20
    # A moment for the last callbacks that a worker has not looked at yet.
    wait_for(lambda: not applying.summary().get("new"))
    found = counts(campaign)
    assert sum(found.values()) == 300
    assert set(found) <= {"sent", "delivered", "undelivered"}
    assert found["delivered"] > 200
    assert found["undelivered"] > 10
    lost = VoiceCall.select().where(VoiceCall.ended_at.is_null()).count()
    assert found.get("sent", 0) <= lost
    pressed = KeyPress.select().where(KeyPress.campaign_id == campaign.id).count()
    assert pressed > 50
    stopped = {row.phone for row in Suppression.select()}
    nines = KeyPress.select().where(KeyPress.action == "stop").count()
    assert len(stopped) == nines > 0
    billed = sum(row.cost_e4 or 0 for row in VoiceCall.select())
    assert lifecycle.get(campaign.id).cost_e4 == billed > 0


@pytest.mark.both
def test_no_more_calls_begin_than_there_are_lines(calling: Callable[..., Campaign]) -> None:
    campaign = calling(50)
    assert len(call(campaign, 15)) == 15
    assert len(call(campaign, 15)) == 5
    assert call(campaign, 15) == []
    assert counts(campaign) == {"queued": 30, "sent": 20}


@pytest.mark.slow
def test_a_line_is_free_again_once_its_call_has_ended(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(50)
    made = call(campaign, 20)
    ended(client, made[0][2])
    ended(client, made[0][2])
    applying.apply_due()
    assert len(call(campaign, 20)) == 1


def test_a_call_whose_end_is_never_reported_frees_its_line_in_time(
    calling: Callable[..., Campaign],
) -> None:
    campaign = calling(25)
    call(campaign, 20)
    VoiceCall.update(until=utcnow()).execute()
    assert len(call(campaign, 20)) == 5
    VoiceCall.update(until=utcnow()).execute()
    assert lifecycle.complete(campaign.id)
    assert counts(campaign) == {"sent": 25}


def test_a_call_that_somebody_took_was_heard_even_if_its_end_is_never_reported(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(2)
    made = call(campaign)
    client.post(HOOK, data={"sessionId": made[0][2], "isActive": "1"})
    applying.apply_due()
    calls.sweep()
    assert counts(campaign) == {"sent": 2}
    VoiceCall.update(until=utcnow() - timedelta(seconds=1)).execute()
    calls.sweep()
    calls.sweep()
    assert counts(campaign) == {"sent": 1, "delivered": 1}
    ended(client, made[0][2])
    applying.apply_due()
    assert lifecycle.get(campaign.id).cost_e4 == 27_000


def test_calls_that_did_not_begin_take_no_line(calling: Callable[..., Campaign]) -> None:
    campaign, provider = calling(30), simulator()
    claimed = calls.claim(campaign, provider, 0, 20, timedelta(seconds=40))
    bad = [Result(one.id, one.attempt, RecipientStatus.FAILED, code="x") for one in claimed]
    calls.record(campaign.id, provider, bad, claimed[0].lease_until)
    assert VoiceCall.select().count() == 0
    assert calls.free_lines(provider, 20) == 20


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("cause", ["USER_BUSY", "NO_ANSWER"])
def test_who_did_not_answer_is_called_again_on_the_same_day_and_only_so_often(
    calling: Callable[..., Campaign], client: FlaskClient, cause: str
) -> None:
    campaign = calling(1, quiet_hours="")
    (first,) = call(campaign)
    for _ in range(5):
        unanswered(client, first[2], cause)
    applying.apply_due()
    now = Recipient.get_by_id(first[0])
    late = (utcnow() + timedelta(hours=1)).hour == 0
    if late:
        pytest.skip("too late in the day to call again")
    assert counts(campaign) == {"queued": 1}
    assert now.next_attempt_at > utcnow() - timedelta(seconds=1)
    assert not lifecycle.complete(campaign.id)
    due_now()
    (second,) = call(campaign)
    unanswered(client, first[2], cause)
    applying.apply_due()
    assert counts(campaign) == {"sent": 1}
    unanswered(client, second[2], cause)
    applying.apply_due()
    assert counts(campaign) == {"undelivered": 1}
    assert lifecycle.complete(campaign.id)


@pytest.mark.both
def test_who_was_to_be_called_again_is_not_called_on_another_day(
    calling: Callable[..., Campaign],
) -> None:
    campaign = calling(3, quiet_hours="")
    made = call(campaign)
    now = utcnow()
    for (recipient, _, _), due in zip(made, (now - timedelta(days=1), now, None), strict=True):
        Recipient.update(status=0, next_attempt_at=due, error_code="unanswered").where(
            Recipient.id == recipient
        ).execute()
    Campaign.update(queued=3, sent=0).execute()
    calls.forget_yesterday()
    calls.forget_yesterday()
    assert counts(campaign) == {"queued": 2, "undelivered": 1}
    assert Recipient.get_by_id(made[0][0]).status == RecipientStatus.UNDELIVERED


def test_who_refused_is_left_in_peace(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(1)
    (made,) = call(campaign)
    unanswered(client, made[2], "CALL_REJECTED")
    applying.apply_due()
    assert counts(campaign) == {"undelivered": 1}


def test_a_late_word_that_somebody_answered_cancels_the_second_call(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(1, quiet_hours="")
    (made,) = call(campaign)
    unanswered(client, made[2])
    applying.apply_due()
    ended(client, made[2])
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}
    due_now()
    assert call(campaign) == []


def test_a_report_that_comes_before_the_call_is_recorded_waits_for_it(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign, provider = calling(1), simulator()
    (one,) = calls.claim(campaign, provider, 0, 1, timedelta(seconds=40))
    ended(client, "early", callerNumber=one.phone, clientRequestId=f"{campaign.id}-x")
    applying.apply_due()
    assert counts(campaign) == {"sending": 1}
    sent = Result(one.id, 1, RecipientStatus.SENT, provider_id="early")
    calls.record(campaign.id, provider, [sent], one.lease_until)
    RawCallback.update(due_at=utcnow()).execute()
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}
    assert lifecycle.get(campaign.id).cost_e4 == 27_000


def test_a_call_in_doubt_is_settled_by_its_end(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign, provider = calling(2), simulator()
    claimed = calls.claim(campaign, provider, 0, 2, timedelta(seconds=40))
    doubt = [Result(one.id, 1, RecipientStatus.UNCONFIRMED, code="unknown") for one in claimed]
    calls.record(campaign.id, provider, doubt, claimed[0].lease_until)
    for number, one in enumerate(claimed):
        form = {"callerNumber": one.phone, "clientRequestId": f"{campaign.id}-x"}
        if number:
            ended(client, f"s{number}", **form)
        else:
            busy = {"status": "NotAnswered", "hangupCause": "USER_BUSY", "durationInSeconds": "0"}
            ended(client, "s0", **form, **busy)
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1, "undelivered": 1}


@pytest.mark.both
@pytest.mark.slow
def test_ends_replayed_five_times_and_shuffled_count_once(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    import random

    campaign = calling(20)
    made = call(campaign, 20)
    posts = [(session, n) for n, (_, _, session) in enumerate(made)] * 5
    random.Random(7).shuffle(posts)
    for session, n in posts:
        if n % 4 == 3:
            unanswered(client, session, "CALL_REJECTED")
        else:
            ended(client, session)
    applying.apply_due()
    assert counts(campaign) == {"delivered": 15, "undelivered": 5}
    assert lifecycle.get(campaign.id).cost_e4 == 15 * 27_000


def test_who_texts_stop_between_staging_and_calling_is_not_called(
    calling: Callable[..., Campaign],
) -> None:
    campaign = calling(3)
    suppress(ROWS[1]["phone"], source="stop-reply")
    assert {phone for _, phone, _ in call(campaign)} == {ROWS[0]["phone"], ROWS[2]["phone"]}
    assert counts(campaign) == {"sent": 2, "skipped": 1}
