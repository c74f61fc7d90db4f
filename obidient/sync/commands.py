"""`obidient agent …` and `obidient agents …`: what polling agents need from who runs the system."""

import csv
import os
import sys
import time
from pathlib import Path

import click
from flask import g

from obidient.accounts import users
from obidient.accounts.models import User
from obidient.areas import CODE_RE, area_name
from obidient.command import with_app
from obidient.errors import Invalid
from obidient.results.commands import Progress
from obidient.sync import agents as people
from obidient.sync import pins

#: PINs made and written in one step.
STEP = 200
#: Problems printed one by one.
SHOWN = 200


@click.group(help="One polling agent: the PIN for signing in and for results by SMS.")
def agent() -> None:
    """Filled by the commands below."""


@agent.command("pin", help="Set an agent's PIN; printed alone on the last line, once.")
@click.argument("email")
@click.option("--pin-stdin", is_flag=True, help="Read the PIN instead of making one up.")
@with_app
def pin(email: str, pin_stdin: bool) -> None:
    g.audit_actor = "command line"
    found = users.by_email(email)
    chosen = pins.set_pin(found, sys.stdin.readline().strip() if pin_stdin else None)
    click.echo(f"{found.email} texts results from {found.polling_unit_code or 'no unit yet'}.")
    click.echo(chosen)


@click.group(help="Polling agents by the thousand: imported, and given PINs.")
def agents() -> None:
    """Filled by the commands below."""


@agents.command("import", help="Bring in agents from a CSV with name, phone and polling_unit.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@with_app
def import_agents(file: Path, dry_run: bool) -> None:
    g.audit_actor = "command line"
    if not dry_run:
        people.tidy_phones()
    with Progress("agents") as progress:
        report = people.import_file(file, dry_run, progress.step)
    for sentence in report.problems[:SHOWN]:
        click.echo(sentence)
    if len(report.problems) > SHOWN:
        click.echo(f"… and {len(report.problems) - SHOWN:,} more")
    click.echo(report.sentence(dry_run))
    if report.rows == report.left_out:
        sys.exit(1)


@agents.command("pins", help="Make PINs for agents who have none, and add them to a CSV file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--area", default="", help="Only in a state, LGA or ward, e.g. 24-11.")
@click.option("--anew", is_flag=True, help="Also for those who have one, which stops working.")
@with_app
def make_pins(file: Path, area: str, anew: bool) -> None:
    g.audit_actor = "command line"
    if area and not CODE_RE.fullmatch(area):
        raise Invalid(f"{area!r} is no area's code: those look like 24 or 24-11.")
    began, number, after = time.monotonic(), 0, 0
    what = area_name(area) if area else "everywhere"
    with _private(file) as out, Progress("PINs") as progress:
        rows = csv.writer(out)
        # With --anew nobody drops out of the query by getting one: their ids are gone through.
        query = people.without_pin(area, anew)
        ids = [row.id for row in query] if anew else []
        while True:
            some = ids[after : after + STEP]
            users_ = list(query.where(User.id.in_(some)) if anew else query.limit(STEP))
            after += STEP
            if not users_:
                break
            for user, made in pins.make_many(users_, what):
                unit = user.polling_unit_code or ""
                rows.writerow([area_name(unit[:5]), unit, user.name, user.phone, pins.spoken(made)])
            out.flush()
            os.fsync(out.fileno())
            number += len(users_)
            progress.step(len(users_))
    seconds = time.monotonic() - began
    click.echo(f"Made {number:,} PINs in {seconds:.1f} s. They are in {file} and nowhere else.")


def _private(file: Path):  # type: ignore[no-untyped-def]
    """A file that nobody else may read, written on where it ends."""
    is_new = not file.exists()
    out = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", newline="")
    if is_new:
        csv.writer(out).writerow(["lga", "polling_unit", "name", "phone", "pin"])
    return out
