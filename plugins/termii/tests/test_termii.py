"""Termii: both contracts, routes, one id for many, and what each failure means."""

from collections.abc import Iterator
from typing import Any

import pytest
from standin_termii import API_KEY, SECRET, Termii, report

from obidient.plugin import (
    Accepted,
    DeliveryReport,
    IncomingMessage,
    Message,
    Outcome,
    Provider,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Unknown,
    WebhookRequest,
)
from obidient.testing import (
    CallbackContract,
    ChannelContract,
    explained,
    load_plugin,
    make_messages,
    make_provider,
    request_of,
    webhook,
)

TermiiSms = load_plugin("termii").TermiiSms


@pytest.fixture
def network() -> Iterator[Termii]:
    with Termii() as found:
        yield found  # type: ignore[misc]


def account(url: str, **more: Any) -> dict[str, Any]:
    known = {"api_key": API_KEY, "secret_key": SECRET, "base_url": url, "sender": "OBIDIENT"}
    return known | more


def of(network: Termii, **more: Any) -> Provider:
    return make_provider(TermiiSms, **account(network.url, **more))


class TestTermii(ChannelContract):
    provider_class = TermiiSms

    @pytest.fixture
    def settings(self, network: Termii) -> Any:
        return account(network.url)


class TestTermiisReports(CallbackContract):
    provider_class = TermiiSms
    words = {
        "delivered": ("Delivered", "DELIVERED | Message delivered to handset"),
        "sent": ("Message Sent",),
        "undelivered": (
            "DND Active on Phone Number",
            "Message Failed",
            "Rejected",
            "Expired",
        ),
    }

    @pytest.fixture
    def settings(self) -> Any:
        return account("http://127.0.0.1:9")

    def report(self, provider: Provider, provider_id: str, phone: str, word: str) -> WebhookRequest:
        raw, signature = report(provider_id, phone, word)
        return request_of(provider, "delivery", raw, {"X-Termii-Signature": signature})


def kinds(outcomes: Any) -> list[type[Outcome]]:
    return [type(one) for one in outcomes]


def test_equal_texts_go_in_one_request_and_share_its_id(network: Termii) -> None:
    messages = make_messages(3)
    found = list(of(network).send(messages))
    assert kinds(found) == [Accepted] * 3
    assert len({one.provider_id for one in found}) == 1  # type: ignore[union-attr]
    assert len(network.requests) == 1
    assert [row[1] for row in network.accepted] == [one.phone[1:] for one in messages]


def test_a_number_stands_once_in_a_request(network: Termii) -> None:
    one, two = Message(1, "+2348030000001", "Hi"), Message(2, "+2348030000001", "Hi")
    found = list(of(network).send([one, two]))
    assert len({each.provider_id for each in found}) == 2  # type: ignore[union-attr]
    assert len(network.requests) == 2


def test_answers_go_by_the_transactional_route_and_sender(network: Termii) -> None:
    provider = of(network, transactional_sender="OBI-INFO")
    list(provider.send([Message(1, "+2348030000001", "Vote")]))
    list(provider.send([Message(2, "+2348030000001", "Got it", message_class="transactional")]))
    assert [row[3:] for row in network.accepted] == [("OBIDIENT", "generic"), ("OBI-INFO", "dnd")]


def test_a_lost_answer_leaves_everybody_in_doubt(network: Termii) -> None:
    network.cuts = True
    found = list(of(network).send(make_messages(3)))
    assert kinds(found) == [Unknown] * 3
    assert len(network.accepted) == 3


def test_nobody_is_there_means_that_nothing_left() -> None:
    with Termii() as gone:
        url = gone.url
    with pytest.raises(RequestRetry, match="Termii can't be reached"):
        list(make_provider(TermiiSms, **account(url)).send(make_messages(2)))


@pytest.mark.parametrize(
    "status, body, error, said",
    [
        (401, {"message": "Invalid key"}, ProviderStopped, "TERMII_API_KEY"),
        (400, {"message": "Insufficient balance"}, ProviderStopped, "empty"),
        (404, {"message": "Sender ID not found"}, ProviderStopped, "TERMII_SENDER_ID"),
        (422, {"errors": {"to": ["bad"]}}, ProviderStopped, "HTTP 422"),
        (429, "slow down", RequestRetry, "pause"),
    ],
)
def test_a_refused_request_is_nobodys_message(
    network: Termii, status: int, body: Any, error: type[Exception], said: str
) -> None:
    network.fails = status, body, {}
    with pytest.raises(error, match=said):
        list(of(network).send(make_messages(2)))


@pytest.mark.parametrize("fails", [(500, "oops", {}), (200, "no json", {}), (200, {}, {})])
def test_what_can_not_be_understood_is_never_sent_again(network: Termii, fails: Any) -> None:
    network.fails = fails
    assert kinds(of(network).send(make_messages(2))) == [Unknown] * 2


def test_it_can_be_asked_what_became_of_a_message(network: Termii) -> None:
    messages = make_messages(3)
    provider = of(network)
    (first, *_) = provider.send(messages)
    assert isinstance(first, Accepted)
    network.statuses = {
        messages[0].phone[1:]: "Delivered",
        messages[1].phone[1:]: "DND Active on Phone Number",
    }
    known = [Message(one.id, one.phone, "", provider_id=first.provider_id) for one in messages]
    found = list(provider.ask(known))
    assert kinds(found) == [Accepted, Rejected]
    assert len(network.accepted) == 3
    # All three share an id: one question is enough.
    assert [one.path for one in network.requests].count("/api/sms/inbox") == 1
    # Without an id of theirs there is nothing to ask by.
    assert list(provider.ask(make_messages(1))) == []


def test_the_account_says_what_is_left(network: Termii) -> None:
    found = of(network).balance()
    assert found is not None
    assert (str(found.amount), found.currency) == ("2250.5", "NGN")
    assert of(network).check().ok
    # Nobody's reports would be let in.
    assert "TERMII_SECRET_KEY" in of(network, secret_key="").check().message
    assert of(network, api_key="wrong").balance() is None


def test_without_a_secret_no_report_is_let_in(network: Termii) -> None:
    raw, signature = report("1", "+2348030000001", "Delivered", secret="")
    request = WebhookRequest("POST", {}, {}, {"X-Termii-Signature": signature}, raw)
    assert of(network, secret_key="").verify("delivery", request) is False


def test_a_text_to_us_is_an_incoming_message(network: Termii) -> None:
    request = webhook(type="inbound", id="7", sender="2348030000001", message="STOP", receiver="55")
    (found,) = of(network).events("delivery", request)
    assert found == IncomingMessage("7", "+2348030000001", "STOP", "55")


def test_a_report_of_ours_that_says_received_is_no_text_to_us(network: Termii) -> None:
    request = webhook(
        type="outbound",
        message_id="7",
        sender="OBIDIENT",
        receiver="2348030000001",
        status="Received",
    )
    (found,) = of(network).events("delivery", request)
    assert found == DeliveryReport("7", "sent", "+2348030000001")


def test_do_not_disturb_is_explained(network: Termii) -> None:
    (found,) = of(network).events(
        "delivery", webhook(message_id="1", receiver="2348030000001", status="Rejected")
    )
    assert isinstance(found, DeliveryReport)
    explained(of(network), found.code)
    assert of(network).explain("401") is None
