"""Each case of their API, over real sockets: what the provider makes of it."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from standin_africastalking import API_KEY, StandIn

from obidient.plugin import (
    Accepted,
    Defer,
    DeliveryReport,
    IncomingMessage,
    Message,
    Money,
    OptOut,
    Outcome,
    ProviderContext,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Retry,
    Stop,
    Unknown,
    WebhookRequest,
)
from plugins.africastalking import AfricasTalkingSms
from plugins.africastalking.mapping import LAGOS, next_morning

PHONES = ["+2348035550101", "+2348035550102", "+2348035550103"]


@pytest.fixture
def network() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


def provider(url: str, **changes: Any) -> AfricasTalkingSms:
    settings = {"username": "sandbox", "api_key": API_KEY, "base_url": url} | changes
    return AfricasTalkingSms(ProviderContext(settings))


def messages(text: str = "Hello") -> list[Message]:
    return [Message(number, phone, text) for number, phone in enumerate(PHONES, 1)]


def send(network: StandIn, **changes: Any) -> list[Outcome]:
    return list(provider(network.url, **changes).send(messages()))


def test_equal_texts_go_out_in_one_request_with_their_ids_cost_and_parts(network: StandIn) -> None:
    found = send(network, sender="OBIDIENT")
    assert [type(outcome) for outcome in found] == [Accepted] * 3
    assert len(network.requests) == 1
    request = network.requests[0]
    assert request["to"] == ",".join(PHONES)
    assert (request["from"], request["bulkSMSMode"], request["message"]) == (
        "OBIDIENT",
        "1",
        "Hello",
    )
    assert {outcome.provider_id for outcome in found} == {i for _, _, i in network.accepted}  # type: ignore[union-attr]
    assert found[0].cost == Money(Decimal("2.5000"), "NGN")  # type: ignore[union-attr]
    assert found[0].parts == 1  # type: ignore[union-attr]


def test_personalised_texts_share_kept_alive_connections(network: StandIn) -> None:
    wanted = [Message(n, f"+23480355{n:05d}", f"Hello {n}") for n in range(200)]
    found = list(provider(network.url, connections=8).send_each(wanted))
    assert all(isinstance(outcome, Accepted) for outcome in found)
    assert {text for _, text, _ in network.accepted} == {f"Hello {n}" for n in range(200)}
    assert network.connections <= 8


@pytest.mark.parametrize("code", [100, 101, 102])
def test_all_three_success_codes_are_accepted(network: StandIn, code: int) -> None:
    network.behave(code=code)
    assert all(isinstance(outcome, Accepted) for outcome in send(network))


@pytest.mark.parametrize(
    ("code", "suppress", "invalid"),
    [(403, False, True), (404, False, True), (406, True, False), (407, False, False)]
    + [(502, False, False)],
)
def test_a_bad_number_is_rejected_alone(
    network: StandIn, code: int, suppress: bool, invalid: bool
) -> None:
    network.behave(codes={PHONES[1]: code})
    first, second, third = send(network)
    assert isinstance(first, Accepted)
    assert isinstance(third, Accepted)
    assert isinstance(second, Rejected)
    assert (second.code, second.suppress, second.invalid) == (str(code), suppress, invalid)


@pytest.mark.parametrize(("code", "word"), [(401, "risk"), (402, "AT_SMS_SENDER_ID")])
def test_a_fault_of_the_account_stops_everything(network: StandIn, code: int, word: str) -> None:
    network.behave(code=code)
    found = send(network)
    assert all(isinstance(outcome, Stop) for outcome in found)
    assert word in found[0].reason  # type: ignore[union-attr]


def test_an_empty_account_says_top_up_with_the_balance(network: StandIn) -> None:
    network.behave(code=405)
    stop = send(network)[0]
    assert isinstance(stop, Stop)
    assert "top up" in stop.reason
    assert "NGN 1,234.50" in stop.reason


def test_the_night_ban_waits_for_eight_in_lagos(network: StandIn) -> None:
    network.behave(code=409)
    defer = send(network)[0]
    assert isinstance(defer, Defer)
    assert defer.until.astimezone(LAGOS).strftime("%H:%M") == "08:00"
    assert defer.until > datetime.now(UTC)
    network.behave(status=409, body="DoNotDisturbRejection")
    assert all(isinstance(outcome, Defer) for outcome in send(network))


def test_morning_is_today_before_eight_and_tomorrow_after() -> None:
    early = datetime(2027, 2, 25, 6, 59, tzinfo=UTC)
    late = datetime(2027, 2, 25, 20, 0, tzinfo=UTC)
    assert next_morning(early).astimezone(UTC) == datetime(2027, 2, 25, 7, 0, tzinfo=UTC)
    assert next_morning(late).astimezone(UTC) == datetime(2027, 2, 26, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize("code", [500, 501])
def test_a_gateway_error_without_a_message_id_is_tried_again(network: StandIn, code: int) -> None:
    network.behave(code=code)
    assert all(isinstance(outcome, Retry) for outcome in send(network))


@pytest.mark.parametrize("said", ["InvalidSenderId", "Something else"])
def test_a_refused_request_under_201_stops_with_its_reason(network: StandIn, said: str) -> None:
    network.behave(refusal=said)
    (stop,) = send(network)
    assert isinstance(stop, Stop)
    assert network.accepted == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_plain_text_4xx_stops_with_what_they_said(network: StandIn, status: int) -> None:
    network.behave(status=status, body="The supplied authentication is invalid")
    with pytest.raises(ProviderStopped, match="authentication is invalid"):
        send(network)


def test_a_wrong_key_is_named(network: StandIn) -> None:
    with pytest.raises(ProviderStopped, match="AT_API_KEY"):
        send(network, api_key="wrong")


def test_too_many_requests_honours_retry_after(network: StandIn) -> None:
    network.behave(status=429, headers={"Retry-After": "17"})
    with pytest.raises(RequestRetry) as caught:
        send(network)
    assert caught.value.after == 17


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_other_5xx_leave_every_recipient_unknown(network: StandIn, status: int) -> None:
    network.behave(status=status)
    assert all(isinstance(outcome, Unknown) for outcome in send(network))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_reset_connection_leaves_every_recipient_unknown(network: StandIn, moment: str) -> None:
    network.behave(reset=moment)
    assert all(isinstance(outcome, Unknown) for outcome in send(network))


def test_a_read_timeout_leaves_every_recipient_unknown(
    network: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.africastalking.client.READ", 0.3)
    network.behave(latency=1.0)
    assert all(isinstance(outcome, Unknown) for outcome in send(network))


@pytest.mark.parametrize("garbage", [b"<xml/>", b"", b"[1, 2]", b'{"SMSMessageData": null}'])
def test_an_answer_that_cannot_be_read_leaves_every_recipient_unknown(
    network: StandIn, garbage: bytes
) -> None:
    network.behave(garbage=garbage)
    assert all(isinstance(outcome, Unknown) for outcome in send(network))


def test_a_content_type_with_charset_is_still_json(network: StandIn) -> None:
    network.behave(content_type="application/json; charset=utf-8")
    assert all(isinstance(outcome, Accepted) for outcome in send(network))


def test_a_number_the_answer_leaves_out_is_unknown(network: StandIn) -> None:
    network.behave(omit={PHONES[2]})
    first, second, third = send(network)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert isinstance(third, Unknown)


def test_a_refused_connection_is_a_retry() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(RequestRetry):
        list(provider(f"http://127.0.0.1:{port}").send(messages()))


def test_without_a_key_nothing_is_sent() -> None:
    with pytest.raises(ProviderStopped, match="AT_API_KEY is not set"):
        list(provider("", api_key="").send(messages()))


def test_the_balance_is_shown_by_check(network: StandIn) -> None:
    health = provider(network.url).check()
    assert health.ok
    assert "NGN 1,234.50" in health.message
    assert not provider(network.url, api_key="wrong").check().ok


def callback(**form: str) -> WebhookRequest:
    return WebhookRequest("POST", form, {}, {})


@pytest.mark.parametrize(
    ("status", "ours"),
    [("Sent", "sent"), ("Submitted", "sent"), ("Buffered", "sent"), ("Success", "delivered")]
    + [("Failed", "undelivered"), ("Rejected", "undelivered")]
    + [("AbsentSubscriber", "undelivered"), ("Expired", "undelivered")],
)
def test_delivery_reports_in_their_words_become_ours(status: str, ours: str) -> None:
    (report,) = provider("").events(
        "delivery",
        callback(id="ATXid_1", status=status, phoneNumber=PHONES[0], networkCode="62130"),
    )
    assert isinstance(report, DeliveryReport)
    assert (report.provider_id, report.status, report.network) == ("ATXid_1", ours, "62130")


def test_an_incoming_text_and_an_opt_out_are_read() -> None:
    (text,) = provider("").events(
        "incoming", callback(**{"from": PHONES[0], "to": "12345", "text": "STOP", "id": "7"})
    )
    assert text == IncomingMessage("7", PHONES[0], "STOP", "12345")
    (out,) = provider("").events("opt-out", callback(phoneNumber=PHONES[0], senderId="OBIDIENT"))
    assert out == OptOut(PHONES[0], "OBIDIENT")


@pytest.mark.parametrize("event", ["delivery", "incoming", "opt-out", "no-such-event"])
def test_an_empty_callback_says_nothing(event: str) -> None:
    assert list(provider("").events(event, callback())) == []
