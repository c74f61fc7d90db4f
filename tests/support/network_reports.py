"""A pretended network that reports, and the campaign it reports about."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.clock import utcnow
from obidient.plugin import (
    DeliveryReport,
    Event,
    IncomingMessage,
    Message,
    Money,
    OptOut,
    Outcome,
    Provider,
    Reply,
    WebhookRequest,
)
from obidient.providers import registry

TOKEN = "webhook-token-of-the-tests"


SENT = RecipientStatus.SENT


def phone(number: int) -> str:
    return f"+234803555{number:04d}"


class Network(Provider):
    """A network whose callbacks say plainly what they mean."""

    name = "testnet-sms"
    channel = "sms"
    webhook_events = ("delivery", "incoming", "opt-out", "voice")

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return []

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        form = request.form
        if "crash" in form:
            raise RuntimeError("the plugin fell over")
        if name == "incoming":
            yield IncomingMessage(form.get("id", ""), form["from"], form["text"])
        elif name == "opt-out":
            yield OptOut(form["phone"])
        elif "status" in form:
            yield DeliveryReport(
                form["id"],
                form["status"],
                form.get("phone"),
                form.get("reason", ""),
                form.get("network", ""),
                Money(Decimal(form["cost"]), "NGN") if "cost" in form else None,
                suppress="suppress" in form,
                invalid="invalid" in form,
            )

    def respond(self, name: str, request: WebhookRequest) -> Reply | None:
        if request.form.get("crash") == "respond":
            raise RuntimeError("no answer")
        if name == "voice":
            return Reply("<Response/>", "application/xml")
        return None


@pytest.fixture
def network(app: Flask) -> Network:
    made = registry.current().add(Network)
    assert isinstance(made, Network)
    return made


Post = Callable[..., Any]


@pytest.fixture
def post(client: FlaskClient, network: Network) -> Post:
    def send(event: str, token: str = TOKEN, provider: str = network.name, **form: str) -> Any:
        url = f"/api/communications/webhooks/{provider}/{event}?token={token}"
        return client.post(url, data=form)

    return send


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    return Campaign.create(
        channel="sms",
        title="Town hall",
        message_template="Hello",
        provider=Network.name,
        status="sending",
        started_at=utcnow(),
    )


def add(campaign: Campaign, number: int, status: RecipientStatus = SENT, **more: Any) -> None:
    values = {"provider_id": f"id-{number}", "sent_at": utcnow()} | more
    Recipient.create(
        campaign_id=campaign.id, phone=phone(number), batch=0, status=int(status), **values
    )
    column = Campaign._meta.fields[status.column]
    Campaign.update({column: column + 1, Campaign.total: Campaign.total + 1}).execute()


def counts(campaign: Campaign) -> dict[str, int]:
    row = Campaign.get_by_id(campaign.id)
    found = {status.column: getattr(row, status.column) for status in RecipientStatus}
    assert sum(found.values()) == row.total
    stored = {
        status.column: Recipient.select().where(Recipient.status == int(status)).count()
        for status in RecipientStatus
    }
    assert found == stored
    return {name: number for name, number in found.items() if number}


def state() -> str:
    return str(RawCallback.select().order_by(RawCallback.id.desc()).first().state)


def make_due() -> None:
    RawCallback.update(due_at=utcnow()).execute()
