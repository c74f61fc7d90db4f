"""Any order of sheets, any number of writers: the totals equal a recount."""

import random
import threading
from typing import Any

import pytest
from decided_sheets import NOBODY, clear, take, total, world
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_world import PARTIES, UNITS, WARDS, sheet

from obidient import database
from obidient.database import db
from obidient.results import deciding, recount, review
from obidient.results.models import (
    AgentSheet,
    Election,
    ReviewFlag,
    Submission,
    Tally,
    UnitResult,
)
from obidient.results.received import receive

__all__ = ["world"]


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
@pytest.mark.slow
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
@pytest.mark.slow
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
@pytest.mark.slow
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
@pytest.mark.slow
def test_a_loaded_file_counts_alike_in_parts_of_any_size(
    world: Election, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)
    votes = [dict(zip(PARTIES, some, strict=True)) for some in ((120, 45, 33), (130, 40, 30))]
    sheets = [
        sheet(f"{unit}-{agent}-{revision}", unit, revision, agent, rng.choice(votes))
        for unit in UNITS
        for agent in "AB"
        for revision in (1, 2)
    ]
    rng.shuffle(sheets)
    ends = []
    for size in (len(sheets), 2, 7):
        clear()
        for name in ("CHUNK", "CHUNK_LOADING", "SQLITE_CHUNK", "LEAST", "TOGETHER"):
            monkeypatch.setattr(deciding, name, size)
        counts = deciding.load(sheets, "abc123")
        doubts = sorted(
            (flag.unit_code, flag.kind, str(flag.evidence))
            for flag in ReviewFlag.select().where(ReviewFlag.closed_at.is_null())
        )
        assert {kind for _, kind, _ in doubts} == {"dispute", "same_votes"}
        assert recount.differences("abc123") == []
        ends.append((counts, total().votes, doubts))
    assert ends[1:] == ends[:1] * 2


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
