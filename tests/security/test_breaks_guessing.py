"""Guessing is slowed down where it comes from, and keeps nobody out of their own account."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from limits import parse
from results_world import UNITS, make_world

from obidient import create_app
from obidient.accounts import guessing, users
from obidient.accounts.models import User

PASSWORD = "correct horse battery"
WRONG = "not this one at all"


@pytest.fixture
def ada(app: Flask, make_user: Callable[..., User]) -> User:
    app.config["WTF_CSRF_ENABLED"] = False
    make_world()
    return make_user("agent", "ada@example.org", polling_unit_code=UNITS[0])


def web(client: FlaskClient, password: str, address: str = "192.0.2.1", **more: str) -> Any:
    form = {"email": "ada@example.org", "password": password} | more
    return client.post("/login", data=form, environ_base={"REMOTE_ADDR": address})


def phone(
    client: FlaskClient, password: str, address: str = "192.0.2.1", device: str = "device-0001"
) -> Any:
    body = {"email": "ada@example.org", "password": password, "deviceId": device}
    base = {"REMOTE_ADDR": address}
    return client.post("/api/sync/sign-in", json=body, environ_base=base)


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("way", [web, phone])
def test_ten_wrong_ones_from_one_address_wait_and_are_told_how_long(
    ada: User, app: Flask, way: Any
) -> None:
    client = app.test_client()
    codes = [way(client, WRONG).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    refused = way(client, PASSWORD)
    assert refused.status_code == 429
    assert 800 < int(refused.headers["Retry-After"]) <= 900
    assert "Wait 15 minutes" in refused.text
    # From anywhere else the owner signs in at once.
    assert way(app.test_client(), PASSWORD, "198.51.100.7").status_code in (200, 302)


@pytest.mark.both
@pytest.mark.slow
def test_strangers_everywhere_keep_no_phone_out_that_is_known(ada: User, app: Flask) -> None:
    client = app.test_client()
    assert phone(client, PASSWORD).status_code == 200
    for number in range(guessing.PER_ACCOUNT.amount + 5):
        strange = f"198.51.100.{number % 120}"
        phone(client, WRONG, strange, device="device-9999")
    assert phone(client, PASSWORD).status_code == 200
    # Behind the very address that guesses, too: a network has thousands of phones behind one.
    for _ in range(12):
        phone(client, WRONG, "192.0.2.200", device="device-9999")
    assert phone(client, PASSWORD, "192.0.2.200").status_code == 200


@pytest.mark.slow
def test_a_browser_in_which_the_owner_signed_in_before_is_counted_by_itself(
    ada: User, app: Flask
) -> None:
    mine, theirs = app.test_client(), app.test_client()
    assert web(mine, PASSWORD).status_code == 302
    mine.post("/logout")
    assert [web(theirs, WRONG).status_code for _ in range(12)][-1] == 429
    assert web(mine, WRONG).status_code == 401
    assert web(mine, PASSWORD).status_code == 302
    # A known browser may not guess for ever either.
    mine.post("/logout")
    assert [web(mine, WRONG).status_code for _ in range(11)] == [401] * 10 + [429]
    # What ends the person's sessions ends this as well.
    users.end_sessions(ada)
    assert web(mine, PASSWORD).status_code == 429


@pytest.mark.slow
def test_a_mark_of_another_account_or_a_made_up_one_is_none(
    ada: User, app: Flask, make_user: Callable[..., User]
) -> None:
    other = make_user("viewer")
    client = app.test_client()
    client.post("/login", data={"email": other.email, "password": PASSWORD})
    assert client.get_cookie(guessing.COOKIE, path=guessing.COOKIE_PATH) is not None
    client.post("/logout")
    assert [web(client, WRONG).status_code for _ in range(11)][-1] == 429
    stranger = app.test_client()
    stranger.set_cookie(guessing.COOKIE, "made.up", path=guessing.COOKIE_PATH)
    assert web(stranger, WRONG).status_code == 429


def test_an_account_tried_from_everywhere_leaves_each_address_one_try(
    ada: User, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "PER_ACCOUNT", parse("5/15 minutes"))
    client = app.test_client()
    for number in range(5):
        assert phone(client, WRONG, f"198.51.100.{number}").status_code == 401
    fresh = [phone(client, WRONG, "203.0.113.5", "device-9999").status_code for _ in range(2)]
    assert fresh == [401, 429]
    assert phone(client, PASSWORD, "203.0.113.6").status_code == 200


def test_one_address_does_not_try_the_accounts_of_many(
    ada: User, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "PER_ADDRESS", parse("3/5 minutes"))
    client = app.test_client()
    answers = [web(client, WRONG, email=f"p{number}@example.org") for number in range(4)]
    assert [one.status_code for one in answers] == [401] * 3 + [429]
    assert int(answers[-1].headers["Retry-After"]) <= 300


@pytest.mark.slow
def test_the_right_password_forgives_what_was_mistyped(ada: User, app: Flask) -> None:
    client = app.test_client()
    for _ in range(3):
        for _ in range(9):
            assert phone(client, WRONG).status_code == 401
        assert phone(client, PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("", ""),
    ],
)
def test_addresses_that_one_person_may_have_count_as_one(address: str, place: str) -> None:
    assert guessing.network(address) == place


@pytest.mark.slow
def test_every_page_that_says_too_many_says_when(app: Flask, environ: dict[str, str]) -> None:
    made = create_app(environ)
    made.config["WTF_CSRF_ENABLED"] = False
    with made.app_context():
        client = made.test_client()
        answers = [client.post("/login/code", data={"code": "1"}) for _ in range(31)]
    assert answers[-1].status_code == 429
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 301
