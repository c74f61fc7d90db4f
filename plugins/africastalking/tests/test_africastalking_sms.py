"""Each case of their API, over real sockets: what the provider makes of it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from africastalking_sms import PHONES, messages, network, provider, send
from standin_africastalking import StandIn

from obidient.plugin import (
    Accepted,
    Defer,
    Message,
    Money,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Retry,
    Stop,
    Unknown,
    retry_after,
)
from plugins.africastalking.mapping import LAGOS, next_morning

__all__ = ["network"]


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


@pytest.mark.slow
def test_personalised_texts_share_kept_alive_connections(network: StandIn) -> None:
    wanted = [Message(n, f"+23480355{n:05d}", f"Hello {n}") for n in range(200)]
    found = list(provider(network.url, concurrency=8).send_each(wanted))
    assert all(isinstance(outcome, Accepted) for outcome in found)
    assert {text for _, text, _ in network.accepted} == {f"Hello {n}" for n in range(200)}
    assert network.connections <= 8


@pytest.mark.parametrize("code", [100, 101, 102])
def test_all_three_success_codes_are_accepted(network: StandIn, code: int) -> None:
    network.behave(code=code)
    assert all(isinstance(outcome, Accepted) for outcome in send(network))


@pytest.mark.parametrize(
    ("code", "suppress", "invalid"),
    [(403, False, True), (404, False, False), (406, True, False), (407, False, False)]
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
    (stop,) = send(network)
    assert isinstance(stop, Stop)
    assert word in stop.reason


def test_who_was_accepted_before_the_money_ran_out_stays_accepted(network: StandIn) -> None:
    network.behave(codes={PHONES[1]: 405, PHONES[2]: 405})
    accepted, stop = send(network)
    assert isinstance(accepted, Accepted)
    assert accepted.message.phone == PHONES[0]
    assert isinstance(stop, Stop)
    assert network.balance_asked == 1


def test_a_message_held_under_an_id_is_never_sent_again_by_itself(network: StandIn) -> None:
    network.behave(codes={PHONES[0]: 401}, failed_id="ATXid_held")
    held, *others, stop = send(network)
    assert isinstance(held, Unknown)
    assert held.provider_id == "ATXid_held"
    assert [type(outcome) for outcome in others] == [Accepted, Accepted]
    assert isinstance(stop, Stop)


def test_an_empty_account_is_told_without_a_balance_when_that_fails(network: StandIn) -> None:
    network.balance = "what?"
    network.behave(code=405)
    (stop,) = send(network)
    assert isinstance(stop, Stop)
    assert "balance unknown" in stop.reason


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


@pytest.mark.parametrize("code", [500, 501])
def test_a_gateway_error_with_a_message_id_is_unknown_until_its_report(
    network: StandIn, code: int
) -> None:
    network.behave(code=code, failed_id="ATXid_maybe")
    for outcome in send(network):
        assert isinstance(outcome, Unknown)
        assert outcome.provider_id == "ATXid_maybe"


@pytest.mark.parametrize("code", [0, 103, 410, 418, 503, "words"])
def test_a_code_that_is_nowhere_documented_is_unknown(network: StandIn, code: int | str) -> None:
    network.behave(code=code)
    assert [type(outcome) for outcome in send(network)] == [Unknown] * 3


def test_a_code_written_as_text_counts_as_the_number(network: StandIn) -> None:
    network.behave(code="101")
    assert [type(outcome) for outcome in send(network)] == [Accepted] * 3


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("InvalidSenderId", "AT_SMS_SENDER_ID"),
        ("InsufficientBalance", "top up"),
        ("Something else", "Something else"),
        ("Sent to 0/3 Total Cost: 0", "sent nothing"),
    ],
)
def test_a_refused_request_under_201_stops_with_its_reason(
    network: StandIn, said: str, told: str
) -> None:
    network.behave(refusal=said)
    (stop,) = send(network)
    assert isinstance(stop, Stop)
    assert told in stop.reason
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


def test_retry_after_may_be_a_date_or_nonsense() -> None:
    assert retry_after("Wed, 25 Feb 2015 15:30:45 GMT") == 0
    ahead = retry_after("Wed, 25 Feb 2099 15:30:45 GMT")
    assert ahead is not None
    assert ahead > 1_000_000_000
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_a_redirect_is_not_followed_but_named(network: StandIn) -> None:
    network.behave(status=302, headers={"Location": "http://127.0.0.1:9/elsewhere"})
    with pytest.raises(ProviderStopped, match="AT_BASE_URL"):
        send(network)


def test_their_own_time_out_leaves_every_recipient_unknown(network: StandIn) -> None:
    network.behave(status=408)
    assert [type(outcome) for outcome in send(network)] == [Unknown] * 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_other_5xx_leave_every_recipient_unknown(network: StandIn, status: int) -> None:
    network.behave(status=status)
    assert all(isinstance(outcome, Unknown) for outcome in send(network))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_reset_connection_leaves_every_recipient_unknown(network: StandIn, moment: str) -> None:
    network.behave(reset=moment)
    assert all(isinstance(outcome, Unknown) for outcome in send(network))


def test_a_read_timeout_leaves_every_recipient_unknown(network: StandIn) -> None:
    network.behave(latency=2)
    assert all(isinstance(outcome, Unknown) for outcome in send(network, read_timeout=1))


def test_an_answer_cut_short_leaves_every_recipient_unknown(network: StandIn) -> None:
    network.behave(cut=40)
    assert [type(outcome) for outcome in send(network)] == [Unknown] * 3


def test_an_answer_that_drips_is_given_up(
    network: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("obidient.plugin_transport.LARGEST", 100)
    assert [type(outcome) for outcome in send(network)] == [Unknown] * 3


@pytest.mark.parametrize(
    "garbage",
    [
        b"<AfricasTalkingResponse/>",
        b"",
        b"null",
        b"[1, 2]",
        b'{"SMSMessageData": null}',
        b'{"SMSMessageData": {"Recipients": {}}}',
        b'{"SMSMessageData": {"Recipients": ["what", 7, null]}}',
        b'{"SMSMessageData": {"Recipients": [{}]}}',
        b"\xff\xfe",
    ],
)
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


def test_numbers_are_matched_whatever_their_order_and_spelling(network: StandIn) -> None:
    network.behave(
        codes={PHONES[1]: 406}, backwards=True, write_number=lambda number: number.lstrip("+")
    )
    found = {outcome.message.phone: type(outcome) for outcome in send(network)}  # type: ignore[union-attr]
    assert found == {PHONES[0]: Accepted, PHONES[1]: Rejected, PHONES[2]: Accepted}


def test_a_number_named_twice_has_one_outcome(network: StandIn) -> None:
    network.behave(twice={PHONES[1]})
    assert [type(outcome) for outcome in send(network)] == [Accepted] * 3


def test_two_messages_to_one_number_go_in_two_requests(network: StandIn) -> None:
    twins = [Message(1, PHONES[0], "Hello"), Message(2, PHONES[0], "Hello")]
    first, second = provider(network.url).send(twins)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.provider_id != second.provider_id
    assert [request["to"] for request in network.requests] == [PHONES[0]] * 2


@pytest.mark.parametrize("phone", ["0803", "+234803555010\n", "", "+" + "2" * 40])
def test_a_number_that_is_none_is_rejected_alone(network: StandIn, phone: str) -> None:
    mixed = [Message(9, phone, "Hello"), *messages()]
    rejected, *others = provider(network.url).send(mixed)
    assert isinstance(rejected, Rejected)
    assert rejected.invalid
    assert [type(outcome) for outcome in others] == [Accepted] * 3
