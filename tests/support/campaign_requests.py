"""Campaigns as a client of the API writes them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from obidient.campaigns.models.campaign import (
    Campaign,
)

BASE = "/api/communications/campaigns"


Auth = Callable[..., dict[str, str]]


def body(**more: Any) -> dict[str, Any]:
    return {
        "channel": "sms",
        "title": "Town hall",
        "messageTemplate": "Hello {{ first_name | friend }}",
        "audience": {"everyone": True},
    } | more


@pytest.fixture
def organiser(auth: Auth) -> dict[str, str]:
    return auth("organiser")


@pytest.fixture
def create(client: FlaskClient, organiser: dict[str, str]) -> Callable[..., dict[str, Any]]:
    def make(**more: Any) -> dict[str, Any]:
        answer = client.post(BASE, json=body(**more), headers=organiser)
        assert answer.status_code == 201, answer.json
        made: dict[str, Any] = answer.json
        return made

    return make


def sending(**more: Any) -> Campaign:
    made: Campaign = Campaign.create(
        channel="sms", title="Town hall", status="sending", staged=True, **more
    )
    return made
