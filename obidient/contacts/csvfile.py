"""CSV as people really have it: any usual encoding, delimiter and line end, read as a stream."""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obidient.errors import Invalid

DELIMITERS = ",;\t|"
#: A field longer than this is a quote that was never closed.
LONGEST_FIELD = 20_000
_BLOCK = 1 << 20
#: Excel's own first line that names the delimiter.
_TOLD = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or a zip file: in Excel choose File, Save as, CSV UTF-8",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: in Excel choose File, Save as, CSV UTF-8",
    b"%PDF": "a PDF: export the table as CSV",
    b"\x1f\x8b": "compressed: unpack it first",
}


@dataclass(frozen=True)
class Row:
    """One record; `line` is the physical line it begins on, the header's being 1."""

    line: int
    cells: list[str]
    #: What is wrong with the record itself, if anything.
    problem: str = ""


def sniff_encoding(path: Path) -> str:
    """utf-8-sig, utf-16, utf-16-le or cp1252; raises Invalid for what is not text."""
    with path.open("rb") as file:
        head = file.read(4096)
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                raise Invalid(f"This is not a CSV file but {what}.")
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if head and head[1::2].count(0) > len(head) // 3:
            # Some programs leave the mark out.
            return "utf-16-le"
        if b"\0" in head:
            raise Invalid("This is not a text file. Export the table as CSV and try again.")
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        file.seek(0)
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def sniff_delimiter(header: str) -> str:
    """The delimiter that cuts the header into the most columns."""
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


class CsvFile:
    """An opened file: `header`, then rows by iteration; `position` counts bytes for progress."""

    def __init__(self, path: Path) -> None:
        if path.stat().st_size == 0:
            raise Invalid("The file is empty.")
        self.size = path.stat().st_size
        self._file = path.open(encoding=sniff_encoding(path), errors="replace", newline="")
        first = self._file.readline(LONGEST_FIELD)
        told = _TOLD.fullmatch(first.strip())
        if not told:
            self._file.seek(0)
        csv.field_size_limit(LONGEST_FIELD)
        delimiter = told[1] if told else sniff_delimiter(first)
        self._reader = csv.reader(self._file, delimiter=delimiter)
        self._skipped = 1 if told else 0
        self._line = 1 + self._skipped
        self.header: list[str] = []
        for row in self:
            self.header = [cell.strip() for cell in row.cells]
            break
        if not any(self.header):
            raise Invalid("The file is empty.")

    @property
    def position(self) -> int:
        buffer: Any = self._file.buffer
        return int(buffer.tell())

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Row]:
        """Records that hold anything; a broken one comes with its problem, and reading goes on."""
        while True:
            start = self._line
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error:
                self._line = self._reader.line_num + 1 + self._skipped
                yield Row(start, [], "The quotes don't match up. Check this row and the next ones.")
                continue
            self._line = self._reader.line_num + 1 + self._skipped
            if any(cell and not cell.isspace() for cell in cells):
                yield Row(start, cells)
