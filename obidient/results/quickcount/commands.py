"""`obidient quickcount draw` and `obidient quickcount status`."""

from pathlib import Path

import click
from flask import g

from obidient.command import with_app
from obidient.results.quickcount import design, follow


@click.group(help="A sample of polling units that says who leads, with its margins.")
def quickcount() -> None:
    """Filled by the commands below."""


@quickcount.command("draw", help="Draw a sample of polling units from the register.")
@click.argument("election_id")
@click.option("--size", type=click.IntRange(2), required=True, help="Polling units in all.")
@click.option("--seed", default="", help="Published; the same seed draws the same units.")
@click.option("--strata", type=click.Choice(design.KINDS), help="Else states, LGAs or wards.")
@click.option("--allocation", type=click.Choice(design.ALLOCATIONS), default="proportional")
@click.option(
    "--turnout",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Turnout of last time, a CSV of stratum,turnout in percent.",
)
@with_app
def draw(
    election_id: str,
    size: int,
    seed: str,
    strata: str | None,
    allocation: str,
    turnout: Path | None,
) -> None:
    g.audit_actor = "command line"
    shares = follow.read_turnout(turnout.read_bytes()) if turnout else None
    made = follow.draw(election_id, size, seed, strata or "", allocation, shares)
    for unit in follow.units_of(made):
        click.echo(unit.unit_code)
    click.echo(f"Drew {made.size:,} polling units with the seed {made.seed}.", err=True)


@quickcount.command("status", help="What the sheets of the sample say so far.")
@click.argument("election_id")
@with_app
def status(election_id: str) -> None:
    document = follow.status(follow.newest(election_id))
    for one in document["strata"]:
        click.echo(f"{one['name']:32} {one['arrived']:>6,} of {one['drawn']:>6,} units")
    for party in document["parties"]:
        click.echo(f"{party['partyCode']:20} {party['percentage']:>6} % ± {party['margin']}")
    click.echo(document["sentence"])
    for sentence in document["warnings"]:
        click.echo(f"Note: {sentence}")
