"""One worker's turn in this process, with a provider that says what the test wants."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from obidient.campaigns import control
from obidient.campaigns.models.campaign import (
    Batch,
    Campaign,
    Recipient,
    RecipientStatus,
)
from obidient.campaigns.sending import (
    delivery,
    lifecycle,
    pace,
    staging,
)
from obidient.contacts.models import Contact
from obidient.plugin import (
    Accepted,
    Message,
    Outcome,
    Provider,
)
from obidient.providers import registry

S = RecipientStatus


PEOPLE = 20


give_back = pace.give_back


Send = Callable[[list[Message]], Any]


@pytest.fixture
def people(app: Flask) -> None:
    rows = [{"phone": f"+23480355{n:05d}", "first_name": f"Ada{n}"} for n in range(PEOPLE)]
    Contact.insert_many(rows).execute()


@pytest.fixture
def provider(people: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The simulator, which accepts everything unless a test says otherwise; no waiting for pace."""
    found = registry.current().find("simulator-sms")
    assert found is not None
    says(monkeypatch, accept)
    monkeypatch.setattr(pace, "take", lambda buckets, wanted: (wanted, 0.0))
    monkeypatch.setattr(pace, "give_back", lambda buckets, number: None)
    yield found


def says(monkeypatch: pytest.MonkeyPatch, send: Send) -> None:
    """From now on the network answers like this."""
    monkeypatch.setattr(registry.current().find("simulator-sms"), "send", send)


def accept(messages: list[Message]) -> list[Outcome]:
    return [Accepted(one, f"id-{one.id}-{one.attempt}") for one in messages]


def launch(**more: Any) -> int:
    values = {"title": "T", "message_template": "Hello", "audience": {"everyone": True}}
    campaign = control.create(values | more)
    control.launch(campaign.id)
    while not staging.stage_chunk(campaign.id, 500):
        pass
    return int(campaign.id)


def batches(campaign_id: int) -> list[Batch]:
    return list(Batch.select().where(Batch.campaign_id == campaign_id).order_by(Batch.number))


def work(campaign_id: int) -> Campaign:
    """A worker's turn on each batch."""
    for batch in batches(campaign_id):
        delivery.send_batch(campaign_id, batch.id)
    return lifecycle.get(campaign_id)


def rows(campaign_id: int) -> list[Recipient]:
    query = Recipient.select().where(Recipient.campaign_id == campaign_id)
    return list(query.order_by(Recipient.id))
