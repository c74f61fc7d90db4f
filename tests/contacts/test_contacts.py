"""Rows become clean contacts: merged, survived by kills, imported by command and API."""

import csv
import io
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from contact_files import HEADER, ROW, write
from flask import Flask
from flask.testing import FlaskClient
from servers import process, run, wait_for

from obidient import areas, database
from obidient.areas import Area
from obidient.contacts import imports, suppression
from obidient.contacts.models import Contact, ContactList, ContactListMember, ContactTag, Tag
from obidient.jobs import Job

ROOT = Path(__file__).parents[2]


Cli = Callable[..., Result]


# ---- merging ------------------------------------------------------------------------------------


@pytest.mark.both
def test_the_same_number_twice_is_one_contact_and_newer_words_win(
    app: Flask, tmp_path: Path
) -> None:
    first = "phone,first_name,last_name,tags\n08035550001,Ada,Obi,a\n+2348035550001,Adaeze,,b\n"
    report = imports.run(write(tmp_path, first), tags=("all",))
    assert (report.new, report.duplicates) == (1, 1)
    second = imports.run(write(tmp_path, "phone,first_name,state\n8035550001,,Kano\n"))
    assert (second.new, second.updated) == (0, 1)
    contact = Contact.get()
    assert (contact.first_name, contact.last_name) == ("Adaeze", "Obi")
    assert contact.state_code == areas.find_state("Kano")
    assert ContactTag.select().count() == 3


@pytest.mark.both
def test_a_dry_run_tells_the_same_and_changes_nothing(app: Flask, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + ROW + "08035550002,,,,,\nbad,,,,,\n")
    dry = imports.run(path, dry_run=True, list_name="L")
    assert Contact.select().count() == ContactList.select().count() == Tag.select().count() == 0
    real = imports.run(path, list_name="L")
    assert (dry.rows, dry.new, dry.bad) == (real.rows, real.new, real.bad) == (3, 2, 1)
    assert ContactListMember.select().count() == 2


@pytest.mark.both
def test_a_place_that_nobody_knows_never_drops_the_person(app: Flask, tmp_path: Path) -> None:
    Area.create(code="24-11-02", parent="24-11", level="ward", name="Ward Two")
    Area.create(code="24-11-02-017", parent="24-11-02", level="unit", name="Town Hall")
    text = (
        "phone,state,lga,ward,polling_unit\n"
        "08035550001,,,,24-11-02-017\n"
        "08035550002,,,,24/11/02/999\n"
        "08035550003,Atlantis,,,\n"
        "08035550004,,24-11,ward two,town hall\n"
        "08035550005,,Surulere,,\n"
    )
    report = imports.run(write(tmp_path, text))
    assert (report.new, report.bad, report.flagged) == (5, 0, 3)
    by_phone = {row.phone[-1]: row for row in Contact.select()}
    assert (by_phone["1"].lga_code, by_phone["1"].area_flag) == ("24-11", False)
    assert (by_phone["2"].polling_unit_code, by_phone["2"].area_flag) == ("24-11-02-999", True)
    assert by_phone["4"].polling_unit_code == "24-11-02-017"
    assert by_phone["5"].lga_code is None


def test_the_file_of_problems_is_safe_to_open_in_a_spreadsheet(app: Flask, tmp_path: Path) -> None:
    problems = tmp_path / "problems.csv"
    imports.run(write(tmp_path, 'phone\n"=HYPERLINK(""x"")"\n'), problems=problems)
    with problems.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "value", "problem"]
    assert rows[1][1].startswith("'=")


# ---- faults -------------------------------------------------------------------------------------


def many(tmp_path: Path, number: int, start: int = 0) -> Path:
    rows = "".join(f"0803{n:07d},Ada{n},tag{n % 7}\n" for n in range(start, start + number))
    return write(tmp_path, "phone,first_name,tags\n" + rows, name=f"{start}.csv")


@pytest.mark.both
@pytest.mark.slow
def test_an_import_killed_half_way_and_run_again_ends_right(
    app: Flask, environ: dict[str, str], tmp_path: Path
) -> None:
    path = many(tmp_path, 40_000)
    command = ("obidient", "contacts", "import", str(path))
    with process(*command, environ=environ, cwd=ROOT) as child:
        wait_for(lambda: Contact.select().count() > 2_000, what="the first batches")
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert Contact.select().count() < 40_000
    assert run(*command, environ=environ)[0] == 0
    assert Contact.select().count() == 40_000
    assert ContactTag.select().count() == 40_000


@pytest.mark.both
@pytest.mark.slow
def test_two_imports_of_the_same_people_at_once_do_not_hurt_each_other(
    app: Flask, tmp_path: Path
) -> None:
    files = [many(tmp_path, 12_000), many(tmp_path, 12_000, 4_000)]
    failures: list[BaseException] = []

    def run(path: Path) -> None:
        with app.app_context():
            try:
                imports.run(path)
            except BaseException as error:
                failures.append(error)
            finally:
                database.release()

    threads = [threading.Thread(target=run, args=(path,)) for path in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    assert Contact.select().count() == 16_000


# ---- the command and the API --------------------------------------------------------------------


def test_the_command_says_what_happened(cli: Cli, app: Flask, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + ROW + "12,,,,,\n")
    result = cli("contacts", "import", str(path))
    assert result.exit_code == 0
    assert "1 new contacts added" in result.output
    assert "line 3: '12'" in result.output


@pytest.mark.slow
def test_a_file_without_one_good_row_is_exit_code_1(cli: Cli, app: Flask, tmp_path: Path) -> None:
    assert cli("contacts", "import", str(write(tmp_path, "phone\nx\n"))).exit_code == 1


@pytest.mark.both
@pytest.mark.slow
def test_an_upload_becomes_a_job_that_can_be_followed(
    client: FlaskClient,
    auth: Callable[..., dict[str, str]],
    worker: Callable[..., object],
) -> None:
    worker("maintenance")
    headers = auth("organiser")
    form: dict[str, Any] = {"file": (io.BytesIO((HEADER + ROW + "12,,,,,\n").encode()), "c.csv")}
    started = client.post("/api/contacts/import", data=form, headers=headers)
    assert started.status_code == 202
    path = f"/api/jobs/{started.get_json()['id']}"

    def done() -> bool:
        database.release()
        return client.get(path, headers=headers).get_json()["status"] == "done"

    wait_for(done, what="the import")
    job = client.get(path, headers=headers).get_json()
    assert (job["progress"], job["report"]["new"], job["report"]["bad"]) == (1.0, 1, 1)
    problems = client.get(job["errorsUrl"], headers=headers)
    assert "12" in problems.text
    assert client.get(path, headers=auth("organiser")).status_code == 404


def test_an_upload_without_a_token_is_refused_before_it_is_read(client: FlaskClient) -> None:
    form = {"file": (io.BytesIO(b"x" * 100_000), "c.csv")}
    assert client.post("/api/contacts/import", data=form).status_code == 401


# ---- suppressions -------------------------------------------------------------------------------


@pytest.mark.both
def test_a_suppressed_number_stays_so_until_lifted(app: Flask) -> None:
    phone = "+2348035550001"
    assert suppression.suppress(phone, "sms", "stop-reply")
    assert not suppression.suppress(phone, "sms", "manual")
    assert suppression.suppressed([phone, "+2348035550002"], "sms") == {phone}
    assert suppression.suppressed([phone], "voice") == set()
    assert suppression.lift(phone, "sms")
    assert suppression.suppressed([phone], "sms") == set()
    assert suppression.suppress(phone, source="manual")
    assert suppression.suppressed([phone], "voice") == {phone}


@pytest.mark.parametrize("name", ["9", "true", "null", '{"a": 1}'])
def test_a_list_may_have_a_name_that_looks_like_json(
    name: str, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    form = {"file": (io.BytesIO(b"phone\n08035550001\n"), "a.csv")}
    answer = client.post(
        "/api/contacts/import", data=form, query_string={"list": name}, headers=auth("organiser")
    )
    assert answer.status_code == 202, answer.text
    assert Job.get_by_id(answer.json["id"]).params["list"] == name
