"""Files as people have them are read; bad rows are listed and stop nothing."""

import csv
import io
from pathlib import Path

import pytest
from contact_files import HEADER, ROW, write
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obidient import areas
from obidient.contacts import export, imports, optout_import, suppression
from obidient.contacts.columns import assign, recognise
from obidient.contacts.csvfile import CsvFile, as_meant
from obidient.contacts.models import Contact, Tag
from obidient.errors import Invalid


@pytest.mark.both
@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    for kind in ("place", "lga"):
        with pytest.raises(Invalid, match=f"Several columns are chosen as {kind}"):
            assign(header, {"#3": kind, "#4": kind})


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_line_of_open_quotes_costs_no_more_than_its_length() -> None:
    """48,000 letters of these took two minutes."""
    assert as_meant('"a,' * 100_000 + "b", ",") == ["a"] * 100_000 + ["b"]


def test_empty_cells_after_a_quoted_one_stay_where_they_are() -> None:
    assert as_meant('"Ada "Baby" Obi"\t\t"x"', "\t") == ['Ada "Baby" Obi', "", "x"]
