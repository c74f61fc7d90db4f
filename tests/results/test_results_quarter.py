"""A quarter in enough states, exact at the border; and a turnout that no election can have."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from live_world import take
from results_world import UNITS, election_document, make_register, make_world, sheet

from obidient.results import elections, quarter
from obidient.results.live import documents
from obidient.results.models import Election
from obidient.results.tally import Total

AREA = "/api/live-results/elections/abc123/areas/"
KANO = UNITS[-1]


def nation(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(AREA + "NG").json
    return found


def test_a_quarter_is_exact_at_the_border(app: Flask, client: FlaskClient) -> None:
    make_world()
    votes = {"LP": 24_999, "APC": 25_000, "PDP": 50_001}
    take(sheet("a", KANO, votes=votes, registeredVoters=200_000))
    document = nation(client)
    reached = {one["partyCode"]: one["states"] for one in document["presidentialRule"]["reached"]}
    assert reached == {"LP": 0, "APC": 1, "PDP": 1}
    kano = next(child for child in document["children"] if child["code"] == "19")
    shown = {party["partyCode"]: party["percentage"] for party in kano["parties"]}
    assert shown == {"LP": "24.99", "APC": "25.00", "PDP": "50.00"}
    page = client.get("/results/abc123").text
    assert document["sentences"]["rule"] in page
    assert "A quarter so far: APC in 1, PDP in 1." in page
    assert "LP" not in document["sentences"]["rule"]


def test_rejected_votes_are_part_of_the_whole_where_votes_cast_decide(
    app: Flask, client: FlaskClient
) -> None:
    make_world(quarterOf="cast", quarterStates=24)
    take(sheet("a", KANO, votes={"LP": 25, "APC": 75}, rejectedVotes=1, votesCast=101))
    rule = nation(client)["presidentialRule"]
    assert (rule["quarterOf"], rule["statesNeeded"], rule["states"]) == ("cast", 24, 37)
    assert rule["reached"] == [
        {"partyCode": "APC", "states": 1},
        {"partyCode": "LP", "states": 0},
        {"partyCode": "PDP", "states": 0},
    ]
    assert (
        "votes cast, rejected ones included in 24 of 37 states"
        in nation(client)["sentences"]["rule"]
    )
    elections.change("abc123", election_document())
    assert nation(client)["presidentialRule"]["reached"][0] == {"partyCode": "LP", "states": 1}


@pytest.mark.slow
def test_only_a_president_needs_it(app: Flask, client: FlaskClient) -> None:
    make_register()
    elections.create(election_document(electionType="senatorial"))
    take(sheet("a"))
    document = nation(client)
    assert "presidentialRule" not in document
    assert "rule" not in document["sentences"]
    elections.create(election_document("gov", electionType="governorship", state="Lagos"))
    assert "presidentialRule" not in client.get(AREA.replace("abc123", "gov") + "NG").json


def test_nobody_is_ever_declared(app: Flask, client: FlaskClient) -> None:
    make_world(quarterStates=1)
    take(sheet("a", votes={"LP": 300}))
    elections.set_status("abc123", "certified")
    text = client.get("/results/abc123").text
    assert "To be elected, a candidate needs" in text
    for word in ("elected president", "has won", "winner", "meets the rule", "declared"):
        assert word not in text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (24_999, 100_000, "24.99"),
        (249_999_999, 1_000_000_000, "24.99"),
        (1, 4, "25.00"),
        (250_001, 1_000_000, "25.00"),
        (176_845, 176_846, "99.99"),
        (176_847, 176_846, "100.01"),
        (176_846, 176_846, "100.00"),
    ],
)
def test_a_bar_that_decides_is_never_rounded_across(part: int, whole: int, text: str) -> None:
    assert documents.percent(part, whole) == text


@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_share_of_25_is_shown_only_where_a_quarter_is_had(whole: int, part: int) -> None:
    part = min(part, whole)
    share = documents.percent(part, whole)
    assert (float(share) >= 25) == (4 * part >= whole)
    assert (float(share) == 100) == (part == whole)
    assert abs(float(share) - 100 * part / whole) < 0.0101


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=37, max_size=37
    )
)
def test_states_are_counted_as_by_hand(states: list[tuple[int, int, int]]) -> None:
    election = Election(type="presidential", quarter_states=25, quarter_of="valid")
    totals = [Total(valid=a + b, rejected=c, votes={"A": a, "B": b}) for a, b, c in states]

    class Party:
        def __init__(self, code: str) -> None:
            self.code = code

    parties: Any = [Party("A"), Party("B")]
    found = quarter.rule(election, parties, totals)["reached"]
    by_hand = sum(a > 0 and a / (a + b) >= 0.25 for a, b, _ in states)
    assert {one["partyCode"]: one["states"] for one in found}["A"] == by_hand


@pytest.mark.slow
def test_more_voters_than_registered_is_no_turnout(app: Flask, client: FlaskClient) -> None:
    make_world()
    take(sheet("a", accreditedVoters=900, registeredVoters=631))
    unit = client.get(AREA + UNITS[0]).json
    assert unit["summary"]["turnoutInDoubt"] is True
    assert unit["summary"]["voterTurnout"] == "142.63"
    for path in ("", "/24", "/24-11", "/24-11-02", f"/{UNITS[0]}"):
        text = client.get("/results/abc123" + path).text
        assert "142.63" not in text
        assert "figures under review" in text
