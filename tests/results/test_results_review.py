"""Doubts about sheets, and what a reviewer decides."""

import pytest
from decided_sheets import take, total, world
from results_world import UNITS, VOTERS, sheet

from obidient.errors import Conflict, Invalid
from obidient.results import deciding, elections, recount, review, story
from obidient.results.models import (
    Decision,
    Election,
    ReviewFlag,
    Submission,
)
from obidient.results.tally import Total

__all__ = ["world"]


# ---- doubts -------------------------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.slow
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


@pytest.mark.slow
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
    told = [event.sentence for event in story.history("abc123", UNITS[0])]
    assert (
        told[0]
        == "Sheet a, revision 1, came from device A: 120 valid votes (LP 120; none for APC, PDP)."
    )
    assert "Sheet a was accepted." in told
    assert "Put under review: Agents sent different figures." in told
    assert told[-2:] == [
        "command line decided: 90 valid votes (LP 90; none for APC, PDP) count. The photo shows 90",
        "No longer under review for: Agents sent different figures.",
    ]


def test_a_loaded_file_is_reported_when_all_of_it_is_decided(
    world: Election, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, calls = deciding.process_waiting, []

    def late(loading: bool) -> int:
        """At first the worker has everything in hand."""
        calls.append(1)
        return decide(loading=loading) if len(calls) > 3 else 0

    monkeypatch.setattr(deciding, "process_waiting", late)
    assert deciding.load([sheet("a"), sheet("b", UNITS[1])], "abc123") == {"accepted": 2}
