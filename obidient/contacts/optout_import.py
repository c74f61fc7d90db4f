"""Opt-outs from a CSV: lists kept elsewhere of people who want no messages."""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from obidient.accounts import audit
from obidient.contacts import suppression
from obidient.contacts.csvfile import sniff_delimiter
from obidient.contacts.models import EVERY_CHANNEL
from obidient.contacts.phones import normalise
from obidient.database import db
from obidient.errors import Invalid

#: How people head the column of numbers.
_TITLES = ("phone", "number", "mobile", "gsm", "msisdn", "tel")
#: Rows of one transaction: others write between two of them.
CHUNK = 500
MOST_BAD = 20


@dataclass
class Report:
    """What became of a file's rows; `bad` holds the first lines that hold no number."""

    added: int = 0
    known: int = 0
    refused: int = 0
    bad: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        said = f"{self.added:,} added, {self.known:,} on the list already"
        if self.refused:
            lines = ", ".join(str(line) for line in self.bad)
            said += f", {self.refused:,} without a phone number (lines {lines}"
            said += ", …)" if self.refused > len(self.bad) else ")"
        return said + "."


def run(file: TextIO, channel: str = EVERY_CHANNEL, most: int | None = None) -> Report:
    """Suppress every number of a CSV. Raises Invalid for a file without a column of numbers."""
    report = Report()
    # Read to the end first: a file that is refused changes nothing.
    rows = list(_numbers(file, most))
    for start in range(0, len(rows), CHUNK):
        with db.atomic():
            for line, text in rows[start : start + CHUNK]:
                _add(report, line, text, channel)
    if report.refused and not (report.added or report.known):
        raise Invalid("No row of the file holds a phone number. Save it as CSV and try again.")
    audit.record("suppression.imported", f"Imported opt-outs: {report}", "suppression")
    return report


def decoded(body: bytes) -> TextIO:
    """A file as spreadsheets write them."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return io.StringIO(body.decode("utf-16", "replace"), newline="")
    try:
        return io.StringIO(body.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError:
        return io.StringIO(body.decode("cp1252", "replace"), newline="")


def _add(report: Report, line: int, text: str, channel: str) -> None:
    try:
        phone = normalise(text)
    except ValueError:
        report.refused += 1
        if len(report.bad) < MOST_BAD:
            report.bad.append(line)
        return
    if suppression.suppress(phone, channel, "import", "From a file"):
        report.added += 1
    else:
        report.known += 1


def _numbers(file: TextIO, most: int | None) -> Iterator[tuple[int, str]]:
    """Line and text of each number; a file without a heading has them in its first column."""
    start = file.tell()
    delimiter = sniff_delimiter(file.readline())
    file.seek(start)
    reader = csv.reader(file, delimiter=delimiter)
    first = next(reader, None)
    if first is None:
        raise Invalid("The file is empty.")
    titles = [title.strip().casefold() for title in first]
    found = [n for n, title in enumerate(titles) if any(word in title for word in _TITLES)]
    column = found[0] if found else 0
    if not found:
        if not first or not any(one.isdigit() for one in first[0]):
            raise Invalid("The file has no column of phone numbers. Head it `phone`.")
        yield 1, first[0]
    for count, row in enumerate(reader, 1):
        if most is not None and count > most:
            raise Invalid(
                f"The file has more than {most:,} rows. Import it on the server: "
                "obidient contacts opt-outs FILE.csv"
            )
        if any(cell.strip() for cell in row):
            yield reader.line_num, row[column] if column < len(row) else ""
