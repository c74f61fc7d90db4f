"""Doubts and decisions: seen whatever came first, and never claiming more than is certain."""

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from results_world import UNITS, VOTERS, WARDS, election_document, make_register, make_world, sheet

from obidient.areas import Area
from obidient.database import db
from obidient.errors import Conflict, Invalid
from obidient.results import (
    deciding,
    elections,
    neighbours,
    outcomes,
    recount,
    register,
    review,
)
from obidient.results.live import documents
from obidient.results.models import AgentSheet, Decision, Election, Submission, Tally, UnitResult
from obidient.results.received import Sender, receive
from obidient.results.story import history


def take(*sheets: Mapping[str, Any]) -> list[str]:
    with db.atomic():
        ids = receive(sheets, Sender())
    deciding.process_waiting()
    rows = [Submission.get_by_id(one) for one in ids]
    return [f"{row.status}: {row.reason}" if row.reason else str(row.status) for row in rows]


def reasons() -> dict[str, list[str]]:
    return {doubt.unit_code: doubt.reasons for doubt in review.under_review("abc123")}


def forget_voters(*units: str) -> None:
    Area.update(registered_voters=None).where(Area.code.in_(units)).execute()
    register.add_up()


@pytest.fixture
def world(app: Flask) -> Election:
    return make_world()


# ---- counting again -----------------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("damage", ["unsettled", "deleted"])
def test_a_repair_never_loses_a_reviewers_decision(world: Election, damage: str) -> None:
    take(sheet("a", device="A", votes={"LP": 120}), sheet("b", device="B", votes={"LP": 90}))
    chosen = Submission.get(Submission.submission_id == "b").id
    review.settle("abc123", UNITS[0], "The photo shows 90", submission=chosen)
    good = UnitResult.get().__data__ | {"updated_at": None}
    if damage == "deleted":
        UnitResult.delete().execute()
    else:
        UnitResult.update(settled=False).execute()
    assert recount.differences("abc123") != []
    recount.repair("abc123")
    assert recount.differences("abc123") == []
    assert UnitResult.get().__data__ | {"updated_at": None} == good


@pytest.mark.parametrize(
    "damage",
    [{"listed_voters": 9}, {"votes_at_stake": 0}, {"pattern": "x"}, {"high": True}],
)
def test_verify_trusts_nothing_that_can_be_counted_again(
    world: Election, damage: dict[str, Any]
) -> None:
    take(sheet("a", device="A"), sheet("b", device="B", votes={"LP": 77, "APC": 1}))
    good = UnitResult.get().__data__
    UnitResult.update(**damage).execute()
    assert any(line.startswith(UNITS[0]) for line in recount.differences("abc123"))
    recount.repair("abc123")
    assert UnitResult.get().__data__ == good
    assert recount.differences("abc123") == []


def test_a_deleted_unit_comes_back_with_the_votes_that_its_review_may_change(
    world: Election,
) -> None:
    take(*[sheet(f"s{n}", device=f"D{n}", votes={"LP": n}) for n in (30, 31, 77)])
    UnitResult.delete().execute()
    recount.repair("abc123")
    assert UnitResult.get().votes_at_stake == 77
    assert documents.summary("abc123")["summary"]["votesUnderReview"] == 77


# ---- the register against the sheet -------------------------------------------------------------


def test_a_sheet_cannot_raise_its_own_number_of_registered_voters_unseen(world: Election) -> None:
    huge = {"votes": {"LP": 900}, "accreditedVoters": 904, "registeredVoters": 1_000_000}
    assert take(sheet("a") | huge | {"validVotes": 900, "votesCast": 904}) == ["accepted"]
    (told,) = reasons().values()
    assert "More voters were accredited than are registered: 904 against 600." in told


def test_units_without_registered_voters_leave_the_turnout_alone(world: Election) -> None:
    forget_voters(UNITS[1])
    take(sheet("a", UNITS[0], accreditedVoters=300, votes={"LP": 9}))
    take(sheet("b", UNITS[1], accreditedVoters=900, votes={"LP": 8}, registeredVoters=None))
    summary = documents.summary("abc123")["summary"]
    assert (summary["voterTurnout"], summary["totalAccreditedVoters"]) == ("50.00", 1200)


def test_nothing_is_called_certain_while_units_of_unknown_size_are_out(world: Election) -> None:
    forget_voters(UNITS[-1])
    take(*[sheet(f"s{n}", unit, votes={"LP": 500 - n}) for n, unit in enumerate(UNITS[:-1])])
    outlook = documents.summary("abc123")["outlook"]
    assert outlook["lead"] > 10 * VOTERS
    assert (outlook["registeredVotersOut"], outlook["leaderCouldChange"]) == (VOTERS, True)


@pytest.mark.both
def test_a_new_register_reaches_what_was_counted_but_not_what_is_certified(app: Flask) -> None:
    make_world()
    elections.create(election_document("old"))
    forget_voters(*UNITS)
    for election in ("abc123", "old"):
        take(
            *[
                sheet(f"{election}{n}", UNITS[n], registeredVoters=None, votes={"LP": 90 + n})
                | {"electionId": election, "accreditedVoters": 700}
                for n in range(2)
            ]
        )
    elections.set_status("old", "certified")
    Area.update(registered_voters=VOTERS).where(Area.level == "unit").execute()
    register.add_up()
    register.relist()
    fresh, certified = documents.summary("abc123"), documents.summary("old")
    assert fresh["summary"]["totalRegisteredVoters"] == 2 * VOTERS
    assert fresh["outlook"]["registeredVotersOut"] == (len(UNITS) - 2) * VOTERS
    assert set(reasons()) == {UNITS[0], UNITS[1]}
    assert certified["summary"]["totalRegisteredVoters"] == 0
    assert recount.differences("abc123") == recount.differences("old") == []


# ---- whatever came first ------------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("outlier", [0, 3, 6])
def test_a_turnout_that_stands_out_is_seen_whenever_it_came(world: Election, outlier: int) -> None:
    sheets = [sheet(f"s{n}", UNITS[n], votes={"LP": 90 + n, "APC": 30}) for n in range(6)]
    sheets.insert(outlier, sheet("jump", UNITS[6], votes={"LP": 560}))
    for one in sheets:
        take(one)
    assert list(reasons()) == [UNITS[6]]
    assert any("95 % against 22 %" in told for told in reasons()[UNITS[6]])
    take(sheet("jump2", UNITS[6], 2, votes={"LP": 200}))
    assert reasons() == {}
    assert recount.differences("abc123") == []


@pytest.mark.both
@pytest.mark.slow
def test_both_of_two_units_with_the_same_votes_are_flagged_and_both_are_cleared(
    world: Election,
) -> None:
    take(sheet("a", UNITS[0]))
    take(sheet("b", UNITS[-1]))
    same = "Another polling unit has exactly the same votes"
    assert reasons() == {UNITS[0]: [f"{same}: {UNITS[-1]}."], UNITS[-1]: [f"{same}: {UNITS[0]}."]}
    take(sheet("c", UNITS[5]))
    assert reasons()[UNITS[0]] == [f"{same}: {UNITS[-1]}, {UNITS[5]}."]
    take(sheet("b2", UNITS[-1], 2, votes={"LP": 119, "APC": 46, "PDP": 33}))
    assert reasons() == {UNITS[0]: [f"{same}: {UNITS[5]}."], UNITS[5]: [f"{same}: {UNITS[0]}."]}
    take(sheet("c2", UNITS[5], 2, votes={"LP": 118, "APC": 46, "PDP": 33}))
    assert reasons() == {}
    assert recount.differences("abc123") == []


@pytest.mark.slow
def test_each_of_many_alike_is_told_of_the_first_ten_others_whatever_came_first(
    world: Election, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As among more than fifty: not each is looked at again when others come and go.
    monkeypatch.setattr(neighbours, "MOST_ALIKE", 11)
    same = "Another polling unit has exactly the same votes"
    order = [*UNITS[12:18], *UNITS[6:12], *UNITS[18:24], *UNITS[:6]]
    alike: set[str] = set()

    def told() -> dict[str, list[str]]:
        others = {unit: sorted(alike - {unit})[:10] for unit in alike}
        return {unit: [f"{same}: {', '.join(those)}."] for unit, those in others.items() if those}

    for unit in order:
        take(sheet(unit, unit))
        alike.add(unit)
        assert reasons() == told()
    for number, unit in enumerate([UNITS[3], UNITS[20], *UNITS[9:19], UNITS[0], UNITS[5]]):
        take(sheet(f"{unit}-2", unit, 2, votes={"LP": 119 - number, "APC": 46, "PDP": 33}))
        alike.discard(unit)
        assert reasons() == told()


def test_what_a_reviewer_settled_is_not_doubted_again_for_its_neighbours(world: Election) -> None:
    take(sheet("a", UNITS[0]), sheet("b", UNITS[1]))
    first = Submission.get(Submission.submission_id == "a").id
    review.settle("abc123", UNITS[0], "Looked at the photo", submission=first)
    take(sheet("c", UNITS[2]))
    assert list(reasons()) == [UNITS[1], UNITS[2]]


# ---- deciding -----------------------------------------------------------------------------------


def test_only_units_that_vote_in_an_open_election_can_be_settled(app: Flask) -> None:
    make_world(state="Lagos")
    outside = next(unit for unit in UNITS if unit.startswith("19"))
    with pytest.raises(Invalid, match="does not vote in this election"):
        review.settle("abc123", outside, "why", void=True)
    elections.set_status("abc123", "scheduled")
    with pytest.raises(Conflict, match="not open yet"):
        review.settle("abc123", UNITS[0], "why", void=True)
    assert (Decision.select().count(), Tally.select().count()) == (0, 0)


def test_an_agent_who_agrees_is_told_so(world: Election) -> None:
    take(sheet("a", device="A"), sheet("b", device="B"), sheet("c", device="C", votes={"LP": 7}))
    told = {one.submission_id: one.message for one in outcomes.tell(list(Submission.select()))}
    assert told["b"] == "Accepted; it agrees with what counts."
    assert "another agent's sheet came first" in told["c"]


def test_the_story_keeps_that_a_sheet_was_accepted_before_it_was_superseded(
    world: Election,
) -> None:
    take(sheet("a", revision=2))
    accepted = Submission.get().processed_at
    take(sheet("b", revision=5), sheet("late", revision=1))
    assert Submission.get(Submission.submission_id == "a").processed_at == accepted
    story = [event for event in history("abc123", UNITS[0]) if "came from" not in event.sentence]
    assert [event.sentence for event in story] == [
        "Sheet a was accepted.",
        "Sheet b was accepted.",
        "Sheet a was superseded by sheet b, revision 5.",
        "Sheet late was superseded by sheet b, revision 5, which had come before it.",
    ]
    assert story[0].at == accepted < story[2].at


@pytest.mark.both
def test_milliseconds_serve_as_revisions(world: Election) -> None:
    take(sheet("a", revision=1_803_567_845_000, votes={"LP": 10}))
    take(sheet("b", revision=1_803_567_846_000, votes={"LP": 20}))
    take(sheet("c", revision=1_803_567_844_000, votes={"LP": 30}))
    assert AgentSheet.get().revision == 1_803_567_846_000
    assert documents.summary("abc123")["parties"][0]["totalVotes"] == 20


@pytest.mark.slow
@pytest.mark.parametrize("revision", [-1, 1.5, "2", True, None, 2**63])
def test_a_revision_that_is_no_whole_number_is_refused(world: Election, revision: Any) -> None:
    assert take(sheet("a") | {"revision": revision}) == ["rejected: wrong_type"]


# ---- making elections ---------------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"electionName": "x" * 400}, "electionName"),
        ({"electionName": "a\0b"}, "electionName"),
        ({"state": "L" * 300}, "state"),
        ({"areaCode": "24-99"}, "24-99"),
        ({"areaCode": "24-11-99"}, "24-11-99"),
        ({"areaCode": "24-11", "state": "Kano"}, "does not lie in Kano"),
        ({"parties": [{"partyCode": "LP", "partyName": "x" * 300}]}, "partyName"),
        ({"parties": [{"partyCode": "LP", "displayName": "a\0"}]}, "displayName"),
        ({"parties": [{"partyCode": "LP", "aliases": ["a\0b"]}]}, "aliases"),
        ({"parties": [{"partyCode": "L\0P"}]}, "partyCode"),
    ],
)
def test_an_election_that_cannot_be_stored_is_refused_by_its_field(
    app: Flask, wrong: dict[str, Any], field: str
) -> None:
    make_register()
    with pytest.raises(Invalid, match=field):
        elections.create(election_document() | wrong)
    assert Election.select().count() == 0


def test_an_election_can_be_held_in_a_ward_of_the_register(app: Flask) -> None:
    make_register()
    made = elections.create(election_document(areaCode=WARDS[0]))
    # Nobody said in which state, and a ward's election is not a national one.
    assert (made.area_code, made.state) == (WARDS[0], "Lagos")
    longest = [{"partyCode": "LP", "partyName": "x" * 255}]
    assert elections.create(election_document("long", parties=longest)).id == "long"
