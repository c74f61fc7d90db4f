"""A person's own account: password, second factor, and where they are signed in."""

from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from flask_login import current_user, login_required
from flask_wtf import FlaskForm
from markupsafe import Markup
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from obidient.accounts import second_factor, sessions, users
from obidient.accounts.models import User
from obidient.accounts.passwords import SHORTEST, verify
from obidient.errors import Invalid, Problem
from obidient.extensions import limiter

blueprint = Blueprint("account", __name__)

TRIES = "10/15 minutes"
#: Where the secret waits until its first code is typed.
WAITING = "new_factor"


class PasswordForm(FlaskForm):  # type: ignore[misc]
    current = PasswordField("Current password", [InputRequired("Enter your current password.")])
    new = PasswordField(
        "New password",
        [InputRequired(), Length(min=SHORTEST, message=f"Use at least {SHORTEST} characters.")],
    )
    again = PasswordField("New password again", [EqualTo("new", "The two don't match.")])


class CodeForm(FlaskForm):  # type: ignore[misc]
    code = StringField("Code", [InputRequired("Type the code."), Length(max=40)])


class ProofForm(CodeForm):
    """What it takes to weaken an account."""

    password = PasswordField("Password", [InputRequired("Enter your password.")])


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.before_request(ask_for_factor)


def ask_for_factor() -> Response | None:
    """Whose role needs a second factor sets one up before anything else."""
    if not request.path.startswith("/admin") or not current_user.is_authenticated:
        return None
    if current_user.totp_secret or not second_factor.is_required(current_user):
        return None
    flash("Your role needs a second factor: set it up first.", "info")
    return redirect(url_for("account.set_up"))


def _me() -> User:
    user: User = current_user._get_current_object()
    return user


def _key() -> str:
    return f"factor:{current_user.get_id().partition(':')[0]}"


@blueprint.get("/account")
@login_required  # type: ignore[untyped-decorator]
def show() -> str:
    return _show()


def _show(proof: ProofForm | None = None, codes: list[str] | None = None) -> str:
    user = _me()
    return render_template(
        "accounts/account.html",
        proof=proof or ProofForm(formdata=None),
        codes=codes,
        left=second_factor.codes_left(user),
        required=second_factor.is_required(user),
        sign_ins=sessions.of(user),
        device=sessions.device,
    )


@blueprint.route("/account/second-factor", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
@limiter.limit(TRIES, key_func=_key, methods=["POST"])
def set_up() -> str | Response | tuple[str, int]:
    """A picture for the app, and the first code as a proof that it was read."""
    user = _me()
    if user.totp_secret:
        return redirect(url_for("account.show"))
    secret = session.setdefault(WAITING, second_factor.new_secret())
    form = CodeForm()
    status = 200
    if form.validate_on_submit():
        try:
            codes = second_factor.turn_on(user, secret, str(form.code.data))
        except Invalid as error:
            form.code.errors = [error.detail]
            status = 422
        else:
            del session[WAITING]
            sessions.end_others(user)
            user.totp_secret = secret
            return _show(codes=codes)
    picture = Markup(second_factor.picture(user, secret))
    page = render_template("accounts/factor.html", form=form, secret=secret, picture=picture)
    return page, status


@blueprint.post("/account/second-factor/<action>")
@login_required  # type: ignore[untyped-decorator]
@limiter.limit(TRIES, key_func=_key)
def change(action: str) -> str | Response | tuple[str, int]:
    """Turn it off, or get new recovery codes; both take the password and a code."""
    user, form = _me(), ProofForm()
    if not user.totp_secret or action not in ("off", "codes"):
        return redirect(url_for("account.show"))
    if not form.validate_on_submit():
        return _show(form), 422
    if not verify(user, str(form.password.data)):
        form.password.errors = ["Your password is not right."]
        return _show(form), 422
    if not second_factor.check(user, str(form.code.data)):
        form.code.errors = [second_factor.WRONG]
        return _show(form), 422
    if action == "codes":
        return _show(codes=second_factor.renew_codes(user))
    second_factor.turn_off(user, f"{user.email} turned off the second factor")
    flash("The second factor is off. Your password alone signs you in.", "success")
    return redirect(url_for("account.show"))


@blueprint.post("/account/sessions/<int:sign_in_id>/end")
@login_required  # type: ignore[untyped-decorator]
def end(sign_in_id: int) -> Response:
    sessions.end(_me(), sign_in_id)
    flash("Ended. Whoever used it has to sign in again.", "success")
    return redirect(url_for("account.show"))


@blueprint.post("/account/sessions/end-others")
@login_required  # type: ignore[untyped-decorator]
def end_others() -> Response:
    number = sessions.end_others(_me())
    flash(f"Ended {number} other session{'' if number == 1 else 's'}.", "success")
    return redirect(url_for("account.show"))


@blueprint.route("/password", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]
@limiter.limit(TRIES, key_func=lambda: f"password:{current_user.id}", methods=["POST"])
def password() -> str | Response | tuple[str, int]:
    form = PasswordForm()
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        return render_template("accounts/password.html", form=form), status
    user = _me()
    if not verify(user, str(form.current.data)):
        flash("Your current password is not right.", "error")
        return render_template("accounts/password.html", form=form), 422
    try:
        users.set_password(user, str(form.new.data))
    except Problem as error:
        flash(error.detail, "error")
        return render_template("accounts/password.html", form=form), 422
    sessions.begin(User.get_by_id(user.id))
    flash("Your password is changed. Other devices are signed out.", "success")
    return redirect("/admin/")
