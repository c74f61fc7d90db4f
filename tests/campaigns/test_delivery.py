"""One worker's turn, in this process: whatever a network says, the rows stay true."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from one_turn import (
    PEOPLE,
    S,
    accept,
    batches,
    give_back,
    launch,
    people,
    provider,
    rows,
    says,
    work,
)
from peewee import OperationalError
from redis.exceptions import RedisError

from obidient.campaigns import decisions
from obidient.campaigns.models.campaign import (
    ProviderState,
    Recipient,
)
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import (
    delivery,
    lifecycle,
    pace,
    writing,
)
from obidient.campaigns.sending.reports import apply_reports
from obidient.clock import utcnow
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
from obidient.workers.models import FailedJob

__all__ = ["people", "provider"]


HOOK = "/api/communications/webhooks/simulator-sms/delivery"


TOKEN = "webhook-token-of-the-tests"


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
@pytest.mark.slow
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
@pytest.mark.slow
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
@pytest.mark.slow
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
    write, failures = writing.messages, iter(["server closed the connection unexpectedly", ""])

    def shaky(*args: Any) -> Any:
        if (failure := next(failures, None)) is not None:
            raise OperationalError(failure)
        return write(*args)

    monkeypatch.setattr(writing, "messages", shaky)
    campaign = work(launch())
    assert (campaign.sent, campaign.status) == (PEOPLE, "completed")


@pytest.mark.both
def test_nobody_is_sent_to_under_a_claim_that_may_run_out_meanwhile(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(_: list[Message]) -> list[Outcome]:
        raise AssertionError("sent although the claim was about to run out")

    says(monkeypatch, no)
    write = writing.messages

    def slow(*args: Any) -> Any:
        later = utcnow() + timedelta(seconds=1.5 * provider.deadline)
        monkeypatch.setattr(delivery, "utcnow", lambda: later)
        return write(*args)

    monkeypatch.setattr(writing, "messages", slow)
    campaign_id = launch()
    (batch,) = batches(campaign_id)
    monkeypatch.setattr(delivery, "SLICE", 0.0)
    delivery.send_batch(campaign_id, batch.id)
    campaign = lifecycle.get(campaign_id)
    assert (campaign.queued, campaign.sending) == (PEOPLE, 0)
    assert {row.attempts for row in rows(campaign_id)} == {0}


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
@pytest.mark.slow
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
