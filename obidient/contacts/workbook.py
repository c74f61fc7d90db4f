"""Excel workbooks (.xlsx) read row by row, however large, within limits of size and time.

openpyxl streams: 300,000 rows take 54 MB, where python-calamine, six times faster, takes 135 MB and
grows with the sheet.
"""

import re
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from obidient.contacts.csvfile import Row
from obidient.contacts.formulas import Formula
from obidient.contacts.workbook_cells import rows_of
from obidient.errors import Invalid

#: Bytes of all parts of a workbook when unpacked; a million rows take about 250 MB.
MOST_UNPACKED = 1_500_000_000
#: Times that unpacking may make a part larger; sheets of equal rows come to about 40.
MOST_RATIO = 250
MOST_CELLS = 60_000_000
#: The last line that Excel itself knows; a file says the number of each of its rows.
_LAST_LINE = 1_048_576
#: A file that is read for longer is no list of people.
MOST_SECONDS = 3_600
#: Columns looked at; a stray cell far to the right makes no wide table.
MOST_COLUMNS = 200
#: Empty rows one after another that end a sheet: some programs mark all million rows as used.
MOST_EMPTY = 5_000
PROTECTED = "This workbook is protected with a password. Remove it and save again."
MACROS = "This workbook has macros. Save it as an Excel workbook (.xlsx) and try again."


class Workbook:
    """One sheet of a workbook, the first unless `choose` says otherwise.

    `sheets` names those that are shown, `hidden` the others. `position` grows with the rows read.
    """

    kind = "xlsx"
    encoding = delimiter = ""
    doubt: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        # Takes 0.3 s and 12 MB, which no process needs before somebody uploads a workbook.
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException

        self.size = path.stat().st_size
        try:
            # Not the path: openpyxl goes by the ending of its name.
            self._file = path.open("rb")
            self._book = openpyxl.load_workbook(
                self._file, read_only=True, data_only=True, keep_links=False
            )
        except (InvalidFileException, KeyError, ValueError, OSError, SyntaxError) as error:
            raise Invalid(f"This workbook can't be read: {error}. Save it anew as .xlsx.") from None
        self._sheets = {one.title: one for one in self._book.worksheets}
        hidden = [one.title for one in self._book.worksheets if one.sheet_state != "visible"]
        self.sheets, self.hidden = parted(list(self._sheets), hidden)
        self.sheet = self.sheets[0]
        self._done = 0.0

    @property
    def position(self) -> int:
        return int(self.size * min(self._done, 1.0))

    def choose(self, sheet: str) -> None:
        self.sheet = sheet

    def close(self) -> None:
        self._book.close()
        self._file.close()

    def __iter__(self) -> Iterator[Row]:
        sheet: Any = self._sheets[self.sheet]
        # What a sheet says of its own size is a hint: some programs write none, others A1.
        rows = sheet.max_row or 0
        end, cells, empty = time.monotonic() + MOST_SECONDS, 0, 0
        for line, given in rows_of(sheet):
            if not 0 < line <= _LAST_LINE:
                raise Invalid(
                    "This workbook is damaged: a row has no line of a sheet. Save it anew."
                )
            cells += len(given)
            if cells > MOST_CELLS or time.monotonic() > end:
                raise Invalid("This sheet is too large. Cut it into several files.")
            self._done = line / max(rows, line)
            row = row_of(line, {cell["column"]: cell["value"] for cell in given})
            if any(row.cells) or row.unsolved:
                empty = 0
                yield row
            elif (empty := empty + 1) > MOST_EMPTY:
                return


def row_of(line: int, values: Mapping[int, Any]) -> Row:
    """A row of the values of its columns, the first being 1."""
    wanted = {at: value for at, value in values.items() if at <= MOST_COLUMNS}
    texts = [""] * max(wanted, default=0)
    unsolved: tuple[int, ...] = ()
    for at, value in wanted.items():
        if isinstance(value, Formula):
            texts[at - 1] = value.shown()
            if value.is_open():
                unsolved += (at - 1,)
        elif value is not None:
            texts[at - 1] = as_text(value)
    return Row(line, texts, "", unsolved)


def parted(sheets: Sequence[str], hidden: Sequence[str]) -> tuple[list[str], list[str]]:
    """The sheets that are shown, and the hidden ones; where all are hidden, all count as shown.

    Raises Invalid when there is none.
    """
    if not sheets:
        raise Invalid("There is no sheet with cells in this workbook.")
    shown = [name for name in sheets if name not in hidden]
    return (shown, list(hidden)) if shown else (list(sheets), [])


def kind_of(path: Path) -> str:
    """`xlsx` or `ods` of a zip file.

    Raises Invalid for what is no workbook, or one that would fill the memory or run something.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        raise Invalid("This workbook is damaged or cut off. Save it again.") from None
    names = {part.filename for part in parts}
    if any(name.endswith("vbaProject.bin") for name in names):
        raise Invalid(MACROS)
    if any(part.flag_bits & 1 for part in parts):
        raise Invalid(PROTECTED)
    if any(name.startswith("Index/") for name in names):
        raise Invalid("This is a Numbers document: export it as Excel or CSV.")
    if any(re.search(r"(^|/)(_chat|WhatsApp Chat .*)\.txt$", name) for name in names):
        raise Invalid("This is a packed WhatsApp chat: unpack it and send the .txt file in it.")
    kind = "xlsx" if "xl/workbook.xml" in names else "ods" if "content.xml" in names else ""
    if not kind:
        raise Invalid("This is a zip file, not an Excel workbook: unpack it first.")
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if unpacked > MOST_UNPACKED or unpacked > MOST_RATIO * max(packed, 100_000):
        raise Invalid("This workbook is too large when unpacked. Cut it into several files.")
    return kind


def as_text(value: Any) -> str:
    """A cell as it would stand in a CSV: whole numbers in full, days as 2027-02-20."""
    if value is None:
        return ""
    if isinstance(value, str):
        # How Excel keeps a line break or an odd sign in a text.
        return re.sub(r"_x000[dD]_", "", value) if "_x000" in value else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if not any(value.timetuple()[3:6]) else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
