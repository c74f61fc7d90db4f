"""Files as people have them become clean contacts; bad rows are listed and stop nothing."""

import csv
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import wait_for

from obidient import areas, database
from obidient.areas import Area
from obidient.contacts import export, imports, optout_import, suppression
from obidient.contacts.columns import assign, recognise
from obidient.contacts.csvfile import CsvFile
from obidient.contacts.models import Contact, ContactList, ContactListMember, ContactTag, Tag
from obidient.contacts.phones import mask, normalise
from obidient.errors import Invalid
from obidient.jobs import Job

ROOT = Path(__file__).parents[2]
Cli = Callable[..., Result]


def write(tmp_path: Path, text: str, encoding: str = "utf-8", name: str = "c.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


# ---- phone numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_as",
    ["08035550001", "8035550001", "2348035550001", "+2348035550001", "002348035550001"]
    + ["0803 555 0001", "0803-555-0001", "(0803) 555.0001", "+234 (0) 803 555 0001"]
    + ["tel:+2348035550001", "'08035550001", "8.035550001E+09", "8035550001.0", "2348035550001.0"],
)
def test_every_usual_writing_of_a_number_is_understood(given_as: str) -> None:
    assert normalise(given_as) == "+2348035550001"


@pytest.mark.parametrize(
    ("given_as", "word"),
    [("", "no phone number"), ("8.03E+09", "Excel has shortened"), ("O8035550001", "letters")]
    + [("08035550001, 08035550002", "several numbers"), ("12345", "No such number")]
    + [("0803555000", "missing, extra or swapped"), ("hello", "letters"), ("9" * 60, "too long")],
)
def test_a_wrong_number_says_what_to_do(given_as: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        normalise(given_as)


@settings(max_examples=500, deadline=None)
@given(st.from_regex(r"0?[1-9][0-9]{6,10}", fullmatch=True))
def test_the_fast_path_agrees_with_the_library(digits: str) -> None:
    try:
        ours = normalise(digits)
    except ValueError:
        ours = None
    number = phonenumbers.parse(digits, "NG")
    valid = phonenumbers.is_valid_number(number)
    theirs = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert ours == (theirs if valid else None)


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_a_sentence(text: str) -> None:
    try:
        assert normalise(text).startswith("+")
    except ValueError as error:
        assert str(error).endswith(".")


def test_a_masked_number_hides_its_middle() -> None:
    assert mask("+2348035550001") == "+234803•••01"


# ---- areas --------------------------------------------------------------------------------------


def test_all_states_and_lgas_are_there() -> None:
    assert (len(areas.STATES), len(areas.LGAS)) == (37, 774)


@pytest.mark.parametrize(
    ("text", "code"),
    [("Lagos", "24"), ("lagos state", "24"), ("24", "24"), ("3", "03"), ("FCT", "37")]
    + [("Abuja", "37"), ("AKWA-IBOM", "03"), ("Akwa Ibom", "03"), ("Atlantis", None)],
)
def test_states_are_found_by_name_or_code(text: str, code: str | None) -> None:
    assert areas.find_state(text) == code


def test_a_name_of_two_lgas_is_refused_unless_its_state_is_known() -> None:
    with pytest.raises(areas.Ambiguous, match="write"):
        areas.find_lga("Surulere")
    assert areas.find_lga("Surulere", "24") == areas.resolve_lga("Lagos/Surulere")
    assert areas.resolve_lga("Oyo/Surulere") != areas.resolve_lga("Lagos/Surulere")


@pytest.mark.parametrize(
    ("text", "code"),
    [("Abaji Area Council", "37-01"), ("AMAC", "37-06"), ("Municipal", "37-06")]
    + [("Abuja Municipal Area Council", "37-06"), ("Ikeja Local Government Area", "24-11")],
)
def test_lgas_are_found_by_the_names_people_give_them(text: str, code: str) -> None:
    assert areas.find_lga(text) == code


# ---- files --------------------------------------------------------------------------------------

HEADER = "Phone Number,First name,Surname,State,LGA,Tags\n"
ROW = "08035550001,Ṣadé,Òkè,Lagos,Ikeja,youth;women\n"


@pytest.mark.both
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_file_in_any_usual_form_is_read(
    app: Flask, tmp_path: Path, encoding: str, end: str, delimiter: str
) -> None:
    text = (HEADER + ROW.replace("youth;women", "youth|women")).replace("\n", end)
    report = imports.run(write(tmp_path, text.replace(",", delimiter), encoding))
    assert (report.rows, report.new, report.bad) == (1, 1, 0)
    contact = Contact.get()
    assert (contact.phone, contact.first_name) == ("+2348035550001", "Ṣadé")
    assert (contact.state_code, contact.lga_code) == ("24", areas.find_lga("Ikeja"))
    assert {tag.name for tag in Tag.select()} == {"youth", "women"}


def test_a_windows_file_keeps_its_accents(app: Flask, tmp_path: Path) -> None:
    imports.run(write(tmp_path, "phone,first_name\n08035550001,Renée\n", "cp1252"))
    assert Contact.get().first_name == "Renée"


def test_a_quoted_cell_may_hold_line_breaks_and_later_lines_keep_their_numbers(
    app: Flask, tmp_path: Path
) -> None:
    text = 'phone,ward\n08035550001,"Ward\nof two lines"\n\nnonsense,x\n'
    report = imports.run(write(tmp_path, text))
    assert Contact.get().ward_name == "Ward of two lines"
    assert [item["line"] for item in report.errors] == [5]


def test_missing_and_extra_columns_do_no_harm(app: Flask, tmp_path: Path) -> None:
    text = "GSM,nickname,State\n08035550001\n08035550002,x,Kano,too,many\n"
    report = imports.run(write(tmp_path, text))
    assert (report.new, report.bad) == (2, 0)


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"PK\x03\x04abc", "damaged or cut off"), (b"%PDF-1.4", "PDF")]
    + [(b"name,age\nx,1\n", "No column is named like a phone"), (b"a\x00b", "not a text file")]
    + [(b'"phone,name\n08035550001,x\n', "quotes of the first line")],
)
def test_what_is_no_such_file_is_refused_with_what_to_do(
    app: Flask, tmp_path: Path, content: bytes, word: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=word):
        imports.run(path)


def test_an_unclosed_quote_is_reported_and_does_not_swallow_the_file(
    app: Flask, tmp_path: Path
) -> None:
    rest = "".join(f"0803555{n:04d},x\n" for n in range(4000))
    report = imports.run(write(tmp_path, f'phone,first_name\n08035559999,"open\n{rest}'))
    assert [(item["line"], item["problem"][:10]) for item in report.errors] == [(2, "The quotes")]
    assert report.new == 4000


def test_a_quote_that_another_lines_quote_closes_swallows_nobody(
    app: Flask, tmp_path: Path
) -> None:
    text = 'phone,first_name,last_name\n08035550001,"Chidi,Obi\n08035550002,Ada,Eze\n'
    text += '08035550003,"Ngozi",Okoro\n08035550004,"Bayo" Ade,Bello\n'
    report = imports.run(write(tmp_path, text))
    assert [item["line"] for item in report.errors] == [2]
    assert [row.first_name for row in Contact.select().order_by(Contact.phone)] == [
        "Ada",
        "Ngozi",
        "Bayo Ade",
    ]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("phone,first_name\n08035550001,Ṣadé Òkè\n08035550002,Ṣ".encode()[:-1], "Ṣadé Òkè"),
        (b"\xef\xbb\xbfphone,first_name\n08035550001,Ren\xe9e\n", "Ren\N{REPLACEMENT CHARACTER}e"),
        ("phone,first_name\n08035550001,“Renée”\n".encode("cp1252"), "“Renée”"),
    ],
    ids=["cut off in a letter", "marked, with one wrong byte", "Windows with curly quotes"],
)
def test_a_damaged_letter_does_not_garble_all_the_others(
    app: Flask, tmp_path: Path, content: bytes, name: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    imports.run(path)
    assert Contact.get(Contact.phone == "+2348035550001").first_name in (name, name.split()[0])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
            min_size=3,
            max_size=3,
        ),
        max_size=8,
    ),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_read_back(
    tmp_path: Path, rows: list[list[str]], delimiter: str, end: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(["phone", "b", "c"])
    writer.writerows(rows)
    _, *found = [row.cells for row in CsvFile(write(tmp_path, text.getvalue()))]
    assert found == [row for row in rows if any(cell.strip() for cell in row)]


def test_what_a_person_adds_to_an_import_is_checked_first(app: Flask, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + ROW)
    for more in ({"list_name": "x" * 101}, {"tags": ("x" * 300,)}, {"problems": path / "x.csv"}):
        with pytest.raises(Invalid):
            imports.run(path, **more)  # type: ignore[arg-type]
    assert Contact.select().count() == 0


def test_columns_are_recognised_and_can_be_mapped() -> None:
    header = ["S/N", "Mobile No.", "Surname", "Local Government Area", "PU Code", "Whatsapp"]
    found = recognise(header)
    assert found.phones == [1, 5]
    assert found.fields == {"last_name": 2, "lga": 3, "polling_unit": 4}
    assert assign(header, {"phone": "whatsapp"}).phones == [5, 1]
    with pytest.raises(Invalid, match="no column"):
        assign(header, {"phone": "Landline"})


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
    command = [sys.executable, "-m", "obidient", "contacts", "import", str(path)]
    child = subprocess.Popen(command, env=dict(os.environ) | environ, cwd=ROOT)
    wait_for(lambda: Contact.select().count() > 2_000, what="the first batches")
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert Contact.select().count() < 40_000
    assert subprocess.run(command, env=dict(os.environ) | environ, cwd=ROOT).returncode == 0
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

    wait_for(done, 30, "the import")
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


@pytest.mark.parametrize("start", ["sep=;\r\n", '"sep=;"\r\n'])
def test_excels_own_first_line_names_the_delimiter(app: Flask, tmp_path: Path, start: str) -> None:
    text = start + "Phone;Surname\r\n08035550001;Obi, Eze\r\n12;Bad\r\n"
    report = imports.run(write(tmp_path, text, "utf-8-sig"))
    assert (report.new, report.bad, report.errors[0]["line"]) == (1, 1, 4)
    assert Contact.get().last_name == "Obi, Eze"


def test_utf_16_without_its_mark_is_read(app: Flask, tmp_path: Path) -> None:
    imports.run(write(tmp_path, "phone\tsurname\r\n08035550001\tÒkè\r\n", "utf-16-le"))
    assert Contact.get().last_name == "Òkè"


@pytest.mark.both
def test_opt_outs_of_an_excel_file_are_read(app: Flask) -> None:
    body = "Name;Phone\r\nAda;08035550001\r\n".encode("utf-16")
    assert str(optout_import.run(optout_import.decoded(body))).startswith("1 added")
    assert suppression.suppressed(["+2348035550001"], "sms")


@pytest.mark.both
def test_an_export_is_read_again_and_holds_no_formula(app: Flask, tmp_path: Path) -> None:
    imports.run(write(tmp_path, HEADER + ROW.replace("Òkè", '=cmd|"/c calc"!A1')))
    Contact.create(phone="+2348035550002", last_name="@SUM(1)", full_name="-2+3")
    text = "".join(export.as_csv(Contact.select(), ""))
    cells = [cell for row in csv.reader(io.StringIO(text[1:])) for cell in row]
    assert [cell for cell in cells if cell[:1] in "=@-\t\r" and cell] == []
    before = {row.phone: (row.state_code, row.lga_code) for row in Contact.select()}
    again = imports.run(write(tmp_path, text))
    assert (again.new, again.updated, again.bad) == (0, 2, 0)
    assert {row.phone: (row.state_code, row.lga_code) for row in Contact.select()} == before
    found = "".join(export.as_csv(Contact.select(), "0803555"))
    assert found.count("+2348035550") == 2
