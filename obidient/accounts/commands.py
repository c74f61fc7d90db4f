"""`obidient user …` and `obidient token …`."""

import secrets
import sys

import click
from flask import g

from obidient.accounts import audit, second_factor, tokens, users
from obidient.accounts.models import ApiToken, User
from obidient.command import with_app
from obidient.database import db
from obidient.errors import Conflict, NotFound
from obidient.roles import ROLES, SCOPES


@click.group(help="Make and change the people who sign in.")
def user() -> None:
    """Filled by the commands below."""


@click.group(help="Make and revoke API tokens.")
def token() -> None:
    """Filled by the commands below."""


def _ask_password(from_stdin: bool) -> tuple[str, bool]:
    """A password, and whether it was made up here."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True), False
    return secrets.token_urlsafe(12), True


@user.command("create", help="Make a user; asks for the password, or makes one up.")
@click.argument("email")
@click.option("--role", required=True, help=f"One of: {', '.join(ROLES)}.")
@click.option("--name", default="", help="The person's name.")
@click.option("--polling-unit", default=None, help="An agent's own unit, e.g. 24-11-02-017.")
@click.option("--phone", default=None, help="An agent's phone number.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@with_app
def create_user(
    email: str,
    role: str,
    name: str,
    polling_unit: str | None,
    phone: str | None,
    password_stdin: bool,
) -> None:
    g.audit_actor = "command line"
    users.check_role(role)
    password, made_up = _ask_password(password_stdin)
    users.create(email, role, password, name, polling_unit, phone)
    click.echo(f"Created {email.strip().lower()} ({role}).")
    if doubt := users.doubt_about(polling_unit):
        click.echo(doubt, err=True)
    if made_up:
        click.echo(f"Password (shown only now): {password}")


@user.command("list", help="Show all users.")
@with_app
def list_users() -> None:
    rows = list(User.select().order_by(User.email))
    if not rows:
        click.echo("No users yet. Make one: obidient user create EMAIL --role admin")
    for row in rows:
        click.echo(f"{row.email:40} {row.role:10} {'active' if row.active else 'closed'}")


@user.command("password", help="Set a user's password.")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@with_app
def set_password(email: str, password_stdin: bool) -> None:
    g.audit_actor = "command line"
    found = users.by_email(email)
    password, made_up = _ask_password(password_stdin)
    users.set_password(found, password)
    click.echo(f"Changed the password of {found.email}; all its sessions have ended.")
    if made_up:
        click.echo(f"Password (shown only now): {password}")


@user.command("close", help="Close an account: no sign-in, no tokens.")
@click.argument("email")
@with_app
def close(email: str) -> None:
    g.audit_actor = "command line"
    found = users.by_email(email)
    users.set_active(found, False)
    click.echo(f"Closed the account of {found.email}.")


@user.command("reset-second-factor", help="For who has lost phone and recovery codes.")
@click.argument("email")
@with_app
def reset_second_factor(email: str) -> None:
    g.audit_actor = "command line"
    found = users.by_email(email)
    if not found.totp_secret:
        raise Conflict(f"{found.email} has no second factor.")
    second_factor.turn_off(found, f"Removed the second factor of {found.email}")
    click.echo(f"Removed the second factor of {found.email}: the password alone signs in.")


@token.command("create", help="Make an API token; it is printed alone on the last line, once.")
@click.option("--user", "email", required=True, help="Whose token it is.")
@click.option("--name", required=True, help="What will use it.")
@click.option("--scope", "scopes", multiple=True, help=f"Any of: {', '.join(SCOPES)}.")
# So that `--scope A B` works as well as `--scope A --scope B`.
@click.argument("more_scopes", metavar="", nargs=-1)
@with_app
def create_token(
    email: str, name: str, scopes: tuple[str, ...], more_scopes: tuple[str, ...]
) -> None:
    g.audit_actor = "command line"
    found = users.by_email(email)
    with db.atomic():
        made = tokens.issue(found, name, scopes + more_scopes)
        audit.record(
            "token.created", f"Made the token {name!r} for {found.email}", "user", found.id
        )
    click.echo("Keep this token; it can't be shown again.", err=True)
    click.echo(made)


@token.command("list", help="Show all tokens, by their first characters.")
@with_app
def list_tokens() -> None:
    rows = list(ApiToken.select(ApiToken, User).join(User).order_by(ApiToken.id))
    if not rows:
        click.echo("No tokens yet. Make one: obidient token create --user EMAIL --name NAME")
    for row in rows:
        scopes = row.scopes or f"all of {row.user.role}"
        click.echo(
            f"{row.prefix}…  {tokens.state(row):8} {row.user.email:32} {row.name:24} {scopes}"
        )


@token.command("revoke", help="Make a token worthless; name it by its first characters.")
@click.argument("prefix")
@with_app
def revoke(prefix: str) -> None:
    g.audit_actor = "command line"
    rows = list(ApiToken.select().where(ApiToken.prefix == prefix.rstrip("…")))
    if not rows:
        raise NotFound(f"No token starts with {prefix}. `obidient token list` shows them.")
    with db.atomic():
        for row in rows:
            tokens.revoke(row)
            audit.record("token.revoked", f"Revoked the token {row.name!r}", "token", row.id)
    click.echo(f"Revoked {len(rows)} token{'s' if len(rows) > 1 else ''}.")
