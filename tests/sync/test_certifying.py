"""Nobody certifies figures without having been told what they leave out."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from agent_texts import GOOD, PHONE, PIN, agent, sent, text
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, sheet
from signed_in import sign_in

from obidient.accounts.models import AuditEntry, User
from obidient.clock import utcnow
from obidient.plugin import Message
from obidient.results import certifying, deciding, elections, provisional, redeciding, review
from obidient.results.models import Election, Proposal, Submission
from obidient.results.received import Sender, receive
from obidient.sync import texts
from obidient.sync.models import Photo, TextReport

__all__ = ["agent", "sent", "text"]

URL = "/api/live-results/elections/abc123"
STRANGER = "+2348035559999"


def waits() -> dict[str, int]:
    return {one.kind: one.number for one in certifying.waiting(elections.get("abc123"))}


@pytest.fixture
def come_in(
    agent: User, text: Callable[..., None], sent: list[Message], app: Flask
) -> Callable[..., None]:
    return text


@pytest.mark.both
def test_each_thing_that_waits_is_named_until_it_is_seen_to(
    app: Flask, come_in: Callable[..., None]
) -> None:
    assert waits() == {}
    receive([sheet("a", device="A"), sheet("b", device="B", votes={"LP": 7})], Sender())
    assert waits() == {"sheets": 2}
    deciding.process_waiting()
    assert waits() == {"doubts": 1}
    object.__setattr__(app.extensions["obidient.settings"], "second_review_above", 1)
    assert not review.settle("abc123", UNITS[0], "Cancelled", void=True)
    assert waits() == {"doubts": 1, "proposals": 1}
    object.__setattr__(app.extensions["obidient.settings"], "second_review_above", 0)
    review.settle("abc123", UNITS[0], "Cancelled", void=True)
    assert waits() == {}
    receive([sheet("far", UNITS[1], votes={"XYZ": 4})], Sender())
    deciding.process_waiting()
    provisional.request("abc123", ["unknown_party"])
    assert waits() == {"again": 1}
    redeciding.work()
    assert waits() == {}


@pytest.mark.both
def test_texts_that_nobody_has_read_wait(come_in: Callable[..., None]) -> None:
    come_in(GOOD)
    come_in(f"{UNITS[1]} ACC 9 LP 9 REJ 0", STRANGER)
    assert waits() == {"texts": 2}
    # Those of another state's agents are none of this election's.
    Election.update(area_code="19").execute()
    assert waits() == {"texts": 1}
    Election.update(area_code="24").execute()
    mine, theirs = TextReport.select().order_by(TextReport.id)
    texts.dismiss(theirs.id)
    texts.accept(mine.id)
    texts.work()
    assert waits() == {}


@pytest.mark.both
def test_a_text_that_was_not_understood_waits_until_the_unit_has_reported(
    come_in: Callable[..., None],
) -> None:
    come_in(f"{UNITS[0]} ACC 212 XYZ 45 REJ 4 PIN {PIN}")
    come_in("HERE 000000")
    assert waits() == {"unreadable": 1}
    come_in(f"HERE {PIN}")
    assert waits() == {"unreadable": 1}
    come_in(f"{GOOD} PIN {PIN}")
    assert waits() == {}


def test_a_text_that_was_not_understood_can_be_put_aside(come_in: Callable[..., None]) -> None:
    come_in(f"{UNITS[0]} ACC 212 XYZ 45 REJ 4 PIN {PIN}")
    texts.dismiss(TextReport.get().id)
    assert waits() == {}


def test_texts_of_an_earlier_election_do_not_wait_for_this_one(
    come_in: Callable[..., None],
) -> None:
    come_in(GOOD)
    come_in(f"{UNITS[0]} ACC 212 XYZ 45 REJ 4", PHONE)
    TextReport.update(received_at=utcnow() - timedelta(days=30)).execute()
    assert waits() == {}


def test_a_photo_that_is_half_on_the_phone_waits(come_in: Callable[..., None], agent: User) -> None:
    receive([sheet("a")], Sender(f"user:{agent.id}", UNITS[0]))
    deciding.process_waiting()
    Photo.create(
        photo_id="p1",
        user_id=agent.id,
        submission_id="a",
        sha256="0" * 64,
        size=9,
        media_type="image/jpeg",
    )
    assert waits() == {"photos": 1}
    Photo.update(state="stored").execute()
    assert waits() == {}


@pytest.mark.both
def test_a_program_is_refused_with_what_waits_and_goes_ahead_knowing(
    come_in: Callable[..., None], client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    come_in(GOOD)
    admin = auth("admin")
    told = client.get(f"{URL}/waiting", headers=admin).json["items"]
    sentence = "1 text with a result waits to be looked at."
    assert told == [{"kind": "texts", "number": 1, "sentence": sentence}]
    refused = client.post(f"{URL}/status", json={"status": "certified"}, headers=admin)
    assert refused.status_code == 409
    assert refused.json["errors"] == [{"field": "texts", "message": sentence, "number": 1}]
    assert elections.get("abc123").status == "ongoing"
    # What waits hinders nothing but the last word.
    ended = client.post(f"{URL}/status", json={"status": "ended"}, headers=admin)
    assert (ended.status_code, ended.json["status"]) == (200, "ended")
    body = {"status": "certified", "knowing": True}
    assert client.post(f"{URL}/status", json=body, headers=admin).json["status"] == "certified"
    entry = (
        AuditEntry.select()
        .where(AuditEntry.action == "election.status")
        .order_by(-AuditEntry.id)
        .get()
    )
    assert sentence in entry.summary
    assert entry.details == {"waiting": {"texts": 1}}
    # Certified already, it is not asked again.
    assert (
        client.post(f"{URL}/status", json={"status": "certified"}, headers=admin).status_code == 200
    )


def test_only_an_admin_changes_the_status(
    come_in: Callable[..., None], client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    header = auth("reviewer")
    assert client.get(f"{URL}/waiting", headers=header).status_code == 200
    body = {"status": "certified", "knowing": True}
    assert client.post(f"{URL}/status", json=body, headers=header).status_code == 403


def test_the_command_says_what_waits(
    come_in: Callable[..., None], cli: Callable[..., Result]
) -> None:
    come_in(GOOD)
    refused = cli("election", "status", "abc123", "certified")
    assert (refused.exit_code, "1 text with a result waits" in refused.output) == (1, True)
    assert cli("election", "status", "abc123", "certified", "--knowing").exit_code == 0
    assert elections.get("abc123").status == "certified"


def test_an_admin_sees_what_waits_and_ticks_that_they_know(
    come_in: Callable[..., None], app: Flask, client: FlaskClient, make_user: Callable[..., User]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    come_in(f"{UNITS[0]} ACC 212 XYZ 45 REJ 4 PIN {PIN}")
    come_in(GOOD, STRANGER)
    sign_in(client, make_user("admin"))
    address = "/admin/elections/abc123/certify"
    assert f'href="{address}"' in client.get("/admin/elections/abc123/").text
    page = client.get(address).text
    assert "1 text with a result waits" in page
    assert re.search(r'name="knowing" value="1" required', page)
    for link in re.findall(r'<li>[^<]+<a href="([^"]+)"', page):
        assert client.get(link).status_code == 200
        assert f'id="{link.partition("#")[2]}"' in client.get(link).text
    status = "/admin/elections/abc123/status"
    refused = client.post(status, data={"status": "certified"}, follow_redirects=True)
    assert "It is not certified" in refused.text
    assert "1 agent wrote a text that could not be understood" in refused.text
    client.post(status, data={"status": "certified", "knowing": "1"})
    assert elections.get("abc123").status == "certified"
    assert Submission.select().count() == Proposal.select().count() == 0


def test_the_page_says_that_nothing_waits(
    come_in: Callable[..., None], client: FlaskClient, make_user: Callable[..., User]
) -> None:
    sign_in(client, make_user("admin"))
    page = client.get("/admin/elections/abc123/certify").text
    assert "Nothing waits" in page
    assert "knowing" not in page
