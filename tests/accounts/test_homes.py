"""After sign-in everybody is where their work is; a unit that nobody knows is told at once."""

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, make_world

from obidient.accounts.models import User
from obidient.sync import devices

PASSWORD = "correct horse battery"


def enter(client: FlaskClient, user: User, target: str = "") -> str:
    page = client.get("/login").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"email": user.email, "password": PASSWORD, "csrf_token": token}
    answer = client.post(f"/login{target}", data=form)
    assert answer.status_code == 302
    return str(answer.location)


@pytest.mark.parametrize(
    ("role", "target", "home"),
    [
        ("agent", "", "/agent?signed-in"),
        ("agent", "?next=/admin/review/", "/agent?signed-in"),
        ("reviewer", "", "/admin/"),
        ("reviewer", "?next=/admin/review/", "/admin/review/"),
        ("admin", "?next=https://elsewhere.example/", "/admin/"),
    ],
)
def test_each_role_lands_at_its_own_home(
    client: FlaskClient, make_user: Callable[..., User], role: str, target: str, home: str
) -> None:
    user = make_user(role)
    assert enter(client, user, target) == home
    assert client.get("/login").location == ("/agent?signed-in" if role == "agent" else "/admin/")


@pytest.mark.slow
def test_a_unit_that_no_register_holds_is_told_to_whoever_enters_it_and_to_its_agent(
    app: Flask, cli: Callable[..., Result], make_user: Callable[..., User]
) -> None:
    make_world()
    create = ("user", "create", "--role", "agent", "--polling-unit")
    shown = cli(*create, "24-11-02-999", "ada@example.org")
    assert shown.exit_code == 0
    assert "No register holds polling unit 24-11-02-999" in shown.stderr
    assert "No register" not in cli(*create, UNITS[0], "bayo@example.org").stderr
    lost = make_user("agent", polling_unit_code="24-11-02-999")
    found = make_user("agent", polling_unit_code=UNITS[0])
    assert devices.profile(lost)["polling_unit"]["is_listed"] is False
    assert devices.profile(found)["polling_unit"]["is_listed"] is True
