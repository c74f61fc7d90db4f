"""The second step of signing in, recovery codes, and where a person is signed in."""

import re
import time
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from obidient import create_app
from obidient.accounts import second_factor, users
from obidient.accounts.models import AuditEntry, SignIn, User

PASSWORD = "correct horse battery"
ANDROID = "Mozilla/5.0 (Linux; Android 12) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"


def post(client: FlaskClient, address: str, page: str = "", **form: str) -> Any:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(page or address).text)
    assert found is not None
    return client.post(address, data=form | {"csrf_token": found[1]})


def enter(client: FlaskClient, user: User, password: str = PASSWORD) -> Any:
    return post(client, "/login", email=user.email, password=password)


def digits(user: User, steps: int = 0) -> str:
    secret = User.get_by_id(user.id).totp_secret
    return pyotp.TOTP(secret).at(int(time.time()) + steps * second_factor.STEP)


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user("organiser", name="Ada")


@pytest.fixture
def guarded(ada: User) -> list[str]:
    """Ada with a second factor, set up a while ago; her recovery codes."""
    secret = second_factor.new_secret()
    codes = second_factor.turn_on(ada, secret, pyotp.TOTP(secret).now())
    User.update(totp_last_step=0).where(User.id == ada.id).execute()
    return codes


@pytest.mark.slow
def test_it_is_set_up_with_a_picture_and_a_first_code(client: FlaskClient, ada: User) -> None:
    enter(client, ada)
    page = client.get("/account/second-factor").text
    assert "<svg" in page
    secret = re.search(r"<code[^>]*>([A-Z2-7]{32})</code>", page)
    assert secret is not None
    assert post(client, "/account/second-factor", code="000000").status_code == 422
    assert User.get_by_id(ada.id).totp_secret is None
    done = post(client, "/account/second-factor", code=pyotp.TOTP(secret[1]).now()).text
    assert len(re.findall(r"<code>[0-9a-f]{8}-[0-9a-f]{8}</code>", done)) == 10
    assert User.get_by_id(ada.id).totp_secret == secret[1]
    assert "shown only now" not in client.get("/account").text


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.usefixtures("guarded")
def test_the_password_alone_opens_nothing(client: FlaskClient, ada: User) -> None:
    assert enter(client, ada).location.startswith("/login/code")
    for path in ("/admin/", "/account", "/password", "/account/second-factor"):
        assert client.get(path).location.startswith("/login")
    assert post(client, "/login/code", code="000000").status_code == 401
    assert client.get("/admin/").location.startswith("/login")
    assert post(client, "/login/code", code=digits(ada)).location == "/admin/"
    assert client.get("/admin/").status_code == 200


@pytest.mark.usefixtures("guarded")
def test_a_code_is_taken_once_and_none_from_before_it(app: Flask, ada: User) -> None:
    code, older = digits(ada), digits(ada, -1)
    first, second = app.test_client(), app.test_client()
    for client in (first, second):
        enter(client, ada)
    assert post(first, "/login/code", code=code).status_code == 302
    assert post(second, "/login/code", code=code).status_code == 401
    assert post(second, "/login/code", code=older).status_code == 401


@pytest.mark.usefixtures("guarded")
def test_a_clock_half_a_minute_off_is_forgiven_and_more_is_not(app: Flask, ada: User) -> None:
    client = app.test_client()
    enter(client, ada)
    assert post(client, "/login/code", code=digits(ada, 4)).status_code == 401
    assert post(client, "/login/code", code=digits(ada, 1)).status_code == 302


@pytest.mark.slow
def test_a_recovery_code_stands_in_once(app: Flask, ada: User, guarded: list[str]) -> None:
    for expected in (302, 401):
        client = app.test_client()
        enter(client, ada)
        answer = post(client, "/login/code", code=guarded[0].upper().replace("-", " "))
        assert answer.status_code == expected
    assert second_factor.codes_left(ada) == 9


@pytest.mark.slow
@pytest.mark.usefixtures("guarded")
def test_guessing_codes_is_throttled_wherever_it_comes_from(app: Flask, ada: User) -> None:
    codes = []
    for number in range(12):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"127.0.1.{number}"
        enter(client, ada)
        codes.append(post(client, "/login/code", code="000000").status_code)
    assert codes[:10] == [401] * 10
    assert codes[-1] == 429


@pytest.mark.usefixtures("guarded")
def test_half_way_in_ends_after_five_minutes(
    client: FlaskClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(client, ada)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 301)
    assert client.get("/login/code").location.startswith("/login")


@pytest.mark.slow
@pytest.mark.usefixtures("guarded")
def test_weakening_an_account_takes_the_password_and_a_code(client: FlaskClient, ada: User) -> None:
    enter(client, ada)
    post(client, "/login/code", code=digits(ada, -1))
    off = "/account/second-factor/off"
    assert post(client, off, "/account", password="wrong", code=digits(ada)).status_code == 422
    assert post(client, off, "/account", password=PASSWORD, code="000000").status_code == 422
    assert User.get_by_id(ada.id).totp_secret
    assert post(client, off, "/account", password=PASSWORD, code=digits(ada)).status_code == 302
    assert User.get_by_id(ada.id).totp_secret is None


@pytest.mark.slow
def test_a_role_that_needs_one_can_do_nothing_before_it_is_set_up(
    environ: dict[str, str], app: Flask, make_user: Callable[..., User]
) -> None:
    made = create_app(environ | {"REQUIRE_SECOND_FACTOR": "admin, organiser"})
    organiser, viewer = make_user("organiser"), make_user("viewer")
    client = made.test_client()
    enter(client, organiser)
    assert client.get("/admin/").location == "/account/second-factor"
    assert client.get("/admin/contacts/").location == "/account/second-factor"
    assert client.get("/account/second-factor").status_code == 200
    other = made.test_client()
    enter(other, viewer)
    assert other.get("/admin/").status_code == 200


@pytest.mark.slow
@pytest.mark.usefixtures("guarded")
def test_an_operator_helps_who_has_lost_everything(
    ada: User, cli: Callable[..., Result], client: FlaskClient
) -> None:
    assert cli("user", "reset-second-factor", ada.email).exit_code == 0
    assert cli("user", "reset-second-factor", ada.email).exit_code == 1
    assert enter(client, ada).location == "/admin/"
    entry = AuditEntry.get(AuditEntry.action == "user.factor-off")
    assert (entry.actor, entry.summary) == (
        "command line",
        f"Removed the second factor of {ada.email}",
    )


@pytest.mark.both
@pytest.mark.slow
def test_sessions_are_seen_and_ended_one_by_one(app: Flask, ada: User) -> None:
    here, there, away = (app.test_client() for _ in range(3))
    there.environ_base["HTTP_USER_AGENT"] = ANDROID
    for client in (here, there, away):
        enter(client, ada)
    page = here.get("/account").text
    assert "Chrome on Android" in page
    assert page.count('/end"') == 2
    phone = SignIn.get(SignIn.browser == ANDROID)
    post(here, f"/account/sessions/{phone.id}/end", "/account")
    assert there.get("/admin/").status_code == 302
    assert away.get("/admin/").status_code == 200
    post(here, "/account/sessions/end-others", "/account")
    assert away.get("/admin/").status_code == 302
    assert here.get("/admin/").status_code == 200


def test_nobody_ends_the_session_of_somebody_else(
    app: Flask, ada: User, make_user: Callable[..., User]
) -> None:
    mine, theirs = app.test_client(), app.test_client()
    enter(mine, ada)
    enter(theirs, make_user("viewer"))
    victim = SignIn.get(SignIn.user_id == ada.id)
    post(theirs, f"/account/sessions/{victim.id}/end", "/password")
    assert mine.get("/admin/").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True])
def test_a_new_password_and_a_closed_account_end_every_session(
    client: FlaskClient, ada: User, closed: bool
) -> None:
    enter(client, ada)
    assert client.get("/admin/").status_code == 200
    if closed:
        users.set_active(ada, False)
    else:
        users.set_password(ada, "another long password")
    assert client.get("/admin/").status_code == 302
    assert not SignIn.select().where(SignIn.user_id == ada.id).exists()


def test_an_ended_session_s_cookie_is_worth_nothing(app: Flask, ada: User) -> None:
    client = app.test_client()
    enter(client, ada)
    stolen = client.get_cookie("session")
    assert stolen is not None
    post(client, "/logout", "/password")
    thief = app.test_client()
    thief.set_cookie("session", stolen.value)
    assert thief.get("/admin/").status_code == 302
