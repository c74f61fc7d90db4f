"""A decision is taken back, confirmed and declined over HTTP by the rules of the results room."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, make_world, sheet

from obidient.accounts import tokens
from obidient.accounts.models import AuditEntry, User
from obidient.results import claims, deciding, elections, recount, review
from obidient.results.live import documents
from obidient.results.models import Decision, Tally
from obidient.results.received import Sender, receive

UNIT = UNITS[0]
URL = "/api/live-results/elections/abc123"
FIGURES = {"accreditedVoters": 300, "votes": {"LP": 118}, "validVotes": 118}


class Program:
    """Calls in a reviewer's name."""

    def __init__(self, client: FlaskClient, user: User) -> None:
        self.user, self._client = user, client
        self._header = {"Authorization": f"Bearer {tokens.issue(user, 'test')}"}

    def get(self, path: str) -> Any:
        return self._client.get(f"{URL}/{path}", headers=self._header)

    def post(self, path: str, key: str = "", **body: Any) -> Any:
        headers = self._header | ({"Idempotency-Key": key} if key else {})
        return self._client.post(f"{URL}/{path}", json=body, headers=headers)

    def decisions(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(f"units/{UNIT}/decisions").json["items"]
        return items

    def proposals(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("proposals").json["items"]
        return items


@pytest.fixture
def program(
    app: Flask, client: FlaskClient, make_user: Callable[..., User]
) -> Callable[..., Program]:
    make_world()
    votes = ({"LP": 120}, {"LP": 90})
    receive([sheet(f"s{n}", device=f"D{n}", votes=one) for n, one in enumerate(votes)], Sender())
    deciding.process_waiting()

    def make(name: str, role: str = "reviewer") -> Program:
        return Program(client, make_user(role, f"{name}@example.org"))

    return make


@pytest.fixture
def limit(app: Flask) -> Callable[[int], None]:
    """Above how many votes a second reviewer confirms."""
    settings = app.extensions["obidient.settings"]
    return lambda votes: object.__setattr__(settings, "second_review_above", votes)


def valid() -> int:
    return int(Tally.get(Tally.area_code == "NG").valid)


@pytest.mark.both
def test_the_last_decision_is_taken_back_once_however_often_it_is_asked(
    program: Callable[..., Program],
) -> None:
    ada = program("ada")
    ada.post(f"units/{UNIT}/settle", reason="Typed", figures=FIGURES)
    ada.post(f"units/{UNIT}/settle", reason="Cancelled", void=True)
    first, second = ada.decisions()
    assert (first["figures"]["votes"], second["figures"]) == ({"LP": 118}, None)
    assert (first["by"], first["holds"], second["holds"]) == ("ada@example.org", True, True)
    early = ada.post(f"units/{UNIT}/undo", decision=first["id"], reason="Wrong unit")
    assert (early.status_code, "not the last decision" in early.json["detail"]) == (409, True)
    for _ in range(2):
        answer = ada.post(f"units/{UNIT}/undo", decision=second["id"], reason="Wrong unit")
        assert answer.status_code == 200
    story = [event["sentence"] for event in answer.json["items"]]
    assert "ada@example.org took the decision back. Wrong unit" in story
    assert [one["holds"] for one in ada.decisions()] == [True, False, False]
    assert ada.decisions()[2]["undoes"] == second["id"]
    assert valid() == documents.summary("abc123")["summary"]["totalValidVotes"] == 118
    assert AuditEntry.select().where(AuditEntry.action == "results.undone").count() == 1
    assert recount.differences("abc123") == []


def test_only_what_was_decided_on_the_unit_is_taken_back(program: Callable[..., Program]) -> None:
    ada = program("ada")
    nothing = ada.post(f"units/{UNIT}/undo", decision=1, reason="Why")
    assert (nothing.status_code, nothing.json["detail"][:30]) == (
        404,
        "There is no such decision on t",
    )
    review.settle(
        "abc123",
        UNITS[1],
        "Typed",
        figures={"accredited_voters": 9, "votes": {"LP": 5}, "valid_votes": 5},
    )
    other = ada.post(f"units/{UNIT}/undo", decision=Decision.get().id, reason="Why")
    assert other.status_code == 404
    assert ada.post(f"units/{UNITS[1]}/undo", decision=1, reason=" ").status_code == 422
    elections.set_status("abc123", "certified", knowing=True)
    late = ada.post(f"units/{UNITS[1]}/undo", decision=1, reason="Why")
    assert (late.status_code, "certified" in late.json["detail"]) == (409, True)


def test_nobody_takes_back_what_another_reviewer_looks_at(program: Callable[..., Program]) -> None:
    ada, bayo = program("ada"), program("bayo")
    ada.post(f"units/{UNIT}/settle", reason="Cancelled", void=True)
    claims.take("abc123", UNIT, bayo.user)
    refused = ada.post(f"units/{UNIT}/undo", decision=ada.decisions()[0]["id"], reason="Wrong")
    assert (refused.status_code, valid()) == (409, 0)


@pytest.mark.both
def test_somebody_else_confirms_and_only_once(
    program: Callable[..., Program], limit: Callable[[int], None]
) -> None:
    ada, bayo, chi = program("ada"), program("bayo"), program("chi")
    limit(20)
    ada.post(f"units/{UNIT}/settle", reason="Cancelled", void=True)
    (waiting,) = bayo.proposals()
    assert (waiting["pollingUnitCode"], waiting["by"], waiting["moved"]) == (
        UNIT,
        "ada@example.org",
        124,
    )
    assert (waiting["figures"], waiting["undoes"], waiting["state"]) == (None, None, "open")
    confirm = f"proposals/{waiting['id']}/confirm"
    mine = ada.post(confirm)
    assert (mine.status_code, "another reviewer" in mine.json["detail"], valid()) == (
        409,
        True,
        120,
    )
    for _ in range(2):
        answer = bayo.post(confirm)
        assert (answer.status_code, answer.json["state"]) == (200, "confirmed")
    assert (answer.json["closedBy"], valid(), bayo.proposals()) == ("bayo@example.org", 0, [])
    assert (chi.post(confirm).status_code, Decision.select().count()) == (409, 1)
    assert ada.decisions()[0]["confirmedBy"] == "bayo@example.org"
    assert documents.summary("abc123")["summary"]["totalValidVotes"] == 0


def test_taking_back_many_votes_is_confirmed_too(
    program: Callable[..., Program], limit: Callable[[int], None]
) -> None:
    ada, bayo = program("ada"), program("bayo")
    ada.post(f"units/{UNIT}/settle", reason="Cancelled", void=True)
    limit(20)
    decision = ada.decisions()[0]["id"]
    for _ in range(2):
        assert ada.post(f"units/{UNIT}/undo", decision=decision, reason="Slip").status_code == 200
    (waiting,) = bayo.proposals()
    assert (waiting["undoes"], waiting["figures"]["votes"], valid()) == (decision, {"LP": 120}, 0)
    assert bayo.post(f"proposals/{waiting['id']}/confirm").status_code == 200
    assert valid() == 120


def test_a_proposal_is_declined_with_a_reason(
    program: Callable[..., Program], limit: Callable[[int], None]
) -> None:
    ada, bayo = program("ada"), program("bayo")
    limit(20)
    ada.post(f"units/{UNIT}/settle", reason="Cancelled", void=True)
    decline = f"proposals/{bayo.proposals()[0]['id']}/decline"
    assert bayo.post(decline).status_code == 422
    for _ in range(2):
        answer = bayo.post(decline, reason="The photo is sharp")
        assert (answer.status_code, answer.json["closedWhy"]) == (200, "The photo is sharp")
    assert ada.post(decline, reason="Mine").status_code == 409
    assert (valid(), bayo.proposals()) == (120, [])
    assert AuditEntry.select().where(AuditEntry.action == "results.declined").count() == 1


def test_proposals_come_in_pages(
    program: Callable[..., Program], limit: Callable[[int], None]
) -> None:
    ada = program("ada")
    limit(1)
    for unit in UNITS[:3]:
        figures = FIGURES | {"votes": {"LP": 7}, "validVotes": 7}
        ada.post(f"units/{unit}/settle", reason="Typed", figures=figures)
    page = ada.get("proposals?limit=2").json
    assert [one["pollingUnitCode"] for one in page["items"]] == list(UNITS[:2])
    rest = ada.get(f"proposals?cursor={page['nextCursor']}").json
    assert [one["pollingUnitCode"] for one in rest["items"]] == [UNITS[2]]
    assert rest["nextCursor"] is None


def test_the_same_key_gives_the_first_answer_again(program: Callable[..., Program]) -> None:
    ada = program("ada")
    for _ in range(2):
        answer = ada.post(f"units/{UNIT}/settle", key="k1", reason="Cancelled", void=True)
        assert answer.status_code == 200
    assert Decision.select().count() == 1
    assert documents.summary("abc123")["summary"]["totalValidVotes"] == 0


@pytest.mark.parametrize("role", ["viewer", "organiser", "agent"])
def test_it_takes_a_reviewer(program: Callable[..., Program], role: str) -> None:
    other = program("other", role)
    for path in (f"units/{UNIT}/undo", "proposals/1/confirm", "proposals/1/decline"):
        assert other.post(path, decision=1, reason="Why").status_code == 403
    for path in ("proposals", f"units/{UNIT}/decisions", "waiting"):
        assert other.get(path).status_code == 403
    reviewer = program("reviewer")
    assert reviewer.post("proposals/9/confirm").status_code == 404
    assert reviewer.post("proposals/9/decline", reason="Why").status_code == 404
