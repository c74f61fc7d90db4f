"""Two pretended networks that a campaign may go by, and the steps of sending it."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from obidient import clock
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient
from obidient.campaigns.sending import delivery, lifecycle, pace
from obidient.contacts.models import Contact
from obidient.plugin import Accepted, Message, Outcome, Provider, RequestRetry, Unknown
from obidient.providers import registry

PEOPLE = 30


class PretendedNetwork(Provider):
    """Takes everything unless `answer` says otherwise; remembers whom it was given."""

    channel = "sms"
    max_batch = 5
    given: list[str]
    answer: Any = None

    def send(self, messages: list[Message]) -> list[Outcome]:
        if self.answer is not None:
            return self.answer(self, messages)
        return self.take(messages)

    def take(self, messages: list[Message]) -> list[Outcome]:
        self.given += [one.phone for one in messages]
        return [Accepted(one, f"{self.name}-{one.id}") for one in messages]

    def ask(self, messages: list[Message]) -> list[Outcome]:
        self.asked = messages
        return list(self.knows(messages))

    def knows(self, messages: list[Message]) -> list[Outcome]:
        return []


class First(PretendedNetwork):
    name = "first-net"


class Second(PretendedNetwork):
    name = "second-net"


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"SMS_PROVIDER": "first-net,second-net", "SMS_BATCH_SIZE": "10"}


@pytest.fixture
def networks(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[First, Second]]:
    monkeypatch.setattr(pace, "take", lambda buckets, wanted: (wanted, 0.0))
    # A busy machine would end a batch's turn in the middle.
    monkeypatch.setattr(delivery, "SLICE", 60.0)
    monkeypatch.setattr(pace, "give_back", lambda buckets, number: None)
    rows = [{"phone": f"+23480355{n:05d}", "first_name": "Ada"} for n in range(PEOPLE)]
    Contact.insert_many(rows).execute()
    found = registry.current()
    first, second = found.add(First), found.add(Second)
    assert isinstance(first, First)
    assert isinstance(second, Second)
    first.given, second.given = [], []
    yield first, second


def later(monkeypatch: pytest.MonkeyPatch, **more: float) -> None:
    monkeypatch.setattr(clock, "_shift", clock._shift + timedelta(**more))


def work(campaign_id: int) -> Campaign:
    rows = Batch.select().where(Batch.campaign_id == campaign_id).order_by(Batch.number)
    for batch in list(rows):
        delivery.send_batch(campaign_id, batch.id)
    return lifecycle.get(campaign_id)


def refuse(network: PretendedNetwork, messages: list[Message]) -> list[Outcome]:
    raise RequestRetry("It can't be reached")


def drop(network: PretendedNetwork, messages: list[Message]) -> list[Outcome]:
    """Takes them and says nothing, as a network does whose answers get lost."""
    network.take(messages)
    return [Unknown(one, "No answer in time") for one in messages]


def carried(campaign_id: int) -> Counter[str | None]:
    rows = Recipient.select(Recipient.provider).where(Recipient.campaign_id == campaign_id)
    return Counter(row.provider for row in rows)
