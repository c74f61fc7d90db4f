"""CSV as people really have it: any usual encoding, delimiter and line end, read as a stream."""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from obidient.errors import Invalid

DELIMITERS = ",;\t|"
#: A field longer than this is a quote that was never closed.
LONGEST_FIELD = 20_000
_BLOCK = 1 << 20
#: Excel's own first line that names the delimiter.
_TOLD = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
#: Bytes that are no UTF-8, as `surrogateescape` leaves them.
_BROKEN = re.compile(r"[\udc80-\udcff]")
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
        marked = head.startswith(codecs.BOM_UTF8)
        return "utf-8-sig" if marked or _is_utf8(file) else "cp1252"


def _is_utf8(file: BinaryIO) -> bool:
    """Whether the text makes more sense as UTF-8, a cut-off or damaged character or two aside."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    file.seek(0)
    whole = broken = 0
    more = True
    while more:
        block = file.read(_BLOCK)
        more = bool(block)
        text = decoder.decode(block, final=not more)
        if not text.isascii():
            broken += len(_BROKEN.findall(text))
            # What characters of several bytes save; letters of cp1252 rarely look like any.
            whole += len(block) - len(text)
    return broken <= whole


def sniff_delimiter(header: str) -> str:
    """The delimiter that cuts the header into the most columns."""
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


class _Lines:
    """The lines of a file; those taken for a record that proved to be none can be read again."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._again: list[str] = []
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._file)
        self.taken.append(line)
        return line

    def give_back_all_but_the_first(self) -> None:
        self._again += reversed(self.taken[1:])
        del self.taken[1:]


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
        self._delimiter = told[1] if told else sniff_delimiter(first)
        self._lines = _Lines(self._file)
        # Strict, because a quote that closes in the middle of a cell was opened on another line.
        self._reader = csv.reader(self._lines, delimiter=self._delimiter, strict=True)
        self._line = 2 if told else 1
        self.header: list[str] = []
        for row in self:
            if row.problem:
                raise Invalid("The quotes of the first line, which names the columns, don't match.")
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
            start, problem = self._line, ""
            self._lines.taken.clear()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                cells, problem = self._broken(str(error))
            self._line += len(self._lines.taken)
            if problem or any(cell and not cell.isspace() for cell in cells):
                yield Row(start, cells, problem)

    def _broken(self, said: str) -> tuple[list[str], str]:
        """A quote out of place: its own line is judged alone, and none after it is lost."""
        unclosed = len(self._lines.taken) > 1 or "end of data" in said
        self._lines.give_back_all_but_the_first()
        if not unclosed:
            try:
                return next(csv.reader(self._lines.taken, delimiter=self._delimiter)), ""
            except csv.Error:
                pass
        return [], "The quotes don't match up. Check this row."
