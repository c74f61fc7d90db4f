"""The doors for networks: who may come in, by which method, how large, and what is said of it."""

import hashlib
import hmac
from collections.abc import Iterable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.receipts import applying
from obidient.plugin import (
    DeliveryReport,
    Event,
    Message,
    Outcome,
    Provider,
    Reply,
    WebhookRequest,
)
from obidient.providers import registry

TOKEN = "webhook-token-of-the-tests"
SECRET = b"shared"
SENT, DELIVERED = RecipientStatus.SENT, RecipientStatus.DELIVERED
UNDELIVERED = RecipientStatus.UNDELIVERED


class Signing(Provider):
    """A network with one id a request, which signs the address and the body."""

    name = "signing-sms"
    channel = "sms"
    webhook_events = ("delivery", "hello")
    get_events = ("hello",)
    shared_ids = True
    callback_limit = 200_000
    seen: list[WebhookRequest] = []

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return []

    def verify(self, name: str, request: WebhookRequest) -> bool:
        self.seen.append(request)
        if request.headers.get("X-Fault"):
            raise RuntimeError("the plugin stumbles")
        wanted = signature(request.url, request.raw)
        return hmac.compare_digest(wanted, request.headers.get("X-Signature", ""))

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        form = request.form
        if name == "delivery":
            yield DeliveryReport(form["id"], form["status"], form.get("phone") or None)

    def respond(self, name: str, request: WebhookRequest) -> Reply | None:
        return Reply(request.query["challenge"]) if request.method == "GET" else None


def signature(url: str, body: bytes) -> str:
    return hmac.new(SECRET, url.encode() + body, hashlib.sha256).hexdigest()


def phone(number: int) -> str:
    return f"+234803555{number:04d}"


@pytest.fixture
def network(app: Flask) -> Provider:
    Signing.seen = []
    return registry.current().add(Signing)


def recipients(number: int, provider_id: str, provider: str = "signing-sms") -> list[Recipient]:
    campaign = Campaign.create(
        title="T", status="sending", staged=True, provider=provider, total=number, sent=number
    )
    Batch.create(campaign_id=campaign.id, number=0, size=number, state="done")
    for one in range(number):
        Recipient.create(
            campaign_id=campaign.id,
            phone=phone(one),
            batch=0,
            status=SENT,
            attempts=1,
            provider_id=provider_id,
        )
    return list(Recipient.select().where(Recipient.campaign_id == campaign.id))


def path(event: str = "delivery", query: str = "") -> str:
    return f"/api/communications/webhooks/signing-sms/{event}?token={TOKEN}{query}"


def post(client: FlaskClient, body: bytes, key: bytes = b"", **headers: str) -> int:
    """A signed callback; the address is the one that the network was told."""
    base = registry.current().base_url()
    signed = signature(f"{base}{path()}", key or body)
    answer = client.post(
        path(),
        data=body,
        content_type="application/x-www-form-urlencoded",
        headers={"X-Signature": signed, **headers},
    )
    return answer.status_code


def states() -> list[str]:
    return [row.state for row in RawCallback.select().order_by(RawCallback.id)]


@pytest.mark.both
def test_five_people_under_one_id_are_told_apart_by_their_phones(
    client: FlaskClient, network: Provider
) -> None:
    rows = recipients(5, "request-1")
    for row in rows[:3]:
        assert post(client, f"id=request-1&phone={row.phone[1:]}&status=delivered".encode()) == 200
    assert (
        post(client, f"id=request-1&phone=0{rows[3].phone[4:]}&status=undelivered".encode()) == 200
    )
    applying.apply_due()
    found = [Recipient.get_by_id(row.id).status for row in rows]
    assert found == [DELIVERED, DELIVERED, DELIVERED, UNDELIVERED, SENT]
    campaign = Campaign.get_by_id(rows[0].campaign_id)
    assert (campaign.sent, campaign.delivered, campaign.undelivered) == (1, 3, 1)
    assert states() == ["applied"] * 4


def test_a_report_that_names_no_phone_is_nobodys_among_several(
    client: FlaskClient, network: Provider
) -> None:
    rows = recipients(2, "request-1")
    post(client, b"id=request-1&status=delivered")
    # Nor is one of somebody whose row is not recorded under the id.
    post(client, f"id=request-1&phone={phone(9)}&status=delivered".encode())
    applying.apply_due()
    assert {Recipient.get_by_id(row.id).status for row in rows} == {SENT}
    assert states() == ["waiting", "waiting"]


def test_a_repetition_never_says_that_it_was_applied(
    client: FlaskClient, network: Provider
) -> None:
    (row,) = recipients(1, "request-1")
    body = f"id=request-1&phone={row.phone}&status=delivered".replace("+", "%2B").encode()
    for _ in range(3):
        post(client, body)
    applying.apply_due()
    post(client, body)
    post(client, body.replace(b"delivered", b"sent"))
    applying.apply_due()
    assert states() == ["applied", "nothing", "nothing", "nothing", "nothing"]
    assert Campaign.get_by_id(row.campaign_id).delivered == 1


def test_an_id_of_one_message_needs_no_phone(
    client: FlaskClient, network: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Signing, "shared_ids", False)
    (row,) = recipients(1, "message-1")
    post(client, b"id=message-1&phone=whatever&status=delivered")
    applying.apply_due()
    assert Recipient.get_by_id(row.id).status == DELIVERED


def test_another_networks_id_is_not_ours(client: FlaskClient, network: Provider) -> None:
    (row,) = recipients(1, "request-1", provider="simulator-sms")
    Recipient.update(provider="simulator-sms").where(Recipient.id == row.id).execute()
    post(client, f"id=request-1&phone={row.phone[1:]}&status=delivered".encode())
    applying.apply_due()
    assert Recipient.get_by_id(row.id).status == SENT


@pytest.mark.both
def test_a_forger_gets_403_and_leaves_no_row(client: FlaskClient, network: Provider) -> None:
    body = b"id=request-1&status=delivered"
    assert post(client, body, key=b"another body") == 403
    assert client.post(path(), data=body).status_code == 403
    # A plugin that stumbles lets nobody in either.
    assert post(client, body, **{"X-Fault": "1"}) == 403
    assert RawCallback.select().count() == 0
    assert post(client, body) == 200
    assert RawCallback.select().count() == 1


@pytest.mark.slow
def test_verify_sees_what_the_network_signed(client: FlaskClient, network: Provider) -> None:
    post(client, b"id=a%2Fb&status=delivered", Authorization="Basic eA==")
    (seen,) = Signing.seen
    assert seen.raw == b"id=a%2Fb&status=delivered"
    assert seen.url == f"{registry.current().base_url()}{path()}"
    assert (seen.method, seen.headers["Authorization"]) == ("POST", "Basic eA==")
    # Whose key it is need not be kept.
    assert "Basic" not in RawCallback.get().headers
    assert registry.current().webhook_url(network.name, "delivery") == seen.url


def test_a_handshake_comes_by_get_and_is_answered(client: FlaskClient, network: Provider) -> None:
    where = path("hello", "&challenge=1%2B1")
    signed = signature(f"{registry.current().base_url()}{where}", b"")
    answer = client.get(where, headers={"X-Signature": signed})
    assert (answer.status_code, answer.text) == (200, "1+1")
    assert RawCallback.get().method == "GET"
    applying.apply_due()
    assert states() == ["nothing"]
    assert client.get(where).status_code == 403
    assert (
        client.get(where.replace(TOKEN, "wrong"), headers={"X-Signature": signed}).status_code
        == 403
    )


def test_what_comes_by_post_alone_is_405_by_get(client: FlaskClient, network: Provider) -> None:
    assert client.get(path()).status_code == 405
    assert client.get("/api/communications/webhooks/nobody/delivery").status_code == 403
    assert client.get(f"/api/communications/webhooks/nobody/x?token={TOKEN}").status_code == 404


def test_a_provider_says_how_large_its_callbacks_are(
    client: FlaskClient, network: Provider
) -> None:
    assert post(client, b"id=1&status=sent&x=" + b"x" * 150_000) == 200
    assert post(client, b"id=1&status=sent&x=" + b"x" * 250_000) == 413
