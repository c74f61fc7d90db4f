"""`obidient backup FILE` and `obidient restore FILE`."""

from pathlib import Path

import click
from flask import g

from obidient.command import with_app
from obidient.operations.backups import making, restoring
from obidient.operations.doctor.report import size


@click.command(help="Save database, photos and recordings into one file, or into a folder.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1), help="In a folder: delete all but the newest N.")
@with_app
def backup(file: Path, keep: int | None) -> None:
    made = making.make(file)
    click.echo(f"{made.path}: {size(made.size)}, {made.rows:,} rows, {made.files:,} files.")
    click.echo(made.check)
    if keep is not None:
        for old in making.keep(made.path.parent, keep):
            click.echo(f"Deleted {old}.")


@click.command(help="Put a backup in the place of the database; everything has to be stopped.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_app
def restore(file: Path, yes: bool) -> None:
    g.audit_actor = "command line"
    manifest = restoring.look(file)
    restoring.check_nothing_runs()
    rows = sum(manifest.rows.values())
    click.echo(f"{file}: of {manifest.at} UTC, version {manifest.version}, {rows:,} rows.")
    if not yes:
        click.confirm("Replace the database by it?", abort=True)
    done = restoring.restore(file)
    click.echo(f"Restored, with {done.files:,} files.")
    if done.kept:
        click.echo(f"The database as it was: {done.kept}")
    settled = done.settled
    click.echo(
        f"Every channel is paused; so are {settled.campaigns:,} campaigns. "
        f"{settled.recipients:,} people who may have been written to since are unconfirmed: "
        "nobody is written to again by itself."
    )
    click.echo(
        "What came in since the backup is gone: take opt-outs from the networks' dashboards "
        "first, erase again who asked for it, and have agents open their page, which sends again.\n"
        "Then start everything, and let the channels go on: obidient queue resume sms"
    )
