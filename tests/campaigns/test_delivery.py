"""One worker's turn, in this process: whatever a network or a person does, the rows stay true."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from peewee import OperationalError
from redis.exceptions import RedisError

from obidient import create_app, database, queues
from obidient.campaigns import control, decisions
from obidient.campaigns.models.campaign import (
    Batch,
    Campaign,
    ProviderState,
    Recipient,
    RecipientStatus,
)
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import (
    delivery,
    hints,
    holds,
    lifecycle,
    pace,
    staging,
    states,
    sweeper,
)
from obidient.campaigns.sending import (
    rest as trouble,
)
from obidient.campaigns.sending.reports import apply_reports
from obidient.clock import utcnow
from obidient.config import parse_quiet_hours
from obidient.contacts.models import Contact
from obidient.errors import Conflict
from obidient.plugin import (
    Accepted,
    Defer,
    DeliveryReport,
    Message,
    Money,
    Outcome,
    Provider,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Retry,
    Stop,
    Unknown,
)
from obidient.providers import registry
from obidient.workers.models import FailedJob

HOOK, TOKEN = (
    "/api/communications/webhooks/simulator-sms/delivery",
    "webhook-token-of-the-tests",
)
S = RecipientStatus
PEOPLE = 20
give_back = pace.give_back

Send = Callable[[list[Message]], Any]


@pytest.fixture
def people(app: Flask) -> None:
    rows = [{"phone": f"+23480355{n:05d}", "first_name": f"Ada{n}"} for n in range(PEOPLE)]
    Contact.insert_many(rows).execute()


@pytest.fixture
def provider(people: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The simulator, which accepts everything unless a test says otherwise; no waiting for pace."""
    found = registry.current().find("simulator-sms")
    assert found is not None
    says(monkeypatch, accept)
    monkeypatch.setattr(pace, "take", lambda buckets, wanted: (wanted, 0.0))
    monkeypatch.setattr(pace, "give_back", lambda buckets, number: None)
    yield found


def says(monkeypatch: pytest.MonkeyPatch, send: Send) -> None:
    """From now on the network answers like this."""
    monkeypatch.setattr(registry.current().find("simulator-sms"), "send", send)


def accept(messages: list[Message]) -> list[Outcome]:
    return [Accepted(one, f"id-{one.id}-{one.attempt}") for one in messages]


def refuse_only(monkeypatch: pytest.MonkeyPatch, ids: list[int]) -> None:
    """From now on the network takes everybody but these."""
    says(
        monkeypatch,
        lambda messages: [
            Rejected(one, "407", "No route") if one.id in ids else accept([one])[0]
            for one in messages
        ],
    )


def launch(**more: Any) -> int:
    values = {"title": "T", "message_template": "Hello", "audience": {"everyone": True}}
    campaign = control.create(values | more)
    control.launch(campaign.id)
    while not staging.stage_chunk(campaign.id, 500):
        pass
    return int(campaign.id)


def batches(campaign_id: int) -> list[Batch]:
    return list(Batch.select().where(Batch.campaign_id == campaign_id).order_by(Batch.number))


def work(campaign_id: int) -> Campaign:
    """A worker's turn on each batch."""
    for batch in batches(campaign_id):
        delivery.send_batch(campaign_id, batch.id)
    return lifecycle.get(campaign_id)


def rows(campaign_id: int) -> list[Recipient]:
    query = Recipient.select().where(Recipient.campaign_id == campaign_id)
    return list(query.order_by(Recipient.id))


def hinted(channel: str = "sms") -> int:
    """Jobs that wait, now or for later."""
    queue = queues.current()[channel]
    return int(queue.pending_count() + queue.scheduled_count())


# ---- outcomes that plugins should not give ------------------------------------------------------


ODD: dict[str, Callable[[Message], Any]] = {
    "a number as id": lambda one: Accepted(one, 4711),  # type: ignore[arg-type]
    "no id": lambda one: Accepted(one, None),  # type: ignore[arg-type]
    "an endless id": lambda one: Accepted(one, "x" * 4000),
    "a zero byte in the id": lambda one: Accepted(one, "a\x00b"),
    "half a letter in the id": lambda one: Accepted(one, "a\ud83d"),
    "endless parts": lambda one: Accepted(one, "a", parts=10**6),
    "parts in words": lambda one: Accepted(one, "a", parts="two"),  # type: ignore[arg-type]
    "a cost that is no number": lambda one: Accepted(one, "a", Money(Decimal("NaN"), "NGN")),
    "a cost beyond all": lambda one: Accepted(one, "a", Money(Decimal("1e30"), "NGN")),
}


@pytest.mark.both
@pytest.mark.parametrize("odd", list(ODD))
def test_what_the_network_accepted_is_recorded_however_oddly_a_plugin_says_so(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    says(monkeypatch, lambda messages: [ODD[odd](one) for one in messages])
    campaign = work(launch())
    assert (campaign.sent, campaign.status) == (PEOPLE, "completed")


UNUSABLE: dict[str, Callable[[Message], Any]] = {
    "nothing": lambda one: None,
    "a word": lambda one: "accepted",
    "a wait without end": lambda one: Retry(one, "Busy", after=float("inf")),
    "a wait that is none": lambda one: Retry(one, "Busy", after="soon"),  # type: ignore[arg-type]
    "the end of time": lambda one: Defer(one, datetime.max.replace(tzinfo=UTC), "Later"),
    "no time": lambda one: Defer(one, None, "Later"),  # type: ignore[arg-type]
    "a zero byte": lambda one: Rejected(one, "4\x0003", "No such \x00 number"),
    "an endless code": lambda one: Rejected(one, "4" * 2000, "No such number"),
    "no reason": lambda one: Unknown(one, None),  # type: ignore[arg-type]
}


@pytest.mark.both
@pytest.mark.parametrize("odd", list(UNUSABLE))
def test_no_outcome_leaves_anybody_behind(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    says(monkeypatch, lambda messages: [UNUSABLE[odd](one) for one in messages])
    campaign_id = launch()
    (batch,) = batches(campaign_id)
    delivery.send_batch(campaign_id, batch.id)
    campaign = lifecycle.get(campaign_id)
    # Recorded at once: nobody waits for a lease to run out.
    assert campaign.sending == 0
    assert campaign.queued + campaign.failed + campaign.unconfirmed == PEOPLE


@pytest.mark.both
@pytest.mark.parametrize("raised", [Stop, ProviderStopped, RequestRetry])
def test_what_a_network_says_of_its_refusal_is_kept_whatever_is_in_it(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, raised: type
) -> None:
    def send(messages: list[Message]) -> list[Outcome]:
        said = raised("No\x00 credit \ud83d" + "x" * 5000)
        if isinstance(said, Exception):
            raise said
        return [said]

    says(monkeypatch, send)
    campaign = work(launch())
    stopped = raised is not RequestRetry
    assert (campaign.status, campaign.queued) == ("paused" if stopped else "sending", PEOPLE)
    told = campaign.status_reason if stopped else ProviderState.get_by_id(provider.name).reason
    assert "No credit" in told
    assert len(told) < 2000


@pytest.mark.both
def test_a_crash_is_shown_whatever_its_text_holds(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(_: list[Message]) -> list[Outcome]:
        raise RuntimeError("Not this\x00way \ud83d")

    says(monkeypatch, send)
    campaign = work(launch())
    assert (campaign.unconfirmed, campaign.sending) == (PEOPLE, 0)
    assert "Not thisway" in FailedJob.get().error


# ---- an answer in hand --------------------------------------------------------------------------


@pytest.mark.both
def test_an_answer_in_hand_outlives_tokens_that_cannot_be_given_back(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OperationalError("database or disk is full")

    def away() -> None:
        raise RedisError("Connection refused")

    says(monkeypatch, lambda messages: [*accept(messages[:5]), Stop("Top up")])
    monkeypatch.setattr(pace, "give_back", give_back)
    monkeypatch.setattr(pace.PaceBucket, "update", full)
    monkeypatch.setattr(pace, "_redis", away)
    campaign = work(launch())
    assert (campaign.sent, campaign.queued, campaign.status) == (5, PEOPLE - 5, "paused")


@pytest.mark.both
def test_a_database_that_goes_away_before_the_call_leaves_nobody_in_doubt(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failures = delivery._messages, iter(["server closed the connection unexpectedly", ""])

    def shaky(*args: Any) -> list[Message]:
        if (failure := next(failures, None)) is not None:
            raise OperationalError(failure)
        return write(*args)

    monkeypatch.setattr(delivery, "_messages", shaky)
    campaign = work(launch())
    assert (campaign.sent, campaign.status) == (PEOPLE, "completed")


@pytest.mark.both
def test_nobody_is_sent_to_under_a_claim_that_may_run_out_meanwhile(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(_: list[Message]) -> list[Outcome]:
        raise AssertionError("sent although the claim was about to run out")

    says(monkeypatch, no)
    write = delivery._messages

    def slow(*args: Any) -> list[Message]:
        later = utcnow() + timedelta(seconds=1.5 * provider.deadline)
        monkeypatch.setattr(delivery, "utcnow", lambda: later)
        return write(*args)

    monkeypatch.setattr(delivery, "_messages", slow)
    campaign_id = launch()
    (batch,) = batches(campaign_id)
    monkeypatch.setattr(delivery, "SLICE", 0.0)
    delivery.send_batch(campaign_id, batch.id)
    campaign = lifecycle.get(campaign_id)
    assert (campaign.queued, campaign.sending) == (PEOPLE, 0)
    assert {row.attempts for row in rows(campaign_id)} == {0}


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
    morning = (datetime.now(UTC) + timedelta(days=1)).replace(hour=7, minute=0, second=0)
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
    second.join(10)
    while states.carry_out(campaign_id, 5):
        pass


# ---- reports about earlier tries -----------------------------------------------------------------


@pytest.mark.both
@pytest.mark.parametrize("by_phone", [False, True], ids=["by id", "by phone"])
def test_a_report_of_success_cancels_a_retry_and_one_of_failure_does_not(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, by_phone: bool
) -> None:
    if by_phone:
        says(monkeypatch, lambda messages: [Retry(one, "Gateway failed") for one in messages])
    else:
        says(
            monkeypatch, lambda messages: [Unknown(one, "Held", f"x-{one.id}") for one in messages]
        )
    campaign = work(launch())
    if not by_phone:
        decisions.resolve_unconfirmed(campaign.id, resend=True)
    first, second, *_ = rows(campaign.id)
    assert first.status == second.status == S.QUEUED

    def report(row: Recipient, status: str) -> DeliveryReport:
        return DeliveryReport(f"x-{row.id}", status, phone=row.phone)

    apply_reports(provider.name, [report(first, "delivered"), report(second, "undelivered")])
    # The second try of the others.
    says(monkeypatch, accept)
    Recipient.update(next_attempt_at=None).execute()
    campaign = work(campaign.id)
    assert (campaign.delivered, campaign.sent, campaign.undelivered) == (1, PEOPLE - 1, 0)


@pytest.mark.both
def test_a_report_about_an_answer_from_the_inbox_settles_no_campaign_s_doubt(
    provider: Provider, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, lambda messages: [Unknown(one, "No answer") for one in messages])
    campaign = work(launch())
    known, being_sent = (row.phone for row in rows(campaign.id)[:2])
    made = {"provider": provider.name, "text": "Hi", "inbound_id": 1}
    TextAnswer.create(phone=known, provider_id="answer-1", state="sent", **made)
    TextAnswer.create(phone=being_sent, state="sending", **made)
    for name, phone in (("answer-1", known), ("answer-2", being_sent)):
        form = {"id": name, "phoneNumber": phone, "status": "Success"}
        assert client.post(f"{HOOK}?token={TOKEN}", data=form).status_code == 200
    applying.apply_due()
    assert lifecycle.get(campaign.id).unconfirmed == PEOPLE
    assert TextAnswer.get(TextAnswer.provider_id == "answer-1").state == "delivered"


# ---- errors -------------------------------------------------------------------------------------


@pytest.fixture
def wary(environ: dict[str, str]) -> None:
    environ |= {"ERROR_PAUSE_COUNT": "10", "ERROR_PAUSE_PERCENT": "30"}


@pytest.mark.both
@pytest.mark.usefixtures("wary")
def test_errors_after_a_second_try_pause_a_campaign_as_those_before_it_did(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, lambda messages: [Rejected(one, "407", "No route") for one in messages])
    campaign = work(launch())
    assert (campaign.status, campaign.failed) == ("paused", PEOPLE)
    for _ in range(2):
        decisions.retry_failed(campaign.id)
        control.resume(campaign.id)
        campaign = work(campaign.id)
        assert (campaign.status, campaign.failed) == ("paused", PEOPLE)
        assert "20 of the last 20 messages failed" in campaign.status_reason


@pytest.mark.both
@pytest.mark.usefixtures("wary")
def test_errors_that_a_person_has_seen_and_tries_again_are_not_held_against_the_campaign(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = launch()
    ids = [row.id for row in rows(campaign_id)]
    refuse_only(monkeypatch, ids[:9])
    campaign = work(campaign_id)
    assert (campaign.status, campaign.failed) == ("completed", 9)
    refuse_only(monkeypatch, ids[:1])
    decisions.retry_failed(campaign_id)
    campaign = work(campaign_id)
    assert (campaign.status, campaign.failed) == ("completed", 1)


@pytest.mark.both
@pytest.mark.usefixtures("wary")
def test_reports_that_settle_old_doubts_do_not_blind_a_campaign_to_new_errors(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "max_batch", 10)
    campaign_id = launch()
    (batch,) = batches(campaign_id)
    doubtful = states.claim(campaign_id, batch.number, 10, timedelta(seconds=60), "sms")
    states.expire_leases(utcnow() + timedelta(minutes=5))
    assert lifecycle.get(campaign_id).unconfirmed == 10
    decisions.resolve_unconfirmed(campaign_id, resend=True)
    says(monkeypatch, lambda messages: [Rejected(one, "407", "No route") for one in messages])
    campaign = work(campaign_id)
    assert len(doubtful) == 10
    assert campaign.status == "paused"
    assert campaign.failed == 10


@pytest.mark.both
def test_trouble_of_long_ago_does_not_pause_a_campaign_at_its_first_refusal(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = utcnow() - timedelta(days=1)
    ProviderState.create(
        provider=provider.name, failures=3, trouble_since=long_ago, resting_until=long_ago
    )
    says(monkeypatch, refuse)
    campaign = work(launch())
    assert campaign.status == "sending"
    assert (campaign.queued, campaign.sending) == (PEOPLE, 0)


def refuse(messages: list[Message]) -> list[Outcome]:
    raise RequestRetry("The network can't be reached")


@pytest.mark.both
def test_fifteen_minutes_of_refusals_pause_a_campaign_and_its_resumption_gives_it_fifteen_more(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, refuse)
    campaign_id = launch()
    work(campaign_id)
    earlier = utcnow() - timedelta(minutes=16)
    ProviderState.update(trouble_since=earlier, resting_until=utcnow()).execute()
    campaign = work(campaign_id)
    assert campaign.status == "paused"
    assert "has not been reachable for 15 minutes" in campaign.status_reason
    control.resume(campaign_id)
    ProviderState.update(resting_until=utcnow()).execute()
    assert work(campaign_id).status == "sending"


@pytest.mark.both
@pytest.mark.parametrize("asked", [None, 0.0])
def test_a_provider_that_refuses_all_day_still_gets_its_rest(
    provider: Provider, asked: float | None
) -> None:
    trouble.note_refusal(provider.name, "Too many requests", asked)
    ProviderState.update(failures=5_000, resting_until=utcnow()).execute()
    trouble.note_refusal(provider.name, "Too many requests", asked)
    rest = ProviderState.get_by_id(provider.name).resting_until - utcnow()
    assert timedelta(seconds=50) < rest <= timedelta(seconds=60)


@pytest.mark.both
def test_refusals_at_the_same_moment_are_one_trouble(provider: Provider) -> None:
    for _ in range(6):
        trouble.note_refusal(provider.name, "The network can't be reached", None)
    state = ProviderState.get_by_id(provider.name)
    assert state.resting_until < utcnow() + timedelta(seconds=3)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2027-03-27 22:00", "2027-03-28 07:00"),  # the clocks go forward in this night
        ("2027-10-30 22:00", "2027-10-31 08:00"),  # and back in this one
        ("2027-06-01 18:30", None),
        ("2027-06-01 19:00", "2027-06-02 07:00"),
        ("2027-06-02 06:59", "2027-06-02 07:00"),
        ("2027-06-02 07:00", None),
    ],
)
def test_quiet_hours_end_when_the_clocks_say_so(
    environ: dict[str, str], now: str, until: str | None
) -> None:
    with create_app(environ | {"TIMEZONE": "Europe/London"}).app_context():
        quiet = parse_quiet_hours("20:00-08:00")
        end = holds.quiet_until(quiet, datetime.fromisoformat(now))
        assert end == (datetime.fromisoformat(until) if until else None)


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
    leased = delivery._lease(batch.id, provider)
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
    closing.join(20)
    assert Batch.get_by_id(batch.id).state == "ready"
