"""Each case of their API, over real sockets: what the provider makes of it."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from standin_africastalking import API_KEY, StandIn

from obidient import testing
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
    retry_after,
)
from plugins.africastalking import AfricasTalkingSms
from plugins.africastalking.mapping import LAGOS, money, next_morning

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


def test_a_refused_connection_is_a_retry() -> None:
    with pytest.raises(RequestRetry):
        list(provider(f"http://127.0.0.1:{closed_port()}").send(messages()))


def test_a_host_that_does_not_exist_is_a_retry() -> None:
    with pytest.raises(RequestRetry):
        list(provider("http://no-such-host.invalid").send(messages()))


def test_a_failed_tls_handshake_is_a_retry(network: StandIn) -> None:
    with pytest.raises(RequestRetry):
        list(provider(network.url.replace("http:", "https:")).send(messages()))
    assert network.requests == []


def test_a_tls_handshake_without_an_end_is_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obidient.plugin_transport.CONNECT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(RequestRetry):
            list(provider(f"https://127.0.0.1:{port}").send(messages()))


def test_a_connection_that_does_not_come_about_in_time_is_a_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("obidient.plugin_transport.CONNECT", 0.3)
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        first.connect(address)
        with pytest.raises(RequestRetry):
            list(provider(f"http://127.0.0.1:{address[1]}").send(messages()))


def test_a_kept_alive_connection_that_was_closed_meanwhile_costs_nobody_anything(
    network: StandIn,
) -> None:
    network.behave(hang_up=True)
    one = provider(network.url)
    for _ in range(3):
        assert [type(outcome) for outcome in one.send(messages())] == [Accepted] * 3
        time.sleep(0.05)


def test_a_connection_idle_for_long_is_opened_anew(
    network: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = provider(network.url)
    list(one.send(messages()))
    list(one.send(messages()))
    assert network.connections == 1
    monkeypatch.setattr("obidient.plugin_transport.IDLE", -1)
    list(one.send(messages()))
    assert network.connections == 2


# ---- personalised texts -----------------------------------------------------------------------


def texts(number: int) -> list[Message]:
    return [Message(n, f"+23480355{n:05d}", f"Hello {n}") for n in range(number)]


def test_as_many_requests_as_allowed_are_in_flight(network: StandIn) -> None:
    network.behave(latency=0.2)
    found = list(provider(network.url, concurrency=10).send_each(texts(20)))
    assert [type(outcome) for outcome in found] == [Accepted] * 20
    assert network.most_at_once == 10


def test_when_some_are_turned_away_no_accepted_one_is_forgotten(network: StandIn) -> None:
    network.behave(status=429, headers={"Retry-After": "9"}, share=0.3, latency=0.02)
    seen, caught = [], None
    try:
        for outcome in provider(network.url, concurrency=8).send_each(texts(60)):
            seen.append(outcome)
    except RequestRetry as error:
        caught = error
    assert caught is not None
    assert caught.after == 9
    assert [type(outcome) for outcome in seen] == [Accepted] * len(seen)
    assert len(seen) == len(network.accepted)


def test_after_a_stop_no_further_request_begins(network: StandIn) -> None:
    network.behave(refusal="InvalidSenderId", latency=0.05)
    found = list(provider(network.url, concurrency=4).send_each(texts(100)))
    assert found
    assert all(isinstance(outcome, Stop) for outcome in found)
    assert len(network.requests) < 20


def test_a_wrong_key_stops_personalised_texts_too(network: StandIn) -> None:
    with pytest.raises(ProviderStopped, match="AT_API_KEY"):
        list(provider(network.url, api_key="wrong", concurrency=4).send_each(texts(100)))
    assert network.accepted == []


def test_lost_answers_are_unknown_each_for_itself(network: StandIn) -> None:
    network.behave(reset="after", share=0.5)
    found = list(provider(network.url).send_each(texts(40)))
    assert len(found) == 40
    unknown = [outcome for outcome in found if isinstance(outcome, Unknown)]
    assert 0 < len(unknown) < 40


def test_what_waits_too_long_for_a_connection_is_put_off_and_not_sent(
    network: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.africastalking.sms.BEGIN_WITHIN", 0.1)
    network.behave(latency=0.3)
    found = list(provider(network.url, concurrency=2).send_each(texts(10)))
    put_off = [outcome for outcome in found if isinstance(outcome, Defer)]
    assert len(network.accepted) + len(put_off) == 10
    assert len(put_off) == 8


def test_a_worker_that_stops_begins_no_further_request(network: StandIn) -> None:
    network.behave(latency=0.3)
    one = provider(network.url, concurrency=2)
    threading.Timer(0.15, one.close).start()
    found = list(one.send_each(texts(10)))
    assert [type(outcome) for outcome in found].count(Accepted) == 2
    assert [type(outcome) for outcome in found].count(Defer) == 8


def test_many_threads_may_send_at_once(network: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    # A machine with other work is slow to begin, and what it begins late it puts off.
    monkeypatch.setattr("plugins.africastalking.sms.BEGIN_WITHIN", 60.0)
    one = provider(network.url)
    found: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda part=part: found.extend(one.send_each(part)))
        for part in (texts(400)[start : start + 50] for start in range(0, 400, 50))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({outcome.message.id for outcome in found}) == 400  # type: ignore[union-attr]
    assert len(network.accepted) == 400


# ---- what they are told -----------------------------------------------------------------------


def test_they_are_asked_for_json_and_told_whose_account_it_is(network: StandIn) -> None:
    send(network)
    headers = network.headers[0]
    assert headers["accept"] == "application/json"
    assert headers["apikey"] == API_KEY
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert network.requests[0]["username"] == "sandbox"


def test_whether_to_enqueue_is_always_said(network: StandIn) -> None:
    send(network, enqueue=True)
    send(network, enqueue=False)
    assert [request["enqueue"] for request in network.requests] == ["1", "0"]


def test_without_a_sender_name_none_is_sent(network: StandIn) -> None:
    send(network, sender="")
    assert "from" not in network.requests[0]


def test_letters_of_all_our_languages_arrive_as_written(network: StandIn) -> None:
    text = "Ẹ káàbọ̀, ₦500 & ọmọ Ɓaɗo = 100% +1"
    list(provider(network.url).send([Message(1, PHONES[0], text)]))
    assert network.accepted[0][1] == text


def test_the_sandbox_is_chosen_by_the_user_name_alone() -> None:
    def address(username: str) -> str:
        one = provider("", username=username)
        return str(one.client()._sms._make_url("/messaging"))

    assert address("sandbox") == "https://api.sandbox.africastalking.com/version1/messaging"
    assert address("obidient") == "https://api.africastalking.com/version1/messaging"


def test_a_changed_key_is_used_from_the_next_request_on(network: StandIn) -> None:
    settings = {"username": "sandbox", "api_key": "wrong", "base_url": network.url}
    one = AfricasTalkingSms(ProviderContext(settings))
    with pytest.raises(ProviderStopped):
        list(one.send(messages()))
    settings["api_key"] = API_KEY
    assert [type(outcome) for outcome in one.send(messages())] == [Accepted] * 3


def test_the_number_of_recipients_in_a_request_is_settable() -> None:
    assert provider("").max_batch == 100
    assert provider("", max_batch=750).max_batch == 750


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("KES 0.8000", Money(Decimal("0.8000"), "KES")),
        ("NGN 1,234.5", Money(Decimal("1234.5"), "NGN")),
        ("0", None),
        ("", None),
        (None, None),
        ("free of charge", None),
        ("NGN NaN", None),
    ],
)
def test_amounts_are_read_as_they_write_them(text: str | None, amount: Money | None) -> None:
    assert money(text) == amount


def test_the_parts_are_read_from_the_sentence_where_an_entry_has_none(network: StandIn) -> None:
    network.behave(
        garbage=b'{"SMSMessageData": {"Message": "Sent to 1/1 Total Cost: USD 0.01 Message parts: '
        b'3", "Recipients": [{"cost": "KES 0.8000", "messageId": "ATXid_1", "number": '
        b'"+2348035550101", "status": "Success", "statusCode": 102}]}}'
    )
    (accepted,) = provider(network.url).send(messages()[:1])
    assert isinstance(accepted, Accepted)
    assert accepted.parts == 3


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


@pytest.mark.parametrize("event", ["delivery", "incoming", "opt-out"])
def test_a_callback_about_nobody_is_named_as_such(event: str) -> None:
    with pytest.raises(ValueError, match="names no"):
        list(provider("").events(event, callback()))


def test_an_unheard_of_status_is_passed_on_as_it_came() -> None:
    (report,) = provider("").events("delivery", callback(id="ATXid_1", status="Teleported"))
    assert isinstance(report, DeliveryReport)
    assert report.status == "Teleported"


def test_a_plus_sign_lost_on_the_way_comes_back() -> None:
    (out,) = provider("").events("opt-out", callback(phoneNumber=" 2348035550101"))
    assert out == OptOut(PHONES[0])
    (text,) = provider("").events("incoming", callback(**{"from": "20880", "text": "x"}))
    assert isinstance(text, IncomingMessage)
    assert text.phone == "20880"


@pytest.mark.parametrize(
    ("reason", "invalid", "suppress"),
    [
        ("UserInBlackList", False, True),
        ("UserDoesNotExist", True, False),
        ("DeliveryFailure", False, False),
        ("NotNetworkSubcriber", False, False),
        ("SomethingNew", False, False),
    ],
)
def test_the_reason_of_a_failure_is_told_in_words_and_acted_upon(
    reason: str, invalid: bool, suppress: bool
) -> None:
    (report,) = provider("").events(
        "delivery", callback(id="ATXid_1", status="Failed", failureReason=reason)
    )
    assert isinstance(report, DeliveryReport)
    assert (report.invalid, report.suppress) == (invalid, suppress)
    assert report.reason


class TestContract(testing.ChannelContract):
    provider_class = AfricasTalkingSms

    @pytest.fixture
    def settings(self) -> Iterator[dict[str, Any]]:
        with StandIn() as network:
            yield {"username": "sandbox", "api_key": API_KEY, "base_url": network.url}
