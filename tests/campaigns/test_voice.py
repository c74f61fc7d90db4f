"""Voice campaigns through the pretended phones: staged, called, listened to, answered, counted."""

import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from test_end_to_end import follow

from obidient.campaigns import control, decisions
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.voice import KeyPress, VoiceCall
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import delivery, lifecycle
from obidient.campaigns.sending.outcomes import Claimed, Result
from obidient.campaigns.sending.staging import stage
from obidient.campaigns.voice import calls, menu
from obidient.clock import utcnow
from obidient.contacts.models import Contact, Suppression
from obidient.contacts.suppression import suppress
from obidient.plugin import Provider
from obidient.providers import registry

TOKEN = "webhook-token-of-the-tests"
HOOK = f"/api/communications/webhooks/simulator-voice/events?token={TOKEN}"
ROWS = [{"phone": f"+23480355{n:05d}", "first_name": f"Ada & <{n}>"} for n in range(300)]


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {
        "VOICE_RATE_LIMIT_PER_SECOND": "1000",
        "SIMULATOR_VOICE_DELAY": "0.05",
        "SIMULATOR_VOICE_SPEED": "0.01",
        "SIMULATOR_VOICE_LATENCY": "0",
        "SIMULATOR_VOICE_LINES": "20",
        "SIMULATOR_VOICE_REDIAL_MINUTES": "0.01",
    }


def campaign_of(people: int, **more: Any) -> Campaign:
    Contact.insert_many(ROWS[:people]).execute()
    values = {
        "channel": "voice",
        "title": "Call",
        "message_template": "Hello {{first_name}}, see you on Saturday",
        "audience": {"everyone": True},
        "keypad": menu.USUAL,
    }
    return control.create(values | more)


def simulator() -> Provider:
    found = registry.current().find("simulator-voice")
    assert found is not None
    return found


@pytest.fixture
def calling(app: Flask) -> Iterator[Callable[..., Campaign]]:
    """A campaign that is staged and sending, with nobody at work on it."""

    def begin(people: int, **more: Any) -> Campaign:
        campaign = control.launch(campaign_of(people, **more).id)
        stage(campaign.id)
        return lifecycle.get(campaign.id)

    yield begin


def call(campaign: Campaign, number: int = 100) -> list[tuple[int, str, str]]:
    """Claim and record as a worker does: (recipient, phone, session)."""
    provider, made = simulator(), []
    batch = Batch.select().where(Batch.campaign_id == campaign.id).first()
    lease = timedelta(seconds=40)
    claimed = calls.claim(campaign, provider, batch.number, number, lease)
    results = []
    for one in claimed:
        session = f"call-{one.id}-{one.attempt}-test"
        results.append(Result(one.id, one.attempt, RecipientStatus.SENT, provider_id=session))
        made.append((one.id, one.phone, session))
    if claimed:
        calls.record(campaign.id, provider, results, claimed[0].lease_until)
    return made


def ended(client: FlaskClient, session: str, **form: str) -> None:
    """The network reports the end of a call."""
    fields = {"sessionId": session, "isActive": "0", "durationInSeconds": "9", "amount": "2.70"}
    taken = {"status": "Completed", "hangupCause": "NORMAL_CLEARING"}
    assert client.post(HOOK, data=fields | taken | form).status_code == 200


def unanswered(client: FlaskClient, session: str, cause: str = "NO_ANSWER") -> None:
    fields = {"status": "NotAnswered", "hangupCause": cause, "durationInSeconds": "0"}
    ended(client, session, **fields, amount="0")


def due_now() -> None:
    Recipient.update(next_attempt_at=utcnow() - timedelta(seconds=1)).where(
        Recipient.next_attempt_at.is_null(False)
    ).execute()


def counts(campaign: Campaign) -> dict[str, int]:
    """The counters, after checking that they are the rows'."""
    now = lifecycle.get(campaign.id)
    found = {status.column: getattr(now, status.column) for status in RecipientStatus}
    for status in RecipientStatus:
        rows = Recipient.select().where(
            Recipient.campaign_id == campaign.id, Recipient.status == status
        )
        assert rows.count() == found[status.column], status
    return {name: number for name, number in found.items() if number}


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

    follow(campaign.id, over, 90)
    assert most <= 20
    # A moment for the last callbacks that a worker has not looked at yet.
    wait_until(lambda: not applying.summary().get("new"))
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


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.both
def test_no_more_calls_begin_than_there_are_lines(calling: Callable[..., Campaign]) -> None:
    campaign = calling(50)
    assert len(call(campaign, 15)) == 15
    assert len(call(campaign, 15)) == 5
    assert call(campaign, 15) == []
    assert counts(campaign) == {"queued": 30, "sent": 20}


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


def test_the_keys_people_press_are_kept_obeyed_and_counted(
    calling: Callable[..., Campaign], client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    campaign = calling(3)
    made = call(campaign)
    for (_, _, session), key in zip(made, "129", strict=True):
        form = {"sessionId": session, "isActive": "1"}
        assert b"GetDigits" in client.post(HOOK, data=form).data
        for _ in range(3):
            client.post(HOOK, data=form | {"dtmfDigits": key})
    applying.apply_due()
    answer = client.get(
        f"/api/communications/campaigns/{campaign.id}/answers", headers=auth("organiser")
    ).json
    assert [(one["key"], one["action"], one["people"]) for one in answer["keys"]] == [
        ("1", "repeat", 1),
        ("2", "callback", 1),
        ("9", "stop", 1),
    ]
    assert (answer["made"], answer["answered"]) == (3, 3)
    assert [row.phone for row in Suppression.select()] == [made[2][1]]
    people = client.get(
        f"/api/communications/campaigns/{campaign.id}/recipients", headers=auth("organiser")
    ).json
    assert sorted(row["keys"] for row in people["items"]) == ["1", "2", "9"]


def test_a_key_that_stands_for_nothing_is_not_kept(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    made = call(calling(1))
    form = {"sessionId": made[0][2], "isActive": "1", "dtmfDigits": "7"}
    assert b"GetDigits" in client.post(HOOK, data=form).data
    applying.apply_due()
    assert KeyPress.select().count() == 0


def test_a_keypad_menu_is_checked_when_it_is_written(
    client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    body = {
        "channel": "voice",
        "title": "T",
        "messageTemplate": "Hello",
        "audience": {"everyone": True},
    }
    url, who = "/api/communications/campaigns", auth("organiser")
    for keys in ({}, {"12": {"action": "stop"}}, {"1": {"action": "sing"}}):
        assert (
            client.post(url, json=body | {"keypad": {"keys": keys}}, headers=who).status_code == 422
        )
    keypad = {"keys": {"1": {"action": "answer", "label": "Yes"}, "0": {"action": "stop"}}}
    made = client.post(url, json=body | {"keypad": keypad}, headers=who)
    assert made.status_code == 201
    assert made.json["keypad"]["keys"]["1"]["label"] == "Yes"
    assert menu.prompt(made.json["keypad"]) == (
        "For Yes, press 1. To get no more calls or texts from us, press 0."
    )


def test_a_worker_that_finds_all_lines_busy_waits_for_one(calling: Callable[..., Campaign]) -> None:
    campaign = calling(50)
    call(campaign, 20)
    batch = Batch.select().where(Batch.campaign_id == campaign.id).first()
    delivery.send_batch(campaign.id, batch.id)
    assert VoiceCall.select().count() == 20
    assert Batch.get_by_id(batch.id).state == "ready"


@pytest.mark.both
@pytest.mark.parametrize("channel", ["sms", "voice"])
def test_who_texts_stop_between_staging_and_sending_hears_nothing_on_either_channel(
    calling: Callable[..., Campaign], client: FlaskClient, channel: str
) -> None:
    campaign = calling(3, channel=channel, keypad=None)
    assert counts(campaign) == {"queued": 3}
    form = {"from": ROWS[1]["phone"], "text": "Abeg stop", "id": "1"}
    address = HOOK.replace("simulator-voice/events", "simulator-sms/incoming")
    assert client.post(address, data=form).status_code == 200
    applying.apply_due()
    batch = Batch.get(Batch.campaign_id == campaign.id)
    end = time.monotonic() + 10
    while lifecycle.get(campaign.id).queued and time.monotonic() < end:
        delivery.send_batch(campaign.id, batch.id)
    skipped = Recipient.get(Recipient.status == RecipientStatus.SKIPPED)
    assert (skipped.phone, skipped.provider_id, skipped.attempts) == (ROWS[1]["phone"], None, 0)
    found = counts(campaign)
    assert found.pop("skipped") == 1
    assert sum(found.values()) == 2
    assert "queued" not in found


def in_doubt(campaign: Campaign, session: str | None = None) -> Claimed:
    """A call is made, and the answer to our request gets lost or says nothing clear."""
    provider = simulator()
    (one,) = calls.claim(campaign, provider, 0, 1, timedelta(seconds=40))
    doubt = Result(one.id, one.attempt, RecipientStatus.UNCONFIRMED, session, code="unknown")
    calls.record(campaign.id, provider, [doubt], one.lease_until)
    return one


@pytest.mark.both
@pytest.mark.parametrize("answered", [True, False])
def test_a_second_call_in_doubt_is_settled_by_its_end_too(
    calling: Callable[..., Campaign], client: FlaskClient, answered: bool
) -> None:
    campaign = calling(1, quiet_hours="")
    (first,) = call(campaign)
    Recipient.update(status=0, next_attempt_at=utcnow(), attempts=1).execute()
    Campaign.update(queued=1, sent=0).execute()
    VoiceCall.update(ended_at=utcnow()).execute()
    one = in_doubt(campaign)
    assert one.attempt == 2
    form = {"callerNumber": one.phone, "clientRequestId": f"{campaign.id}-x"}
    busy = {"status": "NotAnswered", "hangupCause": "USER_BUSY", "durationInSeconds": "0"}
    ended(client, "second", **form, **({} if answered else busy))
    applying.apply_due()
    assert counts(campaign) == {"delivered" if answered else "undelivered": 1}
    assert Recipient.get().provider_id == "second"
    assert first[2] != "second"


@pytest.mark.both
def test_a_call_made_anew_by_a_person_is_told_from_the_one_in_doubt(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(1, quiet_hours="")
    one = in_doubt(campaign)
    decisions.resolve_unconfirmed(campaign.id, resend=True)
    (second,) = call(campaign)
    assert second[0] == one.id
    assert VoiceCall.select().where(VoiceCall.session_id == second[2]).count() == 1
    ended(client, second[2])
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}
    assert VoiceCall.get(VoiceCall.session_id == second[2]).ended_at is not None


@pytest.mark.both
def test_the_end_of_a_call_in_doubt_makes_no_third_call_beside_a_persons_second(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(1, quiet_hours="")
    in_doubt(campaign, "first")
    decisions.resolve_unconfirmed(campaign.id, resend=True)
    call(campaign)
    unanswered(client, "first")
    applying.apply_due()
    assert counts(campaign) == {"sent": 1}


@pytest.mark.both
def test_a_call_in_doubt_that_was_answered_is_not_made_again(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(1, quiet_hours="")
    in_doubt(campaign, "first")
    decisions.resolve_unconfirmed(campaign.id, resend=True)
    assert counts(campaign) == {"queued": 1}
    ended(client, "first")
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}
    assert call(campaign) == []
