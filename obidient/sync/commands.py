"""`obidient agent …`: what polling agents need from those who run the system."""

import sys

import click
from flask import g

from obidient.accounts import users
from obidient.cli import with_app
from obidient.sync import pins


@click.group(help="Polling agents: their PINs for results by SMS.")
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
