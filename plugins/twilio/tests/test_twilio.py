"""Twilio: both contracts; their own library judges whether our check of signatures is theirs."""

import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from standin_network import Answer, HttpNetwork, Request

from obidient.plugin import (
    Accepted,
    Message,
    Provider,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Retry,
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
)

TwilioSms = load_plugin("twilio").TwilioSms
validators = pytest.importorskip("twilio.request_validator")
TOKEN = "test-token"
ACCOUNT = {"account_sid": "ACtest", "auth_token": TOKEN, "sender": "OBIDIENT"}


class Twilio(HttpNetwork):
    def __init__(self) -> None:
        super().__init__(self.say)
        self.fails: Answer | None = None
        self.status = "delivered"
        self._ids = itertools.count(1)

    def say(self, request: Request) -> Answer | None:
        if not request.headers.get("authorization", "").startswith("Basic QUN0ZXN0"):
            return 401, {"code": 20003, "message": "Authenticate"}, {}
        if request.path.endswith("/Balance.json"):
            return 200, {"balance": "12.50", "currency": "USD"}, {}
        if self.fails is not None:
            return self.fails
        if request.method == "GET":
            return 200, {"sid": "SM1", "status": self.status, "error_code": 30003}, {}
        return 201, {"sid": f"SM{next(self._ids)}", "status": "queued", "num_segments": "1"}, {}


@pytest.fixture
def network() -> Iterator[Twilio]:
    with Twilio() as found:
        yield found  # type: ignore[misc]


def of(network: Twilio, **more: Any) -> Provider:
    return make_provider(TwilioSms, **ACCOUNT, base_url=network.url, **more)


class TestTwilio(ChannelContract):
    provider_class = TwilioSms

    @pytest.fixture
    def settings(self, network: Twilio) -> Any:
        return ACCOUNT | {"base_url": network.url}


class TestTwiliosReports(CallbackContract):
    provider_class = TwilioSms
    words = {
        "delivered": ("delivered", "read"),
        "sent": ("queued", "sending", "sent"),
        "undelivered": ("undelivered", "failed", "canceled"),
    }

    @pytest.fixture
    def settings(self) -> Any:
        return ACCOUNT

    def report(self, provider: Provider, provider_id: str, phone: str, word: str) -> WebhookRequest:
        form = {"MessageSid": provider_id, "MessageStatus": word, "To": phone, "Empty": ""}
        raw = urlencode(form).encode()
        url = provider.webhook_url("delivery")
        signature = validators.RequestValidator(TOKEN).compute_signature(url, form)
        return request_of(provider, "delivery", raw, {"X-Twilio-Signature": signature})


@pytest.mark.parametrize(
    "body", ["Body=%E1%BA%B8+k%C3%A1&From=%2B234803", "a=1&a=2&a=1&b=", "Z=&A=x"]
)
def test_their_own_library_agrees_about_signatures(body: str) -> None:
    from twilio.request_validator import RequestValidator
    from werkzeug.datastructures import MultiDict

    provider = make_provider(TwilioSms, **ACCOUNT)
    url = "https://obidient.example.org/api/x?token=a%2Bb&y=1"
    form = MultiDict(parse_qsl(body, keep_blank_values=True))
    signature = RequestValidator(TOKEN).compute_signature(url, form)
    assert RequestValidator(TOKEN).validate(url, form, signature)
    request = WebhookRequest("POST", {}, {}, {"X-Twilio-Signature": signature}, body.encode(), url)
    assert provider.verify("incoming", request) is True
    other = WebhookRequest("POST", {}, {}, request.headers, request.raw, url + "&")
    assert provider.verify("incoming", other) is False


def test_a_request_names_sender_text_and_where_to_report(network: Twilio) -> None:
    list(of(network).send([Message(1, "+2348030000001", "Ẹ káàbọ̀")]))
    (request,) = network.requests
    fields = request.form()
    assert (fields["To"], fields["Body"], fields["From"]) == (
        "+2348030000001",
        "Ẹ káàbọ̀",
        "OBIDIENT",
    )
    assert "/twilio-sms/delivery?token=" in fields["StatusCallback"]


def test_answers_may_have_a_messaging_service_of_their_own(network: Twilio) -> None:
    provider = of(network, transactional_sender="MG123")
    list(provider.send([Message(1, "+2348030000001", "Got it", message_class="transactional")]))
    assert network.requests[0].form()["MessagingServiceSid"] == "MG123"


@pytest.mark.parametrize(
    "code, kind, said",
    [
        (21211, Rejected, "invalid"),
        (21610, Rejected, "suppress"),
        (21614, Rejected, ""),
        (21611, Retry, ""),
    ],
)
def test_a_bad_number_fails_alone(network: Twilio, code: int, kind: type, said: str) -> None:
    network.fails = 400, {"code": code, "message": "no"}, {}
    (found,) = of(network).send(make_messages(1))
    assert isinstance(found, kind)
    assert not said or getattr(found, said)


@pytest.mark.parametrize(
    "status, error", [(401, ProviderStopped), (400, ProviderStopped), (429, RequestRetry)]
)
def test_what_concerns_everybody_stops_or_rests(
    network: Twilio, status: int, error: type[Exception]
) -> None:
    network.fails = status, {"code": 20003, "message": "no"}, {}
    with pytest.raises(error):
        list(of(network).send(make_messages(3)))


def test_a_fault_of_theirs_is_in_doubt(network: Twilio) -> None:
    network.fails = 500, "oops", {}
    (found,) = of(network).send(make_messages(1))
    assert isinstance(found, Unknown)


def test_it_can_be_asked(network: Twilio) -> None:
    message = Message(1, "+2348030000001", "", provider_id="SM1")
    provider = of(network)
    assert isinstance(next(iter(provider.ask([message]))), Accepted)
    network.status = "undelivered"
    (found,) = provider.ask([message])
    assert isinstance(found, Rejected)
    explained(provider, found.code)
    network.status = "no-such-word"
    assert list(provider.ask([message])) == []


@pytest.mark.slow
def test_the_account_says_what_is_left(network: Twilio) -> None:
    found = of(network).balance()
    assert found is not None
    assert (str(found.amount), found.currency) == ("12.50", "USD")
    assert of(network).check().ok
