"""An agent whose texts come in by the door that networks use, and what is answered."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, make_world

from obidient.accounts.models import User
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.receipts import applying
from obidient.campaigns.texts import answers
from obidient.plugin import Accepted, Message
from obidient.providers import registry
from obidient.sync import pins, texts
from obidient.sync.models import TextReport

PHONE = "+2348035550001"
PIN = "4821"
GOOD = f"{UNITS[0]} ACC 212 APC 45 LP 120 PDP 33 REJ 4"
_ids = itertools.count()


@pytest.fixture
def agent(app: Flask, make_user: Callable[..., User]) -> User:
    make_world()
    user = make_user("agent", polling_unit_code=UNITS[0], phone="0803 555 0001")
    pins.set_pin(user, PIN)
    return user


@pytest.fixture
def sent(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What goes out to the network in answer."""
    out: list[Message] = []
    provider = registry.current().for_channel("sms")
    assert provider is not None

    def send(messages: list[Message]) -> Any:
        out.extend(messages)
        return [Accepted(message, f"id-{message.id}") for message in messages]

    monkeypatch.setattr(provider, "send", send)
    return out


@pytest.fixture
def text(client: FlaskClient, app: Flask) -> Callable[..., None]:
    """text("…") comes in by the provider's callback, and a worker looks at it."""
    token = app.extensions["obidient.settings"].communications_webhook_token

    def come_in(words: str, phone: str = PHONE, message_id: str = "") -> None:
        body = {"id": message_id or f"in-{next(_ids)}", "from": phone, "text": words, "to": "20880"}
        address = f"/api/communications/webhooks/simulator-sms/incoming?token={token}"
        assert (
            client.post(address, data=json.dumps(body), content_type="application/json").status_code
            == 200
        )
        applying.apply_due()
        texts.work()
        send_answers()

    return come_in


def send_answers() -> None:
    for row in list(TextAnswer.select().where(TextAnswer.state == "queued")):
        answers.send(row.id)


def last() -> TextReport:
    found: TextReport = TextReport.select().order_by(TextReport.id.desc()).get()
    return found
