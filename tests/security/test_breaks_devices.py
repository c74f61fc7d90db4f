"""A phone is trusted until somebody ends it: by any of the ways that end a person's access."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from limits import parse
from results_world import UNITS, make_world, sheet
from signed_in import sign_in as sign_in_admin

from obidient.accounts import tokens, users
from obidient.accounts.models import ApiToken, AuditEntry, User
from obidient.results.models import Submission
from obidient.sync import devices, limits

URL = "/api/sync/submissions"


@pytest.fixture
def agent(app: Flask, make_user: Callable[..., User]) -> User:
    make_world()
    return make_user("agent", "ada@example.org", polling_unit_code=UNITS[0])


def phone(user: User, device_id: str = "device-0001") -> dict[str, str]:
    return {"Authorization": f"Bearer {devices.sign_in(user, device_id)[0]}"}


def close(user: User) -> None:
    users.set_active(user, False)


def close_and_reopen(user: User) -> None:
    users.set_active(user, False)
    users.set_active(user, True)


def new_password(user: User) -> None:
    users.set_password(user, "another long password")


def lost(user: User) -> None:
    assert users.forget_phones(user) == 2


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize(
    "end",
    [users.end_sessions, new_password, close, close_and_reopen, lost],
    ids=lambda f: f.__name__,
)
def test_whatever_ends_a_persons_access_ends_it_on_their_phones(
    agent: User, client: FlaskClient, end: Callable[[User], Any]
) -> None:
    both = [phone(agent), phone(agent, "device-0002")]
    for header in both:
        assert client.get("/api/sync/profile", headers=header).status_code == 200
    end(agent)
    for header in both:
        assert client.get("/api/sync/profile", headers=header).status_code == 401
        sent = client.post(URL, json={"submissions": [sheet("s")]}, headers=header)
        assert sent.status_code == 401
    assert Submission.select().count() == 0


def test_signing_out_everywhere_leaves_programs_alone_and_closing_does_not(
    agent: User, client: FlaskClient
) -> None:
    header = {"Authorization": f"Bearer {tokens.issue(agent, 'volunteer app')}"}
    users.end_sessions(agent)
    users.forget_phones(agent)
    assert client.get("/api/sync/profile", headers=header).status_code == 200
    close_and_reopen(agent)
    assert client.get("/api/sync/profile", headers=header).status_code == 401


def test_one_button_shuts_a_lost_phone_out(
    app: Flask, client: FlaskClient, agent: User, make_user: Callable[..., User]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    header = phone(agent)
    sign_in_admin(client, make_user("admin"))
    page = client.get(f"/admin/team/{agent.id}/")
    assert "Phone lost" in page.text
    client.post(f"/admin/team/{agent.id}/phones/forget")
    assert client.get("/api/sync/profile", headers=header).status_code == 401
    assert AuditEntry.select().where(AuditEntry.action == "user.phones").count() == 1
    assert "Phone lost" not in client.get(f"/admin/team/{agent.id}/").text


@pytest.mark.both
@pytest.mark.slow
def test_ten_phones_are_trusted_and_the_oldest_goes(agent: User, client: FlaskClient) -> None:
    headers = [phone(agent, f"device-{number:04d}") for number in range(devices.MOST + 2)]
    answers = [client.get("/api/sync/profile", headers=one).status_code for one in headers]
    assert answers == [401] * 2 + [200] * devices.MOST
    # One that signs in again takes its own place.
    phone(agent, "device-0005")
    live = [token for token in ApiToken.select() if tokens.is_device(token)]
    assert len(live) == devices.MOST


def test_more_phones_are_no_higher_pace(
    agent: User, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SHEETS", parse("3/minute"))
    headers = [phone(agent, f"device-{number:04d}") for number in range(5)]
    body = {"submissions": [sheet("s")]}
    answers = [client.post(URL, json=body, headers=one) for one in headers]
    assert [answer.status_code for answer in answers] == [202] * 3 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) > 0
