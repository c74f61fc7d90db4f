"""What a device sends to `/api/sync` and asks of it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, make_world

from obidient.accounts import tokens
from obidient.results.models import Election

URL = "/api/sync/submissions"


@pytest.fixture
def world(app: Flask) -> Election:
    return make_world()


@pytest.fixture
def agent(make_user: Callable[..., Any]) -> dict[str, str]:
    user = make_user("agent", polling_unit_code=UNITS[0])
    return {"Authorization": f"Bearer {tokens.issue(user, 'phone', ['sync'])}"}


def send(client: FlaskClient, auth: dict[str, str], *sheets: Any) -> Any:
    return client.post(URL, json={"submissions": sheets}, headers=auth)
