"""`obidient contacts …`"""

import sys
import time
from pathlib import Path

import click
from flask import g
from tqdm import tqdm

from obidient.accounts import audit
from obidient.cli import with_app
from obidient.contacts import erasure, imports, optout_import, suppression
from obidient.contacts.phones import normalise
from obidient.errors import Invalid


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


@contacts.command("import", help="Import a CSV of supporters; bad rows are listed, never fatal.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would happen, change nothing.")
@click.option("--list", "list_name", default="", help="Put everybody on this list.")
@click.option("--tag", "tags", multiple=True, help="Give everybody this tag.")
@click.option("--map", "mapping", multiple=True, help="FIELD=COLUMN, e.g. phone=GSM.")
@click.option("--errors", type=click.Path(path_type=Path), help="Write bad rows to this CSV.")
@with_app
def import_file(
    file: Path,
    dry_run: bool,
    list_name: str,
    tags: tuple[str, ...],
    mapping: tuple[str, ...],
    errors: Path | None,
) -> None:
    g.audit_actor = "command line"
    bar = Bar()
    try:
        report = imports.run(
            file,
            mapping=_pairs(mapping),
            tags=tuple(tag.strip().lower() for tag in tags),
            list_name=list_name,
            dry_run=dry_run,
            problems=errors,
            progress=bar,
        )
    finally:
        bar.close()
    if not dry_run:
        sentence = f"Imported {report.new:,} new and {report.updated:,} known contacts"
        audit.record("contacts.imported", sentence, "contacts", file.name)
    _summary(report, errors)
    if report.rows and report.bad == report.rows:
        sys.exit(1)


def _summary(report: imports.Report, errors: Path | None) -> None:
    would = "would be " if report.dry_run else ""
    click.echo(f"{report.rows:,} rows read.")
    click.echo(f"{report.new:,} new contacts {would}added, {report.updated:,} {would}updated.")
    if report.duplicates:
        click.echo(f"{report.duplicates:,} repeated numbers {would}merged.")
    if report.flagged:
        click.echo(f"{report.flagged:,} with a place to check:")
        for item in report.warnings[:5]:
            click.echo(f"  line {item['line']}: {item['problem']}")
    if report.bad:
        click.echo(f"{report.bad:,} rows left out:")
        for item in report.errors[:20]:
            click.echo(f"  line {item['line']}: {item['value']!r}: {item['problem']}")
        if report.bad > 20 and errors is None:
            click.echo("  … add --errors FILE.csv to have all of them in a file.")
        if errors is not None:
            click.echo(f"All of them are in {errors}.")


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
