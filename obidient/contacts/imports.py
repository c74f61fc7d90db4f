"""Import a list of supporters: reads, cleans, merges and writes it in batches, row by row.

An import that died half-way is simply run again: every batch is an upsert by phone number.
"""

import csv
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from obidient.contacts import fields, titles
from obidient.contacts.columns import Columns, assign
from obidient.contacts.csvfile import Row
from obidient.contacts.lists import ListFile, Reading
from obidient.contacts.places import Placer
from obidient.contacts.rows import RowReader, clean
from obidient.contacts.store import BatchWriter
from obidient.database import db
from obidient.errors import Invalid

#: People per transaction: about 100 ms, so that the web keeps writing meanwhile.
BATCH = 2_000
#: Characters of the name of a tag or list.
LONGEST_LABEL = 100
UNSOLVED = (
    "There is a formula in place of the phone number, and the file does not hold its result. "
    "Open the file in Excel or LibreOffice, save it there and import it again."
)
#: Problems kept for showing at once; the rest are in the file of problems.
SHOWN = 50

Progress = Callable[["Report", int, int], None]

#: What a formula begins with; NFKC turns other forms of these signs into them.
_FORMULA = frozenset("=+-@")


@dataclass
class Report:
    """What an import did, or with `dry_run` would do.

    `met` are rows that came to the same person by different names, `places` the words for places
    that nobody knows, `unsolved` the columns with formulas whose results the file does not hold,
    `understood` how the file was read.
    """

    rows: int = 0
    new: int = 0
    updated: int = 0
    duplicates: int = 0
    bad: int = 0
    flagged: int = 0
    textless: int = 0
    by_name_alone: int = 0
    met_count: int = 0
    dry_run: bool = False
    errors: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    met: list[dict[str, Any]] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)
    unsolved: list[dict[str, Any]] = field(default_factory=list)
    understood: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """camelCase, for the API and the jobs table."""
        values = asdict(self)
        for name, given in (
            ("dry_run", "dryRun"),
            ("by_name_alone", "byNameAlone"),
            ("met_count", "metCount"),
        ):
            values[given] = values.pop(name)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Report":
        """What a report that was kept says of rows that have been written."""
        rows, new, updated, duplicates, met = (
            int(values.get(name, 0))
            for name in ("rows", "new", "updated", "duplicates", "metCount")
        )
        return cls(
            rows=rows,
            new=new,
            updated=updated,
            duplicates=duplicates,
            met_count=met,
            met=list(values.get("met") or ()),
        )


def safe_cell(text: str) -> str:
    """A value that no spreadsheet will run as a formula, however its first sign is written.

    Some read fullwidth signs (U+FF1D and others) as plain ones, and pass over what is no letter
    before them: blanks, control characters, marks that take no room.
    """
    for sign in text:
        if unicodedata.normalize("NFKC", sign)[:1] in _FORMULA:
            return "'" + text
        if not (sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp")):
            break
    return "'" + text if text[:1] in ("\t", "\r", "\n") else text


class ProblemFile:
    """The downloadable CSV of rows that were left out, or met another by a different name."""

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

    def write(self, line: str, value: str, problem: str) -> None:
        if self._file:
            self._writer.writerow([line, safe_cell(value), problem])


def run(
    path: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    reading: Reading | None = None,
    tags: tuple[str, ...] = (),
    list_name: str = "",
    dry_run: bool = False,
    problems: Path | None = None,
    progress: Progress | None = None,
    import_id: int | None = None,
    before: Mapping[str, Any] | None = None,
) -> Report:
    """Import a file; bad rows are reported and never stop the rest.

    `progress(report, bytes_read, bytes_in_all)` is called in the transaction of each batch, so
    what it keeps of the report is exactly what has been written. `before` is that of a run that
    was killed, as JSON: its rows are read again, and neither written nor counted twice. With
    `import_id`, a job's, the import can be undone. Raises Invalid when the file as a whole can't
    be read.
    """
    tags, list_name = tuple(map(_label, tags)), _label(list_name)
    with ListFile(path, reading) as source, ProblemFile(problems) as problem_file:
        columns = assign(source.header, mapping, source.sample)
        report = Report(dry_run=dry_run, understood=source.understood())
        report.understood["columns"] = described(source.header, columns)
        if not dry_run:
            fields.keep({name: source.header[at] for at, name in columns.own.items()})
        placer = Placer()
        one_pass = _Run(
            source,
            RowReader(columns, placer, _surname_first(source.header, columns)),
            BatchWriter(
                filter(None, tags),
                "" if dry_run else list_name,
                None if dry_run else import_id,
                lambda *met: one_pass.tell_of_met(*met),
            ),
            report,
            problem_file,
            columns.phones,
        )
        one_pass.copy(progress, Report.from_json(before or {}))
        one_pass.sum_up(placer, columns)
        return report


def _surname_first(header: list[str], columns: Columns) -> bool:
    at = columns.fields.get("full_name")
    return at is not None and titles.is_surname_first(titles.words(header[at]))


def described(header: list[str], columns: Columns) -> list[dict[str, str]]:
    """Each column with what it is taken for."""
    return [{"title": title, "field": columns.of(at)} for at, title in enumerate(header)]


def _label(name: str) -> str:
    """The name of a tag or list as it is kept. Raises Invalid for one that nobody could read."""
    if len(name) > LONGEST_LABEL:
        raise Invalid(f"The name {name[:20]}… is too long: {LONGEST_LABEL} characters at most.")
    return clean(name)


def unsolved_in(row: Row, phones: list[int]) -> list[int]:
    """The places of its formulas that are of no use without their results."""
    # Some programs put a nought where a result belongs; no phone number is one.
    return [at for at in row.unsolved if not row.cells[at] or at in phones]


def named(header: list[str], counts: Mapping[int, int]) -> list[dict[str, Any]]:
    """Columns of formulas without results, with how many of them there are."""
    return [
        {"title": header[at] or f"#{at + 1}" if at < len(header) else f"#{at + 1}", "count": count}
        for at, count in sorted(counts.items())
    ]


@dataclass
class _Run:
    """One pass through a file."""

    source: ListFile
    reader: RowReader
    writer: BatchWriter
    report: Report
    problems: ProblemFile
    phones: list[int]
    unsolved: Counter[int] = field(default_factory=Counter)

    def copy(self, progress: Progress | None, before: Report) -> None:
        report = self.report
        report.met_count, report.met = before.met_count, before.met
        for row in self.source:
            report.rows += 1
            self._take(row)
            if len(self.writer) >= BATCH or report.rows % (BATCH * 5) == 0:
                self._flush(progress, before, self.source.position)
        self._flush(progress, before, self.source.size)

    def sum_up(self, placer: Placer, columns: Columns) -> None:
        """Tell what is known at the end alone."""
        report = self.report
        if columns.whole is not None and self.reader.has_kept_places and not report.dry_run:
            fields.keep({columns.kept_as: self.source.header[columns.whole]})
        report.places, report.by_name_alone = placer.unknown(), placer.by_name_alone
        report.unsolved = named(self.source.header, self.unsolved)

    def _flush(self, progress: Progress | None, before: Report, position: int) -> None:
        report, writer = self.report, self.writer
        if report.rows <= before.rows:
            writer.forget(before.new, before.updated, before.duplicates)
            report.new, report.updated = before.new, before.updated
            report.duplicates = before.duplicates
            return
        if not report.dry_run:
            writer.prepare()
        with db.atomic():
            if report.dry_run:
                writer.count_only()
            else:
                writer.flush()
            report.new, report.updated = writer.new, writer.updated
            report.duplicates = writer.duplicates
            if progress:
                progress(report, position, self.source.size)

    def _take(self, row: Row) -> None:
        if row.unsolved:
            self.unsolved.update(unsolved_in(row, self.phones))
        try:
            if row.problem:
                raise ValueError(row.problem)
            person = self.reader.read(row.cells, row.line)
        except ValueError as error:
            self._leave_out(row, str(error))
            return
        report = self.report
        if person.textless:
            report.textless += 1
        if person.area_flag:
            report.flagged += 1
            if len(report.warnings) < SHOWN:
                sentence = " ".join(person.warnings) or "The register does not know this place."
                report.warnings.append({**self.source.place(row.line), "problem": sentence})
        self.writer.add(person)

    def _leave_out(self, row: Row, problem: str) -> None:
        if self.source.repeats_titles(row.cells):
            self.report.rows -= 1
            return
        value = "" if row.problem else self.reader.given_phone(row.cells)
        if any(at in self.phones for at in row.unsolved):
            problem = UNSOLVED
        place = self.source.place(row.line)
        self.report.bad += 1
        self.problems.write(_told(place), value, problem)
        if len(self.report.errors) < SHOWN:
            self.report.errors.append({**place, "value": value, "problem": problem})

    def tell_of_met(self, line: int, earlier: int, phone: str, kept: str, dropped: str) -> None:
        """Tell of a row that came to the same person as another by a different name."""
        report, place = self.report, self.source.place(line)
        before = self.source.place(earlier)
        report.met_count += 1
        where = f"as line {_told(before)}" if earlier else "as a contact you have"
        sentence = f"The same person {where}: {kept!r} is kept, {dropped!r} is not."
        self.problems.write(_told(place), phone, sentence)
        if len(report.met) < SHOWN:
            met = {"value": phone, "kept": kept, "dropped": dropped, "earlier": before["line"]}
            if "sheet" in before:
                met["earlierSheet"] = before["sheet"]
            report.met.append({**place, **met})


def _told(place: Mapping[str, Any]) -> str:
    """A line in words; several sheets have one of its number."""
    return f"{place['line']} of sheet {place['sheet']}" if "sheet" in place else str(place["line"])


def preview(
    path: Path,
    reading: Reading | None = None,
    mapping: Mapping[str, str] | None = None,
    rows: int = 5,
) -> dict[str, Any]:
    """What a person needs for mapping columns: how the file was read, what each column was taken
    for and what is in it, first rows. Raises Invalid when it can't be read."""
    with ListFile(path, reading) as source:
        try:
            columns = assign(source.header, mapping, source.sample)
        except Invalid as error:
            columns, trouble = Columns(), error.detail
        else:
            trouble = ""
        found = described(source.header, columns)
        for at, column in enumerate(found):
            cells = (row.cells[at].strip() for row in source.sample if at < len(row.cells))
            column["sample"] = " · ".join(list(dict.fromkeys(filter(None, cells)))[:3])[:120]
        unsolved = Counter(at for row in source.sample for at in unsolved_in(row, columns.phones))
        return {
            **source.understood(),
            "choices": source.sheets(),
            "titles_told": source.reading.titles is not None,
            "unsolved": named(source.header, unsolved),
            "columns": found,
            "rows": [row.cells for row in source.sample[:rows]],
            "trouble": trouble,
        }
