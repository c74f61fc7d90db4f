"""Reads one workbook of old Excel (.xls) or OpenDocument (.ods); runs as a process of its own.

`python other_workbook_child.py < in > out` writes a line of JSON for each sheet, `{"sheet": NAME,
"hidden": false}`, and below it one for each row. Days are `{"day": "2027-02-20"}`, formulas without
a result `{"formula": "=A1"}`. It imports nothing of ours, since it reads what strangers send: it
sets its own limits first and opens no file by name.
"""

import io
import json
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any
from xml.parsers import expat

import python_calamine

MEMORY = 1_024 * 2**20
CPU_SECONDS = 60
#: Bytes written: 65,536 rows, which is all that an .xls holds, come to about 20 MB.
MOST = 256 * 2**20
MOST_SHEETS = 250
#: Formulas without a result that are told.
MOST_FORMULAS = 200_000
#: Columns looked at, as in all workbooks.
MOST_COLUMNS = 200


def limit() -> None:
    """Bound what a hostile file can take of the machine."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, MOST),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def plain(value: Any) -> Any:
    """A value that JSON doesn't know: days, and lengths of time as text."""
    return {"day": value.isoformat()} if isinstance(value, date) else str(value)


class Formulas:
    """The formulas of an OpenDocument workbook that have no result: sheet -> row -> column."""

    def __init__(self, content: bytes) -> None:
        self.found: dict[str, dict[int, dict[int, str]]] = {}
        self._sheet: dict[int, dict[int, str]] = {}
        self._row = self._column = self._rows = self._count = 0
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.Parse(content, True)

    def _start(self, name: str, told: dict[str, str]) -> None:
        if name == "table:table":
            self._sheet = self.found.setdefault(told.get("table:name", ""), {})
            self._row = 0
        elif name == "table:table-row":
            self._column, self._rows = 0, int(told.get("table:number-rows-repeated", 1))
        elif name in ("table:table-cell", "table:covered-table-cell"):
            formula = told.get("table:formula")
            if formula and "office:value-type" not in told and self._count < MOST_FORMULAS:
                self._count += 1
                self._sheet.setdefault(self._row, {})[self._column] = formula
            self._column += int(told.get("table:number-columns-repeated", 1))

    def _end(self, name: str) -> None:
        if name == "table:table-row":
            self._row += self._rows


def formulas_of(given: bytes) -> dict[str, dict[int, dict[int, str]]]:
    """Those of a file; old Excel always keeps results."""
    try:
        with zipfile.ZipFile(io.BytesIO(given)) as archive:
            content = archive.read("content.xml")
    except (zipfile.BadZipFile, KeyError):
        return {}
    return Formulas(content).found if b"table:formula" in content else {}


def rows_with(sheet: Any, formulas: dict[int, dict[int, str]]) -> Iterator[list[Any]]:
    """The rows of a sheet from its first cell on, with the formulas that the reader leaves out."""
    begin = (sheet.start or (0, 0))[1] if formulas else 0
    at = -1
    for at, row in enumerate(sheet.iter_rows()):
        if begin:
            row = [""] * begin + row
        yield filled(row, formulas[at]) if at in formulas else row
    for later in range(at + 1, max(formulas, default=-1) + 1):
        yield filled([], formulas.get(later, {}))


def filled(row: list[Any], formulas: dict[int, str]) -> list[Any]:
    """A row with its formulas."""
    row = row + [""] * (min(max(formulas, default=-1) + 1, MOST_COLUMNS) - len(row))
    for column, formula in formulas.items():
        if column < len(row) and row[column] == "":
            row[column] = {"formula": formula}
    return row


def main() -> int:
    limit()
    given = sys.stdin.buffer.read()
    formulas = formulas_of(given)
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(given))
    sheets = [
        one for one in book.sheets_metadata if one.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]
    for one in sheets[:MOST_SHEETS]:
        hidden = one.visible != python_calamine.SheetVisibleEnum.Visible
        sys.stdout.write(json.dumps({"sheet": one.name, "hidden": hidden}) + "\n")
        for row in rows_with(book.get_sheet_by_name(one.name), formulas.get(one.name, {})):
            sys.stdout.write(json.dumps(row, default=plain) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
