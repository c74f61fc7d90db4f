"""The SMS provider of Africa's Talking, joined to a stand-in of their API."""

from collections.abc import Iterator
from typing import Any

import pytest
from standin_africastalking import API_KEY, StandIn

from obidient.plugin import (
    Message,
    Outcome,
    ProviderContext,
)
from plugins.africastalking import AfricasTalkingSms

PHONES = ["+2348035550101", "+2348035550102", "+2348035550103"]


@pytest.fixture
def network() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


def provider(url: str, **changes: Any) -> AfricasTalkingSms:
    settings = {"username": "sandbox", "api_key": API_KEY, "base_url": url} | changes
    return AfricasTalkingSms(ProviderContext(settings))


def messages(text: str = "Hello") -> list[Message]:
    return [Message(number, phone, text) for number, phone in enumerate(PHONES, 1)]


def send(network: StandIn, **changes: Any) -> list[Outcome]:
    return list(provider(network.url, **changes).send(messages()))
