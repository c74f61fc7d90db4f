"""Kannel and Jasmin: both contracts, each dialect's requests, answers and reports."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from standin_network import Answer, HttpNetwork, Request

from obidient.plugin import (
    Accepted,
    IncomingMessage,
    Message,
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
    RecordingHost,
    explained,
    load_plugin,
    make_messages,
    make_provider,
    request_of,
    webhook,
)

KannelSms = load_plugin("kannel").KannelSms
USER = {"username": "obidient", "password": "testpass"}


class Gateway(HttpNetwork):
    """Answers as each dialect does; `fails` in place of that."""

    def __init__(self, jasmin: bool = False) -> None:
        super().__init__(self.say)
        self.jasmin = jasmin
        self.fails: Answer | None = None
        self.cuts = False

    def fields(self, request: Request) -> dict[str, str]:
        return request.form() if request.method == "POST" else request.query

    def say(self, request: Request) -> Answer | None:
        fields = self.fields(request)
        if (fields.get("username"), fields.get("password")) != ("obidient", "testpass"):
            return 403, "Authorization failed for sendsms", {}
        if not fields.get("to"):
            return 400, "Missing receiver number, rejected", {}
        if self.cuts:
            return None
        if self.fails:
            return self.fails
        return (200, 'Success "a-uuid"', {}) if self.jasmin else (202, "3: Queued for later", {})


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as found:
        yield found  # type: ignore[misc]


@pytest.fixture
def jasmin() -> Iterator[Gateway]:
    with Gateway(jasmin=True) as found:
        yield found  # type: ignore[misc]


def of(gateway: Gateway, host: RecordingHost | None = None, **more: Any) -> Provider:
    settings = {"url": f"{gateway.url}/cgi-bin/sendsms", **USER, **more}
    return make_provider(KannelSms, host, **settings)


class TestKannel(ChannelContract):
    provider_class = KannelSms

    @pytest.fixture
    def settings(self, gateway: Gateway) -> Any:
        return {"url": gateway.url, **USER}


class TestJasmin(ChannelContract):
    provider_class = KannelSms

    @pytest.fixture
    def settings(self, jasmin: Gateway) -> Any:
        return {"url": jasmin.url, "dialect": "jasmin", **USER}


class TestKannelsReports(CallbackContract):
    provider_class = KannelSms
    words = {"delivered": ("1",), "undelivered": ("2", "16", "34"), "sent": ("8", "4")}

    def report(self, provider: Provider, provider_id: str, phone: str, word: str) -> WebhookRequest:
        query = urlencode({"oid": provider_id, "type": word, "answer": "", "to": phone})
        return request_of(provider, "delivery", method="GET", query=query)


class TestJasminsReports(CallbackContract):
    provider_class = KannelSms
    words = {
        "delivered": ("DELIVRD",),
        "undelivered": ("UNDELIV", "EXPIRED", "REJECTD", "DELETED"),
        "sent": ("ESME_ROK", "ACCEPTD"),
    }

    @pytest.fixture
    def settings(self) -> Any:
        return {"dialect": "jasmin"}

    def report(self, provider: Provider, provider_id: str, phone: str, word: str) -> WebhookRequest:
        raw = urlencode({"id": "their-uuid", "message_status": word, "level": "2"}).encode()
        return request_of(provider, "delivery", raw, query=f"oid={provider_id}")


def test_a_gateway_that_wants_a_sender_stops_the_campaign_rather_than_failing_everybody() -> None:
    said = "Sender missing and no global set, rejected"
    with (
        HttpNetwork(lambda request: (400, said, {})) as network,
        pytest.raises(ProviderStopped, match="KANNEL_SENDER"),
    ):
        list(of(network).send(make_messages(2)))  # type: ignore[arg-type]


def test_our_own_id_goes_along_so_that_no_report_can_miss(gateway: Gateway) -> None:
    (message,) = make_messages(1)
    (found,) = of(gateway).send([message])
    assert isinstance(found, Accepted)
    assert found.provider_id == f"{message.id}-1"
    (request,) = gateway.requests
    report = request.query["dlr-url"]
    assert f"&oid={message.id}-1&type=%d&answer=%A&to=%p" in report
    assert (request.query["dlr-mask"], request.query["charset"]) == ("31", "UTF-8")
    assert urlsplit(report).path.endswith("/kannel-sms/delivery")


def test_a_per_cent_in_the_token_is_no_sign_of_kannels(gateway: Gateway) -> None:
    class Host(RecordingHost):
        def webhook_url(self, provider: str, event: str) -> str:
            return "http://127.0.0.1:9/x?token=a%2Bb"

    list(of(gateway, Host()).send(make_messages(1)))
    assert "token=a%%2Bb&" in gateway.requests[0].query["dlr-url"]


@pytest.mark.parametrize(
    "text, coding", [("Hello", "0"), ("{Vote} €5", "0"), ("Ẹ káàbọ̀", "2"), ("₦500", "2")]
)
def test_letters_that_gsm_lacks_are_not_lost(gateway: Gateway, text: str, coding: str) -> None:
    list(of(gateway).send([Message(1, "+2348030000001", text)]))
    assert gateway.requests[0].query["coding"] == coding
    assert gateway.requests[0].query["text"] == text


def test_jasmin_gets_wide_letters_in_hexadecimal(jasmin: Gateway) -> None:
    list(of(jasmin, dialect="jasmin").send([Message(1, "+2348030000001", "₦5")]))
    fields = jasmin.requests[0].form()
    assert (fields["coding"], fields["hex-content"]) == ("8", "20a60035")
    assert "content" not in fields
    assert fields["dlr-url"].endswith("&oid=1-1")


def test_answers_have_a_sender_and_a_connection_of_their_own(gateway: Gateway) -> None:
    provider = of(
        gateway, sender="OBIDIENT", transactional_sender="OBI-INFO", transactional_smsc="tx"
    )
    list(provider.send([Message(1, "+2348030000001", "Vote")]))
    list(provider.send([Message(2, "+2348030000001", "Got it", message_class="transactional")]))
    one, two = (request.query for request in gateway.requests)
    assert (one["from"], "smsc" in one) == ("OBIDIENT", False)
    assert (two["from"], two["smsc"]) == ("OBI-INFO", "tx")


@pytest.mark.parametrize(
    "fails, error",
    [
        ((403, "Authorization failed", {}), ProviderStopped),
        ((404, "Unknown request.", {}), ProviderStopped),
        ((302, "Moved", {}), ProviderStopped),
        ((503, "Temporal failure, try again later.", {}), RequestRetry),
    ],
)
def test_a_gateway_that_refuses_has_taken_nothing(
    gateway: Gateway, fails: Answer, error: type[Exception]
) -> None:
    gateway.fails = fails
    with pytest.raises(error):
        list(of(gateway).send(make_messages(5)))


def test_a_gateway_that_is_gone_has_taken_nothing() -> None:
    with Gateway() as gone:
        url = gone.url
    with pytest.raises(RequestRetry, match="can't be reached"):
        list(make_provider(KannelSms, url=url, **USER).send(make_messages(2)))


def test_a_message_that_it_can_not_read_fails_alone(gateway: Gateway) -> None:
    gateway.fails = 400, "Bad", {}
    provider = of(gateway)
    (found,) = provider.send(make_messages(1))
    assert isinstance(found, Rejected)
    explained(provider, found.code)


def test_a_lost_answer_is_in_doubt_and_never_sent_again(gateway: Gateway) -> None:
    gateway.cuts = True
    (found,) = of(gateway).send(make_messages(1))
    assert isinstance(found, Unknown)
    assert len(gateway.requests) == 1


def test_jasmin_hears_what_it_waits_for() -> None:
    reply = make_provider(KannelSms, dialect="jasmin").respond("delivery", webhook())
    assert reply is not None
    assert reply.body == "ACK/Jasmin"
    assert make_provider(KannelSms).respond("delivery", webhook()) is None


def test_a_number_that_the_network_does_not_know_is_invalid() -> None:
    query = {"oid": "1-1", "type": "16", "answer": "NACK/0x0000000b/ESME_RINVDSTADR", "to": "+1"}
    (found,) = make_provider(KannelSms).events("delivery", WebhookRequest("GET", {}, query, {}))
    assert found.invalid  # type: ignore[union-attr]


def test_a_text_to_us_comes_by_get() -> None:
    query = {"from": "+2348030000001", "to": "55", "text": "STOP", "id": "m1"}
    (found,) = make_provider(KannelSms).events("incoming", WebhookRequest("GET", {}, query, {}))
    assert found == IncomingMessage("m1", "+2348030000001", "STOP", "55")


def test_it_says_whether_the_gateway_knows_us(gateway: Gateway) -> None:
    assert of(gateway).check().ok
    assert not of(gateway, password="wrong").check().ok
    # Nobody was written to for that.
    assert all("to" not in request.query for request in gateway.requests)
