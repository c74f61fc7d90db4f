"""What Africa's Talking is told, and what their callbacks say."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from africastalking_sms import PHONES, messages, network, provider, send
from standin_africastalking import API_KEY, StandIn

from obidient import testing
from obidient.plugin import (
    Accepted,
    DeliveryReport,
    IncomingMessage,
    Message,
    Money,
    OptOut,
    ProviderContext,
    ProviderStopped,
    WebhookRequest,
)
from plugins.africastalking import AfricasTalkingSms
from plugins.africastalking.mapping import money

__all__ = ["network"]


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
