"""Import a CSV of supporters: reads, cleans, merges and writes it in batches, row by row.

An import that died half-way is simply run again: every batch is an upsert by phone number.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from obidient.contacts.columns import FIELDS, assign, recognise
from obidient.contacts.csvfile import CsvFile, Row
from obidient.contacts.rows import Register, RowReader, clean
from obidient.contacts.store import BatchWriter
from obidient.errors import Invalid

#: People per transaction: about 100 ms, so that the web keeps writing meanwhile.
BATCH = 2_000
#: Characters of the name of a tag or list.
LONGEST_LABEL = 100
#: Problems kept for showing at once; the rest are in the file of problems.
SHOWN = 50

Progress = Callable[["Report", int, int], None]


@dataclass
class Report:
    """What an import did, or with `dry_run` would do."""

    rows: int = 0
    new: int = 0
    updated: int = 0
    duplicates: int = 0
    bad: int = 0
    flagged: int = 0
    dry_run: bool = False
    errors: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """camelCase, for the API and the jobs table."""
        values = asdict(self)
        values["dryRun"] = values.pop("dry_run")
        return values


def safe_cell(text: str) -> str:
    """A value that no spreadsheet will run as a formula."""
    return "'" + text if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


class ProblemFile:
    """The downloadable CSV of rows that were left out: line, value, what to do about it."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = None
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = path.open("w", encoding="utf-8-sig", newline="")
            except OSError as error:
                raise Invalid(f"{path} can't be written: {error.strerror}.") from None
            self._writer = csv.writer(self._file)
            self._writer.writerow(["line", "value", "problem"])

    def __enter__(self) -> "ProblemFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    def write(self, line: int, value: str, problem: str) -> None:
        if self._file:
            self._writer.writerow([line, safe_cell(value), problem])


def run(
    path: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    tags: tuple[str, ...] = (),
    list_name: str = "",
    dry_run: bool = False,
    problems: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Import a file; bad rows are reported and never stop the rest.

    `progress(report, bytes_read, bytes_in_all)` is called after each batch. Raises Invalid when
    the file as a whole can't be read.
    """
    tags, list_name = tuple(map(_label, tags)), _label(list_name)
    source = CsvFile(path)
    try:
        reader = RowReader(assign(source.header, mapping), Register())
        writer = BatchWriter(filter(None, tags), "" if dry_run else list_name)
        report = Report(dry_run=dry_run)
        with ProblemFile(problems) as problem_file:
            _copy(source, reader, writer, report, problem_file, progress)
        return report
    finally:
        source.close()


def _label(name: str) -> str:
    """The name of a tag or list as it is kept. Raises Invalid for one that nobody could read."""
    if len(name) > LONGEST_LABEL:
        raise Invalid(f"The name {name[:20]}… is too long: {LONGEST_LABEL} characters at most.")
    return clean(name)


def _copy(
    source: CsvFile,
    reader: RowReader,
    writer: BatchWriter,
    report: Report,
    problems: ProblemFile,
    progress: Progress | None,
) -> None:
    flush = writer.count_only if report.dry_run else writer.flush
    for row in source:
        report.rows += 1
        _take(row, reader, writer, report, problems)
        if len(writer) >= BATCH or report.rows % (BATCH * 5) == 0:
            flush()
            _count(report, writer)
            if progress:
                progress(report, source.position, source.size)
    flush()
    _count(report, writer)
    if progress:
        progress(report, source.size, source.size)


def _count(report: Report, writer: BatchWriter) -> None:
    report.new, report.updated = writer.new, writer.updated
    report.duplicates = writer.duplicates


def _take(
    row: Row, reader: RowReader, writer: BatchWriter, report: Report, problems: ProblemFile
) -> None:
    try:
        if row.problem:
            raise ValueError(row.problem)
        person = reader.read(row.cells)
    except ValueError as error:
        value = "" if row.problem else reader.cell(row.cells, "phone")
        report.bad += 1
        problems.write(row.line, value, str(error))
        if len(report.errors) < SHOWN:
            report.errors.append({"line": row.line, "value": value, "problem": str(error)})
        return
    if person.area_flag:
        report.flagged += 1
        if len(report.warnings) < SHOWN:
            sentence = " ".join(person.warnings) or "The register does not know this place."
            report.warnings.append({"line": row.line, "problem": sentence})
    writer.add(person)


def preview(path: Path, rows: int = 5) -> dict[str, Any]:
    """What a person needs for mapping columns: titles, what they were taken for, first rows."""
    source = CsvFile(path)
    try:
        first = [row.cells for _, row in zip(range(rows), source, strict=False)]
        found = recognise(source.header)
        return {
            "columns": source.header,
            "fields": list(FIELDS),
            "mapping": {name: source.header[index] for name, index in found.items()},
            "rows": first,
        }
    finally:
        source.close()
