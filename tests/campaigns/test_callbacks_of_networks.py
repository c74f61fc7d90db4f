"""Each network's own door under what forgers, faults and repetitions bring to it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.receipts import applying
from obidient.providers import registry

S = RecipientStatus
TOKEN = "webhook-token-of-the-tests"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
PHONE, OTHER = "+2348035550101", "+2348035550102"
SECRET = "shared-secret"
DELIVERED, ON_ITS_WAY, NONSENSE = "delivered", "on its way", "nonsense"


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {
        "TERMII_API_KEY": "k",
        "TERMII_SECRET_KEY": SECRET,
        "TERMII_BASE_URL": "http://127.0.0.1:9",
        "TERMII_SENDER_ID": "OBIDIENT",
        "TWILIO_ACCOUNT_SID": "AC1",
        "TWILIO_AUTH_TOKEN": SECRET,
        "TWILIO_SENDER": "OBIDIENT",
        "TELEGRAM_BOT_TOKEN": "1:a",
        "TELEGRAM_WEBHOOK_SECRET": SECRET,
        "KANNEL_URL": "http://127.0.0.1:9",
        "KANNEL_USERNAME": "u",
        "KANNEL_PASSWORD": "p",
        "AT_USERNAME": "u",
        "AT_API_KEY": "k",
    }


@dataclass(frozen=True)
class Callback:
    """What a network sends; `headers` are made from the rest, as its signature is."""

    provider: str
    event: str
    body: bytes = b""
    kind: str = FORM
    method: str = "POST"
    query: dict[str, str] = field(default_factory=dict)
    token: str = TOKEN

    @property
    def path(self) -> str:
        query = urlencode({"token": self.token} | self.query)
        return f"/api/communications/webhooks/{self.provider}/{self.event}?{query}"

    def signed(self) -> dict[str, str]:
        if self.provider == "termii-sms":
            mac = hmac.new(SECRET.encode(), self.body, hashlib.sha512)
            return {"X-Termii-Signature": mac.hexdigest()}
        if self.provider == "telegram-bot":
            return {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        if self.provider == "twilio-sms":
            from urllib.parse import parse_qsl

            pairs = parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
            url = f"{registry.current().base_url()}{self.path}"
            text = url + "".join(name + value for name, value in sorted(set(pairs)))
            mac = hmac.new(SECRET.encode(), text.encode(), hashlib.sha1)
            return {"X-Twilio-Signature": base64.b64encode(mac.digest()).decode()}
        return {}


def africas_talking(one: str, word: str, phone: str = PHONE) -> Callback:
    said = {DELIVERED: "Success", ON_ITS_WAY: "Sent"}.get(word, word)
    body = urlencode({"id": one, "status": said, "phoneNumber": phone, "networkCode": "62130"})
    return Callback("africastalking-sms", "delivery", body.encode())


def termii(one: str, word: str, phone: str = PHONE) -> Callback:
    said = {DELIVERED: "Delivered", ON_ITS_WAY: "Message Sent"}.get(word, word)
    body = {"type": "outbound", "message_id": one, "receiver": phone[1:], "status": said}
    return Callback("termii-sms", "delivery", json.dumps(body).encode(), JSON)


def twilio(one: str, word: str, phone: str = PHONE) -> Callback:
    said = {DELIVERED: "delivered", ON_ITS_WAY: "sent"}.get(word, word)
    body = urlencode({"MessageSid": one, "MessageStatus": said, "To": phone})
    return Callback("twilio-sms", "delivery", body.encode())


def kannel(one: str, word: str, phone: str = PHONE) -> Callback:
    said = {DELIVERED: "1", ON_ITS_WAY: "8"}.get(word, word)
    query = {"oid": one, "type": said, "answer": "", "to": phone}
    return Callback("kannel-sms", "delivery", method="GET", query=query)


NETWORKS: list[Callable[..., Callback]] = [africas_talking, termii, twilio, kannel]
SIGNING = [termii, twilio]
Send = Callable[..., int]


@pytest.fixture
def send(client: FlaskClient, app: Flask) -> Send:
    def deliver(callback: Callback, headers: dict[str, str] | None = None) -> int:
        answer = client.open(
            callback.path,
            method=callback.method,
            data=callback.body or None,
            content_type=callback.kind if callback.body else None,
            headers=callback.signed() if headers is None else headers,
        )
        return answer.status_code

    return deliver


def person(provider: str, one: str = "id-1", phone: str = PHONE) -> Recipient:
    campaign = Campaign.create(
        title="T", status="sending", staged=True, provider=provider, total=1, sent=1
    )
    Batch.create(campaign_id=campaign.id, number=0, size=1, state="done")
    row: Recipient = Recipient.create(
        campaign_id=campaign.id, phone=phone, batch=0, status=S.SENT, attempts=1, provider_id=one
    )
    return row


def states() -> list[str]:
    applying.apply_due()
    return [row.state for row in RawCallback.select().order_by(RawCallback.id)]


def status(row: Recipient) -> S:
    return S(Recipient.get_by_id(row.id).status)


@pytest.mark.both
@pytest.mark.parametrize("network", NETWORKS)
def test_a_report_repeated_and_out_of_order_counts_once(
    send: Send, network: Callable[..., Callback]
) -> None:
    row = person(network("x", DELIVERED).provider)
    for _ in range(5):
        assert send(network("id-1", DELIVERED)) == 200
    assert send(network("id-1", ON_ITS_WAY)) == 200
    assert states() == ["applied"] + ["nothing"] * 5
    assert status(row) == S.DELIVERED
    campaign = Campaign.get_by_id(row.campaign_id)
    assert (campaign.sent, campaign.delivered) == (0, 1)


@pytest.mark.both
@pytest.mark.parametrize("network", NETWORKS)
def test_a_stranger_leaves_no_row(send: Send, network: Callable[..., Callback]) -> None:
    good = network("id-1", DELIVERED)
    for token in ("", "wrong", TOKEN + "x", TOKEN.upper()):
        assert send(replace(good, token=token)) == 403
    assert states() == []


@pytest.mark.parametrize("network", SIGNING)
def test_who_knows_the_token_but_not_the_secret_leaves_no_row(
    send: Send, network: Callable[..., Callback]
) -> None:
    good, other = network("id-1", DELIVERED), network("id-2", DELIVERED)
    assert send(good, {}) == 403
    assert send(good, other.signed()) == 403
    if good.kind == JSON:
        # The same object in another order is other bytes.
        turned = json.dumps(dict(reversed(json.loads(good.body).items()))).encode()
        assert send(replace(good, body=turned), good.signed()) == 403
        assert send(replace(good, body=good.body + b" "), good.signed()) == 403
    else:
        more = replace(good, query={"more": "1"})
        assert send(more, good.signed()) == 403
        as_json = replace(good, body=b'{"MessageSid": "id-1"}', kind=JSON)
        assert send(as_json, good.signed()) == 403
    assert states() == []


@pytest.mark.parametrize("network", NETWORKS)
def test_an_unknown_word_waits_for_a_person_and_changes_nothing(
    send: Send, network: Callable[..., Callback]
) -> None:
    row = person(network("x", DELIVERED).provider)
    assert send(network("id-1", NONSENSE)) == 200
    assert send(network("", DELIVERED)) == 200
    assert states() == ["unknown", "failed"]
    assert status(row) == S.SENT
    failed = RawCallback.get(RawCallback.state == "failed")
    assert "ValueError" in failed.error.strip().splitlines()[-1]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_report_about_a_message_that_is_not_ours_says_so(
    send: Send, network: Callable[..., Callback]
) -> None:
    row = person(network("x", DELIVERED).provider)
    assert send(network("id-9", DELIVERED, OTHER)) == 200
    assert states() == ["waiting"]
    assert status(row) == S.SENT


def test_under_an_id_of_many_a_stranger_is_nobody(send: Send) -> None:
    row = person("termii-sms")
    assert send(termii("id-1", DELIVERED, OTHER)) == 200
    assert states() == ["waiting"]
    assert status(row) == S.SENT


@pytest.mark.parametrize("network", NETWORKS)
def test_a_huge_callback_is_413_and_leaves_no_row(
    send: Send, network: Callable[..., Callback]
) -> None:
    good = network("id-1", DELIVERED)
    assert send(replace(good, body=b"x=" + b"y" * 70_000)) == 413
    assert states() == []


#: Bodies that nobody should send, as whatever they call themselves.
ODD = [
    b"",
    b"\xff\xfe\x00id=1&status=\x80",
    b"id=1&id=2&status=Success&status=Failed",
    b'{"message_id": "1", "message_id": "2", "status": ["Delivered"]}',
    b'{"id": {"a": 1}, "message": {"chat": {"id": []}}, "status": 1e999}',
    b"[" * 5_000,
    b'{"a":' * 1_500 + b"1" + b"}" * 1_500,
    b'{"message": null, "update_id": 1}',
    b'{"message": {"message_id": 1, "chat": {"id": 5}, "text": "\\ud83d"}}',
    b"MessageSid=%00&MessageStatus=%F0%9F&From=%ED%A0%BD&Body=%00",
    b"from=" + b"9" * 5_000 + b"&text=STOP&id=" + b"i" * 5_000,
    b"phoneNumber=%E2%80%AE%2B234&senderId=%00",
    b"--b\r\nContent-Disposition: form-data; name=id\r\n\r\n1\r\n",
    b"a=&" * 20_000,
]
DOORS = [
    ("africastalking-sms", "delivery"),
    ("africastalking-sms", "incoming"),
    ("africastalking-sms", "opt-out"),
    ("termii-sms", "delivery"),
    ("twilio-sms", "delivery"),
    ("twilio-sms", "incoming"),
    ("kannel-sms", "delivery"),
    ("kannel-sms", "incoming"),
    ("telegram-bot", "incoming"),
]


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize(("provider", "event"), DOORS)
def test_nothing_that_comes_in_is_a_mistake_of_ours(
    send: Send, provider: str, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a body holds: never a 500, and what can't be meant is a ValueError in words."""
    for body in ODD:
        for kind in (FORM, JSON, "multipart/form-data; boundary=b", "text/plain; charset=x"):
            assert send(Callback(provider, event, body, kind)) in (200, 403), (body[:40], kind)
    assert set(states()) <= {"applied", "nothing", "unknown", "failed", "waiting"}
    for row in RawCallback.select().where(RawCallback.state == "failed"):
        last = row.error.strip().splitlines()[-1]
        assert last.startswith("ValueError: the "), (last, bytes(row.body)[:60])


STOPS: list[tuple[str, str, Any]] = [
    ("africastalking-sms", "incoming", {"from": PHONE, "text": "STOP", "id": "t-1", "to": "20880"}),
    ("twilio-sms", "incoming", {"From": PHONE, "Body": "stop", "MessageSid": "t-1", "To": "20880"}),
    ("kannel-sms", "incoming", {"from": PHONE, "text": "Stop.", "id": "t-1", "to": "20880"}),
    (
        "termii-sms",
        "delivery",
        {"type": "inbound", "id": "t-1", "sender": PHONE, "message": "STOP", "receiver": "20880"},
    ),
]


@pytest.mark.both
@pytest.mark.parametrize(("provider", "event", "fields"), STOPS)
def test_stop_is_obeyed_once_through_every_networks_door(
    send: Send, provider: str, event: str, fields: dict[str, str]
) -> None:
    from obidient.campaigns.models.texts import InboundText, TextAnswer
    from obidient.contacts.suppression import suppressed

    callback = Callback(provider, event, urlencode(fields).encode())
    if provider == "termii-sms":
        callback = replace(callback, body=json.dumps(fields).encode(), kind=JSON)
    if provider == "kannel-sms":
        callback = replace(callback, body=b"", method="GET", query=fields)
    for _ in range(3):
        assert send(callback) == 200
    assert states() == ["applied", "nothing", "nothing"]
    assert suppressed([PHONE], "sms") == {PHONE}
    assert InboundText.select().count() == 1
    assert TextAnswer.select().count() == 1
