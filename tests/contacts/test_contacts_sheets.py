"""Workbooks of several sheets, and of formulas: nothing is left out without a word."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from admin_people import Person, sign_in
from flask import Flask
from test_contacts_lists import names, phones, write
from test_contacts_pages import finish, upload

from obidient.contacts import imports
from obidient.contacts.formulas import constant
from obidient.contacts.lists import ListFile, Reading
from obidient.contacts.models import Contact
from obidient.errors import Invalid

__all__ = ["sign_in"]

TITLES = ("Name", "Phone", "Occupation")
BY_LGA = {
    "README": [("How this list was made",), ("by the ward team",)],
    "Ikeja": [TITLES, ("Ada Obi", "08035550101", "Trader"), ("Bad", "12", "")],
    "Epe": [("EPE TEAM",), ("phone", "NAME"), ("08035550102", "Musa Bello")],
    "Old": [TITLES, ("Gone", "08035550109", "")],
    "Later": [],
    "Halls": [("Hall", "Keeper's GSM"), ("Town hall", "08035550108")],
}


def workbook(tmp_path: Path, sheets: dict[str, Any], hidden: tuple[str, ...] = ("Old",)) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        sheet.sheet_state = "hidden" if title in hidden else "visible"
        for row in rows:
            sheet.append(row)
    path = tmp_path / "book.xlsx"
    book.save(path)
    return path


def test_each_sheet_says_what_is_on_it_and_whether_it_is_read(app: Flask, tmp_path: Path) -> None:
    with ListFile(workbook(tmp_path, BY_LGA)) as file:
        assert file.read == ["Ikeja"]
        found = {one["name"]: (one["state"], one["hidden"]) for one in file.sheets()}
    assert found == {
        "README": ("nobody", False),
        "Ikeja": ("read", False),
        "Epe": ("same", False),
        "Later": ("empty", False),
        "Halls": ("other", False),
        "Old": ("same", True),
    }


def test_what_is_not_read_is_said_after_the_import(app: Flask, tmp_path: Path) -> None:
    report = imports.run(workbook(tmp_path, BY_LGA))
    assert report.understood["unread"] == ["README", "Epe", "Later", "Halls", "Old (hidden)"]
    assert phones() == ["0101"]


@pytest.mark.parametrize("said", ["Ikeja/Epe", "*"])
def test_sheets_with_the_same_titles_in_any_order_are_one_list(
    app: Flask, tmp_path: Path, said: str
) -> None:
    report = imports.run(workbook(tmp_path, BY_LGA), reading=Reading(sheet=said))
    assert (report.new, report.understood["read"]) == (2, ["Ikeja", "Epe"])
    assert (phones(), names()) == (["0101", "0102"], [("Ada", "Obi"), ("Musa", "Bello")])
    # The names of the sheets are LGAs, and no column says another one.
    assert [row.lga_code for row in Contact.select().order_by(Contact.phone)] == ["24-11", "24-07"]
    assert report.errors[0].items() >= {"line": 3, "sheet": "Ikeja", "value": "12"}.items()


def test_people_on_two_sheets_are_told_by_sheet_and_line(app: Flask, tmp_path: Path) -> None:
    people = {
        "Team A": [TITLES, ("Ada Obi", "08035550101", "")],
        "Team B": [TITLES, ("Bola Ige", "08035550102", ""), ("Ada Eze", "08035550101", "")],
    }
    problems = tmp_path / "problems.csv"
    report = imports.run(workbook(tmp_path, people), reading=Reading(sheet="*"), problems=problems)
    assert report.met[0].items() >= {
        "line": 3, "sheet": "Team B", "earlier": 2, "earlierSheet": "Team A",
    }.items()  # fmt: skip
    assert "3 of sheet Team B" in problems.read_text("utf-8-sig")
    assert (Contact.select().order_by(Contact.phone).get().fields or {})["sheet"] == "Team B"


def test_sheets_of_different_titles_are_not_mixed(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="sheets Ikeja and Halls have different titles: Name, Phone"):
        imports.run(workbook(tmp_path, BY_LGA), reading=Reading(sheet="Ikeja/Halls"))
    assert not Contact.select().exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ods", "xls"])
def test_sheets_of_other_workbooks_are_chosen_alike(app: Flask, tmp_path: Path, kind: str) -> None:
    file = Path(__file__).parents[1] / "data" / "lists" / "libreoffice" / f"sheets.{kind}"
    with ListFile(file) as found:
        told = {one["name"]: (one["state"], one["hidden"]) for one in found.sheets()}
    assert told["Ikeja"] == ("same", False)
    assert told["Old"][1]
    imports.run(file, reading=Reading(sheet="*"))
    assert Contact.select().count() == 2


XML = (
    '<?xml version="1.0"?><Workbook xmlns:ss="x"><Worksheet ss:Name="Ikeja"><Table><Row><Cell>'
    "<Data>Phone</Data></Cell></Row><Row><Cell><Data>08035550101</Data></Cell></Row></Table></Worksheet>"
    '<Worksheet ss:Name="Epe"><Table><Row><Cell><Data>Phone</Data></Cell></Row><Row><Cell><Data>'
    "08035550102</Data></Cell></Row></Table></Worksheet></Workbook>"
)
JSON = '{"Ikeja": [{"Phone": "08035550101"}], "Epe": [{"Phone": "08035550102"}], "count": 2}'


@pytest.mark.parametrize("content", [XML, JSON], ids=["xml", "json"])
def test_tables_of_other_files_are_told_and_read_together(
    app: Flask, tmp_path: Path, content: str
) -> None:
    path = write(tmp_path, content)
    assert imports.run(path).understood["unread"] == ["Epe"]
    report = imports.run(path, reading=Reading(sheet="*"))
    assert (report.rows, phones()) == (2, ["0101", "0102"])


@pytest.mark.parametrize("content", [XML, JSON], ids=["xml", "json"])
def test_a_stroke_in_the_name_of_a_table_parts_no_names(
    app: Flask, tmp_path: Path, content: str
) -> None:
    named = content.replace("Ikeja", "2023/24").replace("Epe", "2023-24")
    with ListFile(write(tmp_path, named), Reading(sheet="2023-24/2023-24 2")) as file:
        assert file.read == ["2023-24", "2023-24 2"]
        assert len(list(file)) == 2


def test_whoever_names_no_sheet_is_asked_for_one(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"Name a sheet\. There are: Ikeja, Epe"):
        imports.run(write(tmp_path, JSON), reading=Reading(sheet="/"))


# ---- formulas -----------------------------------------------------------------------------------

WITH_FORMULAS = {
    "People": [
        ("Name", "Phone", "Occupation"),
        ("Ada", '="08035550101"', "Trader"),
        ("Musa", '=HYPERLINK("tel:+2348035550102","Call")', "=C2"),
        ("Ngozi", '=CONCATENATE("0","8035550103")', "=C2"),
        ("", '=CONCATENATE("0","8035550104")', ""),
        ("Bola", "08035550105", '=IF(C2="","",C2)'),
    ]
}


def test_formulas_whose_results_a_file_does_not_hold_are_told(app: Flask, tmp_path: Path) -> None:
    report = imports.run(workbook(tmp_path, WITH_FORMULAS))
    assert phones() == ["0101", "0102", "0105"]
    assert report.unsolved == [{"title": "Phone", "count": 2}, {"title": "Occupation", "count": 3}]
    assert [(one["line"], one["problem"]) for one in report.errors] == [
        (4, imports.UNSOLVED),
        (5, imports.UNSOLVED),
    ]
    told = imports.preview(workbook(tmp_path, WITH_FORMULAS))
    assert told["unsolved"] == report.unsolved


def test_a_list_of_nothing_but_formulas_is_not_taken_for_an_empty_one(
    app: Flask, tmp_path: Path
) -> None:
    rows = [("Name", "Phone")] + [("=A1", f"=B{n}") for n in range(2, 5)]
    report = imports.run(workbook(tmp_path, {"Read me": [("How to",)], "People": rows}))
    assert (report.new, report.bad, report.understood["read"]) == (0, 3, ["People"])
    assert report.unsolved[1] == {"title": "Phone", "count": 3}


def test_a_nought_in_place_of_a_result_is_no_number(app: Flask, tmp_path: Path) -> None:
    """XlsxWriter writes one for every formula."""
    path = workbook(tmp_path, {"People": [("Phone", "Children"), ("=B1", "=C1")]})
    rewritten(path, rb"<v ?/>", b"<v>0</v>")
    report = imports.run(path)
    assert (report.bad, report.errors[0]["problem"]) == (1, imports.UNSOLVED)
    assert report.unsolved == [{"title": "Phone", "count": 1}]


def rewritten(path: Path, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, re.sub(old, new, content))


def test_formulas_of_opendocument_are_told_too(app: Flask, tmp_path: Path) -> None:
    content = "".join(
        f"<table:table-row>{row}</table:table-row>"
        for row in (
            "<table:table-cell/><table:table-cell office:value-type='string'><text:p>Phone</text:p>"
            "</table:table-cell>",
            "<table:table-cell/><table:table-cell office:value-type='string'>"
            "<text:p>08035550101</text:p></table:table-cell>",
            "<table:table-cell/><table:table-cell table:formula='of:=[.A1]'/>",
            "<table:table-cell/><table:table-cell table:formula='of:=&quot;08035550102&quot;'/>",
        )
    )
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    path = tmp_path / "book.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f"<table:table table:name='People'>{content}</table:table>"
            "</office:spreadsheet></office:body></office:document-content>",
        )
    report = imports.run(path)
    assert phones() == ["0101", "0102"]
    assert (report.unsolved, report.errors[0]["line"]) == ([{"title": "Phone", "count": 1}], 3)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ('="08035550101"', "08035550101"),
        ('=T("08035550101")', "08035550101"),
        ("=+2348035550101", "+2348035550101"),
        ('=HYPERLINK("tel:08035550101")', "08035550101"),
        ('=HYPERLINK("https://wa.me/2348035550101";"Chat")', "2348035550101"),
        ('=HYPERLINK("mailto:a@example.org","Ada ""A"" Obi")', 'Ada "A" Obi'),
        ('of:="0803"', "0803"),
        ('="a")', None),
        ('=T("a"', None),
        ("=A1", None),
        ('="0"&"8035550101"', None),
        ("=2348035550101-1", None),
        ('=cmd|"/c calc"!A1', None),
    ],
)
def test_only_a_constant_is_read_from_a_formula(formula: str, value: str | None) -> None:
    assert constant(formula) == value


def test_a_text_file_may_hold_constants_as_formulas(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        'Name,Phone\n="Ada Obi",="08035550101"\n'
        '"=""Musa, Bello""","=HYPERLINK(""tel:08035550102"",""Call"")"\n'
    )
    assert imports.run(path).new == 2
    assert names()[0] == ("Ada", "Obi")


# ---- on screen ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_sheets_are_chosen_on_the_page_and_read_together(
    app: Flask, tmp_path: Path, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    url = upload(admin, workbook(tmp_path, BY_LGA).read_bytes(), "people.xlsx")
    page = admin.get(url)
    assert "Ikeja is read; Epe has the same titles." in re.sub("<[^>]+>", "", page)
    assert "not read, other titles: Hall, Keeper" in re.sub("<[^>]+>", "", page)
    form = {"sheet": ["Ikeja", "Epe"], "was-sheet": "Ikeja", "column-2": "phone"}
    # The columns that were looked at are those of one sheet.
    assert "Look at its columns again" in admin.post(url, go="now", **form)
    assert not Contact.select().exists()
    # On one sheet the titles are on another line; what nobody said of them is found out.
    both = {**form, "was-sheet": "Ikeja/Epe", "titles": "1", "was-titles": "1"}
    assert "Look at its columns again" in admin.post(url, go="now", **{**both, "titles": "2"})
    page = admin.post(url, go="now", **both)
    job = finish()
    assert job.report["new"] == 2
    page = admin.get(f"/admin/import/jobs/{job.id}")
    assert "sheets Ikeja, Epe" in page
    assert "Not read:" in page
