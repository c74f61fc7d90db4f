"""Sign-in and sign-out for people, throttled by address and by account."""

from urllib.parse import urlsplit

from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, current_user, login_required, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import EmailField, PasswordField
from wtforms.validators import EqualTo, InputRequired, Length

from obidient.accounts import audit, users
from obidient.accounts.models import User
from obidient.accounts.passwords import SHORTEST, hash_password, needs_rehash, verify
from obidient.clock import utcnow
from obidient.config import Settings
from obidient.errors import Problem
from obidient.extensions import limiter

blueprint = Blueprint("accounts", __name__)

PER_ADDRESS = "30/5 minutes"
PER_ACCOUNT = "10/15 minutes"
WRONG = "That email and password don't match an account. Check both and try again."


class LoginForm(FlaskForm):  # type: ignore[misc]
    email = EmailField("Email", [InputRequired("Enter your email.")])
    password = PasswordField("Password", [InputRequired("Enter your password.")])


class PasswordForm(FlaskForm):  # type: ignore[misc]
    current = PasswordField("Current password", [InputRequired("Enter your current password.")])
    new = PasswordField(
        "New password",
        [InputRequired(), Length(min=SHORTEST, message=f"Use at least {SHORTEST} characters.")],
    )
    again = PasswordField("New password again", [EqualTo("new", "The two don't match.")])


def init_app(app: Flask, settings: Settings) -> None:
    manager = LoginManager(app)
    manager.login_view = "accounts.login"
    manager.login_message = ""
    manager.session_protection = "basic"
    manager.user_loader(_load)
    app.register_blueprint(blueprint)


def _load(session_id: str) -> User | None:
    user_id, _, session_key = session_id.partition(":")
    if not user_id.isdigit():
        return None
    found: User | None = User.get_or_none(
        User.id == int(user_id), User.session_key == session_key, User.active
    )
    return found


def safe_next(target: str | None) -> str:
    """`target` when it is a path on this site, else the admin's home."""
    home = "/admin/"
    if not target or not target.startswith("/") or target.startswith("//"):
        return home
    if any(character in target for character in "\\\r\n\t") or urlsplit(target).netloc:
        return home
    return target


def _account_key() -> str:
    return "account:" + request.form.get("email", "").strip().lower()[:254]


def _is_wrong(response: Response) -> bool:
    """Only failures count against an account: its owner signs in as often as they like."""
    return response.status_code == 401


@blueprint.get("/login")
def login() -> str | Response:
    if current_user.is_authenticated:
        return redirect(safe_next(request.args.get("next")))
    return render_template("accounts/login.html", form=LoginForm())


@blueprint.post("/login")
@limiter.limit(PER_ADDRESS, key_func=get_remote_address)
@limiter.limit(PER_ACCOUNT, key_func=_account_key, deduct_when=_is_wrong)
def sign_in() -> Response | tuple[str, int]:
    form = LoginForm()
    if not form.validate_on_submit():
        return render_template("accounts/login.html", form=form), 422
    email = str(form.email.data).strip().lower()
    given = str(form.password.data)
    user: User | None = User.get_or_none(User.email == email, User.active)
    if not verify(user, given) or user is None:
        flash(WRONG, "error")
        return render_template("accounts/login.html", form=form), 401
    if needs_rehash(user):
        user.password_hash = hash_password(given)
        user.save(only=[User.password_hash])
    User.update(last_login_at=utcnow()).where(User.id == user.id).execute()
    # A fresh session: whatever an attacker may have planted before is gone.
    session.clear()
    login_user(user)
    audit.record("user.signed-in", f"{user.email} signed in", "user", user.id)
    return redirect(safe_next(request.args.get("next")))


@blueprint.post("/logout")
@login_required  # type: ignore[untyped-decorator]
def logout() -> Response:
    logout_user()
    session.clear()
    return redirect(url_for("accounts.login"))


@blueprint.route("/password", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
@limiter.limit("10/15 minutes", key_func=lambda: f"password:{current_user.id}", methods=["POST"])
def password() -> str | Response | tuple[str, int]:
    form = PasswordForm()
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        return render_template("accounts/password.html", form=form), status
    user = current_user._get_current_object()
    if not verify(user, str(form.current.data)):
        flash("Your current password is not right.", "error")
        return render_template("accounts/password.html", form=form), 422
    try:
        users.set_password(user, str(form.new.data))
    except Problem as error:
        flash(error.detail, "error")
        return render_template("accounts/password.html", form=form), 422
    login_user(User.get_by_id(user.id))
    flash("Your password is changed. Other devices are signed out.", "success")
    return redirect("/admin/")
