"""A list of people in whatever file it comes: opened, and its titles found."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from obidient.contacts.chats import ChatFile, is_chat
from obidient.contacts.csvfile import CsvFile, Row
from obidient.contacts.headings import Top, begin, one_each
from obidient.contacts.markup import Table
from obidient.contacts.other_workbook import OtherWorkbook
from obidient.contacts.sheets import APART, Book, Together, chosen, look
from obidient.contacts.vcards import VcardFile
from obidient.contacts.workbook import MACROS, PROTECTED, Workbook, kind_of
from obidient.errors import Invalid

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
#: Kinds whose first row is ours and names the columns.
TITLED = ("vcard", "chat")
KINDS = {
    "csv": "Text (CSV)",
    "xlsx": "Excel workbook",
    "xls": "Old Excel workbook",
    "ods": "OpenDocument workbook",
    "vcard": "Phone book (vCard)",
    "chat": "WhatsApp chat",
    "html": "HTML table",
    "xml": "XML spreadsheet",
    "json": "JSON",
}


@dataclass(frozen=True)
class Reading:
    """How a person says that a file is to be read; what is left open is found out.

    `titles` is the line that names the columns, 0 where none does; `sheet` one sheet or several,
    with `/` between them, which no name of a sheet may have in it, or `*` for all that go together.
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
        return _open_workbook(path, head)
    start = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if start.startswith(b"begin:vcard"):
        return VcardFile(path, reading.encoding)
    if start.startswith((b"<!doctype html", b"<html", b"<table", b"<meta", b"<head")):
        return Table(path, "html", reading.encoding)
    if start.startswith((b"<?xml", b"<workbook")):
        return Table(path, "html" if b"<html" in start else "xml", reading.encoding)
    if start.startswith((b"{", b"[")) and start.lstrip(b"{[ \t\r\n").startswith((b'"', b"{")):
        return Table(path, "json", reading.encoding)
    if is_chat(head):
        return ChatFile(path)
    return CsvFile(path, reading.encoding, reading.delimiter)


def _open_workbook(path: Path, head: bytes) -> Source:
    if head.startswith(_ZIP):
        if kind_of(path) == "ods":
            return OtherWorkbook(path, "ods")
        return Workbook(path)
    # An encrypted workbook, and one with macros, has a stream of that name.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        if held.find("EncryptedPackage".encode("utf-16-le")) >= 0:
            raise Invalid(PROTECTED)
        if held.find("_VBA_PROJECT".encode("utf-16-le")) >= 0:
            raise Invalid(MACROS)
    return OtherWorkbook(path, "xls")


class ListFile:
    """A list with its `header`; iteration gives the rows below it.

    `headings` are the lines above the titles, `sample` the first rows, `titles` the line of the
    titles, 0 where there are none. Raises Invalid for what can't be read.
    """

    def __init__(self, path: Path, reading: Reading | None = None) -> None:
        self.reading = reading or Reading()
        self.source = _open(path, self.reading)
        #: The sheets that are read, of a workbook.
        self.read: list[str] = []
        try:
            self._begin()
        except BaseException:
            self.source.close()
            raise

    def _begin(self) -> None:
        source = self.source
        self._together: Together | None = None
        if isinstance(source, Book) and source.sheets:
            self.read = chosen(source, self.reading.sheet, self.reading.titles)
            source.choose(self.read[0])
            if len(self.read) > 1:
                self._together = Together(source, self.read, self.reading.titles)
        if self._together:
            top, self._rows = self._together.top, iter(self._together)
        else:
            rows = iter(source)
            first = begin(rows)
            top = Top.of(first, self.reading.titles, is_titled=source.kind in TITLED)
            self._rows = chain(first[top.people :], rows)
            if top.one_each:
                self._rows = one_each(self._rows)
        self.headings, self.titles, self.header = top.headings, top.titles, top.header
        self.sample, self.remarks = top.sample, top.remarks

    @property
    def position(self) -> int:
        return self._together.position if self._together else self.source.position

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

    def place(self, line: int) -> dict[str, Any]:
        """Where a row is, for a report: its line, and the sheet where several are read."""
        if self._together is None or not line:
            return {"line": line}
        sheet, line = self._together.sheet_of(line)
        return {"line": line, "sheet": sheet}

    def repeats_titles(self, cells: list[str]) -> bool:
        """Whether a row is the titles once more, as at the head of each printed page."""
        width = len(self.header) - bool(self._together)
        return [" ".join(cell.split()) for cell in cells][:width] == self.header[:width]

    def sheets(self) -> list[dict[str, Any]]:
        """All sheets of a workbook, for choosing; the rows can't be read afterwards."""
        source = self.source
        if not isinstance(source, Book) or len(source.sheets) + len(source.hidden) < 2:
            return []
        return look(source, self.read, self.reading.titles)

    def understood(self) -> dict[str, Any]:
        """How the file was read, for the page and the API."""
        source = self.source
        hidden = getattr(source, "hidden", [])
        unread = [one for one in getattr(source, "sheets", []) if one not in self.read]
        unread += [f"{one} (hidden)" for one in hidden if one not in self.read]
        return {
            "kind": source.kind,
            "encoding": source.encoding.removesuffix("-sig"),
            "doubt": list(source.doubt),
            "delimiter": source.delimiter,
            "sheet": APART.join(self.read),
            "sheets": getattr(source, "sheets", []),
            "hidden": hidden,
            "read": self.read,
            "unread": unread,
            "remarks": [*getattr(source, "remarks", []), *self.remarks],
            "titles": self.titles,
            "headings": self.headings,
        }
