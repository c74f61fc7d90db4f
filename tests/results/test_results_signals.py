"""Signals: what was seen and how rare by chance, of one sheet and of the digits of an LGA."""

import math
import random
from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from results_world import UNITS, make_world, sheet

from obidient.database import db
from obidient.results import deciding, flags, recount, review, signals
from obidient.results.models import Election, UnitResult
from obidient.results.received import Sender, receive
from obidient.results.sheets import Figures
from obidient.results.tally import Total


def take(*sheets: Mapping[str, Any]) -> None:
    with db.atomic():
        receive(sheets, Sender())
    deciding.process_waiting()


def reasons(unit: str) -> list[str]:
    doubt = review.doubt_about("abc123", unit)
    return doubt.reasons if doubt else []


@pytest.fixture
def world(app: Flask) -> Election:
    return make_world()


@pytest.mark.both
@pytest.mark.parametrize(("votes", "valid"), [({"LP": 0, "APC": 0}, 0), ({"LP": 1}, 1)])
def test_an_empty_sheet_is_flagged_with_the_evidence(
    world: Election, votes: dict[str, int], valid: int
) -> None:
    more = {"rejectedVotes": 0, "votesCast": valid}
    take(sheet("empty", votes=votes, accreditedVoters=300, **more))
    take(sheet("small", UNITS[1], votes=votes, accreditedVoters=19, **more))
    take(sheet("enough", UNITS[2], votes=votes, accreditedVoters=20, **more))
    (reason,) = reasons(UNITS[0])
    assert f"300 accredited, {valid} valid and 0 rejected." in reason
    assert "less than once in 1,000,000,000" in reason
    assert reasons(UNITS[1]) == []
    assert f"20 accredited, {valid} valid and 0 rejected." in reasons(UNITS[2])[0]
    take(sheet("better", revision=2))
    assert reasons(UNITS[0]) == []
    assert recount.differences("abc123") == []


@pytest.mark.both
def test_a_turnout_beyond_the_bound_is_flagged(app: Flask, world: Election) -> None:
    take(sheet("usual", UNITS[1], accreditedVoters=300, votes={"LP": 90, "APC": 40}))
    take(sheet("at the bound", UNITS[2], accreditedVoters=570, votes={"LP": 91, "APC": 40}))
    take(sheet("beyond", accreditedVoters=571))
    assert reasons(UNITS[2]) == []
    (reason,) = reasons(UNITS[0])
    assert "The turnout is very high: 571 of 600, that is 95.1 %." in reason
    assert "rest of Lagos, 72.5%, less than once in 1,000,000,000" in reason
    object.__setattr__(app.extensions["obidient.settings"], "turnout_doubted_above", 0)
    take(sheet("unbounded", UNITS[3], accreditedVoters=599, votes={"LP": 92, "APC": 40}))
    assert reasons(UNITS[3]) == []


@pytest.mark.both
def test_nearly_all_for_one_party_at_a_high_turnout_is_flagged(world: Election) -> None:
    take(sheet("usual", UNITS[1], votes={"LP": 200, "APC": 200}))
    take(sheet("low", UNITS[2], votes={"LP": 120}, accreditedVoters=140))
    take(sheet("level", UNITS[3], votes={"LP": 475, "APC": 25}))
    take(sheet("high", votes={"LP": 477, "APC": 23}))
    assert (reasons(UNITS[1]), reasons(UNITS[2]), reasons(UNITS[3])) == ([], [], [])
    (reason,) = reasons(UNITS[0])
    assert "477 of 500 for LP, with 510 of 600 accredited." in reason
    assert "People of one place vote alike" in reason
    assert "fraud" not in " ".join(flags.SENTENCES.values()).lower()


def test_the_bound_is_never_below_the_true_tail() -> None:
    for tries, chance in ((20, 0.3), (60, 0.5), (100, 0.9)):
        for hits in range(tries + 1):
            tail = sum(
                math.comb(tries, k) * chance**k * (1 - chance) ** (tries - k)
                for k in range(hits, tries + 1)
            )
            assert signals.at_least(hits, tries, chance) >= tail * (1 - 1e-9)
    assert signals.at_least(5, 10, 0.9) == 1.0
    assert signals.rarity(flags.DISPUTE, {}, Total(), "Lagos") == ""


@pytest.mark.parametrize(
    ("x", "tail"),
    # Tabulated: Abramowitz and Stegun, table 26.8, 9 degrees of freedom.
    [(16.919, 0.05), (21.666, 0.01), (27.877, 0.001), (8.343, 0.5)],
)
def test_the_tail_of_chi_squared_is_the_tables(x: float, tail: float) -> None:
    step = math.sqrt(x * 100 / 2)
    spread = [100 + step, 100 - step] + [100.0] * 8
    assert signals._chance(spread) == pytest.approx(tail, rel=2e-3)  # type: ignore[arg-type]


def fill(lga: str, counts: list[int]) -> None:
    for number, votes in enumerate(counts):
        figures = Figures(600, votes, votes, 0, {"LP": votes})
        UnitResult.create(
            election_id="abc123", unit_code=f"{lga}-01-{number:03d}", figures=figures.dumps()
        )


@pytest.mark.slow
def test_made_up_digits_stand_out_and_honest_ones_rarely(world: Election) -> None:
    chance = random.Random(7)
    fill("24-11", [chance.choice((60, 65, 70, 85, 100, 115, 121)) for _ in range(300)])
    fill("24-12", [50 + int(chance.expovariate(1 / 80)) for _ in range(300)])
    fill("24-13", [100] * 99)
    made_up, honest = signals.last_digits("abc123", "24")
    assert (made_up.code, honest.code) == ("24-11", "24-12")
    assert made_up.by_chance < 1e-6 < 0.01 < honest.chance
    assert "300 counts of 50 votes or more" in made_up.sentence
    alarms = 0
    for _ in range(400):
        spread = [0] * 10
        signals._note(spread, [50 + int(chance.expovariate(1 / 80)) for _ in range(300)])
        alarms += signals._chance(spread) < 0.01
    # Four are expected; twelve or more would come once in a thousand.
    assert alarms < 12
