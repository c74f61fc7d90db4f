"""Whatever the order of opening, importing, sending and closing, the totals are the same."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redecided_sheets import NOBODY, again, make_register_again, move, send
from results_world import UNITS, WARDS, election_document, sheet

from obidient.accounts.models import User
from obidient.areas import Area
from obidient.results import deciding, elections, flags, recount
from obidient.results.models import (
    AgentSheet,
    Decision,
    Election,
    FormerVerdict,
    Party,
    Redecision,
    ReviewFlag,
    Submission,
    Tally,
    UnitResult,
)
from obidient.results.received import Sender
from obidient.results.tally import Total, as_total

#: Sheets of two agents and two devices, of units known early and late, some by a later alias.
SHEETS = (
    ("a1", UNITS[0], 1, "A", {"LP": 100}),
    ("a2", UNITS[0], 2, "A", {"LP": 101}),
    ("b1", UNITS[0], 1, "B", {"BROOM": 90}),
    ("c1", UNITS[1], 1, "C", {"PDP": 30, "BROOM": 5}),
    ("d1", UNITS[9], 3, "D", {"APC": 70}),
    ("d0", UNITS[9], 1, "D", {"BROOM": 60}),
    ("e1", UNITS[9], 1, "E", {"LP": 71}),
    ("own", UNITS[2], 1, "agent", {"LP": 55}),
    # Of over-voting: by what the sheet says, by a register that is wrong at first, of another unit.
    ("o1", UNITS[5], 1, "O", {"LP": 900}),
    ("p1", UNITS[6], 1, "P", {"LP": 200}),
    ("p2", UNITS[6], 1, "Q", {"LP": 150}),
    ("over", UNITS[2], 1, "agent", {"PDP": 700}),
)
#: What no register makes right, and what is right once the register is.
OVER = {"o1", "p2", "over"}
MORE: dict[str, dict[str, Any]] = {
    "p1": {"registeredVoters": None}, "p2": {"accreditedVoters": 100},
}  # fmt: skip
ANY_TIME = ("register", "alias", "move", "work", "work", "again", "again")


@pytest.mark.both
@pytest.mark.slow
def test_any_order_of_opening_importing_sending_closing_ends_in_the_same_totals(
    app: Flask, make_user: Callable[..., User]
) -> None:
    agent = make_user("agent", polling_unit_code=UNITS[3])

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        st.permutations(SHEETS),
        st.booleans(),
        st.integers(0, len(SHEETS)),
        st.integers(0),
        st.integers(0),
    )
    def run(sheets: list[Any], reopens: bool, close: int, one: int, other: int) -> None:
        received = [*sheets[:close], "close", *sheets[close:]]
        totals = [play(agent, arrange(received, reopens, seed)) for seed in (one, other)]
        assert totals[0] == totals[1]
        taken = [made for made in (sheets if reopens else sheets[:close])]
        counted = {made[1] for made in taken if made[0] not in OVER}
        doubted = {made[1] for made in taken if made[0] in OVER}
        found = totals[0].get("NG", Total())
        assert found.units == len(counted)
        # Others are looked at too, since agents differ.
        assert found.review_units >= len(doubted)
        assert open_units(flags.OVER_VOTING) == doubted

    run()


def arrange(received: list[Any], reopens: bool, seed: int) -> list[Any]:
    """All that happens besides, at any time; an election is made, opened, closed in this order."""
    chance = random.Random(seed)
    steps = list(received)
    for name in ("open", "make"):
        last = steps.index("open" if name == "make" else "close")
        steps.insert(chance.randrange(last + 1), name)
    if reopens:
        steps.insert(chance.randrange(steps.index("close"), len(steps)) + 1, "reopen")
    for name in ANY_TIME:
        steps.insert(chance.randrange(len(steps) + 1), name)
    # The agent, given another unit, gets a third one once they have reported.
    done = max(place for place, step in enumerate(steps) if step == "move" or "agent" in step)
    steps.insert(chance.randrange(done, len(steps)) + 1, "move on")
    return steps


def open_units(kind: str) -> set[str]:
    rows = ReviewFlag.select().where(ReviewFlag.kind == kind, ReviewFlag.closed_at.is_null())
    return {row.unit_code for row in rows}


def play(agent: User, steps: list[Any]) -> dict[str, Total]:
    for table in (AgentSheet, Decision, Election, FormerVerdict, Party, Redecision, ReviewFlag,
                  Submission, Tally, UnitResult):  # fmt: skip
        table.delete().execute()
    move(agent, UNITS[3])
    make_register_again()
    Area.delete().where(Area.code.startswith(WARDS[1])).execute()
    Area.update(registered_voters=60).where(Area.code == UNITS[6]).execute()
    for step in steps:
        act(agent, step, has_alias="alias" in steps[: steps.index(step)])
    deciding.process_waiting()
    again()
    assert recount.differences("abc123") == []
    rows = Tally.select().where(Tally.election_id == "abc123")
    return {row.area_code: as_total(row) for row in rows}


def act(agent: User, step: Any, has_alias: bool) -> None:
    if isinstance(step, tuple):
        name, unit, revision, device, votes = step
        sender = NOBODY
        if device == "agent":
            sender = Sender(f"user:{agent.id}", agent.polling_unit_code)
        send(sheet(name, unit, revision, device, votes, **MORE.get(name, {})), sender=sender)
    elif step == "make":
        document = election_document(status="scheduled")
        elections.create(with_alias(document) if has_alias else document)
    elif step == "alias" and (election := Election.get_or_none()) is not None:
        elections.change("abc123", with_alias(elections.document_of(election)))
    elif step == "register":
        make_register_again()
    elif step in ("move", "move on"):
        move(agent, UNITS[2] if step == "move" else UNITS[4])
    elif step == "work":
        deciding.process_waiting()
    elif step == "again":
        again()
    elif step in ("open", "close", "reopen"):
        elections.set_status("abc123", "ended" if step == "close" else "ongoing")


def with_alias(document: dict[str, Any]) -> dict[str, Any]:
    apc = next(party for party in document["parties"] if party["partyCode"] == "APC")
    apc["aliases"] = ["A.P.C", "BROOM"]
    return document
