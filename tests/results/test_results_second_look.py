"""A slip of a reviewer does not go public: checks, what it does, a second look, taking it back."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from results_world import UNITS, make_world, sheet
from signed_in import sign_in

from obidient.accounts.models import AuditEntry, User
from obidient.database import db
from obidient.errors import Conflict, Invalid
from obidient.results import claims, deciding, decisions, recount, review
from obidient.results.models import (
    Decision,
    Election,
    Proposal,
    ReviewFlag,
    Submission,
    Tally,
    UnitResult,
)
from obidient.results.received import Sender, receive
from obidient.results.story import history
from obidient.results.tally import Total, as_total

UNIT = UNITS[0]
PAGE = f"/admin/review/abc123/{UNIT}/"


def take(*sheets: Mapping[str, Any]) -> None:
    with db.atomic():
        receive(sheets, Sender())
    deciding.process_waiting()


def total(area: str = "NG") -> Total:
    return as_total(Tally.get(Tally.election_id == "abc123", Tally.area_code == area))


def typed(accredited: int = 300, registered: int | None = 600, **votes: int) -> dict[str, Any]:
    return {
        "registered_voters": registered,
        "accredited_voters": accredited,
        "votes": votes,
        "valid_votes": sum(votes.values()),
    }


def state() -> dict[str, Any]:
    """All that a decision may change, without times and numbers of rows."""
    unit = UnitResult.get(UnitResult.unit_code == UNIT).__data__ | {"updated_at": None}
    flags = ReviewFlag.select().where(ReviewFlag.closed_at.is_null())
    return {"unit": unit, "flags": sorted((f.kind, str(f.evidence)) for f in flags), "sum": total()}


@pytest.fixture
def dispute(app: Flask) -> Election:
    election = make_world()
    take(sheet("a", device="A", votes={"LP": 120}), sheet("b", device="B", votes={"LP": 90}))
    return election


class Reviewer:
    def __init__(self, app: Flask, user: User) -> None:
        self.client: FlaskClient = app.test_client()
        self.user = user
        sign_in(self.client, user)

    def see(self, url: str = PAGE) -> str:
        answer = self.client.get(url)
        assert answer.status_code == 200, answer.status_code
        return re.sub(r"\s+", " ", answer.text)

    def press(self, verb: str, **form: Any) -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.see("/password"))
        assert found
        url = verb if verb.startswith("/") else f"{PAGE}{verb}"
        data = {"csrf_token": found[1]} | form
        answer = self.client.post(url, data=data, follow_redirects=True)
        assert answer.status_code == 200
        return re.sub(r"\s+", " ", answer.text)


@pytest.fixture
def reviewer(app: Flask, make_user: Callable[..., User]) -> Callable[..., Reviewer]:
    return lambda name="ada": Reviewer(app, make_user("reviewer", f"{name}@example.org", name=name))


@pytest.mark.both
@pytest.mark.parametrize(
    ("figures", "why"),
    [
        (typed(accredited=40, LP=60), "60 votes, but 40 accredited voters."),
        (typed(accredited=5000, LP=5000), "5,000 votes, but 600 registered voters."),
        (typed(accredited=5000, registered=9000, LP=5000), "5,000 votes, but 600 registered"),
        (typed(accredited=900, LP=5), "900 accredited, but 600 registered voters."),
    ],
)
def test_impossible_figures_take_a_second_tick_and_stay_in_doubt(
    dispute: Election, figures: dict[str, Any], why: str
) -> None:
    figures["registered_voters"] = figures["registered_voters"] or None
    with pytest.raises(Invalid, match=re.escape(why)):
        review.settle("abc123", UNIT, "Typed", figures=figures)
    Election.update(name="x").execute()
    assert not Decision.select().exists()
    counted = review.settle("abc123", UNIT, "The sheet says so", figures=figures, sure=True)
    if not counted:
        # So many that it takes a second reviewer besides.
        assert Proposal.get().doubt.startswith(why[:20])
        return
    (doubt,) = review.under_review("abc123")
    assert why in doubt.reasons[0]
    assert total().review_units == 1
    assert recount.differences("abc123") == []
    review.settle("abc123", UNIT, "Read again", figures=typed(LP=118))
    assert review.under_review("abc123") == []


@pytest.mark.both
def test_a_decision_is_taken_back_doubts_and_all(dispute: Election) -> None:
    before = state()
    review.settle("abc123", UNIT, "First", figures=typed(LP=118))
    first = state()
    review.settle("abc123", UNIT, "Second", void=True)
    assert total().units == 0
    decisions.undo("abc123", UNIT, "Wrong unit")
    assert state() == first
    assert recount.differences("abc123") == []
    decisions.undo("abc123", UNIT, "Wrong as well")
    assert state() == before
    assert recount.differences("abc123") == []
    with pytest.raises(Conflict, match="Nobody has decided"):
        decisions.undo("abc123", UNIT, "Once more")
    story = [event.sentence for event in history("abc123", UNIT)]
    assert "command line took the decision back. Wrong unit" in story


@pytest.mark.slow
def test_taking_back_keeps_what_came_meanwhile(dispute: Election) -> None:
    review.settle("abc123", UNIT, "Typed", figures=typed(LP=118))
    take(sheet("a2", device="A", revision=2, votes={"LP": 90}))
    assert review.under_review("abc123") != []
    decisions.undo("abc123", UNIT, "They agree now")
    assert (total().votes, review.under_review("abc123")) == ({"LP": 90}, [])
    assert recount.differences("abc123") == []


@pytest.mark.both
def test_a_doubt_that_the_decision_had_put_to_rest_is_open_after_it_is_taken_back(
    dispute: Election,
) -> None:
    review.settle("abc123", UNIT, "Typed", figures=typed(LP=118))
    take(sheet("a2", device="A", revision=2, votes={"LP": 91}))
    review.settle("abc123", UNIT, "Still so", figures=typed(LP=117))
    take(sheet("a3", device="A", revision=3, votes={"LP": 92}))
    decisions.undo("abc123", UNIT, "The first one was right")
    (doubt,) = review.under_review("abc123")
    assert doubt.reasons == ["A newer sheet differs from what a reviewer decided."]
    assert total().votes == {"LP": 118}
    assert recount.differences("abc123") == []


@pytest.mark.both
@pytest.mark.slow
def test_above_a_limit_a_second_reviewer_confirms(
    dispute: Election, reviewer: Callable[..., Reviewer], app: Flask
) -> None:
    settings = app.extensions["obidient.settings"]
    object.__setattr__(settings, "second_review_above", 20)
    ada = reviewer()
    form = {"choice": "void", "reason": "Cancelled"}
    page = ada.press("settle", **form)
    assert "It moves 124 votes. Nothing changes until a second reviewer confirms it." in page
    assert "It changes who leads in Lagos:</b> LP leads by 120 now, nobody leads then." in page
    assert not Proposal.select().exists()
    assert "a second reviewer has to confirm it" in ada.press("settle", confirmed="1", **form)
    assert total().valid == 120
    row = Proposal.get().id
    confirm = f"/admin/review/abc123/proposals/{row}/confirm"
    assert "another reviewer than the one who proposed" in ada.press(confirm)
    bayo = reviewer("bayo")
    assert "ada@example.org proposed: nothing counts." in bayo.see()
    assert "For a second reviewer" in bayo.see("/admin/review/abc123/")
    assert "Confirmed." in bayo.press(confirm)
    assert (total().valid, Decision.get().by) == (0, "ada@example.org")
    assert "decided about this proposal already" in reviewer("chi").press(confirm)
    assert recount.differences("abc123") == []
    assert AuditEntry.select().where(AuditEntry.action == "results.settled").count() == 1
    last = history("abc123", UNIT)[-1].sentence
    assert "nothing counts. Cancelled bayo@example.org confirmed it." in last or any(
        "bayo@example.org confirmed it." in event.sentence for event in history("abc123", UNIT)
    )


@pytest.mark.both
@pytest.mark.slow
def test_taking_back_very_many_votes_takes_a_second_reviewer_too(
    dispute: Election, reviewer: Callable[..., Reviewer], app: Flask
) -> None:
    settings = app.extensions["obidient.settings"]
    review.settle("abc123", UNIT, "Typed", figures=typed(LP=80, PDP=40))
    first = state()
    object.__setattr__(settings, "second_review_above", 20)
    ada, bayo = reviewer(), reviewer("bayo")
    for _ in range(2):
        assert "a second reviewer has to confirm it" in ada.press("undo", reason="Misread")
    assert state() == first
    (row,) = decisions.waiting("abc123")
    confirm = f"/admin/review/abc123/proposals/{row.id}/confirm"
    assert "another reviewer than the one who proposed" in ada.press(confirm)
    assert (
        "proposed to take the last decision back: 120 valid votes (LP 120; none for APC, PDP)."
        in bayo.see()
    )
    assert "Confirmed." in bayo.press(confirm)
    assert total().votes == {"LP": 120}
    assert len(review.under_review("abc123")) == 1
    assert recount.differences("abc123") == []
    told = [event.sentence for event in history("abc123", UNIT)]
    assert "ada@example.org took the decision back. Misread bayo@example.org confirmed it." in told
    assert "Nobody has decided" in bayo.press("undo", reason="Once more")


def test_what_is_proposed_to_be_taken_back_must_still_be_the_last_word(
    dispute: Election, app: Flask, make_user: Callable[..., User]
) -> None:
    settings = app.extensions["obidient.settings"]
    review.settle("abc123", UNIT, "Typed", figures=typed(LP=80, PDP=40))
    object.__setattr__(settings, "second_review_above", 20)
    assert not decisions.undo("abc123", UNIT, "Misread")
    # What would count again is another sheet by now.
    take(sheet("a2", device="A", revision=2, votes={"LP": 119}))
    g.audit_user = make_user("reviewer")
    (row,) = decisions.waiting("abc123")
    with pytest.raises(Conflict, match="has changed since"):
        decisions.confirm("abc123", row.id)
    object.__setattr__(settings, "second_review_above", 0)
    assert decisions.undo("abc123", UNIT, "Misread")
    assert decisions.waiting("abc123") == []
    assert total().votes == {"LP": 119}


def test_a_proposal_is_declined_or_overtaken(
    dispute: Election, app: Flask, make_user: Callable[..., User]
) -> None:
    object.__setattr__(app.extensions["obidient.settings"], "second_review_above", 20)
    assert not review.settle("abc123", UNIT, "Void", void=True)
    decisions.decline("abc123", Proposal.get().id, "The photo is sharp")
    assert decisions.waiting("abc123") == []
    assert not review.settle("abc123", UNIT, "Void again", void=True)
    take(sheet("a2", device="A", revision=2, votes={"LP": 119}))
    g.audit_user = make_user("reviewer")
    row = decisions.waiting("abc123")[0].id
    with pytest.raises(Conflict, match="has changed since"):
        decisions.confirm("abc123", row)


@pytest.mark.slow
def test_two_reviewers_do_not_work_on_one_doubt(
    dispute: Election, reviewer: Callable[..., Reviewer], monkeypatch: pytest.MonkeyPatch
) -> None:
    take(
        sheet("c", UNITS[2], device="A", votes={"LP": 120}),
        sheet("d", UNITS[2], device="B", votes={"LP": 90}),
    )
    ada, bayo = reviewer(), reviewer("bayo")
    ada.see()
    assert "ada is looking at this polling unit</b>" in bayo.see()
    assert "ada is looking at it" in bayo.see("/admin/review/abc123/")
    for verb in ("settle", "undo"):
        refused = bayo.press(verb, choice="void", reason="Mine", confirmed="1")
        assert "ada is looking at this polling unit. Ask them" in refused
    other = f"/admin/review/abc123/{UNITS[2]}/"
    assert 'data-key="p"' not in bayo.see(other)
    assert 'data-key="p"' in ada.see(other).replace("is looking", "")
    later = claims.utcnow() + 2 * claims.LEASE
    monkeypatch.setattr(claims, "utcnow", lambda: later)
    assert "is looking at this polling unit</b>" not in bayo.see()


@pytest.mark.slow
def test_nobody_decides_on_what_came_in_after_they_looked(
    dispute: Election, reviewer: Callable[..., Reviewer]
) -> None:
    ada = reviewer()
    found = re.search(r'name="seen" value="(\w+)"', ada.see())
    assert found
    form = {"choice": "void", "reason": "Cancelled", "seen": found[1]}
    assert f'name="seen" value="{found[1]}"' in ada.press("settle", **form)
    take(sheet("over", device="C", accreditedVoters=1))
    for more in ({}, {"confirmed": "1"}):
        assert "Something has come in since you looked" in ada.press("settle", **form, **more)
    assert (Decision.select().count(), total().units) == (0, 1)
    again = re.search(r'name="seen" value="(\w+)"', ada.see())
    assert again
    assert again[1] != found[1]
    assert "Settled" in ada.press("settle", **form | {"seen": again[1], "confirmed": "1"})


@pytest.mark.slow
def test_the_page_shows_what_a_typed_figure_does_before_it_counts(
    dispute: Election, reviewer: Callable[..., Reviewer]
) -> None:
    ada = reviewer()
    form = {"choice": "figures", "reason": "Photo", "accredited": "5000"}
    form |= {"votes-LP": "700", "rejected": "4"}
    page = ada.press("settle", **form)
    assert "These figures can’t be right.</b> 704 votes, but 600 registered voters." in page
    assert "The sheet itself says so." in page
    assert total().valid == 120
    assert "or say that the sheet itself says so" in ada.press("settle", confirmed="1", **form)
    assert "Under review.</b>" in ada.press("settle", confirmed="1", sure="1", **form)
    assert (total().valid, total().review_units) == (700, 1)
    assert "Taken back." in ada.press("undo", reason="A slip")
    assert total().valid == 120


def test_history_names_every_party(dispute: Election) -> None:
    parties = {"LP": 5, "APC": 4, "PDP": 3}
    take(sheet("many", UNITS[1], votes=parties))
    told = history("abc123", UNITS[1])[0].sentence
    assert "12 valid votes (LP 5, APC 4, PDP 3)." in told
    # One that a sheet has no votes for is what agents may differ about; by the election's codes.
    take(sheet("few", UNITS[1], revision=2, votes={"A.P.C": 4, "pdp": 0}))
    assert "4 valid votes (APC 4; none for LP, PDP)." in history("abc123", UNITS[1])[2].sentence
    assert Submission.select().count() == 4
