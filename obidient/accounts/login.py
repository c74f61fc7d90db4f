"""Sign-in and sign-out for people; `guessing` slows down who does not know the password."""

import time
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, current_user, login_required, logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from obidient.accounts import account, audit, guessing, second_factor, sessions
from obidient.accounts.models import User
from obidient.accounts.passwords import hash_password, needs_rehash, verify
from obidient.config import Settings
from obidient.database import storable
from obidient.extensions import limiter

blueprint = Blueprint("accounts", __name__)

PER_ADDRESS = "30/5 minutes"
PER_ACCOUNT = "10/15 minutes"
#: Seconds between the password and the code, and where it is kept who is half-way in.
PATIENCE, HALF_WAY = 300, "half_way"
WRONG = "That email and password don't match an account. Check both and try again."


class LoginForm(FlaskForm):  # type: ignore[misc]
    email = EmailField("Email", [InputRequired("Enter your email.")])
    password = PasswordField("Password", [InputRequired("Enter your password.")])


def init_app(app: Flask, settings: Settings) -> None:
    manager = LoginManager(app)
    manager.login_view = "accounts.login"
    manager.login_message = ""
    manager.session_protection = "basic"
    manager.user_loader(sessions.load)
    app.register_blueprint(blueprint)
    account.register(app)


def home_of(user: Any) -> str:
    """Where a person's work is: an agent reports from their phone, all others from the admin."""
    return "/agent?signed-in" if getattr(user, "role", "") == "agent" else "/admin/"


def safe_next(target: str | None, home: str = "/admin/") -> str:
    """`target` when it is a path on this site, else `home`."""
    if home != "/admin/" and target and target.startswith("/admin"):
        return home
    if not target or not target.startswith("/") or target.startswith("//"):
        return home
    if any(character in target for character in "\\\r\n\t") or urlsplit(target).netloc:
        return home
    return target


def _is_wrong(response: Response) -> bool:
    """Only failures count against an account: its owner signs in as often as they like."""
    return response.status_code == 401


@blueprint.get("/login")
def login() -> str | Response:
    if current_user.is_authenticated:
        return redirect(safe_next(request.args.get("next"), home_of(current_user)))
    return render_template("accounts/login.html", form=LoginForm())


@blueprint.post("/login")
def sign_in() -> Response | tuple[str, int]:
    form = LoginForm()
    if not form.validate_on_submit():
        return render_template("accounts/login.html", form=form), 422
    email = str(form.email.data).strip().lower()
    given = str(form.password.data)
    user: User | None = User.get_or_none(User.email == storable(email), User.active)
    attempt = guessing.attempt(email, guessing.known_browser(user))
    attempt.begin()
    if not verify(user, given) or user is None:
        attempt.wrong()
        flash(WRONG, "error")
        return render_template("accounts/login.html", form=form), 401
    attempt.right()
    if needs_rehash(user):
        user.password_hash = hash_password(given)
        user.save(only=[User.password_hash])
    if user.totp_secret:
        session.clear()
        session[HALF_WAY] = [user.id, user.session_key, int(time.time())]
        return redirect(url_for("accounts.code", next=request.args.get("next")))
    return _begin(user)


def _begin(user: User) -> Response:
    target = safe_next(request.args.get("next"), home_of(user))
    sessions.begin(user)
    guessing.remember_browser(user)
    audit.record("user.signed-in", f"{user.email} signed in", "user", user.id)
    return redirect(target)


# ---- the second step ----------------------------------------------------------------------------


def _half_way() -> User | None:
    """Whose password was right a moment ago; this gives access to nothing but the second step."""
    user_id, session_key, at = session.get(HALF_WAY) or (0, "", 0)
    if time.time() - at > PATIENCE:
        return None
    found: User | None = User.get_or_none(
        User.id == user_id, User.session_key == session_key, User.active
    )
    return found if found and found.totp_secret else None


def _half_way_key() -> str:
    return f"code:{(session.get(HALF_WAY) or [''])[0]}"


@blueprint.route("/login/code", methods=["GET", "POST"])
@limiter.limit(PER_ADDRESS, key_func=get_remote_address, methods=["POST"])
@limiter.limit(PER_ACCOUNT, key_func=_half_way_key, methods=["POST"], deduct_when=_is_wrong)
def code() -> str | Response | tuple[str, int]:
    user = _half_way()
    if user is None:
        session.pop(HALF_WAY, None)
        flash("That took too long. Sign in again.", "info")
        return redirect(url_for("accounts.login", next=request.args.get("next")))
    form = account.CodeForm()
    if not form.validate_on_submit():
        return render_template("accounts/code.html", form=form)
    if not second_factor.check(user, str(form.code.data)):
        form.code.errors = [second_factor.WRONG]
        return render_template("accounts/code.html", form=form), 401
    return _begin(user)


@blueprint.post("/logout")
@login_required  # type: ignore[untyped-decorator]
def logout() -> Response:
    sessions.end_this(current_user)
    logout_user()
    session.clear()
    return redirect(url_for("accounts.login"))
