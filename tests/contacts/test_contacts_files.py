"""Files as programs write them: workbooks, phone books, exports; and what can't be read."""

import re
import zipfile
from pathlib import Path

import orjson
import pytest
from flask import Flask
from test_contacts_lists import ONE, further, names, phones, write

from obidient.contacts import imports, markup
from obidient.contacts.lists import Reading
from obidient.contacts.markup import Table
from obidient.contacts.models import Contact, Tag
from obidient.errors import Invalid

LISTS = Path(__file__).parents[1] / "data" / "lists"


def test_a_google_export_is_read(app: Flask) -> None:
    report = imports.run(LISTS / "google.csv")
    assert (report.new, report.bad, phones()) == (2, 0, ["0501", "0503"])
    assert further() == {"0502", "5678"}
    assert {tag.name for tag in Tag.select()} == {"ward team"}


def test_a_workbook_is_read_on_the_sheet_with_people(app: Flask) -> None:
    report = imports.run(LISTS / "people.xlsx")
    assert (report.new, report.bad) == (4, 0)
    assert report.understood["sheet"] == "People"
    assert phones() == ["0101", "0102", "0103", "0104"]
    assert names()[:2] == [("Ada", "Obi"), ("Bola", "Obi")]
    first = Contact.select().order_by(Contact.phone).get()
    assert first.fields == {"date_of_birth": "1990-03-01", "children": "0", "card": "yes"}
    with pytest.raises(Invalid, match=r"no sheet 'Other'"):
        imports.run(LISTS / "people.xlsx", reading=Reading(sheet="Other"))


@pytest.mark.parametrize("said", [b"", b'<dimension ref="A1"/>'], ids=["no size", "a wrong size"])
def test_a_sheet_is_read_whole_whatever_it_says_of_its_size(
    app: Flask, tmp_path: Path, said: bytes
) -> None:
    path = tmp_path / "people.xlsx"
    with (
        zipfile.ZipFile(LISTS / "people.xlsx") as whole,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for part in whole.infolist():
            made.writestr(part, re.sub(rb"<dimension [^>]*/>", said, whole.read(part)))
    report = imports.run(path)
    assert (report.new, report.bad, phones()) == (4, 0, ["0101", "0102", "0103", "0104"])


@pytest.mark.parametrize("line", [b"0", b"1048577", b"9999999999"])
def test_a_line_that_no_sheet_has_is_refused(app: Flask, tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "people.xlsx"
    with zipfile.ZipFile(LISTS / "people.xlsx") as whole, zipfile.ZipFile(path, "w") as made:
        for part in whole.infolist():
            made.writestr(part, re.sub(rb'<row r="7"', b'<row r="%s"' % line, whole.read(part)))
    with pytest.raises(Invalid, match="no line of a sheet"):
        imports.run(path, reading=Reading(sheet="People"))


@pytest.mark.parametrize(
    "file",
    ["saved.xlsx", "utf-8.csv", "macintosh.csv", "dos-437.csv", "dos-850.csv", "unicode-text.txt"]
    + ["table.html", "saved.xls", "saved.ods"],
)
def test_a_list_saved_by_libreoffice_is_read_in_each_of_its_ways(app: Flask, file: str) -> None:
    report = imports.run(LISTS / "libreoffice" / file)
    assert (report.new, report.understood["headings"]) == (4, ["LAGOS STATE SUPPORTERS"])
    assert phones() == ["0001", "0002", "0003", "0004"]
    assert further() == {"0014"}
    assert names() == [("Ada", "Obi"), ("René", "Adébáyo"), ("Ike", "Eze"), ("Ngozi", "Núñez")]
    people = list(Contact.select().order_by(Contact.phone))
    assert people[0].fields == {"joined": "2026-11-02", "meeting_place": "Town hall, Opebi"}
    assert people[1].fields["meeting_place"] == 'Café "Chez Ada"'


@pytest.mark.parametrize("kind", ["xls", "ods"])
def test_a_person_may_choose_the_sheet_of_any_workbook(app: Flask, kind: str) -> None:
    file = LISTS / "libreoffice" / f"sheets.{kind}"
    report = imports.run(file, dry_run=True)
    assert (report.understood["kind"], report.understood["sheet"]) == (kind, "Epe")
    # "Old" is hidden: whoever hid it did not mean it to be read.
    assert report.understood["sheets"] == ["Read me", "Epe", "Ikeja"]
    imports.run(file, reading=Reading(sheet="Ikeja"))
    assert phones() == ["0022"]
    with pytest.raises(Invalid, match=r"no sheet 'Other'.* Read me, Epe, Ikeja"):
        imports.run(file, reading=Reading(sheet="Other"))


@pytest.mark.parametrize(
    ("file", "what"),
    [("saved.slk", "SYLK"), ("saved.dif", "DIF")],
)
def test_what_is_not_read_is_called_what_it_is(app: Flask, file: str, what: str) -> None:
    with pytest.raises(Invalid, match=what):
        imports.run(LISTS / "libreoffice" / file)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "numbers", "name"),
    [
        ("android-2.1.vcf", ["0201", "0203"], "Ṣolá Oluwaseyi Adébáyò"),
        ("iphone-3.0.vcf", ["0301"], "Chinedu Okonkwo"),
        ("standard-4.0.vcf", ["0401"], "Ifẹ́ Balógun"),
    ],
)
def test_phone_books_are_read(app: Flask, file: str, numbers: list[str], name: str) -> None:
    report = imports.run(LISTS / file)
    assert (phones(), report.new) == (numbers, len(numbers))
    assert Contact.select().order_by(Contact.phone).get().full_name == name
    assert (
        further()
        == {
            "android-2.1.vcf": {"0202", "5678"},
            "iphone-3.0.vcf": {"0302"},
            "standard-4.0.vcf": {"0402"},
        }[file]
    )


XML = (
    '<?xml version="1.0"?><Workbook xmlns:ss="x"><Worksheet><Table><Row><Cell><Data>Name'
    "</Data></Cell><Cell ss:Index='3'><Data>Phone</Data></Cell></Row><Row><Cell><Data>Ada &amp;"
    " Co</Data></Cell><Cell ss:Index='3'><Data>8035550001</Data></Cell></Row></Table>"
    "</Worksheet></Workbook>"
)


@pytest.mark.parametrize(
    "content",
    [
        "<html><table><tr><th>Name<th>Phone<tr><td>Ada &amp; Co<td>08035550001</table></html>",
        XML,
        '{"results": [{"name": "Ada & Co", "group_a/phone_number": "08035550001"}]}',
    ],
    ids=["html", "xml", "json"],
)
def test_other_tables_saved_as_xls_are_read(app: Flask, tmp_path: Path, content: str) -> None:
    imports.run(write(tmp_path, content, name="export.xls"))
    assert (Contact.get().phone, Contact.get().full_name) == (ONE, "Ada & Co")


@pytest.mark.parametrize("index", ["²", "9" * 5_000, "-3"])
def test_an_index_that_is_no_number_of_a_column_is_passed_over(
    app: Flask, tmp_path: Path, index: str
) -> None:
    imports.run(write(tmp_path, XML.replace("Index='3'", f"Index='{index}'")))
    assert Contact.get().phone == ONE


def test_objects_with_keys_of_their_own_make_no_wide_table(tmp_path: Path) -> None:
    path = write(tmp_path, orjson.dumps([{f"key{at}": "x"} for at in range(300)]))
    table = Table(path, "json")
    assert {len(row.cells) for row in table} == {200}
    # The choice of a sheet reads the rows more than once.
    assert len(list(table)) == len(list(table))


def test_an_xml_spreadsheet_of_empty_cells_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markup, "_MOST_LEFT_OUT", 3)
    with pytest.raises(Invalid, match="too wide"):
        Table(write(tmp_path, XML.replace("Index='3'", "Index='9'")), "xml")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"\xd0\xcf\x11\xe0old", "old Excel workbook can't be read"),
        (b"\xd0\xcf\x11\xe0" + "_VBA_PROJECT".encode("utf-16-le"), "macros"),
        (b"<html><p>No table here</p></html>", "web page without a table"),
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "entities"),
        (b'{"a": [1, 2', "damaged"),
    ],
)
def test_what_can_not_be_read_is_called_what_it_is(
    app: Flask, tmp_path: Path, content: bytes, word: str
) -> None:
    with pytest.raises(Invalid, match=word):
        imports.run(write(tmp_path, content, name="x.xls"))
