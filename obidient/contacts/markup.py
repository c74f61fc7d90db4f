"""Tables that other programs call .xls or .csv: HTML, XML spreadsheets of 2003, and JSON."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from html.parser import HTMLParser
from itertools import count, islice
from pathlib import Path
from typing import Any
from xml.parsers import expat

import orjson

from obidient.contacts import encodings
from obidient.contacts.csvfile import Row
from obidient.contacts.sheets import APART
from obidient.contacts.workbook import MOST_COLUMNS
from obidient.errors import Invalid

Rows = list[list[str]]
Tables = Mapping[str, Iterable[list[str]]]
#: They are read as a whole, not as streams.
MOST_BYTES = 60_000_000
#: Empty cells that an XML spreadsheet may leave out before others: a short index makes many.
_MOST_LEFT_OUT = 20_000_000


class Table:
    """A file read at once; `kind` is html, xml or json. `sheets` are those of an XML spreadsheet,
    or the lists that a JSON object holds."""

    delimiter = ""
    sheet = ""

    def __init__(self, path: Path, kind: str, encoding: str = "") -> None:
        self.kind = kind
        self.size = self.position = path.stat().st_size
        if self.size > MOST_BYTES:
            raise Invalid(f"This {kind.upper()} file is too large. Save the table as .xlsx or CSV.")
        found = encodings.Found(encoding) if encoding else encodings.guess(path)
        self.encoding, self.doubt = found.encoding, found.others
        text = path.read_bytes().decode(self.encoding, "replace")
        self._tables = _READERS[kind](text)
        self.sheets = list(self._tables) if len(self._tables) > 1 else []
        self.hidden: list[str] = []
        self.choose(next(iter(self._tables)))

    def choose(self, sheet: str) -> None:
        self.sheet = sheet

    def close(self) -> None:
        """Nothing is held open."""

    def __iter__(self) -> Iterator[Row]:
        for number, cells in enumerate(self._tables[self.sheet], 1):
            if any(cell.strip() for cell in cells):
                yield Row(number, cells)


def _free(name: str, taken: Container[str]) -> str:
    """The name of a table without the sign that stands between names of sheets."""
    plain = name.replace(APART, "-")
    names = (plain if at == 1 else f"{plain} {at}" for at in count(1))
    return next(one for one in names if one not in taken)


class _Cells(HTMLParser):
    """The rows of the tables of a page, one after another."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
            self._open = False
        elif tag in ("td", "th"):
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append("")
            self._open = True
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr"):
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data


def _html(text: str) -> Tables:
    reader = _Cells()
    reader.feed(text)
    reader.close()
    if not reader.rows:
        raise Invalid("This is a web page without a table, not a list. Save the table as .xlsx.")
    return {"": [[cell.strip() for cell in row] for row in reader.rows]}


class _Sheets:
    """Rows of the worksheets of an XML spreadsheet (SpreadsheetML of 2003), by their names."""

    def __init__(self) -> None:
        self.found: dict[str, Rows] = {}
        self.rows: Rows = []
        self._in_data = False
        self._left_out = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        at = attributes.get("ss:Index", attributes.get("Index", ""))
        if name == "Worksheet":
            title = attributes.get("ss:Name", attributes.get("Name", ""))
            title = _free(title or f"Sheet{len(self.found) + 1}", self.found)
            self.rows = self.found.setdefault(title, [])
        elif name == "Row":
            self.rows.append([])
        elif name == "Cell" and self.rows:
            self._leave_out(self.rows[-1], at)
            self.rows[-1].append("")
        elif name == "Data":
            self._in_data = True

    def _leave_out(self, row: list[str], at: str) -> None:
        """Put in the empty cells that the index of the next one says were left out."""
        # What is longer or no plain digits is no index: int() would refuse it.
        is_index = at.isascii() and at.isdecimal() and len(at) < 10
        missing = max(min(int(at), MOST_COLUMNS) - 1 - len(row), 0) if is_index else 0
        self._left_out += missing
        if self._left_out > _MOST_LEFT_OUT:
            raise Invalid("This XML spreadsheet is too wide. Save the table as .xlsx or CSV.")
        row += [""] * missing

    def end(self, name: str) -> None:
        if name.rpartition(":")[2] == "Data":
            self._in_data = False

    def data(self, text: str) -> None:
        if self._in_data and self.rows and self.rows[-1]:
            self.rows[-1][-1] += text


def _refuse(*_told: Any) -> None:
    raise Invalid("This XML file defines entities of its own and is not read. Save it as .xlsx.")


def _xml(text: str) -> Tables:
    sheet, parser = _Sheets(), expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = sheet.start, sheet.end
    parser.CharacterDataHandler = sheet.data
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(text.lstrip("\ufeff").encode("utf-8"), True)
    except expat.ExpatError as error:
        raise Invalid(f"This XML file is damaged: {error}.") from None
    if not any(sheet.found.values()):
        raise Invalid("This is an XML file without a spreadsheet. Save the table as .xlsx or CSV.")
    return sheet.found


def _json(text: str) -> Tables:
    """Lists of objects, as KoBo and others export: their keys are the titles."""
    try:
        found = orjson.loads(text.lstrip("\ufeff"))
    except orjson.JSONDecodeError as error:
        raise Invalid(f"This is JSON, but damaged: {error}. Export it again, or as CSV.") from None
    if not isinstance(found, dict):
        found = {"": found}
    lists: dict[str, _Objects] = {}
    for key, value in found.items():
        rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
        if rows:
            lists[_free(key, lists)] = _Objects(rows)
    if not lists:
        raise Invalid("This is JSON without a list of people. Export the table as .xlsx or CSV.")
    return lists


class _Objects:
    """The rows of a list of objects, made one at a time: where each has keys of its own, all
    together are far larger than the file."""

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self._objects = objects
        keys = dict.fromkeys(key for row in objects for key in row)
        self._titles = list(islice(keys, MOST_COLUMNS))

    def __iter__(self) -> Iterator[list[str]]:
        yield self._titles
        for row in self._objects:
            yield [_as_text(row.get(title)) for title in self._titles]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(_as_text, value))
    return orjson.dumps(value).decode() if isinstance(value, dict) else str(value)


_READERS: dict[str, Callable[[str], Tables]] = {"html": _html, "xml": _xml, "json": _json}
