"""Small doors: numbers guessed by searching, addresses to listen at, odd characters, races."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from flask import Flask
from flask.testing import FlaskClient
from following import people
from results_world import UNITS, make_world, sheet
from signed_in import sign_in

from obidient import database, security
from obidient.accounts import tokens
from obidient.accounts.models import ApiToken, User
from obidient.admin.campaigns.recipients import Filter
from obidient.campaigns import control
from obidient.campaigns.sending import staging
from obidient.config import ConfigError, Settings
from obidient.contacts import imports
from obidient.contacts.phones import mask
from obidient.results import deciding
from obidient.sync import devices, photos
from obidient.sync.models import Photo

MakeUser = Callable[..., User]


# ---- numbers are not found by guessing ----------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "finds"), [("viewer", False), ("reviewer", False), ("organiser", True)]
)
def test_who_may_not_see_numbers_may_not_search_by_them(
    app: Flask, client: FlaskClient, make_user: MakeUser, tmp_path: Path, role: str, finds: bool
) -> None:
    imports.run(people(tmp_path, 3))
    campaign = control.create(
        {"title": "T", "message_template": "Hello", "audience": {"everyone": True}}
    )
    control.launch(campaign.id)
    staging.stage(campaign.id)
    sign_in(client, make_user(role))
    base = f"/admin/campaigns/{campaign.id}/recipients"
    right, wrong = (
        client.get(f"{base}?phone={phone}").text for phone in ("08030000001", "0803999")
    )
    assert (right.count("+234803•••") == 1) is finds
    assert ("Find a phone number" in right) is finds
    # To the others a right guess and a wrong one look the same.
    assert (right.count("•••") == wrong.count("•••")) is not finds


def test_a_filter_knows_no_number_for_those_who_see_none() -> None:
    assert Filter.of({"phone": "0803"}, by_number=False).chosen == {}
    assert Filter.of({"phone": "0803"}, by_number=True).chosen == {"phone": "0803"}


def test_a_masked_number_is_one_of_a_hundred_thousand() -> None:
    assert mask("+2348035550001") == "+234803•••01"


# ---- where the web server listens ---------------------------------------------------------------


def bound(**values: str) -> str:
    """What gunicorn makes of our configuration."""
    script = "import runpy; print(runpy.run_path('gunicorn.conf.py')['bind'])"
    environ = {"SECRET_KEY": "0123456789abcdef" * 4, "PATH": "/usr/bin:/bin"} | values
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    return done.stdout.strip() or done.stderr


@pytest.mark.slow
def test_the_web_server_answers_this_machine_alone_unless_told_otherwise() -> None:
    assert bound(OBIDIENT_ENV="production") == "127.0.0.1:5000"
    assert bound(OBIDIENT_ENV="development", PORT="5001") == "127.0.0.1:5001"
    assert bound(BIND="0.0.0.0") == "0.0.0.0:5000"
    assert bound(BIND="::1") == "[::1]:5000"
    assert "BIND must be an IP address" in bound(BIND="everywhere")


def test_an_address_that_lets_anybody_write_their_own_is_warned_of() -> None:
    def said(**values: str) -> str:
        return security.of_binding(Settings.load({"OBIDIENT_ENV": "development"} | values))

    assert said() == ""
    assert said(TRUSTED_PROXIES="1") == ""
    assert "writes their own address" in said(BIND="0.0.0.0", TRUSTED_PROXIES="1")
    assert "without TLS" in said(BIND="192.0.2.1")
    with pytest.raises(ConfigError, match="BIND"):
        said(BIND="localhost")


# ---- what both databases take -------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/sync/sign-in", {"email": "a\0@b.c", "password": "x", "deviceId": "device-1"}),
        (
            "/api/communications/campaigns",
            {"title": "a\0", "messageTemplate": "x", "audience": {"everyone": True}},
        ),
        (
            "/api/communications/campaigns",
            {"title": "T", "messageTemplate": "x", "audience": {"tags": ["a\0"]}},
        ),
        (
            "/api/communications/campaigns",
            {
                "title": "T",
                "messageTemplate": "x",
                "audience": {"everyone": True},
                "metadata": {"a": ["\0"]},
            },
        ),
    ],
    ids=["email", "title", "tag", "metadata"],
)
def test_a_nul_is_told_and_no_mistake_of_ours(
    client: FlaskClient, auth: Callable[..., dict[str, str]], path: str, body: dict[str, Any]
) -> None:
    answer = client.post(path, json=body, headers=auth("admin"))
    assert answer.status_code == 422, answer.text
    assert "character" in answer.json["detail"] or "sign" in answer.json["detail"]


@pytest.mark.both
def test_a_nul_in_the_form_of_a_sign_in_is_a_wrong_email(app: Flask, client: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    answer = client.post("/login", data={"email": "a\0@b.c", "password": "x" * 12})
    assert answer.status_code in (401, 422)


@pytest.mark.parametrize(
    ("value", "storable"),
    [
        ("a", True),
        ("ṣ", True),
        ("a\0", False),
        ("\ud800", False),
        ({"a": ["b", {"c\0": 1}]}, False),
        ({"a": [1, None, ("b",)]}, True),
    ],
)
def test_what_is_storable_is_said_in_one_place(value: Any, storable: bool) -> None:
    assert database.is_storable(value) is storable


# ---- races --------------------------------------------------------------------------------------


def at_once(app: Flask, number: int, do: Callable[[int], object]) -> list[object]:
    """Do it in so many threads at the same moment; what each came to."""
    gate, found = threading.Barrier(number), [None] * number

    def run(place: int) -> None:
        with app.app_context():
            gate.wait()
            try:
                found[place] = do(place)  # type: ignore[call-overload]
            except Exception as error:
                found[place] = error  # type: ignore[call-overload]
            finally:
                database.release()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.both
@pytest.mark.slow
def test_photos_announced_at_once_are_no_more_than_a_days(
    app: Flask, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = make_user("agent", polling_unit_code=UNITS[0])
    monkeypatch.setattr(photos, "MOST_A_DAY", 4)

    def announce(place: int) -> object:
        return photos.begin(agent, f"photo-{place:04d}", "s", "ab" * 32, 1000, "image/jpeg")

    for _ in range(3):
        at_once(app, 8, announce)
        assert Photo.select().count() == 4
        Photo.delete().execute()


@pytest.mark.both
@pytest.mark.slow
def test_phones_that_sign_in_at_once_are_no_more_than_ten(app: Flask, make_user: MakeUser) -> None:
    agent = make_user("agent", polling_unit_code=UNITS[0])
    for number in range(devices.MOST - 1):
        devices.sign_in(agent, f"device-{number:04d}")
    at_once(app, 6, lambda place: devices.sign_in(agent, f"device-9{place:03d}"))
    assert sum(map(tokens.is_device, ApiToken.select())) == devices.MOST


# ---- who is told what ---------------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.slow
def test_another_agents_use_of_an_id_is_told_to_that_agent_alone(
    app: Flask, client: FlaskClient, make_user: MakeUser
) -> None:
    make_world()
    headers = []
    for number, unit in enumerate(UNITS[:2]):
        user = make_user("agent", polling_unit_code=unit)
        token, _ = devices.sign_in(user, f"device-{number:04d}")
        headers.append({"Authorization": f"Bearer {token}"})
        body = {"submissions": [sheet("shared", unit)]}
        client.post("/api/sync/submissions", json=body, headers=headers[-1])
        deciding.process_waiting()
    owner, other = (client.get("/api/sync/submissions/shared", headers=one).json for one in headers)
    assert owner["status"] == "accepted"
    assert "Another sheet" not in owner["message"]
    assert other["status"] == "rejected"
    assert "Another sheet came under this id before" in other["message"]
    # One's own reuse is told to oneself.
    body = {"submissions": [sheet("shared", UNITS[0], votes={"LP": 1, "APC": 2, "PDP": 3})]}
    client.post("/api/sync/submissions", json=body, headers=headers[0])
    deciding.process_waiting()
    again = client.get("/api/sync/submissions/shared", headers=headers[0]).json
    assert "Another sheet" in again["message"]


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "=1+1",
            "+1",
            "-1",
            "@x",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "\ufeff=1",
            "\u200b=1",
            "\u3000=1",
        ),
        *("\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x", "\ufe661", "\ufe621", "\u2028\uff1d1"),
    ],
)
def test_no_cell_begins_as_a_formula_however_it_is_written(cell: str) -> None:
    assert imports.safe_cell(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "Ada", "a=b", "2-3", "ṣọlá", "  Ada", "'=1"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert imports.safe_cell(cell) == cell


@pytest.mark.both
def test_the_scope_admin_holds_everything_an_admin_may_do(
    app: Flask, client: FlaskClient, make_user: MakeUser
) -> None:
    admin = make_user("admin")
    header = {"Authorization": f"Bearer {tokens.issue(admin, 't', ['admin'])}"}
    assert client.get("/api/communications/campaigns", headers=header).status_code == 200
    body = {"title": "T", "messageTemplate": "Hi", "audience": {"everyone": True}}
    made = client.post("/api/communications/campaigns", json=body, headers=header)
    assert made.status_code == 201
    # But never more than the person: one who is no admin any more holds nothing by it.
    User.update(role="viewer").where(User.id == admin.id).execute()
    assert client.get("/api/communications/campaigns", headers=header).status_code == 403
