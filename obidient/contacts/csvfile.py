"""CSV as people really have it: any usual encoding, delimiter and line end, read as a stream."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from obidient.contacts import encodings
from obidient.errors import Invalid

DELIMITERS = ",;\t|"
#: A field longer than this is a quote that was never closed.
LONGEST_FIELD = 20_000
#: Records by which the delimiter is told.
_SAMPLE = 40
#: Excel's own first line that names the delimiter.
_TOLD = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One record; `line` is the line of the file it begins on, the first being 1."""

    line: int
    cells: list[str]
    #: What is wrong with the record itself, if anything.
    problem: str = ""
    #: Places of formulas whose results the file does not hold.
    unsolved: tuple[int, ...] = ()


def sniff_delimiter(sample: str) -> str:
    """The delimiter that cuts most of the lines into the same number of columns, quotes heeded."""
    unquoted = re.sub(r'"[^"]*"', '""', sample)
    lines = [line for line in re.split(r"\r\n|\r|\n", unquoted) if line.strip()][:_SAMPLE]

    def fits(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines]
        usual = max(set(counts), key=lambda n: (counts.count(n) * (n > 0), n), default=0)
        return counts.count(usual) if usual else 0, usual

    # Longest agreement first; the earlier delimiter where two agree.
    return max(DELIMITERS, key=fits)


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
    """An opened text file, its records by iteration; `position` counts bytes for progress."""

    kind = "csv"

    def __init__(self, path: Path, encoding: str = "", delimiter: str = "") -> None:
        self.size = path.stat().st_size
        found = encodings.Found(encoding) if encoding else encodings.guess(path)
        self.encoding, self.doubt = found.encoding, found.others
        self._file = path.open(encoding=_known(found.encoding), errors="replace", newline="")
        sample = "".join(islice(iter(lambda: self._file.readline(LONGEST_FIELD), ""), _SAMPLE))
        told = _TOLD.fullmatch(sample.lstrip("\ufeff").split("\n", 1)[0].strip())
        self._file.seek(0)
        if told:
            self._file.readline()
        csv.field_size_limit(LONGEST_FIELD)
        self.delimiter = delimiter or (told[1] if told else sniff_delimiter(sample))
        self._lines = _Lines(self._file)
        # Strict, because a quote that closes in the middle of a cell was opened on another line.
        self._reader = csv.reader(self._lines, delimiter=self.delimiter, strict=True)
        self._line = 2 if told else 1

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
        line = self._lines.taken[0].rstrip("\r\n")
        cells = as_meant(line, self.delimiter)
        if unclosed and line.replace('\\"', "").count('"') % 2:
            return [], "The quotes don't match up. Check this row."
        return cells, ""


def _known(encoding: str) -> str:
    if encoding not in encodings.CHOICES and not encoding.startswith(("utf-8", "utf-16")):
        names = ", ".join(encodings.CHOICES)
        raise Invalid(f"There is no encoding {encoding[:40]!r} to choose. There are: {names}.")
    return "utf-8-sig" if encoding == "utf-8" else encoding


def as_meant(line: str, delimiter: str) -> list[str]:
    r"""The cells of a line whose quotes are out of place: `"Ada "Baby" Obi"`, `"Ada \"B\" Obi"`.

    A cell that begins with a quote ends with the quote before a delimiter or the line's end.
    """
    parts = line.split(delimiter)
    ends = _closing_parts(parts)
    cells, at = [], 0
    while at < len(parts):
        part, end = parts[at], None
        if part.lstrip().startswith('"'):
            # A quote alone opens its cell and can't close it as well.
            end = ends[at] if part.strip() != '"' else ends[at + 1]
            part = part.replace('"', "")
        if end is not None:
            inside = delimiter.join(parts[at : end + 1]).strip()[1:-1]
            part = inside.replace('\\"', '"').replace('""', '"')
            at = end
        cells.append(part)
        at += 1
    return cells


def _closing_parts(parts: list[str]) -> list[int | None]:
    """For each part, and for the end, the next part from it on that ends with a quote."""
    ends: list[int | None] = [None] * (len(parts) + 1)
    for at in range(len(parts) - 1, -1, -1):
        text = parts[at].rstrip()
        closes = text.endswith('"') and not text.endswith('\\"')
        ends[at] = at if closes else ends[at + 1]
    return ends
