"""The intake room: what waits, what was refused, who is silent, and any sheet as it came."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, make_world, sheet
from signed_in import sign_in

from obidient.accounts import tokens
from obidient.accounts.models import User
from obidient.campaigns.models.texts import InboundText
from obidient.clock import utcnow
from obidient.results import deciding, provisional, redeciding
from obidient.results.models import Submission
from obidient.sync import devices, photos, pins, texts
from obidient.sync.models import AgentHeard, TextReport
from obidient.sync.overview import photos_of

ADMIN = "/admin/intake/"


class Desk:
    """A reviewer or an admin at the intake room."""

    def __init__(self, client: FlaskClient, user: User) -> None:
        self.client = client
        sign_in(client, user)

    def see(self, path: str = "") -> str:
        answer = self.client.get(f"{ADMIN}{path}")
        assert answer.status_code == 200
        return answer.text

    def press(self, path: str, **fields: str) -> str:
        page = self.client.get("/password").text
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found
        answer = self.client.post(f"{ADMIN}{path}", data=fields | {"csrf_token": found[1]})
        assert answer.status_code == 302
        return self.see()


@pytest.fixture
def agents(app: Flask, make_user: Callable[..., User]) -> list[User]:
    make_world()
    return [
        make_user("agent", f"agent{n}@example.org", polling_unit_code=code, phone=f"0803555100{n}")
        for n, code in enumerate((UNITS[0], UNITS[1], UNITS[8], UNITS[16]))
    ]


@pytest.fixture
def desk(app: Flask, make_user: Callable[..., User]) -> Desk:
    return Desk(app.test_client(), make_user("reviewer"))


def send(client: FlaskClient, agent: User, *sheets: Any) -> None:
    token = tokens.issue(agent, "phone", ["sync"])
    answer = client.post(
        "/api/sync/submissions",
        json={"submissions": sheets},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 202


@pytest.mark.both
@pytest.mark.slow
def test_the_room_shows_what_waits_what_was_refused_and_who_is_silent(
    agents: list[User], client: FlaskClient, desk: Desk
) -> None:
    send(client, agents[0], sheet("good"), sheet("theirs", UNITS[1]))
    assert "received, not decided yet" in desk.see("live")
    deciding.process_waiting()
    send(client, agents[1], sheet("waits", UNITS[1]))
    page = desk.see()
    assert "You can only report for your own polling unit." in page
    silent = re.findall(r">(Lagos|Kano)</a></td><td[^>]*>(\d+)</td><td[^>]*>(\d+)<", page)
    assert ("Lagos", "3", "1") in silent
    assert "Ikeja" in desk.see("silent/24/")
    named = desk.see("silent/24-11/")
    assert "agent2@example.org" in named and "agent0@example.org" not in named
    assert "+234803" not in named.replace("+234803•••", "")


@pytest.mark.slow
def test_who_was_heard_from_a_day_ago_is_silent_again(
    agents: list[User], client: FlaskClient, desk: Desk
) -> None:
    send(client, agents[2], sheet("good", UNITS[8]))
    assert "agent2@example.org" not in desk.see("silent/24-11/")
    AgentHeard.update(heard_at=utcnow() - timedelta(hours=25)).execute()
    assert "agent2@example.org" in desk.see("silent/24-11/")


@pytest.mark.slow
def test_a_device_is_found_after_its_agent_has_taken_another(
    agents: list[User], client: FlaskClient, desk: Desk
) -> None:
    for device in ("first-device", "other-device"):
        devices.sign_in(agents[0], device)
        send(client, agents[0], sheet(f"from-{device}", device=device))
    page = desk.see("?search=first-device")
    assert "from-first-device" in page and "from-other-device" not in page


def test_a_sheet_shows_its_own_agents_photos_only(
    agents: list[User], client: FlaskClient, desk: Desk
) -> None:
    send(client, agents[0], sheet("good"))
    for agent in agents[:2]:
        photos.begin(agent, f"photo-of-{agent.id}", "good", "0" * 64, 10, "image/jpeg")
    row = Submission.get()
    shown = photos_of([row])[row.id]
    assert [photo.user_id for photo in shown] == [agents[0].id]


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("wanted", [UNITS[0], "24-11", "agent0@example.org", "DEV-7", "good"])
def test_a_sheet_is_found_by_unit_agent_device_and_id_and_shown_as_received(
    agents: list[User], client: FlaskClient, desk: Desk, wanted: str
) -> None:
    send(client, agents[0], sheet("good", device="DEV-7", note="<b>as it came</b>"))
    deciding.process_waiting()
    row = Submission.get()
    assert f"/admin/intake/sheets/{row.id}/" in desk.see(f"?search={wanted}")
    page = desk.see(f"sheets/{row.id}/")
    assert "&lt;b&gt;as it came&lt;/b&gt;" in page
    assert "Accepted and counted." in page
    assert "No sheet fits" in desk.see("?search=nothing-like-it")


def text_of(agent: User, words: str) -> int:
    row = InboundText.create(
        provider="p", provider_id=words, phone="+2348035551000", text=words, to="1"
    )
    texts.keep(row)
    texts.work()
    found: int = TextReport.select().order_by(TextReport.id.desc()).get().id
    return found


@pytest.mark.slow
def test_a_reviewer_takes_a_text_in_or_puts_it_aside(agents: list[User], desk: Desk) -> None:
    first = text_of(agents[0], f"{UNITS[0]} ACC 212 LP 120 REJ 4")
    second = text_of(agents[0], f"{UNITS[0]} ACC 212 LP 121 REJ 4")
    page = desk.see()
    assert "Came without a PIN." in page and "agent0@example.org" in page
    desk.press(f"texts/{first}/accept")
    assert "decided about this text already" in desk.press(f"texts/{first}/accept")
    desk.press(f"texts/{second}/dismiss")
    texts.work()
    assert Submission.get().status == "accepted"
    assert "Texts without" not in desk.see()


@pytest.mark.slow
def test_only_an_admin_sets_pins(
    agents: list[User], app: Flask, desk: Desk, make_user: Callable[..., User]
) -> None:
    assert "Make a new PIN" not in desk.see()
    admin = Desk(app.test_client(), make_user("admin"))
    page = admin.press("pin", email="agent0@example.org")
    found = re.search(r"The PIN of agent0@example.org is (\d{6})", page)
    assert found and pins.check(agents[0], found[1]).verdict == "right"
    assert "There is no user" in admin.press("pin", email="nobody@example.org")


def test_organisers_and_strangers_stay_outside(
    app: Flask, client: FlaskClient, make_user: Callable[..., User]
) -> None:
    assert client.get(ADMIN).status_code == 302
    other = Desk(app.test_client(), make_user("organiser"))
    assert other.client.get(ADMIN).status_code == 403
    assert other.client.get(f"{ADMIN}photos/photo-0001.jpg").status_code == 403


@pytest.mark.both
@pytest.mark.slow
def test_sheets_refused_for_one_reason_are_decided_again_from_the_room(
    agents: list[User], client: FlaskClient, desk: Desk
) -> None:
    send(client, agents[0], sheet("theirs", UNITS[1]), sheet("sums", UNITS[0], votesCast=1))
    deciding.process_waiting()
    User.update(polling_unit_code=UNITS[1]).where(User.id == agents[0].id).execute()
    assert "Decide again" in desk.see()
    assert "being decided again now" in desk.press("again", reason="not_your_unit")
    while provisional.is_waiting():
        redeciding.work()
    rows = {row.submission_id: row.status for row in Submission.select()}
    assert rows == {"theirs": "accepted", "sums": "rejected"}
    page = desk.see()
    assert "Decide again" not in page and "being decided again now" not in page
