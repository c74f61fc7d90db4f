"""`obidient setup` and `up --prepare`: what `make run` does before it starts the servers."""

import secrets
from pathlib import Path

import click
from flask import g

from obidient import database
from obidient.accounts import users
from obidient.accounts.models import User
from obidient.command import with_app
from obidient.config import ROOT, settings
from obidient.contacts import demo as contacts_demo
from obidient.results import demo as results_demo

FIRST_ADMIN = "admin@example.org"


def write_env(path: Path) -> bool:
    """Write a development `.env` with fresh secrets unless there is one."""
    if path.exists():
        return False
    text = (
        "# Written by `make run`, for trying things out on this machine. See .env.example.\n"
        "OBIDIENT_ENV=development\n"
        f"SECRET_KEY={secrets.token_hex(32)}\n"
        f"COMMUNICATIONS_WEBHOOK_TOKEN={secrets.token_urlsafe(24)}\n"
    )
    path.touch(mode=0o600)
    path.write_text(text)
    return True


@click.command(help="Prepare a development folder: .env, database, demo data, a first admin.")
def setup() -> None:
    prepare_settings()
    with_app(prepare)()


def prepare_settings() -> None:
    """Before the app is made, which reads them."""
    if write_env(ROOT / ".env"):
        click.echo("Wrote .env with secrets of its own.")


def prepare() -> None:
    g.audit_actor = "make run"
    applied = database.upgrade()
    if applied:
        click.echo(f"Made the database ({len(applied)} steps).")
    if settings().is_production:
        click.echo("OBIDIENT_ENV is production: nothing invented was put in.")
    else:
        _invent()
    if not User.select().exists():
        password = secrets.token_urlsafe(10)
        users.create(FIRST_ADMIN, "admin", password, "Administrator")
        click.echo("")
        click.echo("  Sign in with this; the password is shown only now:")
        click.echo(f"    email     {FIRST_ADMIN}")
        click.echo(f"    password  {password}")
        click.echo("")


def _invent() -> None:
    """Something to look at and to try things out on."""
    new = contacts_demo.load()
    if new:
        click.echo(f"Imported {new} invented supporters.")
    if results_demo.load():
        click.echo("Made a demo election with some results.")
