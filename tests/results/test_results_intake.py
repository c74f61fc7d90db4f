"""Sheets become outcomes and totals, or are refused with their first fault."""

from typing import Any

import pytest
from decided_sheets import NOBODY, clear, outcome, take, total, world
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_world import UNITS, VOTERS, election_document, make_world, sheet

from obidient.database import db
from obidient.results import deciding, elections, outcomes, recount, review
from obidient.results.models import (
    Election,
    Submission,
)
from obidient.results.received import Sender, decode, receive
from obidient.results.tally import Total

__all__ = ["world"]


def status_of(submission_id: str) -> str:
    row = Submission.get(Submission.submission_id == submission_id, Submission.repeat == 0)
    return outcome(row.id)


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
@pytest.mark.slow
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
@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.usefixtures("world")
def test_what_was_decided_is_not_read_when_what_waits_is_taken() -> None:
    """On SQLite: by another index every chunk would go through all sheets of the election."""
    sql, params = deciding.waiting("NG").limit(100).sql()
    plan = [row[3] for row in db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params)]
    assert len(plan) == 1
    assert "submission_waiting" in plan[0]
