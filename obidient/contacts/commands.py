"""`obidient contacts …`"""

import sys
import time
from pathlib import Path
from typing import Any

import click
from flask import g
from tqdm import tqdm

from obidient import jobs
from obidient.command import with_app
from obidient.contacts import erasure, imports, optout_import, suppression, undo
from obidient.contacts.encodings import CHOICES
from obidient.contacts.lists import KINDS, TITLED, Reading
from obidient.contacts.phones import normalise
from obidient.contacts.sheets import APART
from obidient.contacts.uploads import IMPORT, record
from obidient.errors import Invalid
from obidient.jobs import Job


@click.group(help="Import supporters, and keep the list of who wants no messages.")
def contacts() -> None:
    """Filled by the commands below."""


class Bar:
    """A progress bar on a terminal, else a line every few seconds."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._said = time.monotonic()

    def __call__(self, report: imports.Report, read: int, size: int) -> None:
        if sys.stderr.isatty():
            if self._bar is None:
                self._bar = tqdm(total=size, unit="B", unit_scale=True, leave=False)
            self._bar.set_postfix_str(f"{report.rows:,} rows, {report.bad:,} bad")
            self._bar.update(read - self._bar.n)
            return
        if time.monotonic() - self._said > 3:
            self._said = time.monotonic()
            click.echo(f"{100 * read // max(size, 1)} %: {report.rows:,} rows", err=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _pairs(values: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for value in values:
        name, equals, title = value.partition("=")
        if not equals:
            raise Invalid(f"Write --map FIELD=COLUMN, e.g. --map phone=GSM (not {value!r}).")
        found[name.strip()] = title.strip()
    return found


@contacts.command("import", help="Import a list of supporters; bad rows are listed, never fatal.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would happen, change nothing.")
@click.option("--list", "list_name", default="", help="Put everybody on this list.")
@click.option("--tag", "tags", multiple=True, help="Give everybody this tag.")
@click.option(
    "--map",
    "mapping",
    multiple=True,
    help="FIELD=COLUMN, e.g. phone=GSM; or #PLACE=FIELD, e.g. #2=phone, #5=field:occupation, #6=",
)
@click.option("--encoding", default="", help=f"Of a text file: {', '.join(CHOICES)}.")
@click.option(
    "--sheet",
    multiple=True,
    help="Of a workbook; several with the same titles are read as one list, `*` being all of them.",
)
@click.option("--titles", default="", help="Line that names the columns; 0 when none does.")
@click.option("--errors", type=click.Path(path_type=Path), help="Write bad rows to this CSV.")
@with_app
def import_file(
    file: Path,
    dry_run: bool,
    list_name: str,
    tags: tuple[str, ...],
    mapping: tuple[str, ...],
    errors: Path | None,
    sheet: tuple[str, ...],
    **reading: str,
) -> None:
    """Exit code 0 when people came in, whatever was left out; 1 when nothing could be read."""
    g.audit_actor = "command line"
    wanted: dict[str, Any] = {
        "mapping": _pairs(mapping),
        "reading": Reading.of({**reading, "sheet": APART.join(sheet)}),
        "tags": tuple(tag.strip().lower() for tag in tags),
        "list_name": list_name,
        "problems": errors,
    }
    if dry_run:
        report = _run(file, None, dry_run=True, **wanted)
    else:
        with jobs.by_hand(
            IMPORT,
            total=file.stat().st_size,
            path=str(file.resolve()),
            name=file.name,
            list=list_name,
            dryRun=False,
            command=True,
        ) as job:
            report = _run(file, job, import_id=job.id, **wanted)
            job.report = report.as_json()
        record(job, report, file.name)
    _summary(report, errors)
    if not report.new + report.updated:
        sys.exit(1)
    if not dry_run:
        click.echo(f"To undo it: obidient contacts undo {job.id}")


def _run(file: Path, job: Job | None, **wanted: Any) -> imports.Report:
    bar = Bar()

    def progress(report: imports.Report, read: int, size: int) -> None:
        bar(report, read, size)
        if job is not None:
            jobs.progress(job, read, size)

    try:
        return imports.run(file, progress=progress, **wanted)
    finally:
        bar.close()


@contacts.command("undo", help="Undo an import: its number is told by the import, and on its page.")
@click.argument("import_id", metavar="IMPORT", type=click.IntRange(1, 2**31 - 1))
@click.option("--yes", is_flag=True, help="Don't ask. Where nobody can answer, nobody is asked.")
@with_app
def undo_import(import_id: int, yes: bool) -> None:
    g.audit_actor = "command line"
    job = undo.find(import_id)
    undo.check(job)
    if not yes and sys.stdin.isatty():
        rows = job.report.get("rows", 0)
        click.confirm(
            f"Undo the import of {job.params.get('name', '')} ({rows:,} rows)?", abort=True
        )
    report = undo.run(job)
    click.echo(f"{report['removed']:,} contacts removed.")
    click.echo(f"{report['restored']:,} contacts are again what they were.")
    for reason, number in report["kept"].items():
        if number:
            click.echo(f"{number:,} stay as they are: {undo.WHY[reason]}.")


def _summary(report: imports.Report, errors: Path | None) -> None:
    would = "would be " if report.dry_run else ""
    for line in _understood(report.understood):
        click.echo(line)
    click.echo(f"{report.rows:,} rows read.")
    click.echo(f"{report.new:,} new contacts {would}added, {report.updated:,} {would}updated.")
    _noteworthy(report, would)
    if report.flagged:
        click.echo(f"{report.flagged:,} with a place to check:")
        for item in report.warnings[:5]:
            click.echo(f"  {_at(item)}: {item['problem']}")
    if report.bad:
        click.echo(f"{report.bad:,} rows left out:")
        for item in report.errors[:20]:
            click.echo(f"  {_at(item)}: {item['value']!r}: {item['problem']}")
        if report.bad > 20 and errors is None:
            click.echo("  … add --errors FILE.csv to have all of them in a file.")
        if errors is not None:
            click.echo(f"All of them are in {errors}.")


def _at(item: dict[str, Any]) -> str:
    """Where a row is: its line, and the sheet where several were read."""
    return f"line {item['line']}" + (f" of sheet {item['sheet']}" if "sheet" in item else "")


def _noteworthy(report: imports.Report, would: str) -> None:
    for item in report.unsolved:
        click.echo(
            f"Column {item['title']} has {item['count']:,} formulas whose results the file does "
            "not hold: open it in Excel or LibreOffice, save it there and import it again."
        )
    if report.duplicates:
        click.echo(f"{report.duplicates:,} repeated numbers {would}merged.")
    for item in report.met[:5]:
        where = f"line {item['earlier']}" if item["earlier"] else "a contact you have"
        click.echo(
            f"  {_at(item)}: same person as {where}; {item['kept']!r} is kept, "
            f"{item['dropped']!r} is not"
        )
    if report.textless:
        click.echo(f"{report.textless:,} numbers can be called but get no texts (landlines).")
    if report.by_name_alone:
        click.echo(
            f"{report.by_name_alone:,} wards or units are kept by name: no register is loaded."
        )


def _understood(found: dict[str, Any]) -> list[str]:
    """What the file was taken for, in lines."""
    told = [KINDS[found["kind"]]]
    if found["encoding"]:
        told.append(CHOICES.get(found["encoding"], found["encoding"]))
    if found["read"]:
        several = "s" if len(found["read"]) > 1 else ""
        told.append(f"sheet{several} {', '.join(map(repr, found['read']))}")
    if found["kind"] not in TITLED:
        told.append(f"titles on line {found['titles']}" if found["titles"] else "no titles")
    lines = ["Read as: " + ", ".join(told) + "."]
    if found["doubt"]:
        others = " or ".join(found["doubt"])
        lines.append(f"Where letters look wrong, try --encoding {others}.")
    if found["unread"]:
        others = ", ".join(found["unread"])
        lines.append(f"Not read: the other sheets ({others}). Choose one with --sheet.")
    lines += found["remarks"]
    lines += [f"Passed over: {line}" for line in found["headings"][:5]]
    columns = [
        f"{one['title'] or '#' + str(at)} = {one['field']}"
        for at, one in enumerate(found["columns"], 1)
        if one["field"]
    ]
    return [*lines, "Columns: " + "; ".join(columns) + "."]


@contacts.command("suppress", help="Send nothing more to a number.")
@click.argument("phone")
@click.option("--channel", default="*", help="Only this channel; every one by default.")
@with_app
def suppress(phone: str, channel: str) -> None:
    g.audit_actor = "command line"
    suppression.suppress(_phone(phone), channel, "manual")
    click.echo("Nothing more will be sent to that number.")


@contacts.command("opt-outs", help="Send nothing more to the numbers in a CSV.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--channel", default="*", help="Only this channel; every one by default.")
@with_app
def import_opt_outs(file: Path, channel: str) -> None:
    g.audit_actor = "command line"
    click.echo(str(optout_import.run(optout_import.decoded(file.read_bytes()), channel)))


@contacts.command("unsuppress", help="Allow messages to a number again.")
@click.argument("phone")
@click.option("--channel", default="*", help="The channel it was suppressed on.")
@with_app
def unsuppress(phone: str, channel: str) -> None:
    g.audit_actor = "command line"
    if suppression.lift(_phone(phone), channel):
        click.echo("That number may be messaged again.")
    else:
        click.echo("That number was not suppressed.")


@contacts.command("erase", help="Erase everything about a person, by phone number.")
@click.argument("phone")
@click.option(
    "--never-again/--may-return",
    default=True,
    help="Whether a later import may bring the person back; never, unless said otherwise.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_app
def erase(phone: str, never_again: bool, yes: bool) -> None:
    g.audit_actor = "command line"
    found = erasure.preview(phone)
    click.echo("This would be erased:")
    for label, figure in found.lines:
        click.echo(f"  {label}: {'searched for' if figure is None else format(figure, ',')}")
    if not yes:
        click.confirm("It can't be undone. Erase it?", abort=True)
    report = erasure.run(erasure.numbers_of(found.phone), never_again)
    click.echo(f"Erased {sum(report.values()):,} records.")
    if never_again or found.opted_out:
        click.echo("Nothing is sent to that number ever again.")


def _phone(text: str) -> str:
    try:
        return normalise(text)
    except ValueError as error:
        raise Invalid(str(error)) from None
