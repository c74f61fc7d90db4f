"""Sheets become outcomes and totals, whatever order they come in and whoever takes them."""

import random
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_world import PARTIES, UNITS, VOTERS, WARDS, election_document, make_world, sheet

from obidient import database
from obidient.database import db
from obidient.errors import Conflict, Invalid
from obidient.results import deciding, elections, outcomes, recount, review
from obidient.results.models import (
    AgentSheet,
    Decision,
    Election,
    ReviewFlag,
    Submission,
    Tally,
    UnitResult,
)
from obidient.results.received import Sender, decode, receive
from obidient.results.tally import Total, as_total

NOBODY = Sender()


def take(*sheets: Mapping[str, Any], sender: Sender = NOBODY) -> list[str]:
    """Send sheets in and have them decided; returns `status` or `status: reason` of each."""
    with db.atomic():
        ids = receive(sheets, sender)
    deciding.process_waiting()
    return [outcome(row_id) for row_id in ids]


def outcome(row_id: int) -> str:
    row = Submission.get_by_id(row_id)
    return f"{row.status}: {row.reason}" if row.reason else str(row.status)


def status_of(submission_id: str) -> str:
    row = Submission.get(Submission.submission_id == submission_id, Submission.repeat == 0)
    return outcome(row.id)


def total(area: str = "NG") -> Total:
    row = Tally.get_or_none(Tally.election_id == "abc123", Tally.area_code == area)
    return as_total(row) if row else Total()


@pytest.fixture
def world(app: Flask) -> Election:
    return make_world()


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("malformed_code", {"pollingUnitCode": "24/11-02-001"}),
    ("malformed_code", {"pollingUnitCode": 2411}),
    ("malformed_code", {"pollingUnitCode": "٢٤-11-02-001"}),
    ("malformed_code", {"pollingUnitCode": "24-11-02-001\n"}),
    ("unknown_polling_unit", {"pollingUnitCode": "24-11-02-999"}),
    ("unknown_polling_unit", {"pollingUnitCode": "24-11-02-999", "votes": {"XYZ": -1}}),
    ("unknown_party", {"votes": {"LP": 120, "XYZ": 5}}),
    ("unknown_party", {"votes": {"XYZ": "five"}}),
    ("missing_votes", {"votes": None}),
    ("missing_votes", {"votes": {}}),
    ("missing_votes", {"votes": {}, "accreditedVoters": "many"}),
    ("wrong_type", {"votes": [1, 2]}),
    ("wrong_type", {"votes": {"LP": "120"}}),
    ("wrong_type", {"votes": {"LP": 120.0}}),
    ("wrong_type", {"votes": {"LP": True}}),
    ("wrong_type", {"accreditedVoters": "312 "}),
    ("wrong_type", {"accreditedVoters": None}),
    ("wrong_type", {"votes": {"LP": -5}, "accreditedVoters": "312"}),
    ("wrong_type", {"rejectedVotes": 10**30}),
    ("negative_votes", {"votes": {"LP": -5}}),
    ("negative_votes", {"rejectedVotes": -1}),
    ("sum_mismatch", {"validVotes": 199}),
    ("sum_mismatch", {"votesCast": 203}),
    ("sum_mismatch", {"validVotes": 700, "accreditedVoters": 300}),
    ("over_voting", {"accreditedVoters": 201}),
    ("over_voting", {"registeredVoters": 150}),
    ("over_voting", {"registeredVoters": None, "votes": {"LP": 599}, "validVotes": 599,
                     "votesCast": 603, "accreditedVoters": 700}),
    ("over_voting", {"votes": {"LP": 5_000_000}, "validVotes": 5_000_000, "votesCast": 5_000_004}),
    # What no unit can have is wrong even if the sheet says that as many are registered.
    ("wrong_type", {"votes": {"LP": 5_000_000}, "validVotes": 5_000_000, "votesCast": 5_000_004,
                    "accreditedVoters": 6_000_000, "registeredVoters": 7_000_000}),
    ("unknown_election", {"electionId": "other"}),
    ("malformed_code", {"electionId": "other", "pollingUnitCode": "x"}),
]  # fmt: skip


@pytest.mark.both
def test_a_sheet_is_refused_with_the_first_reason_that_applies(world: Election) -> None:
    sheets = [sheet(f"s{place}") | wrong for place, (_, wrong) in enumerate(WRONG)]
    assert take(*sheets) == [f"rejected: {reason}" for reason, _ in WRONG]
    assert total() == Total(review_units=1, review_votes=VOTERS)
    assert recount.differences("abc123") == []


#: What can be wrong with a sheet, in the order in which it is told, and how to make it so.
FAULTS: dict[str, dict[str, Any]] = {
    "malformed_code": {"pollingUnitCode": "24-11-02-1"},
    "unknown_polling_unit": {"pollingUnitCode": "24-11-02-999"},
    "unknown_party": {"votes": {"LP": 198, "XYZ": 0}},
    "missing_votes": {"votes": {}},
    "wrong_type": {"accreditedVoters": "208"},
    "negative_votes": {"rejectedVotes": -4},
    "sum_mismatch": {"votesCast": 1},
    "over_voting": {"registeredVoters": 1},
    "unknown_election": {"electionId": "nope"},
    "election_not_open": {"electionId": "closed"},
    "outside_area": {"electionId": "kano"},
    "not_your_unit": {},
}


@pytest.mark.both
def test_of_many_faults_the_first_is_told(world: Election) -> None:
    elections.create(election_document("kano", state="Kano"))
    elections.create(election_document("closed", state="Kano", status="ended"))

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.lists(st.sampled_from(list(FAULTS)), min_size=1, max_size=5, unique=True))
    def run(faults: list[str]) -> None:
        clear()
        # Where there is no election, and where there are no votes, no party is unknown.
        if {"unknown_election", "missing_votes"} & set(faults) and "unknown_party" in faults:
            faults.remove("unknown_party")
        # Of two faults in one place, the first one makes it wrong.
        wrong: dict[str, Any] = {}
        for fault in sorted(faults, key=list(FAULTS).index, reverse=True):
            wrong |= FAULTS[fault]
        mine = UNITS[1] if "not_your_unit" in faults else UNITS[0]
        told = take(sheet("a") | wrong, sender=Sender("user:1", own_unit=mine))
        assert told == [f"rejected: {min(faults, key=list(FAULTS).index)}"]

    run()


def test_everything_received_is_kept_as_received(world: Election) -> None:
    odd = sheet("odd") | {
        "note": "a\x00b \\u0000 \ud800",
        "votes": {"LP": 10**40},
        "deviceId": "\0",
    }
    with db.atomic():
        (row_id,) = receive([odd], NOBODY)
    assert decode(Submission.get_by_id(row_id).payload) == odd
    deciding.process_waiting()
    assert outcome(row_id) == "rejected: wrong_type"


@pytest.mark.both
def test_accepted_figures_count_in_every_area_above(world: Election) -> None:
    assert take(sheet("a"), sheet("b", UNITS[-1], votes={"LP": 1, "APC": 2})) == ["accepted"] * 2
    lagos = {"APC": 45, "LP": 120, "PDP": 33}
    for area in ("24-11-02", "24-11", "24"):
        found = total(area)
        assert (found.units, found.valid, found.rejected, found.votes) == (1, 198, 4, lagos)
    nation = total()
    assert (nation.units, nation.registered, nation.listed) == (2, 2 * VOTERS, 2 * VOTERS)
    assert nation.votes == {"APC": 47, "LP": 121, "PDP": 33}


def test_parties_are_known_by_alias_and_any_case(world: Election) -> None:
    assert take(sheet("a", votes={"lp": 120, "A.P.C": 50})) == ["accepted"]
    assert total().votes == {"LP": 120, "APC": 50}


@pytest.mark.parametrize("spelled", ["Ẹ̀ṣọ́", "Ẹ̀ṣọ́", "eso"])
def test_a_partys_letters_count_with_their_accents_or_without(app: Flask, spelled: str) -> None:
    parties = [{"partyCode": "ÈṢỌ́", "partyName": "Ìṣọ̀kan"}, {"partyCode": "S", "partyName": "S"}]
    make_world(parties=parties)
    assert take(sheet("a", votes={spelled: 120, "s": 50})) == ["accepted"]
    assert total().votes == {"ÈṢỌ́": 120, "S": 50}


@pytest.mark.both
def test_the_registers_voters_stand_in_where_a_sheet_has_none(world: Election) -> None:
    take(sheet("a") | {"registeredVoters": None})
    assert total().registered == VOTERS


@pytest.mark.both
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1), (3, 2, 1)])
@pytest.mark.parametrize("together", [True, False])
def test_the_highest_revision_of_an_agent_stands_in_any_order(
    world: Election, order: tuple[int, ...], together: bool
) -> None:
    sheets = [sheet(f"r{number}", revision=number, votes={"LP": number}) for number in order]
    if together:
        take(*sheets)
    else:
        for one in sheets:
            take(one)
    assert [status_of(f"r{number}") for number in (1, 2, 3)] == [
        "superseded",
        "superseded",
        "accepted",
    ]
    assert (total().units, total().votes) == (1, {"LP": 3})


@pytest.mark.both
def test_the_same_sheet_again_is_a_duplicate_and_the_first_keeps_its_status(
    world: Election,
) -> None:
    again = dict(reversed(sheet("a").items())) | {"offset_ms": 12}
    assert take(sheet("a"), again) == ["accepted", "duplicate"]
    assert take(sheet("a")) == ["duplicate"]
    assert status_of("a") == "accepted"
    assert total().units == 1


def test_another_sheet_under_a_known_id_is_refused_and_the_agent_is_told(world: Election) -> None:
    assert take(sheet("a"), sheet("a", votes={"LP": 500})) == ["accepted", "rejected: id_reused"]
    assert total().votes["LP"] == 120
    (told,) = outcomes.tell([Submission.get(Submission.repeat == 0)])
    assert (told.status, told.reason) == ("accepted", None)
    assert "new id" in told.message


@pytest.mark.parametrize("status", ["scheduled", "ended", "certified"])
def test_only_an_ongoing_election_takes_results(world: Election, status: str) -> None:
    elections.set_status("abc123", status)
    assert take(sheet("a")) == ["rejected: election_not_open"]


def test_units_outside_the_elections_area_are_refused(app: Flask) -> None:
    make_world(state="Lagos", electionType="governorship")
    assert take(sheet("a"), sheet("b", UNITS[-1])) == ["accepted", "rejected: outside_area"]


def test_an_election_can_be_limited_to_an_lga(app: Flask) -> None:
    make_world(areaCode="24-11", state="Lagos", electionType="chairmanship")
    assert take(sheet("a"), sheet("b", UNITS[-1])) == ["accepted", "rejected: outside_area"]


def test_an_agent_reports_only_their_own_unit(world: Election) -> None:
    agent = Sender("user:7", UNITS[0])
    assert take(sheet("a", UNITS[1]), sheet("b"), sender=agent) == [
        "rejected: not_your_unit",
        "accepted",
    ]


def test_an_over_voting_sheet_for_anothers_unit_raises_no_doubt_about_it(world: Election) -> None:
    wrong = sheet("a", UNITS[1], accreditedVoters=3)
    assert take(wrong, sender=Sender("user:7", UNITS[0])) == ["rejected: over_voting"]
    assert review.under_review("abc123") == []


# ---- doubts -------------------------------------------------------------------------------------


@pytest.mark.both
def test_agents_who_disagree_make_a_dispute_and_the_first_accepted_counts(world: Election) -> None:
    take(sheet("a", device="A", votes={"LP": 120}), sheet("b", device="B", votes={"LP": 90}))
    assert (total().votes, total().review_units, total().review_votes) == ({"LP": 120}, 1, 120)
    (doubt,) = review.under_review("abc123")
    assert doubt.reasons == ["Agents sent different figures."]
    assert [figures.valid for _, _, figures in doubt.sheets] == [120, 90]
    # B corrects theirs: nothing is in doubt any more.
    take(sheet("b2", device="B", revision=2, votes={"LP": 120}))
    assert (total().votes, total().review_units, total().review_votes) == ({"LP": 120}, 0, 0)
    assert recount.differences("abc123") == []


def test_an_agents_correction_counts_while_others_disagree(world: Election) -> None:
    take(sheet("a", device="A", votes={"LP": 120}), sheet("b", device="B", votes={"LP": 90}))
    take(sheet("a2", device="A", revision=2, votes={"LP": 125}))
    assert total().votes == {"LP": 125}
    take(sheet("b2", device="B", revision=2, votes={"LP": 60}))
    assert total().votes == {"LP": 125}
    assert total().review_units == 1


def test_a_sheet_without_registered_voters_disagrees_with_nobody(world: Election) -> None:
    take(sheet("a", device="A"), sheet("b", device="B", registeredVoters=None))
    assert total().review_units == 0


def test_more_accredited_than_registered_is_flagged_and_counts(world: Election) -> None:
    assert take(sheet("a", accreditedVoters=VOTERS + 1)) == ["accepted"]
    (doubt,) = review.under_review("abc123")
    assert doubt.reasons == ["More voters were accredited than are registered: 601 against 600."]
    take(sheet("a2", revision=2))
    assert review.under_review("abc123") == []


def test_over_voting_is_kept_for_the_reviewer_with_its_evidence(world: Election) -> None:
    take(sheet("a", votes={"LP": 500}, accreditedVoters=300))
    (doubt,) = review.under_review("abc123")
    assert doubt.counted is None
    assert doubt.votes_at_stake == 500
    assert ReviewFlag.get().evidence == {
        "submission": Submission.get().id,
        "accredited": 300,
        "valid": 500,
    }


def test_equal_votes_in_two_units_are_flagged_but_not_small_ones(world: Election) -> None:
    take(sheet("a", UNITS[0]), sheet("b", UNITS[1], votes={"LP": 3, "APC": 2, "PDP": 1}))
    take(sheet("c", UNITS[2], votes={"LP": 3, "APC": 2, "PDP": 1}), sheet("d", UNITS[-1]))
    doubts = review.under_review("abc123")
    assert [doubt.unit_code for doubt in doubts] == [UNITS[-1], UNITS[0]]
    assert doubts[0].reasons == [f"Another polling unit has exactly the same votes: {UNITS[0]}."]


def test_a_turnout_far_above_the_ward_is_flagged(world: Election) -> None:
    usual = [sheet(f"s{n}", UNITS[n], votes={"LP": 90 + n, "APC": 30}) for n in range(6)]
    take(*usual)
    take(sheet("jump", UNITS[6], votes={"LP": 560}))
    take(sheet("fine", UNITS[7], votes={"LP": 200}))
    (doubt,) = review.under_review("abc123")
    assert doubt.unit_code == UNITS[6]
    assert doubt.reasons[0].startswith("The turnout is far above that of the rest of the ward")


# ---- decisions ----------------------------------------------------------------------------------


@pytest.mark.both
def test_a_reviewers_decision_counts_and_newer_sheets_only_reopen_the_review(
    world: Election,
) -> None:
    take(sheet("a", device="A", votes={"LP": 120}), sheet("b", device="B", votes={"LP": 90}))
    chosen = Submission.get(Submission.submission_id == "b").id
    review.settle("abc123", UNITS[0], "The photo shows 90", submission=chosen)
    assert (total().votes, total().review_units) == ({"LP": 90}, 0)
    assert take(sheet("a2", device="A", revision=2, votes={"LP": 300})) == ["accepted"]
    assert take(sheet("c", device="C", votes={"LP": 7})) == ["accepted"]
    assert (total().votes, total().review_units) == ({"LP": 90}, 1)
    (doubt,) = review.under_review("abc123")
    assert doubt.reasons == ["A newer sheet differs from what a reviewer decided."]
    review.settle("abc123", UNITS[0], "Still 90", submission=chosen)
    assert (total().votes, total().review_units) == ({"LP": 90}, 0)
    assert recount.differences("abc123") == []


def test_a_reviewer_can_correct_figures_or_let_nothing_count(world: Election) -> None:
    take(sheet("a"))
    review.settle(
        "abc123",
        UNITS[0],
        "Read from the photo",
        figures={"accreditedVoters": 210, "votes": {"LP": 200}, "validVotes": 200},
    )
    assert total().votes == {"LP": 200}
    review.settle("abc123", UNITS[0], "The ballot boxes were snatched", void=True)
    assert total() == Total()
    assert recount.differences("abc123") == []
    assert take(sheet("a2", revision=2)) == ["accepted"]
    assert total() == Total(review_units=1, review_votes=198)


def test_a_decision_needs_a_reason_and_figures_that_add_up(world: Election) -> None:
    take(sheet("a"))
    with pytest.raises(Invalid, match="reason"):
        review.settle("abc123", UNITS[0], " ", void=True)
    with pytest.raises(Invalid, match="Choose one"):
        review.settle("abc123", UNITS[0], "why", void=True, submission=1)
    with pytest.raises(Invalid, match="add up"):
        bad = {"accreditedVoters": 9, "votes": {"LP": 2}, "validVotes": 3}
        review.settle("abc123", UNITS[0], "why", figures=bad)
    elections.set_status("abc123", "certified")
    with pytest.raises(Conflict, match="certified"):
        review.settle("abc123", UNITS[0], "why", void=True)
    assert Decision.select().count() == 0


def test_the_history_of_a_unit_reads_like_a_story(world: Election) -> None:
    take(sheet("a", device="A", votes={"LP": 120}))
    take(sheet("b", device="B", votes={"LP": 90}))
    chosen = Submission.get(Submission.submission_id == "b").id
    review.settle("abc123", UNITS[0], "The photo shows 90", submission=chosen)
    story = [event.sentence for event in review.history("abc123", UNITS[0])]
    assert story[0] == "Sheet a, revision 1, came from device A: 120 valid votes (LP 120)."
    assert "Sheet a was accepted." in story
    assert "Put under review: Agents sent different figures." in story
    assert story[-2:] == [
        "command line decided: 90 valid votes (LP 90) count. The photo shows 90",
        "No longer under review for: Agents sent different figures.",
    ]


def test_a_loaded_file_is_reported_when_all_of_it_is_decided(
    world: Election, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, calls = deciding.process_waiting, []

    def late() -> int:
        """At first the worker has everything in hand."""
        calls.append(1)
        return decide() if len(calls) > 3 else 0

    monkeypatch.setattr(deciding, "process_waiting", late)
    assert deciding.load([sheet("a"), sheet("b", UNITS[1])], "abc123") == {"accepted": 2}


# ---- any order, any number of writers -----------------------------------------------------------


def expected_votes(sheets: list[dict[str, Any]]) -> dict[str, int]:
    """What must count, worked out without any of the code under test.

    One agent a unit: the highest revision; its id breaks ties.
    """
    best: dict[str, dict[str, Any]] = {}
    for one in sheets:
        unit = one["pollingUnitCode"]
        order = (one["revision"], one["submissionId"])
        if unit not in best or order > (best[unit]["revision"], best[unit]["submissionId"]):
            best[unit] = one
    counted: dict[str, int] = {}
    for one in best.values():
        for party, number in one["votes"].items():
            counted[party] = counted.get(party, 0) + number
    return {party: number for party, number in counted.items() if number}


def clear() -> None:
    for table in (Submission, AgentSheet, UnitResult, Tally, ReviewFlag, Decision):
        table.delete().execute()


SHEETS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(1, 3),
        st.sampled_from("AB"),
        st.tuples(*[st.integers(0, 60)] * len(PARTIES)),
    ),
    min_size=1,
    max_size=12,
)
STEPS = st.lists(st.integers(1, 4), min_size=1, max_size=8)


@pytest.mark.both
def test_any_interleaving_equals_a_recount_from_scratch(world: Election) -> None:
    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(SHEETS, STEPS, st.randoms(use_true_random=False))
    def run(made: list[Any], steps: list[int], rng: random.Random) -> None:
        clear()
        sheets = [
            sheet(f"{n}-{u}-{r}-{a}", UNITS[u], r, a, dict(zip(PARTIES, votes, strict=True)))
            for n, (u, r, a, votes) in enumerate(made)
        ]
        stream = sheets + rng.sample(sheets, len(sheets) // 2)
        rng.shuffle(stream)
        while stream:
            number = rng.choice(steps)
            take(*stream[:number])
            stream = stream[number:]
            if rng.random() < 0.3:
                settle_one(rng)
        assert recount.differences("abc123") == []

    run()


def settle_one(rng: random.Random) -> None:
    rows = list(Submission.select().where(Submission.status == "accepted").order_by(Submission.id))
    if rows:
        row = rng.choice(rows)
        typed = {"accreditedVoters": 90, "votes": {"LP": 41, "PDP": 7}, "validVotes": 48}
        how: dict[str, Any] = rng.choice(
            [{"void": True}, {"submission": row.id}, {"figures": typed}]
        )
        review.settle("abc123", row.unit_code, "because", **how)


@pytest.mark.both
def test_the_order_of_arrival_changes_nothing_for_one_agent_a_unit(world: Election) -> None:
    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(SHEETS, st.randoms(use_true_random=False))
    def run(made: list[Any], rng: random.Random) -> None:
        clear()
        sheets = [
            sheet(f"{n}", UNITS[u], r, f"DEV-{u}", dict(zip(PARTIES, votes, strict=True)))
            for n, (u, r, _, votes) in enumerate(made)
        ]
        wanted = expected_votes(sheets)
        rng.shuffle(sheets)
        while sheets:
            number = rng.randint(1, 4)
            take(*sheets[:number])
            sheets = sheets[number:]
        assert total().votes == wanted

    run()


@pytest.mark.both
def test_concurrent_senders_and_workers_lose_and_double_nothing(
    app: Flask, world: Election
) -> None:
    rng = random.Random(4)
    sheets = [
        sheet(f"{unit}-{revision}", unit, revision, f"DEV-{unit}", {"LP": rng.randint(0, 400)})
        for unit in UNITS
        for revision in (1, 2, 3)
    ]
    failures: list[BaseException] = []

    def run(seed: int) -> None:
        mine = list(sheets)
        random.Random(seed).shuffle(mine)
        try:
            with app.app_context():
                for start in range(0, len(mine), 9):
                    with db.atomic():
                        receive(mine[start : start + 9], NOBODY)
                    deciding.process_waiting()
        except BaseException as error:
            failures.append(error)
        finally:
            database.release()

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    deciding.process_waiting()
    assert Submission.select().where(Submission.status == "accepted").count() == len(UNITS)
    assert Submission.select().where(Submission.status == "duplicate").count() == 4 * len(sheets)
    assert total().votes == expected_votes(sheets)
    assert recount.differences("abc123") == []


@pytest.mark.both
def test_verify_finds_every_kind_of_damage_and_repair_mends_it(world: Election) -> None:
    take(*[sheet(f"s{n}", unit) for n, unit in enumerate(UNITS)])
    good = {area: total(area) for area in ("NG", "24", *WARDS)}
    Tally.update(valid=Tally.valid + 1).where(Tally.area_code == "24").execute()
    Tally.delete().where(Tally.area_code == WARDS[0]).execute()  # type: ignore[misc]
    UnitResult.update(figures="").where(UnitResult.unit_code == UNITS[1]).execute()
    AgentSheet.delete().where(AgentSheet.unit_code == UNITS[2]).execute()  # type: ignore[misc]
    wrong = "\n".join(recount.differences("abc123"))
    for place in ("24: valid", WARDS[0], UNITS[1], UNITS[2]):
        assert place in wrong
    recount.repair("abc123")
    assert recount.differences("abc123") == []
    assert {area: total(area) for area in good} == good
