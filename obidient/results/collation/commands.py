"""`obidient collation import` and `obidient collation check`."""

from pathlib import Path

import click
from flask import g

from obidient.areas import ROOT_CODE
from obidient.command import with_app
from obidient.config import settings
from obidient.errors import Invalid
from obidient.results import elections
from obidient.results.collation import compare, declare, sheet


@click.group(help="Declared figures beside those of the sheets.")
def collation() -> None:
    """Filled by the commands below."""


@collation.command("import", help="Take in declared figures from a CSV; all of it, or nothing.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--election", "election_id", required=True, help="The election's id.")
@click.option("--source", default="", help="Where the figures are from; else the file's name.")
@with_app
def import_declared(file: Path, election_id: str, source: str) -> None:
    g.audit_actor = "command line"
    try:
        rows = declare.read_csv(file.read_bytes())
        made = declare.declare(election_id, rows, source or file.name)
    except Invalid as error:
        for one in (error.errors or [])[1:]:
            click.echo(f"{one['field']}: {one['message']}", err=True)
        raise
    number = f"{made.areas:,} area{'' if made.areas == 1 else 's'}"
    click.echo(f"Took in {number} as revision {made.id}.")


@collation.command("check", help="Write the differences to standard output, as CSV.")
@click.argument("election_id")
@click.option("--area", default=ROOT_CODE, help="Only in this state, LGA or ward, by its code.")
@with_app
def check(election_id: str, area: str) -> None:
    elections.get(election_id)
    found = compare.findings(election_id, area)
    site = settings().public_url or ""
    click.echo(sheet.text(found, lambda code: f"{site}/results/{election_id}/{code}"), nl=False)
    counts = {kind: sum(one.kind == kind for one in found) for kind in compare.KINDS}
    told = ", ".join(f"{number:,} {kind}" for kind, number in counts.items() if number)
    click.echo(f"Declared for {len(found):,}: {told or 'no declared figures yet'}.", err=True)
