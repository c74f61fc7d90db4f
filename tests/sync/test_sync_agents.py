"""Agents by the thousand: imported, signed in by phone and PIN, present or missing."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, make_world, sheet
from signed_in import sign_in

from obidient.accounts import users
from obidient.accounts.models import User
from obidient.results import deciding, provisional, redeciding
from obidient.results.models import Submission
from obidient.results.received import Sender, receive
from obidient.sync import agents, pins, roll_call, roll_counts
from obidient.sync.models import AgentHeard, RollCall

DEVICE = "device-0001"
GOOD = (
    "name,phone,polling_unit\nAda Obi,0803 555 0001,24/11/02/001\n"
    "Bayo,+2348035550002,24-11-02-002\n"
)


@pytest.fixture
def world(app: Flask) -> None:
    make_world()


def load(tmp_path: Path, text: str, dry_run: bool = False) -> agents.Report:
    path = tmp_path / "agents.csv"
    path.write_text(text)
    return agents.import_file(path, dry_run)


def enter(client: FlaskClient, **proof: str) -> Any:
    return client.post("/api/sync/sign-in", json=proof | {"deviceId": DEVICE})


@pytest.mark.both
def test_an_import_makes_agents_once_and_corrects_them(world: None, tmp_path: Path) -> None:
    assert load(tmp_path, GOOD, dry_run=True).new == 2
    assert not User.select().exists()
    report = load(tmp_path, GOOD)
    assert (report.new, report.left_out, report.problems) == (2, 0, [])
    ada = agents.by_phone("+2348035550001")
    assert ada is not None
    assert (ada.name, ada.polling_unit_code, ada.role) == ("Ada Obi", UNITS[0], "agent")
    again = load(tmp_path, GOOD.replace("Bayo", "Bayo Ade").replace("24/11/02/001", UNITS[2]))
    assert (again.new, again.changed, again.same) == (0, 2, 0)
    assert load(tmp_path, GOOD.replace("Bayo", "Bayo Ade")).changed == 1
    assert User.select().count() == 2


@pytest.mark.both
def test_rows_at_fault_are_named_and_the_rest_come_in(world: None, tmp_path: Path) -> None:
    report = load(
        tmp_path,
        GOOD
        + "Chi,0803555,24-11-02-003\nDan,08035550001,24-11-02-004\nEze,08035550005,99-11-02-004\n"
        + "Femi,08035550006,24-11-02-999\n",
    )
    assert (report.rows, report.new, report.left_out, report.unlisted) == (6, 3, 3, 1)
    assert [one.split(":")[0] for one in report.problems] == [
        "line 4",
        "line 5",
        "line 6",
        "line 7",
    ]
    assert "no register holds 24-11-02-999" in report.problems[3]
    with pytest.raises(Exception, match="no column 'polling_unit'"):
        load(tmp_path, "name,phone\nAda,08035550001\n")


@pytest.mark.both
def test_a_list_of_agents_as_people_have_it(world: None, tmp_path: Path) -> None:
    report = load(
        tmp_path,
        "S/N,Surname,First name,GSM No (WhatsApp),PU Code\n"
        "1,Obi,Ada,0803 555 0001 / 0805 555 0002,24/11/2/1\n"
        "2,Ade,Bayo,8035550003.0,241102002\n",
    )
    assert (report.new, report.problems) == (2, [])
    ada = agents.by_phone("+2348035550001")
    assert ada is not None
    assert (ada.name, ada.polling_unit_code) == ("Ada Obi", UNITS[0])
    users.set_active(ada, False)
    report = load(tmp_path, "name,phone,polling_unit\nAda,08035550001,24-11-02-003\n")
    assert (report.changed, report.left_out) == (0, 1)
    assert "The account with this number was closed: open it first." in report.problems[0]


@pytest.mark.slow
def test_an_agent_who_is_moved_has_their_sheets_decided_again(world: None, tmp_path: Path) -> None:
    load(tmp_path, GOOD)
    ada = agents.by_phone("+2348035550001")
    assert ada is not None
    receive([sheet("theirs", UNITS[4])], Sender(f"user:{ada.id}", UNITS[0]))
    deciding.process_waiting()
    assert Submission.get().reason == "not_your_unit"
    load(tmp_path, GOOD.replace("24/11/02/001", UNITS[4]))
    while provisional.is_waiting():
        redeciding.work()
    assert Submission.get().status == "accepted"


@pytest.mark.both
@pytest.mark.slow
def test_an_agent_signs_in_by_phone_and_pin(
    world: None, tmp_path: Path, client: FlaskClient
) -> None:
    load(tmp_path, GOOD)
    ada = agents.by_phone("+2348035550001")
    assert ada is not None
    assert enter(client, phone="08035550001", pin="123456").status_code == 401
    ((_, pin),) = pins.make_many([ada], "here")
    answer = enter(client, phone="0803-555-0001", pin=pins.spoken(pin))
    assert answer.status_code == 200
    assert answer.json["agent"]["name"] == "Ada Obi"
    wrong = "000000" if pin != "000000" else "111111"
    assert enter(client, phone="08035550001", pin=wrong).status_code == 401
    assert enter(client, phone="08035550099", pin=pin).status_code == 401
    assert enter(client).status_code == 403


def test_pins_can_be_read_out() -> None:
    for _ in range(200):
        pin = pins.made_up()
        assert len(pin) == 6 and "9" not in pin
        assert all(one != other for one, other in itertools.pairwise(pin))
    assert pins.spoken("482715") == "482 715"


def test_who_signed_in_in_the_browser_needs_no_second_sign_in(
    world: None, app: Flask, make_user: Callable[..., User]
) -> None:
    client = app.test_client()
    sign_in(client, make_user("agent", polling_unit_code=UNITS[0]))
    assert enter(client).status_code == 200
    other = app.test_client()
    sign_in(other, make_user("reviewer"))
    assert enter(other).status_code == 403


@pytest.mark.both
@pytest.mark.slow
def test_the_roll_call_of_a_day(world: None, tmp_path: Path, client: FlaskClient) -> None:
    load(tmp_path, GOOD + "Musa,08035550003,19-07-01-001\n")
    ada = agents.by_phone("+2348035550001")
    assert ada is not None
    ((_, pin),) = pins.make_many([ada], "here")
    token = enter(client, phone="08035550001", pin=pin).json["token"]
    header = {"Authorization": f"Bearer {token}"}
    told = client.post("/api/sync/roll-call", json={"mark": "opened"}, headers=header).json
    assert told is not None
    assert told["arrived"] == told["opened"] is not None and told["closed"] is None
    again = client.post("/api/sync/roll-call", json={"mark": "arrived"}, headers=header).json
    assert again == told
    AgentHeard.create(user_id=ada.id)
    day = roll_call.today()
    kano, lagos = roll_counts.of(day).standing()
    assert (kano.code, kano.agents, lagos.code, lagos.agents) == ("19", 1, "24", 2)
    assert lagos.missing == {
        "signed-in": 1, "arrived": 1, "opened": 1, "closed": 2, "reported": 1,
    }  # fmt: skip
    missing = roll_call.people(roll_call.missing("arrived", day, "24-11"), 10)
    assert [one.name for one in missing] == ["Bayo"]
    assert [one.code for one in roll_counts.of(day).standing("24")] == ["24-11"]
    RollCall.update(day="2020-01-01").execute()
    assert roll_call.of(ada).arrived_at is None
    assert roll_call.day_begins("2027-02-25").hour == 23


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("HERE 482715", ("arrived", "482715")),
        ("I am here, PIN: 482715.", ("arrived", "482715")),
        ("Polls opened 4821", ("opened", "4821")),
        ("polls are closed pin 482715", ("closed", "482715")),
        ("here", ("arrived", "")),
        ("HERE 482 715", ("arrived", "482715")),
        ("here pin 482-715", ("arrived", "482715")),
        ("482715 HERE", ("arrived", "482715")),
        ("HERE482715", ("arrived", "482715")),
        ("I’m at my polling unit. 482 715", ("arrived", "482715")),
        ("Good morning sir, I am here 482715 thank you", ("arrived", "482715")),
        ("HERE 24-11-02-001 482715", ("arrived", "482715")),
        ("HERE 24 11 02 001 PIN NO 482 715", ("arrived", "482715")),
        ("We have arrived and polls have opened 482715", ("opened", "482715")),
        ("Polls don close, pin is 4821 abeg", ("closed", "4821")),
        ("Voting has started 482715", ("opened", "482715")),
        ("Polls not opened yet 482715", ("", "482715")),
        ("polls don't open 482715", ("", "482715")),
        ("HERE 482715 482716", None),
        ("I am here, call 08035550001", None),
        ("Please open the door", None),
        ("Here 24-11-02-001 ACC 212 LP 120", None),
        ("The polls opened late and closed 1200", None),
        ("he re 482715", None),
    ],
)
def test_words_of_the_roll_call(text: str, found: tuple[str, str] | None) -> None:
    assert roll_call.meant(text) == found


@pytest.mark.both
@pytest.mark.slow
def test_the_commands_import_and_make_pins_in_steps(
    world: None, tmp_path: Path, cli: Callable[..., Result]
) -> None:
    path, out = tmp_path / "agents.csv", tmp_path / "pins.csv"
    path.write_text(GOOD)
    assert "Would make 2 new agents" in cli("agents", "import", str(path), "--dry-run").output
    assert "Made 2 new agents" in cli("agents", "import", str(path)).output
    assert "Made 2 PINs" in cli("agents", "pins", str(out), "--area", "24").output
    lines = out.read_text().splitlines()
    assert lines[0] == "lga,polling_unit,name,phone,pin"
    assert out.stat().st_mode & 0o077 == 0
    ada = agents.by_phone("+2348035550001")
    assert ada is not None
    pin = lines[1].rsplit(",", 1)[1].replace(" ", "")
    assert pins.may_sign_in(ada, pin).verdict == "right"
    assert "Made 0 PINs" in cli("agents", "pins", str(out)).output
    assert "Made 2 PINs" in cli("agents", "pins", str(out), "--anew").output
    assert pins.may_sign_in(ada, pin).verdict == "wrong"
    assert "no area" in cli("agents", "pins", str(out), "--area", "Lagos").output


def test_a_day_that_is_none_is_told(app: Flask) -> None:
    with pytest.raises(Exception, match="2027-02-25"):
        roll_call.day_begins("yesterday")
    with pytest.raises(Exception, match="Choose one of"):
        roll_call.missing("x", roll_call.today())
    assert roll_call.day_begins(roll_call.today()) + timedelta(days=1) > roll_call.day_begins(
        roll_call.today()
    )
