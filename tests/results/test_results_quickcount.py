"""The quick count: drawn so that anybody can draw it again, with honest margins, then released."""

import json
import math
import random
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from admin_people import Person
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from live_world import take
from results_world import UNITS, make_world, sheet

from obidient.accounts.models import AuditEntry, User
from obidient.errors import Invalid
from obidient.results.models import Election
from obidient.results.quickcount import design, follow, missing
from obidient.results.quickcount.design import Stratum, Unit
from obidient.results.quickcount.estimate import Z95, Sample, _quantile, estimate

ROOM = "/api/results/abc123/quick-count"
PUBLIC = "/api/live-results/elections/abc123/quick-count"
PAGE = "/results/abc123/quick-count"
Auth = Callable[..., dict[str, str]]


@pytest.fixture
def world(app: Flask) -> Election:
    return make_world()


# ---- strata, allocation, draw -------------------------------------------------------------------


def strata(*sizes: tuple[int, float, float]) -> list[Stratum]:
    return [
        Stratum(f"{number:02d}", units, units * mean, mean, deviation)
        for number, (units, mean, deviation) in enumerate(sizes, 1)
    ]


def test_allocation_by_voters_and_by_how_unlike_the_units_are() -> None:
    some = strata((100, 500, 100), (100, 500, 300), (200, 500, 100))
    design.allocate(some, 40)
    assert [one.drawn for one in some] == [10, 10, 20]
    design.allocate(some, 48, "optimal")
    assert [one.drawn for one in some] == [8, 24, 16]
    design.allocate(some, 40, turnout={"01": 0.5, "02": 0.25, "03": 0.25})
    assert [one.drawn for one in some] == [16, 8, 16]


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.integers(1, 400), st.integers(1, 900), st.integers(0, 900)),
        min_size=1,
        max_size=20,
    ),
    st.floats(0, 1),
    st.sampled_from(design.ALLOCATIONS),
)
def test_every_stratum_gets_two_and_none_more_than_it_has(
    sizes: list[tuple[int, float, float]], part: float, allocation: str
) -> None:
    some = strata(*sizes)
    least = sum(min(2, one.units) for one in some)
    size = least + int(part * (sum(one.units for one in some) - least))
    design.allocate(some, size, allocation)
    assert sum(one.drawn for one in some) == size
    assert all(min(2, one.units) <= one.drawn <= one.units for one in some)


def test_turnout_of_last_time_is_given_for_every_stratum_and_for_no_other(world: Election) -> None:
    some = follow.read_turnout(b"stratum,turnout\n24,30\n")
    with pytest.raises(Invalid, match="no line for 19: give each stratum one"):
        follow.draw("abc123", 6, "seed", turnout=some)
    with pytest.raises(Invalid, match="names Lagos: no stratum here has that code"):
        follow.draw("abc123", 6, "seed", turnout=some | {"19": 0.2, "Lagos": 0.3})
    assert follow.draw("abc123", 6, "seed", turnout=some | {"19": 0.2}).size == 6


def test_a_sample_that_cannot_be_is_refused() -> None:
    with pytest.raises(Invalid, match="from 4 to 20"):
        design.allocate(strata((10, 1, 1), (10, 1, 1)), 3)


def test_units_without_voters_count_with_the_mean_of_their_stratum() -> None:
    units = [Unit("24-11-02-001", 100), Unit("24-11-02-002", 300), Unit("24-11-02-003", None)]
    (one,), members = design.strata_of(units, "states")
    assert (one.name, one.units, one.voters, one.mean) == ("24", 3, 600, 200)
    assert members["24"] == units
    assert {design.stratum_of("24-11-02-001", kind) for kind in design.KINDS} == {
        "SW", "24", "24-11", "24-11-02",
    }  # fmt: skip
    assert sorted(design.ZONES) == [f"{number:02d}" for number in range(1, 38)]


def test_anybody_can_draw_the_same_units_again(world: Election) -> None:
    made = follow.draw("abc123", 6, "12 34 56 7 8 9")
    again = follow.draw("abc123", 6, "12 34 56 7 8 9")
    drawn = [unit.unit_code for unit in follow.units_of(made)]
    assert drawn == [unit.unit_code for unit in follow.units_of(again)]
    lagos = sorted(UNITS[:16], key=lambda code: sha256(f"12 34 56 7 8 9:{code}".encode()).digest())
    kano = sorted(UNITS[16:], key=lambda code: sha256(f"12 34 56 7 8 9:{code}".encode()).digest())
    assert drawn == sorted(lagos[:4] + kano[:2])
    other = follow.draw("abc123", 6)
    assert len(other.seed) == 32
    entries = AuditEntry.select().where(AuditEntry.action == "quickcount.drawn")
    assert [row.details["seed"] for row in entries.order_by(AuditEntry.id)][2] == other.seed


def test_every_unit_is_as_likely() -> None:
    units = [Unit(f"24-11-02-{number:03d}", 500) for number in range(1, 11)]
    times = dict.fromkeys((unit.code for unit in units), 0)
    for seed in range(4_000):
        for unit in design.draw(units, 3, str(seed)):
            times[unit.code] += 1
    # 1,200 expected, a standard deviation of 29.
    assert all(1_070 < number < 1_330 for number in times.values())


# ---- estimates ----------------------------------------------------------------------------------


def sample(units: int, rows: list[tuple[float, int, int]], mean: float = 500) -> Sample:
    voters, valid, votes = (
        (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 3
    )
    others = [whole - mine for whole, mine in zip(valid, votes, strict=True)]
    return Sample(units, units * mean, voters, valid, {"A": votes, "B": others})


def test_an_estimate_by_hand() -> None:
    rows = [(500.0, 200, 120), (400.0, 150, 60), (600.0, 220, 140)]
    found = estimate({"01": sample(30, rows)}, ("A", "B"), str)
    assert found is not None
    share = 320 / 570
    assert found.shares["A"].share == pytest.approx(share)
    rate = (320 - share * 570) / 1500
    residuals = [votes - share * valid - rate * voters for voters, valid, votes in rows]
    spread = sum(one * one for one in residuals) / 2
    expansion = 15_000 / 1500
    variance = expansion**2 * 3 * (1 - 3 / 30) * spread
    deviation = math.sqrt(variance) / (570 / 1500 * 15_000)
    assert found.shares["A"].margin == pytest.approx(_quantile(2) * deviation)
    lead = found.lead("A", "B")
    assert lead.share == pytest.approx(2 * share - 1)
    assert lead.margin == pytest.approx(2 * found.shares["A"].margin)


def test_all_units_leave_no_doubt_and_few_leave_much() -> None:
    rows = [(500.0, 200, 120), (400.0, 150, 60), (600.0, 220, 140)]
    whole = estimate({"01": sample(3, rows)}, ("A", "B"), str)
    assert whole is not None
    assert whole.shares["A"].margin == 0
    assert _quantile(math.inf) == Z95
    # Student's t: 2.228 with 10 degrees of freedom, 2.045 with 29.
    assert _quantile(10) == pytest.approx(2.228, abs=0.002)
    assert _quantile(29) == pytest.approx(2.045, abs=0.001)


@pytest.mark.parametrize("units", [1, 40])
def test_one_unit_of_a_stratum_is_never_certain(units: int) -> None:
    rows = [(500.0, 200, 120), (400.0, 150, 60), (600.0, 220, 140)]
    found = estimate(
        {"01": sample(30, rows), "02": sample(units, [(500.0, 300, 30)])}, ("A", "B"), str
    )
    assert found is not None
    assert found.joined == ["02"]
    alone = estimate({"01": sample(30, rows)}, ("A", "B"), str)
    assert alone is not None
    assert found.shares["A"].margin > alone.shares["A"].margin


def test_silent_strata_are_stood_for_by_their_neighbours() -> None:
    rows = [(500.0, 200, 120), (400.0, 150, 60), (600.0, 220, 140)]
    many = {
        "24": sample(30, rows),
        "27": sample(20, []),
        "19": sample(30, [(one[0], one[1], 0) for one in rows] * 2),
    }
    found = estimate(many, ("A", "B"), design.zone_of)
    assert found is not None
    assert found.joined == ["27"]
    # Ogun is stood for by Lagos, in its zone, though more is here from Kano.
    assert found.shares["A"].share == pytest.approx(50 * 320 / (80 * 570))
    assert estimate({"24": sample(9, []), "19": sample(9, rows[:1])}, ("A", "B"), str) is None
    assert estimate({"24": sample(9, [(1.0, 0, 0)] * 2)}, ("A", "B"), str) is None


@pytest.mark.slow
def test_margins_hold_what_they_promise() -> None:
    """A small population of three unlike strata: 95 of 100 samples hold the truth."""
    lot = random.Random(5)
    population: dict[str, list[tuple[float, int, int]]] = {}
    for name, lean in (("01", 0.2), ("02", 0.5), ("03", 0.7)):
        population[name] = []
        for _ in range(200):
            voters = lot.randint(200, 900)
            valid = int(voters * lot.uniform(0.2, 0.5))
            mine = int(valid * min(1, max(0, lot.gauss(lean, 0.15))))
            population[name].append((float(voters), valid, mine))
    rows = [row for some in population.values() for row in some]
    truth = sum(row[2] for row in rows) / sum(row[1] for row in rows)
    held = 0
    for _ in range(2_000):
        drawn = {}
        for name, some in population.items():
            mean = sum(row[0] for row in some) / len(some)
            drawn[name] = sample(200, lot.sample(some, 20), mean)
        found = estimate(drawn, ("A", "B"), str)
        assert found is not None
        held += abs(found.shares["A"].share - truth) <= found.shares["A"].margin
    assert 1_870 <= held <= 1_930


# ---- what is missing ----------------------------------------------------------------------------


def drawn(lot: random.Random, late: Callable[[int, int], float]) -> list[missing.Drawn]:
    found = []
    for place in range(1_000):
        wards, voters = lot.choice((5, 12, 40)), lot.randint(200, 900)
        arrived = lot.random() >= late(wards, place % 10)
        found.append(missing.Drawn(f"{place % 10:02d}", voters, wards, arrived))
    return found


@pytest.mark.slow
def test_what_is_missing_by_lot_is_seldom_warned_of() -> None:
    lot = random.Random(3)
    warned = sum(bool(missing.warnings(drawn(lot, lambda _w, _s: 0.1), str)) for _ in range(200))
    assert warned <= 15


def test_late_country_wards_and_late_states_are_told() -> None:
    lot = random.Random(4)
    country = missing.warnings(drawn(lot, lambda wards, _s: 0.4 if wards == 5 else 0.05), str)
    assert any("large wards, as in towns" in one for one in country)
    assert country[-1].startswith("What is missing differs from what is here")
    state = missing.warnings(drawn(lot, lambda _w, state: 0.6 if state == 7 else 0.05), str)
    assert state[0].startswith("What arrived is uneven: ")
    assert " in 07, " in state[0]
    assert missing.warnings(drawn(lot, lambda _w, _s: 0.0), str) == []
    assert missing.warnings(drawn(lot, lambda _w, _s: 1.1), str) == []


# ---- followed and released ----------------------------------------------------------------------


def report(number: int) -> None:
    """Sheets of all units drawn but the last few."""
    units = [unit.unit_code for unit in follow.units_of(follow.newest("abc123"))]
    take(
        *(
            sheet(f"q{n}", unit, votes={"LP": 100 + 7 * n, "APC": 60 + n, "PDP": 20})
            for n, unit in enumerate(units[:number])
        )
    )


@pytest.mark.both
@pytest.mark.slow
def test_the_room_follows_and_the_public_waits_for_the_release(
    world: Election, client: FlaskClient, auth: Auth
) -> None:
    assert client.get(ROOM, headers=auth("reviewer")).status_code == 404
    follow.draw("abc123", 8, "seed")
    assert client.get(ROOM).status_code == 401
    assert client.get(ROOM, headers=auth("organiser")).status_code == 403
    empty = client.get(ROOM, headers=auth("reviewer")).json
    assert (empty["parties"], empty["lead"]) == ([], None)
    assert empty["sentence"] == "Too few sheets for an estimate. 0 of 8 units drawn have reported."
    report(8)
    document = client.get(ROOM, headers=auth("reviewer")).json
    assert (document["drawn"], document["arrived"]) == (8, 8)
    assert [party["partyCode"] for party in document["parties"]] == ["LP", "APC", "PDP"]
    assert sum(float(party["percentage"]) for party in document["parties"]) == pytest.approx(
        100, abs=0.02
    )
    assert document["lead"]["clear"] is True
    assert document["sentence"].startswith("LP is ahead of APC by ")
    assert client.get(PUBLIC).status_code == 404
    follow.release("abc123")
    shown = client.get(PUBLIC)
    assert shown.headers["Access-Control-Allow-Origin"] == "*"
    assert shown.json["parties"] == document["parties"]
    assert len(shown.json["units"]) == 8
    assert shown.json["seed"] == "seed"
    take(sheet("late", shown.json["units"][0], revision=9, device="DEV-1", votes={"APC": 590}))
    assert client.get(PUBLIC).json == shown.json, "what was released stays as it was"
    same = client.get(PUBLIC, headers={"If-None-Match": shown.headers["ETag"]})
    assert same.status_code == 304
    follow.withdraw("abc123")
    assert client.get(PUBLIC).status_code == 404
    actions = [row.action for row in AuditEntry.select().order_by(AuditEntry.id)]
    assert [one for one in actions if one.startswith("quickcount")] == [
        "quickcount.drawn", "quickcount.released", "quickcount.withdrawn",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_public_page_is_as_if_there_were_none_until_the_release(
    world: Election, client: FlaskClient
) -> None:
    def refused() -> str:
        answer = client.get(PAGE, headers={"X-Request-Id": "always-the-same"})
        assert answer.status_code == 404
        return answer.text

    never = refused()
    follow.draw("abc123", 8, "seed")
    report(8)
    assert refused() == never
    assert PAGE not in client.get("/results/abc123").text
    follow.release("abc123")
    assert PAGE in client.get("/results/abc123").text
    page = client.get(PAGE)
    assert (page.status_code, "max-age=2" in page.headers["Cache-Control"]) == (200, True)
    for told in ("Projection, not a declaration", "seed = &#39;seed&#39;", "LP is ahead of APC by"):
        assert told in page.text
    assert not re.search(r"\b(winner|wins|won)\b", page.text)
    follow.withdraw("abc123")
    assert refused() == never
    assert PAGE not in client.get("/results/abc123").text


@pytest.mark.slow
def test_parties_that_cannot_be_told_apart_are_not(world: Election) -> None:
    follow.draw("abc123", 8, "seed")
    units = [unit.unit_code for unit in follow.units_of(follow.newest("abc123"))]
    for n, unit in enumerate(units[:5]):
        votes = {"LP": 100, "APC": 90 - n} if n % 2 else {"LP": 91 - n, "APC": 100}
        take(sheet(f"q{n}", unit, votes=votes))
    document = follow.status(follow.newest("abc123"))
    assert document["lead"]["clear"] is False
    assert document["sentence"].startswith("The sample can’t tell ")
    with pytest.raises(Invalid, match="use one of states, zones, lgas"):
        follow.draw("abc123", 8, strata="wards")


@pytest.mark.slow
def test_commands_draw_and_tell(
    world: Election, cli: Callable[..., Result], tmp_path: Path
) -> None:
    made = cli("quickcount", "draw", "abc123", "--size", "8", "--seed", "s")
    units = [unit.unit_code for unit in follow.units_of(follow.newest("abc123"))]
    assert made.stdout.split() == units
    assert "with the seed s." in made.stderr
    report(8)
    told = cli("quickcount", "status", "abc123").output
    assert "LP is ahead of APC" in told
    turnout = tmp_path / "turnout.csv"
    turnout.write_text("stratum,turnout\n24,10\n19,90\n")
    cli("quickcount", "draw", "abc123", "--size", "8", "--turnout", str(turnout))
    design_of = json.loads(follow.newest("abc123").design)
    assert {one["name"]: one["drawn"] for one in design_of} == {"19": 6, "24": 2}
    turnout.write_text("state,turnout\n24,10\n")
    wrong = cli("quickcount", "draw", "abc123", "--size", "8", "--turnout", str(turnout))
    assert "needs the columns stratum,turnout" in wrong.output


@pytest.mark.slow
def test_only_an_admin_draws_and_releases(
    world: Election, client: FlaskClient, make_user: Callable[..., User]
) -> None:
    here = "/admin/quick-count/abc123/"
    boss = Person(client, make_user("admin"))
    assert "Nothing drawn yet" in boss.get(here)
    form: dict[str, Any] = {"size": "8", "seed": "s", "strata": "states"}
    boss.post(f"{here}draw", **form, allocation="optimal")
    report(8)
    assert "LP is ahead of APC" in boss.get(here)
    assert "Withdraw" in boss.post(f"{here}release")
    room = Person(client, make_user("reviewer"))
    assert "LP is ahead of APC" in room.get(here)
    for act in ("draw", "release", "withdraw"):
        room.post(here + act, 403)
    assert client.get(PUBLIC).status_code == 200
    room.get("/admin/quick-count/")
