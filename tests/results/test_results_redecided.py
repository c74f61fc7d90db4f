"""Sheets refused for our records' sake are decided again when the records change."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from redecided_sheets import NOBODY, again, make_register_again, move, send
from results_world import UNITS, election_document, make_register, make_world, sheet

from obidient import queues
from obidient.accounts import tokens, users
from obidient.accounts.models import User
from obidient.areas import Area
from obidient.errors import Conflict
from obidient.results import (
    deciding,
    elections,
    provisional,
    recount,
    register,
    review,
)
from obidient.results.models import (
    Election,
    FormerVerdict,
    Submission,
    Tally,
)
from obidient.results.received import Sender
from obidient.results.story import history
from obidient.results.tally import Total, as_total


def take(*sheets: Mapping[str, Any], sender: Sender = NOBODY) -> list[str]:
    send(*sheets, sender=sender)
    deciding.process_waiting()
    return [status(one["submissionId"]) for one in sheets]


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
    with pytest.raises(Conflict, match="1 sheet is not decided yet"):
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
def test_over_voting_that_came_too_early_is_looked_at_once_its_election_opens(
    world: Election,
) -> None:
    assert take(sheet("many", accreditedVoters=40)) == ["rejected: over_voting"]
    assert review.under_review("abc123") == []
    elections.set_status("abc123", "ongoing")
    again()
    (doubt,) = review.under_review("abc123")
    assert doubt.reasons == ["A sheet with more votes than voters was refused."]
    review.settle("abc123", UNITS[0], "The vote was cancelled", void=True)
    elections.set_status("abc123", "ended")
    elections.set_status("abc123", "ongoing")
    again()
    assert review.under_review("abc123") == []
    assert recount.differences("abc123") == []


@pytest.mark.both
def test_of_two_sheets_of_over_voting_the_one_that_stays_so_stays_in_doubt(
    world: Election,
) -> None:
    elections.set_status("abc123", "ongoing")
    Area.update(registered_voters=60).where(Area.code == UNITS[0]).execute()
    take(
        sheet("small", device="A", votes={"LP": 70}, accreditedVoters=50),
        sheet("large", device="B", votes={"LP": 90}, registeredVoters=None),
    )
    Area.update(registered_voters=600).where(Area.code == UNITS[0]).execute()
    provisional.request("abc123", ["over_voting"])
    again()
    assert (status("small"), status("large")) == ("rejected: over_voting", "accepted")
    assert len(review.under_review("abc123")) == 1
    assert total().review_units == 1


@pytest.mark.both
@pytest.mark.slow
def test_an_agent_who_is_moved_on_keeps_what_they_could_report_before(
    world: Election, make_user: Callable[..., User]
) -> None:
    elections.set_status("abc123", "ongoing")
    agent = make_user("agent", polling_unit_code=UNITS[3])
    mine = Sender(f"user:{agent.id}", UNITS[3])
    send(sheet("first", UNITS[4]), sheet("other", UNITS[5]), sender=mine)
    move(agent, UNITS[4])
    move(agent, UNITS[3])
    deciding.process_waiting()
    again()
    assert (status("first"), status("other")) == ("accepted", "rejected: not_your_unit")
    users.change(agent, agent.name, None, None)
    again()
    assert status("other") == "rejected: not_your_unit"


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
