"""Making and changing users; each change is audited."""

import re
import secrets
from collections.abc import Callable

from flask import Flask, current_app
from peewee import IntegrityError

from obidient.accounts import audit, tokens
from obidient.accounts.models import SignIn, User
from obidient.accounts.passwords import hash_password
from obidient.areas import UNIT_RE, Area
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.roles import ROLES

#: What is kept of a person besides email and role, in words.
_FIELDS = {"name": "name", "phone": "phone number", "polling_unit_code": "polling unit"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def listen(app: Flask, moved: Callable[[User, str | None], None]) -> None:
    """Have `moved` called, in the transaction, with a person who was given another unit."""
    app.extensions.setdefault("obidient.moved", []).append(moved)


def check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid(f"There is no role {role!r}. Choose from: {', '.join(ROLES)}.")


def check_unit(code: str | None) -> None:
    if code and not UNIT_RE.fullmatch(code):
        raise Invalid(f"{code!r} is no polling unit's code: those look like 24-11-02-017.")


def doubt_about(code: str | None) -> str:
    """What to tell whoever gives an agent this unit; empty when the register holds it."""
    if not code or Area.select().where(Area.code == code, Area.level == "unit").exists():
        return ""
    return (
        f"No register holds polling unit {code}: what its agent sends is kept and counts only "
        "once one does. Check the code, or import the register."
    )


def create(
    email: str,
    role: str,
    password: str,
    name: str = "",
    polling_unit_code: str | None = None,
    phone: str | None = None,
) -> User:
    """Make a user. Raises Invalid for a bad email, role or password, Conflict for a taken email."""
    email = email.strip().lower()
    # The length first: the pattern takes the square of it.
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise Invalid(f"{email!r} is not an email address.")
    check_role(role)
    check_unit(polling_unit_code)
    password_hash = hash_password(password)
    try:
        with db.atomic():
            user = User.create(
                email=email,
                name=name.strip() or email.partition("@")[0],
                role=role,
                password_hash=password_hash,
                session_key=secrets.token_hex(16),
                polling_unit_code=polling_unit_code,
                phone=phone,
            )
            audit.record("user.created", f"Created {email} as {role}", "user", user.id)
    except IntegrityError:
        raise Conflict(f"There is a user {email} already.") from None
    return user


def change(user: User, name: str, phone: str | None, polling_unit_code: str | None) -> None:
    """Correct what is known of a person. Raises Invalid for a code that can't be a unit's."""
    check_unit(polling_unit_code)
    given = {
        "name": name.strip() or user.email.partition("@")[0],
        "phone": phone or None,
        "polling_unit_code": polling_unit_code or None,
    }
    changed = [field for field, value in given.items() if getattr(user, field) != value]
    if not changed:
        return
    with db.atomic():
        User.update(**given).where(User.id == user.id).execute()
        if "polling_unit_code" in changed:
            tell_moved(user, given["polling_unit_code"])
        named = " and ".join(_FIELDS[field] for field in changed)
        audit.record("user.changed", f"Changed the {named} of {user.email}", "user", user.id)


def tell_moved(user: User, unit: str | None) -> None:
    """Tell whoever listens that this person's polling unit is another one now, or none."""
    for moved in current_app.extensions.get("obidient.moved", ()):
        moved(user, unit)


def by_email(email: str) -> User:
    """Raises NotFound with a sentence."""
    user: User | None = User.get_or_none(User.email == email.strip().lower())
    if user is None:
        raise NotFound(f"There is no user {email}. `obidient user list` shows them all.")
    return user


def set_password(user: User, password: str) -> None:
    """Change a password; every session of the user ends, and no phone is trusted any more."""
    password_hash = hash_password(password)
    with db.atomic():
        User.update(password_hash=password_hash).where(User.id == user.id).execute()
        _sign_out(user)
        audit.record("user.password", f"Changed the password of {user.email}", "user", user.id)


def end_sessions(user: User) -> None:
    """Sign a user out everywhere, on phones as well."""
    with db.atomic():
        _sign_out(user)
        audit.record("user.sessions", f"Ended all sessions of {user.email}", "user", user.id)


def forget_phones(user: User) -> int:
    """A phone is lost: none of this person's is trusted any more. Returns how many there were."""
    with db.atomic():
        number = tokens.revoke_devices(user.id)
        audit.record("user.phones", f"Shut out all phones of {user.email}", "user", user.id)
    return number


def _sign_out(user: User) -> None:
    """Whatever lets this person in without a password; in the caller's transaction."""
    tokens.revoke_devices(user.id)
    User.update(session_key=secrets.token_hex(16)).where(User.id == user.id).execute()
    SignIn.delete().where(SignIn.user_id == user.id).execute()


def _last_admin(user: User) -> bool:
    others = User.select().where(User.role == "admin", User.active, User.id != user.id)
    return user.role == "admin" and not others.exists()


def set_active(user: User, active: bool) -> None:
    """Close or reopen an account; closing ends its sessions and its tokens, for good."""
    if not active and _last_admin(user):
        raise Conflict("This is the last active admin: make another one first.")
    with db.atomic():
        User.update(active=active).where(User.id == user.id).execute()
        _sign_out(user)
        if not active:
            tokens.revoke_all(user.id)
        word = "Reopened" if active else "Closed"
        action = "user.reopened" if active else "user.closed"
        audit.record(action, f"{word} the account of {user.email}", "user", user.id)


def set_role(user: User, role: str) -> None:
    """Give a user another role, from the next request on."""
    check_role(role)
    if role != "admin" and _last_admin(user):
        raise Conflict("This is the last active admin: make another one first.")
    with db.atomic():
        User.update(role=role).where(User.id == user.id).execute()
        audit.record("user.role", f"Made {user.email} {role}", "user", user.id, before=user.role)
