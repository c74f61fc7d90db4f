"""`obidient queue …` and `obidient db …`."""

import contextlib
import sys
from pathlib import Path

import click
from flask import g

from obidient import database, queues
from obidient.campaigns import control
from obidient.command import with_app
from obidient.config import ConfigError, settings
from obidient.operations import listing
from obidient.operations.worker import chosen_queues
from obidient.setting_values import describe_url
from obidient.workers import waiting


@click.command(
    "jobs", help="List the jobs of these channels, or of all: waiting, active and so on."
)
@click.argument("channels", nargs=-1)
@click.option(
    "--limit", default=20, type=click.IntRange(1), help="Of each kind and queue, at most this many."
)
@with_app
def jobs(channels: tuple[str, ...], limit: int) -> None:
    with waiting.reachable():
        for name in chosen_queues(channels):
            for line in listing.lines(name, limit):
                click.echo(line)


@click.command("clear", help="Drop waiting and scheduled jobs; recipients stay safe.")
@click.argument("channels", nargs=-1)
@with_app
def clear(channels: tuple[str, ...]) -> None:
    with waiting.reachable():
        for name in chosen_queues(channels):
            storage = queues.current().storage(name)
            storage.flush_queue()
            storage.flush_schedule()
    click.echo("Queues cleared")


@click.command("pause", help="Make no provider call on a channel until it is resumed.")
@click.argument("channel")
@with_app
def pause(channel: str) -> None:
    g.audit_actor = "command line"
    control.pause_channel(channel)
    click.echo(f"The {channel} channel is paused.")


@click.command("resume", help="Let a channel go on.")
@click.argument("channel")
@with_app
def resume(channel: str) -> None:
    g.audit_actor = "command line"
    control.resume_channel(channel)
    click.echo(f"The {channel} channel goes on.")


def _need_database() -> None:
    problem = database.unreachable()
    if problem is not None:
        raise ConfigError(problem)


@click.group("db", help="Upgrade the database, or see whether it needs it.")
def db() -> None:
    """Filled by the commands below."""


@db.command("upgrade", help="Bring the database up to date; safe to run twice at once.")
@with_app
def upgrade() -> None:
    if not database.is_postgres():
        with contextlib.suppress(OSError):
            Path(database.db.obj.database).parent.mkdir(parents=True, exist_ok=True)
    _need_database()
    done = database.upgrade(click.echo)
    for name in done:
        click.echo(f"Applied {name}.")
    click.echo("The database is up to date.")


@db.command("status", help="Show pending upgrades; exit code 1 when there are any.")
@with_app
def status() -> None:
    click.echo(f"Database: {describe_url(settings().database_url)}")
    _need_database()
    pending = database.pending_migrations()
    for name in pending:
        click.echo(f"Pending: {name}")
    for sentence in database.long_steps():
        click.echo(sentence)
    if pending:
        click.echo("Run `obidient db upgrade`.")
        sys.exit(1)
    click.echo("The database is up to date.")
