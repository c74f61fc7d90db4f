"""A person's sign-ins: a row each, so that every one can be seen, and ended by itself."""

import secrets
from datetime import timedelta

from flask import request, session
from flask_login import login_user

from obidient.accounts import audit
from obidient.accounts.models import SignIn, User
from obidient.clock import utcnow
from obidient.database import aside, db

#: How often `seen_at` is written: once per request would be a write per page.
SEEN_EVERY = timedelta(minutes=1)
#: Nobody comes back to a sign-in that was not used for this long.
KEPT = timedelta(days=30)
#: What is looked for in a browser's name, and what it is called; the first that fits.
_BROWSERS = ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome")
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def begin(user: User) -> None:
    """Sign a person in, in a fresh session: whatever an attacker may have planted is gone."""
    now = utcnow()
    with db.atomic():
        SignIn.delete().where(SignIn.user_id == user.id, SignIn.seen_at < now - KEPT).execute()
        made = SignIn.create(
            user_id=user.id,
            key=secrets.token_hex(16),
            address=request.remote_addr or "",
            browser=request.user_agent.string[:255],
        )
        User.update(last_login_at=now).where(User.id == user.id).execute()
    session.clear()
    user.sign_in_key = made.key
    login_user(user)


def load(session_id: str) -> User | None:
    """The person behind a session cookie, while the sign-in has not ended."""
    user_id, _, rest = session_id.partition(":")
    session_key, _, key = rest.partition(":")
    if not user_id.isdigit():
        return None
    user: User | None = User.get_or_none(
        User.id == int(user_id), User.session_key == session_key, User.active
    )
    row = SignIn.get_or_none(SignIn.key == key, SignIn.user_id == int(user_id))
    if user is None or row is None:
        return None
    user.sign_in_key = key
    now = utcnow()
    if now - row.seen_at > SEEN_EVERY:
        seen = SignIn.update(seen_at=now, address=request.remote_addr or "")
        aside(seen.where(SignIn.id == row.id).execute)
    return user


def of(user: User) -> list[SignIn]:
    """A person's sign-ins, the one used last first."""
    rows = SignIn.select().where(SignIn.user_id == user.id, SignIn.seen_at > utcnow() - KEPT)
    return list(rows.order_by(SignIn.seen_at.desc()).limit(100))


def end(user: User, sign_in_id: int) -> None:
    """End one sign-in of a person; nothing happens when it has ended."""
    with db.atomic():
        mine = (SignIn.id == sign_in_id) & (SignIn.user_id == user.id)
        if SignIn.delete().where(mine).execute():
            audit.record("user.session", f"Ended a session of {user.email}", "user", user.id)


def end_others(user: User) -> int:
    """End all sign-ins of a person but the one at hand; returns how many."""
    with db.atomic():
        others = (SignIn.user_id == user.id) & (SignIn.key != user.sign_in_key)
        ended = int(SignIn.delete().where(others).execute())
        if ended:
            audit.record("user.sessions", f"Ended other sessions of {user.email}", "user", user.id)
    return ended


def end_this(user: User) -> None:
    """Sign out."""
    SignIn.delete().where(SignIn.key == user.sign_in_key, SignIn.user_id == user.id).execute()


def device(browser: str) -> str:
    """A browser's name in plain words, such as "Chrome on Android"."""
    name = next((name for mark, name in _BROWSERS if mark in browser), "")
    if not name and "Safari/" in browser:
        name = "Safari"
    system = next((name for mark, name in _SYSTEMS if mark in browser), "")
    if name and system:
        return f"{name} on {system}"
    return name or system or "A program"
