"""`obidient register …`, `obidient election …` and `obidient results …`."""

import sys
import time
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
from flask import g
from tqdm import tqdm

from obidient.accounts import audit
from obidient.areas import LEVELS
from obidient.command import with_app
from obidient.errors import Conflict, Invalid
from obidient.garbage import uncollected
from obidient.results import (
    deciding,
    downloads,
    elections,
    exports,
    generation,
    nist,
    provisional,
    recount,
    redeciding,
)
from obidient.results import register as registers
from obidient.results.models import ELECTION_STATUSES, Election

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Progress:
    """A bar on a terminal, a line every few seconds otherwise."""

    EVERY = 3.0

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._bar = tqdm(unit=f" {unit}", disable=not sys.stderr.isatty())
        self._done, self._said = 0, time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.close()

    def step(self, number: int) -> None:
        self._done += number
        self._bar.update(number)
        if self._bar.disable and time.monotonic() - self._said > self.EVERY:
            self._said = time.monotonic()
            click.echo(f"{self._done:,} {self._unit}", err=True)


@click.group(help="The register of polling units.")
def register() -> None:
    """Filled by the commands below."""


@register.command("import", help="Import a register (CSV or CSV.gz); defects are listed by line.")
@click.argument("file", type=_FILE)
@with_app
def import_register(file: Path) -> None:
    g.audit_actor = "command line"
    with Progress("rows") as progress:
        report = registers.import_file(file, progress.step)
    for sentence in report.defects:
        click.echo(sentence)
    sentence = f"Imported {report.units:,} polling units in {report.wards:,} wards"
    for row in Election.select(Election.id):
        generation.invalidate(row.id)
    audit.record("register.imported", sentence, "register", file.name)
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in report.kinds.most_common())
    click.echo(f"{sentence} from {report.rows:,} rows. Defects: {kinds or 'none'}.")
    if not report.units:
        sys.exit(1)


@click.group(help="Elections and their parties.")
def election() -> None:
    """Filled by the commands below."""


@election.command("create", help="Make an election and its parties from a JSON file.")
@click.argument("file", type=_FILE)
@with_app
def create(file: Path) -> None:
    g.audit_actor = "command line"
    try:
        document = orjson.loads(file.read_bytes().removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{file.name} is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise Invalid(f"{file.name} must hold one JSON object.")
    made = elections.create(document)
    click.echo(f"Made {made.name} ({made.id}), {made.status}.")


@election.command("list", help="Show all elections.")
@with_app
def show() -> None:
    for row in Election.select().order_by(Election.created_at):
        click.echo(f"{row.id:24} {row.status:10} {row.name}")


@election.command("status", help="Open, close or certify an election.")
@click.argument("election_id")
@click.argument("status", type=click.Choice(ELECTION_STATUSES))
@click.option("--knowing", is_flag=True, help="Certify it although something still waits.")
@with_app
def status(election_id: str, status: str, knowing: bool) -> None:
    g.audit_actor = "command line"
    changed = elections.set_status(election_id, status, knowing)
    click.echo(f"{changed.name} is {changed.status}.")


@click.group(help="Load and check results.")
def results() -> None:
    """Filled by the commands below."""


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                sheet = orjson.loads(line.removeprefix(BOM_UTF8))
            except orjson.JSONDecodeError:
                sheet = None
            if not isinstance(sheet, dict):
                click.echo(f"line {number}: not a JSON object; left out", err=True)
                continue
            yield sheet


@results.command("load", help="Take in sheets from an NDJSON file, as the API would.")
@click.argument("file", type=_FILE)
@click.option("--election", "election_id", required=True, help="The election's id.")
@with_app
def load(file: Path, election_id: str) -> None:
    elections.get(election_id)
    began = time.monotonic()
    # Loading makes no circles of references: the search for them takes a twelfth of the time.
    with uncollected(), Progress("sheets") as progress:
        counts = deciding.load(_lines(file), election_id, progress.step)
    generation.invalidate(election_id)
    number = sum(counts.values())
    seconds = max(time.monotonic() - began, 0.001)
    for name, count in sorted(counts.items()):
        click.echo(f"{name:32} {count:>9,}")
    click.echo(f"{number:,} sheets in {seconds:.1f} s ({number / seconds:,.0f} a second).")


@results.command("verify", help="Count again and report every difference; exit code 1 if any.")
@click.argument("election_id")
@click.option("--repair", is_flag=True, help="Replace the totals by the fresh count.")
@with_app
def verify(election_id: str, repair: bool) -> None:
    elections.get(election_id)
    wrong = recount.differences(election_id)
    for sentence in wrong:
        click.echo(sentence)
    if not wrong:
        click.echo("All totals agree with the units they are made of.")
        return
    click.echo(f"{len(wrong)} difference{'' if len(wrong) == 1 else 's'}.")
    if not repair:
        sys.exit(1)
    g.audit_actor = "command line"
    recount.repair(election_id)
    generation.invalidate(election_id)
    audit.record("election.repaired", f"Recounted {election_id}", "election", election_id)
    click.echo("Repaired.")


@results.command(
    "redecide", help="Decide sheets again that were refused for our records' sake, here and now."
)
@click.argument("election_id")
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice(provisional.REASONS),
    help="Only those refused for this reason; may be repeated.",
)
@with_app
def redecide(election_id: str, reasons: tuple[str, ...]) -> None:
    g.audit_actor = "command line"
    found = elections.get(election_id)
    if found.status == "certified":
        raise Conflict(f"{found.name} is certified: open it again before its sheets are decided.")
    changed = redeciding.run(election_id, reasons or provisional.REASONS)
    generation.invalidate(election_id)
    for reason, number in sorted(changed.items()):
        click.echo(f"{reason:32} {abs(number):>9,} {'fewer' if number > 0 else 'more'}")
    number = sum(changed.values())
    sentence = "Nothing has another outcome now"
    if number:
        sentence = f"{number:,} sheet{'' if number == 1 else 's'} refused before are taken now"
    audit.record("results.redecided", f"Decided again: {sentence}", "election", election_id)
    click.echo(f"{sentence}.")


@results.command("export", help="Write results to standard output, as CSV or as NIST JSON.")
@click.argument("election_id")
@click.option("--format", "kind", type=click.Choice(exports.FORMATS), default="csv")
@click.option("--state", help="One state only: its code or name.")
@click.option("--level", type=click.Choice(LEVELS), help="Smallest areas; else polling units.")
@with_app
def export(election_id: str, kind: str, state: str | None, level: str | None) -> None:
    with exports.snapshot():
        part = exports.part(election_id, state, level or downloads.usual_level(kind, state))
        if kind == "nist":
            nist.check(part)
        for piece in downloads.pieces(part, kind):
            click.echo(piece.encode(), nl=False)
