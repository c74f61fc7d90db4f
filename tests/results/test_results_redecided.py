"""Sheets refused for our records' sake are decided again when the records change."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_world import UNITS, WARDS, election_document, make_register, make_world, sheet

from obidient import queues
from obidient.accounts import tokens, users
from obidient.accounts.models import User
from obidient.areas import Area
from obidient.database import db
from obidient.errors import Conflict
from obidient.results import (
    deciding,
    elections,
    provisional,
    recount,
    redeciding,
    register,
    review,
)
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
from obidient.results.received import Sender, receive
from obidient.results.story import history
from obidient.results.tally import Total, as_total

NOBODY = Sender()


def send(*sheets: Mapping[str, Any], sender: Sender = NOBODY) -> None:
    with db.atomic():
        receive(sheets, sender)


def take(*sheets: Mapping[str, Any], sender: Sender = NOBODY) -> list[str]:
    send(*sheets, sender=sender)
    deciding.process_waiting()
    return [status(one["submissionId"]) for one in sheets]


def again() -> None:
    while provisional.is_waiting():
        redeciding.work()


def status(submission_id: str) -> str:
    row = Submission.get(Submission.submission_id == submission_id, Submission.repeat == 0)
    return f"{row.status}: {row.reason}" if row.reason else str(row.status)


def total(election_id: str = "abc123") -> Total:
    row = Tally.get_or_none(Tally.election_id == election_id, Tally.area_code == "NG")
    return as_total(row) if row else Total()


@pytest.fixture
def world(app: Flask) -> Election:
    return make_world(status="scheduled")


@pytest.mark.both
@pytest.mark.slow
def test_a_sheet_that_came_too_early_counts_once_its_election_opens(world: Election) -> None:
    assert take(sheet("early")) == ["rejected: election_not_open"]
    elections.set_status("abc123", "ongoing")
    again()
    assert status("early") == "accepted"
    assert total().valid == 198
    assert FormerVerdict.get().reason == "election_not_open"
    assert recount.differences("abc123") == []
    story = [event.sentence for event in history("abc123", UNITS[0])]
    assert "Sheet early was refused: This election is not open yet." in story
    assert "Sheet early was accepted." in story


@pytest.mark.slow
def test_what_came_while_it_was_open_counts_after_the_close_and_nothing_later(
    world: Election,
) -> None:
    elections.set_status("abc123", "ongoing")
    send(sheet("in time"))
    elections.set_status("abc123", "ended")
    send(sheet("late", UNITS[1]))
    deciding.process_waiting()
    again()
    assert (status("in time"), status("late")) == ("accepted", "rejected: election_not_open")
    elections.set_status("abc123", "ongoing")
    again()
    assert status("late") == "accepted"


def test_an_election_is_not_certified_while_a_sheet_waits(world: Election) -> None:
    elections.set_status("abc123", "ongoing")
    send(sheet("waits"))
    with pytest.raises(Conflict, match="still wait to be decided"):
        elections.set_status("abc123", "certified")
    deciding.process_waiting()
    again()
    elections.set_status("abc123", "certified")
    assert take(sheet("too late", UNITS[1])) == ["rejected: election_not_open"]
    again()
    assert total().units == 1


@pytest.mark.both
@pytest.mark.slow
def test_each_record_that_is_mended_has_its_sheets_decided_again(
    app: Flask, make_user: Callable[..., User]
) -> None:
    make_register()
    Area.delete().where(Area.code == UNITS[1]).execute()
    assert take(sheet("election", electionId="later")) == ["rejected: unknown_election"]
    elections.create(election_document("later"))
    elections.create(election_document(state="Lagos"))
    agent = make_user("agent", polling_unit_code=UNITS[3])
    mine = Sender(f"user:{agent.id}", UNITS[3])
    wrong = [
        sheet("unit", UNITS[1]),
        sheet("party", UNITS[2], votes={"LP": 120, "ZLP": 5}),
        sheet("area", UNITS[20]),
    ]
    refused = take(*wrong) + take(sheet("own", UNITS[4]), sender=mine)
    reasons = ["unknown_polling_unit", "unknown_party", "outside_area", "not_your_unit"]
    assert refused == [f"rejected: {reason}" for reason in reasons]
    again()
    assert status("election") == "accepted"
    make_register_again()
    again()
    assert status("unit") == "accepted"
    document = elections.document_of(elections.get("abc123"))
    document["parties"][0]["aliases"] = ["ZLP"]
    elections.change("abc123", document)
    again()
    assert status("party") == "accepted"
    elections.change("abc123", document | {"state": "National", "areaCode": "NG"})
    again()
    assert status("area") == "accepted"
    users.change(agent, agent.name, None, UNITS[4])
    again()
    assert status("own") == "accepted"
    assert total().units == 4
    assert recount.differences("abc123") == []
    with pytest.raises(Conflict, match="from outside that area"):
        elections.change("abc123", document | {"state": "Lagos", "areaCode": "24"})


def make_register_again() -> None:
    Area.delete().execute()
    make_register()
    provisional.request_everywhere(provisional.OF_REGISTER)


def test_a_register_that_is_imported_last_lets_its_sheets_count(app: Flask, tmp_path: Any) -> None:
    elections.create(election_document())
    assert take(sheet("a")) == ["rejected: unknown_polling_unit"]
    path = tmp_path / "register.csv"
    path.write_text(
        f"polling_unit_code,polling_unit,ward,registered_voters\n{UNITS[0]},A,Ward,600\n"
    )
    register.import_file(path)
    again()
    assert status("a") == "accepted"


def test_over_voting_by_a_wrong_register_passes_once_it_is_right(world: Election) -> None:
    elections.set_status("abc123", "ongoing")
    Area.update(registered_voters=60).where(Area.code == UNITS[0]).execute()
    assert take(sheet("many", registeredVoters=None)) == ["rejected: over_voting"]
    assert total().review_units == 1
    Area.update(registered_voters=600).where(Area.code == UNITS[0]).execute()
    provisional.request("abc123", ["over_voting"])
    again()
    assert (status("many"), total().review_units) == ("accepted", 0)


@pytest.mark.both
@pytest.mark.slow
def test_deciding_again_never_overrides_a_reviewer(world: Election) -> None:
    take(sheet("early", votes={"LP": 90}), sheet("over", accreditedVoters=1))
    elections.set_status("abc123", "ongoing")
    figures = {"accredited_voters": 50, "votes": {"LP": 40}, "valid_votes": 40}
    review.settle("abc123", UNITS[0], "The photo shows 40", figures=figures)
    again()
    assert status("early") == "accepted"
    assert total().valid == 40
    (doubt,) = review.under_review("abc123")
    assert "A newer sheet differs from what a reviewer decided." in doubt.reasons
    review.settle("abc123", UNITS[0], "Looked again", figures=figures)
    provisional.request("abc123")
    again()
    assert review.under_review("abc123") == []
    assert recount.differences("abc123") == []


@pytest.mark.slow
def test_a_killed_worker_and_a_wiped_queue_lose_nothing(
    app: Flask, world: Election, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "SQLITE_CHUNK", 3)
    take(*(sheet(f"s{n}", unit) for n, unit in enumerate(UNITS)))
    elections.set_status("abc123", "ongoing")
    calls = []

    def killed(rows: Any) -> None:
        calls.append(len(rows))
        if len(calls) == 3:
            raise KeyboardInterrupt

    listeners = app.extensions["obidient.decided_again"]
    monkeypatch.setitem(app.extensions, "obidient.decided_again", [*listeners, killed])
    with pytest.raises(KeyboardInterrupt):
        again()
    assert total().units == 6
    queues.current()[queues.RESULTS_SYNC].flush()
    again()
    assert total().units == len(UNITS)
    assert FormerVerdict.select().count() == len(UNITS)
    assert recount.differences("abc123") == []


@pytest.mark.slow
def test_the_command_tells_what_changed(world: Election, cli: Callable[..., Result]) -> None:
    take(sheet("a"), sheet("b", UNITS[1], votes={"XYZ": 1}))
    Election.update(status="ongoing").execute()
    shown = cli("results", "redecide", "abc123", "--reason", "unknown_party")
    assert "Nothing has another outcome now" in shown.output
    shown = cli("results", "redecide", "abc123")
    assert shown.exit_code == 0, shown.output
    assert "election_not_open" in shown.output and " 1" in shown.output
    assert (status("a"), status("b")) == ("accepted", "rejected: unknown_party")
    assert cli("results", "redecide", "abc123", "--reason", "sum_mismatch").exit_code == 2


@pytest.mark.both
def test_the_phone_learns_of_it(
    world: Election, client: FlaskClient, make_user: Callable[..., User]
) -> None:
    agent = make_user("agent", polling_unit_code=UNITS[0])
    header = {"Authorization": f"Bearer {tokens.issue(agent, 'phone', ['sync'])}"}
    body = {"submissions": [sheet("mine")]}
    assert client.post("/api/sync/submissions", json=body, headers=header).status_code == 202
    deciding.process_waiting()
    told = client.get("/api/sync/submissions/mine", headers=header).json
    assert told is not None
    assert told["message"] == (
        "This election is not open yet. The sheet is kept, and decided again by itself when that "
        "changes."
    )
    elections.set_status("abc123", "ongoing")
    again()
    told = client.get("/api/sync/submissions/mine", headers=header).json
    assert told is not None
    assert (told["status"], told["reason"], told["message"]) == (
        "accepted",
        None,
        "Accepted and counted.",
    )


# ---- any order ----------------------------------------------------------------------------------

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
)
ANY_TIME = ("register", "alias", "unit", "work", "work", "again", "again")


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
        st.permutations(SHEETS), st.booleans(), st.integers(0, 8), st.integers(0), st.integers(0)
    )
    def run(sheets: list[Any], reopens: bool, close: int, one: int, other: int) -> None:
        received = [*sheets[:close], "close", *sheets[close:]]
        totals = [play(agent, arrange(received, reopens, seed)) for seed in (one, other)]
        assert totals[0] == totals[1]
        counted = {made[1] for made in (sheets if reopens else sheets[:close])}
        assert totals[0].get("NG", Total()).units == len(counted)

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
    return steps


def play(agent: User, steps: list[Any]) -> dict[str, Total]:
    for table in (AgentSheet, Decision, Election, FormerVerdict, Party, Redecision, ReviewFlag,
                  Submission, Tally, UnitResult):  # fmt: skip
        table.delete().execute()
    move(agent, UNITS[3])
    make_register_again()
    Area.delete().where(Area.code.startswith(WARDS[1])).execute()
    for step in steps:
        act(agent, step, has_alias="alias" in steps[: steps.index(step)])
    deciding.process_waiting()
    again()
    assert recount.differences("abc123") == []
    rows = Tally.select().where(Tally.election_id == "abc123")
    return {row.area_code: as_total(row) for row in rows}


def move(agent: User, unit: str) -> None:
    users.change(agent, agent.name, None, unit)
    agent.polling_unit_code = unit


def act(agent: User, step: Any, has_alias: bool) -> None:
    if isinstance(step, tuple):
        name, unit, revision, device, votes = step
        sender = Sender(f"user:{agent.id}", UNITS[3]) if device == "agent" else NOBODY
        send(sheet(name, unit, revision, device, votes), sender=sender)
    elif step == "make":
        document = election_document(status="scheduled")
        elections.create(with_alias(document) if has_alias else document)
    elif step == "alias" and (election := Election.get_or_none()) is not None:
        elections.change("abc123", with_alias(elections.document_of(election)))
    elif step == "register":
        make_register_again()
    elif step == "unit":
        move(agent, UNITS[2])
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
