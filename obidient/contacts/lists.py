"""A list of people in whatever file it comes: opened, and its titles found."""

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from obidient.contacts import columns, numbers
from obidient.contacts.csvfile import CsvFile, Row
from obidient.contacts.markup import Table
from obidient.contacts.other_workbook import OtherWorkbook
from obidient.contacts.titles import is_made_up
from obidient.contacts.vcards import VcardFile
from obidient.contacts.workbook import MACROS, PROTECTED, Workbook, kind_of
from obidient.errors import Invalid

#: Rows by whose cells columns are told.
SAMPLE = 200
#: Titles are looked for among so many rows.
_TOP = 20
#: How files begin that hold no table.
_MAGIC = {
    b"%PDF": "a PDF. Export the table as Excel or CSV",
    b"\x1f\x8b": "compressed. Unpack it first",
    b"SQLite format 3": "a database. Export the table as CSV",
    b"\x89PNG": "a picture. Type the numbers into a spreadsheet",
    b"\xff\xd8\xff": "a picture. Type the numbers into a spreadsheet",
    b"ID;P": "a SYLK file (.slk). Save the table as .xlsx or CSV",
    b"TABLE\r\n0,1": "a DIF file (.dif). Save the table as .xlsx or CSV",
    b"TABLE\n0,1": "a DIF file (.dif). Save the table as .xlsx or CSV",
    b"{\\rtf": "a text document. Copy the table into a spreadsheet",
}
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
KINDS = {
    "csv": "Text (CSV)",
    "xlsx": "Excel workbook",
    "xls": "Old Excel workbook",
    "ods": "OpenDocument workbook",
    "vcard": "Phone book (vCard)",
    "html": "HTML table",
    "xml": "XML spreadsheet",
    "json": "JSON",
}


@dataclass(frozen=True)
class Reading:
    """How a person says that a file is to be read; what is left open is found out.

    `titles` is the line that names the columns, 0 where none does.
    """

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    titles: int | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Reading":
        """From a form or a job's parameters. Raises Invalid for a line that is no number."""
        titles = str(given.get("titles") or "" if given.get("titles") != 0 else "0").strip()
        if titles and not titles.isdecimal():
            raise Invalid("The line of the titles must be a number, 0 where there are none.")
        texts = {name: str(given.get(name) or "") for name in ("encoding", "delimiter", "sheet")}
        return cls(**texts, titles=int(titles) if titles else None)


class Source(Protocol):
    """A file of rows."""

    kind: str
    size: int
    encoding: str
    doubt: tuple[str, ...]
    delimiter: str

    @property
    def position(self) -> int: ...

    def close(self) -> None: ...

    def __iter__(self) -> Iterator[Row]: ...


def _open(path: Path, reading: Reading) -> Source:
    if path.stat().st_size == 0:
        raise Invalid("The file is empty.")
    with path.open("rb") as file:
        head = file.read(4096)
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise Invalid(f"This is no list but {what}.")
    if head.startswith((_OLD_EXCEL, _ZIP)):
        return _open_workbook(path, head, reading.sheet)
    start = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if start.startswith(b"begin:vcard"):
        return VcardFile(path, reading.encoding)
    if start.startswith((b"<!doctype html", b"<html", b"<table", b"<meta", b"<head")):
        return Table(path, "html", reading.encoding)
    if start.startswith((b"<?xml", b"<workbook")):
        return Table(path, "html" if b"<html" in start else "xml", reading.encoding)
    if start.startswith((b"{", b"[")) and start.lstrip(b"{[ \t\r\n").startswith((b'"', b"{")):
        return Table(path, "json", reading.encoding)
    return CsvFile(path, reading.encoding, reading.delimiter)


def _open_workbook(path: Path, head: bytes, sheet: str) -> Source:
    if head.startswith(_ZIP):
        if kind_of(path) == "ods":
            return OtherWorkbook(path, "ods", sheet)
        return Workbook(path, sheet)
    # An encrypted workbook, and one with macros, has a stream of that name.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        if held.find("EncryptedPackage".encode("utf-16-le")) >= 0:
            raise Invalid(PROTECTED)
        if held.find("_VBA_PROJECT".encode("utf-16-le")) >= 0:
            raise Invalid(MACROS)
    return OtherWorkbook(path, "xls", sheet)


class ListFile:
    """A list with its `header`; iteration gives the rows below it.

    `headings` are the lines above the titles, `sample` the first rows, `titles` the line of the
    titles, 0 where there are none. Raises Invalid for what can't be read.
    """

    def __init__(self, path: Path, reading: Reading | None = None) -> None:
        self.reading = reading or Reading()
        self.source = _open(path, self.reading)
        try:
            self._choose_sheet()
            self._begin()
        except BaseException:
            self.source.close()
            raise

    def _choose_sheet(self) -> None:
        """The first sheet that holds numbers, unless a person chose one."""
        source = self.source
        if isinstance(source, Workbook | OtherWorkbook) and not self.reading.sheet:
            for sheet in source.sheets[:20]:
                source.choose(sheet)
                if any(numbers.any_in(row.cells) for row in islice(iter(source), SAMPLE)):
                    return
            source.choose(source.sheets[0])

    def _begin(self) -> None:
        rows = iter(self.source)
        first = list(islice(rows, SAMPLE + _TOP))
        if not first:
            raise Invalid("The file is empty.")
        if first[0].problem:
            raise Invalid(
                "The quotes of the first line, which names the columns, don't match. Correct them "
                "in the file, or save it anew from Excel."
            )
        at, people = self._find_titles(first)
        above = first[: people if at < 0 else at]
        self.headings = [" ".join(" ".join(row.cells).split())[:200] for row in above]
        self.titles = first[at].line if at >= 0 else 0
        rest = first[people:]
        widest = max((len(row.cells) for row in rest), default=0)
        titles = [" ".join(cell.split()) for cell in first[at].cells] if at >= 0 else []
        self.header = titles + [""] * (min(widest, 200) - len(titles))
        self._rows: Iterator[Row] = chain(rest, rows)
        if at < 0 and _is_of_numbers_alone(rest):
            # 08035550001, 08035550002, 08035550003: each is somebody.
            self.header = [""]
            self._rows = _one_each(self._rows)
            rest = list(_one_each(rest))
        self.sample = rest[:SAMPLE]

    def _find_titles(self, first: list[Row]) -> tuple[int, int]:
        """As `find_titles`, unless a person has said which line it is."""
        told = self.reading.titles
        if self.source.kind == "vcard":
            return 0, 1
        if told == 0:
            return -1, 0
        if told is not None:
            for at, row in enumerate(first):
                if row.line >= told:
                    return at, at + 1
            raise Invalid(f"There is no line {told} near the beginning of the file.")
        return find_titles([row.cells for row in first])

    @property
    def position(self) -> int:
        return self.source.position

    @property
    def size(self) -> int:
        return self.source.size

    def close(self) -> None:
        self.source.close()

    def __enter__(self) -> "ListFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def understood(self) -> dict[str, Any]:
        """How the file was read, for the page and the API."""
        source = self.source
        return {
            "kind": source.kind,
            "encoding": source.encoding.removesuffix("-sig"),
            "doubt": list(source.doubt),
            "delimiter": source.delimiter,
            "sheet": getattr(source, "sheet", ""),
            "sheets": getattr(source, "sheets", []),
            "titles": self.titles,
            "headings": self.headings,
        }


def _is_of_numbers_alone(rows: list[Row]) -> bool:
    """Whether people's numbers follow each other in a line, three and more, and nothing else."""
    cells = [cell for row in rows for cell in row.cells if cell.strip()]
    widest = max((len(row.cells) for row in rows), default=0)
    return (widest > 2 or (widest == 2 and len(rows) == 1)) and all(map(numbers.is_number, cells))


def _one_each(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        for cell in row.cells:
            if cell.strip():
                yield Row(row.line, [cell], row.problem)


def find_titles(rows: list[list[str]]) -> tuple[int, int]:
    """Which of the first rows names the columns, -1 where none does, and where people begin.

    It is the row with the most titles that we know, or the one above the first phone number that
    fills as many columns as the rows below it. Without titles, what is above the people and fills
    less than half of their columns is passed over.
    """
    people = next((at for at, cells in enumerate(rows) if numbers.any_in(cells)), None)
    above = rows[: min(_TOP, len(rows) if people is None else people)]
    known = [columns.known_titles(cells) for cells in above]
    most = max(known, default=0)
    if most:
        # Of two alike, the one nearer to the people.
        best = len(known) - 1 - known[::-1].index(most)
        return best, best + 1
    if people is None:
        return 0, 1
    if people == 0:
        return -1, 0
    # The titles are in words of their own, such as a language that we don't know.
    filled = sum(bool(cell.strip()) for cell in rows[people])
    last = rows[people - 1]
    named = sum(
        bool(cell.strip()) and (not any(map(str.isdigit, cell)) or is_made_up(cell))
        for cell in last
    )
    if 2 * named >= filled and (named > 1 or filled == 1):
        return people - 1, people
    begin = people
    while begin and 2 * sum(bool(cell.strip()) for cell in rows[begin - 1]) >= filled > 1:
        begin -= 1
    return -1, begin
