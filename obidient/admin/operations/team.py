"""The people who sign in: their roles in plain language, sessions, and API tokens."""

import secrets
from datetime import timedelta
from typing import Any

from flask import flash, redirect, request
from flask_login import current_user
from peewee import SQL
from werkzeug.wrappers import Response
from wtforms import EmailField, Form, PasswordField, RadioField, StringField
from wtforms.validators import InputRequired, Length, Optional

from obidient.accounts import audit, second_factor, sessions, tokens, users
from obidient.accounts.models import ApiToken, AuditEntry, User
from obidient.accounts.passwords import SHORTEST
from obidient.admin.base import PAGE, SecureView, done, expose
from obidient.areas import CODE_RE, area_name
from obidient.clock import utcnow
from obidient.contacts.phones import normalise
from obidient.database import db
from obidient.errors import Invalid, NotFound, Problem
from obidient.roles import ROLES, SCOPES, scopes_of
from obidient.sync import overview

#: Days a token may live, and how that is said.
LIFETIMES = {"30": "30 days", "90": "90 days", "365": "a year", "": "until revoked"}


class UserForm(Form):
    email = EmailField("Email", [InputRequired("Write an email address."), Length(max=254)])
    name = StringField("Name", [Length(max=120)])
    role = RadioField(
        "Role", [InputRequired("Choose a role.")], choices=[(key, key) for key in ROLES]
    )
    password = PasswordField("First password", [Optional(), Length(min=SHORTEST, max=200)])
    phone = StringField("Phone", [Length(max=40)])
    polling_unit_code = StringField("Polling unit", [Length(max=12)])


#: The lists of people, and how each is called.
STAFF = tuple(role for role in ROLES if role != "agent")
LISTS = {
    "": "Team",
    **{role: f"{role.capitalize()}s" for role in STAFF},
    "agent": "Polling agents",
}
#: Written as the index of the team has it.
NO_AGENT = SQL("role <> 'agent'")


class People(SecureView):
    icon = "key"
    lead = "Who may sign in, and what each of them may do."

    @expose("/")
    def index(self) -> Any:
        """A list of people, by role or as searched for: there may be 200,000 agents."""
        which, wanted = request.args.get("role", ""), request.args.get("search", "").strip()
        after = request.args.get("after", "")
        if which not in LISTS:
            which = ""
        rows = _people(which, wanted)
        if after:
            rows = rows.where(User.email > after)
        found = list(rows.order_by(User.email).limit(PAGE + 1))
        return self.render(
            "admin/operations/people.html",
            users=found[:PAGE],
            lists=LISTS,
            which=which,
            wanted=wanted,
            after=after,
            more=found[PAGE - 1].email if len(found) > PAGE else None,
            roles=ROLES,
            abilities=SCOPES,
            scopes_of=scopes_of,
            area_name=area_name,
        )

    @expose("/new", methods=("GET", "POST"))
    def new(self) -> Any:
        form = UserForm(request.form, role=request.args.get("role"))
        if request.method == "POST" and form.validate():
            password = form.password.data or secrets.token_urlsafe(12)
            try:
                user = users.create(
                    form.email.data or "",
                    form.role.data,
                    password,
                    form.name.data or "",
                    (form.polling_unit_code.data or "").strip() or None,
                    _phone(form.phone.data or ""),
                )
            except Problem as error:
                flash(error.detail, "error")
            else:
                _warn(user.polling_unit_code)
                return self._shown(user, "password", password)
        return self.render("admin/operations/person_new.html", form=form, roles=ROLES)

    @expose("/<int:user_id>/")
    def person(self, user_id: int) -> Any:
        user = _get(user_id)
        latest = AuditEntry.select().where(AuditEntry.user_id == user_id)
        all_tokens = list(user.tokens.order_by(ApiToken.id.desc()))
        return self.render(
            "admin/operations/person.html",
            user=user,
            page_title=user.name,
            roles=ROLES,
            all_scopes=SCOPES,
            scopes={name: text for name, text in SCOPES.items() if name in scopes_of(user.role)},
            tokens=[token for token in all_tokens if tokens.state(token) == "live"],
            dead_tokens=[token for token in all_tokens if tokens.state(token) != "live"],
            lifetimes=LIFETIMES,
            latest=list(latest.order_by(AuditEntry.id.desc()).limit(10)),
            is_self=user.id == current_user.id,
            sign_ins=sessions.of(user),
            this_key=current_user.sign_in_key,
            unit_name=area_name(user.polling_unit_code) if user.polling_unit_code else "",
            device=sessions.device,
            phones=sum(tokens.is_device(token) for token in all_tokens),
        )

    @expose("/<int:user_id>/details", methods=("POST",))
    def details(self, user_id: int) -> Response:
        """Name, phone and polling unit, corrected."""
        user, form = _get(user_id), request.form

        def change() -> None:
            unit = form.get("polling_unit_code", "").strip()
            users.change(user, form.get("name", "")[:120], _phone(form.get("phone", "")), unit)
            _warn(unit)

        return self._do(user, change, "Saved.")

    @expose("/<int:user_id>/role", methods=("POST",))
    def role(self, user_id: int) -> Response:
        user, role = _get(user_id), request.form.get("role", "")
        return self._do(user, lambda: users.set_role(user, role), f"{user.name} is {role} now.")

    @expose("/<int:user_id>/close", methods=("POST",))
    def close(self, user_id: int) -> Response:
        user = _get(user_id)
        sentence = f"{user.name} can’t sign in any more."
        return self._do(user, lambda: users.set_active(user, False), sentence)

    @expose("/<int:user_id>/reopen", methods=("POST",))
    def reopen(self, user_id: int) -> Response:
        user = _get(user_id)
        sentence = f"{user.name} may sign in again."
        return self._do(user, lambda: users.set_active(user, True), sentence)

    @expose("/<int:user_id>/sessions", methods=("POST",))
    def sessions(self, user_id: int) -> Response:
        user = _get(user_id)
        sentence = f"{user.name} is signed out everywhere."
        return self._do(user, lambda: users.end_sessions(user), sentence)

    @expose("/<int:user_id>/phones/forget", methods=("POST",))
    def forget_phones(self, user_id: int) -> Response:
        """For an agent whose phone is lost or stolen."""
        user = _get(user_id)
        sentence = f"No phone of {user.name} is trusted any more: they sign in again on theirs."
        return self._do(user, lambda: users.forget_phones(user), sentence)

    @expose("/<int:user_id>/sessions/<int:sign_in_id>/end", methods=("POST",))
    def end_session(self, user_id: int, sign_in_id: int) -> Response:
        user = _get(user_id)
        sentence = "Ended. Whoever used it has to sign in again."
        return self._do(user, lambda: sessions.end(user, sign_in_id), sentence)

    @expose("/<int:user_id>/second-factor", methods=("POST",))
    def remove_factor(self, user_id: int) -> Response:
        """For who has lost the phone and the recovery codes."""
        user = _get(user_id)
        why = f"Removed the second factor of {user.email}"
        sentence = f"{user.name} signs in with the password alone."
        return self._do(user, lambda: second_factor.turn_off(user, why), sentence)

    @expose("/<int:user_id>/password", methods=("POST",))
    def password(self, user_id: int) -> Any:
        """A new password, made up here and shown once."""
        user = _get(user_id)
        made_up = secrets.token_urlsafe(12)
        users.set_password(user, made_up)
        return self._shown(_get(user_id), "password", made_up)

    @expose("/<int:user_id>/tokens", methods=("POST",))
    def token(self, user_id: int) -> Any:
        """A new API token, shown once."""
        user = _get(user_id)
        days = request.form.get("days", "")
        expires = utcnow() + timedelta(days=int(days)) if days in LIFETIMES and days else None
        name = request.form.get("name", "")
        try:
            with db.atomic():
                made = tokens.issue(user, name, request.form.getlist("scopes"), expires)
                sentence = f"Made the token {name.strip()!r} for {user.email}"
                audit.record("token.created", sentence, "user", user.id)
        except Problem as error:
            flash(error.detail, "error")
            return redirect(self.get_url(".person", user_id=user_id))
        return self._shown(user, "token", made)

    @expose("/<int:user_id>/tokens/<int:token_id>/revoke", methods=("POST",))
    def revoke(self, user_id: int, token_id: int) -> Response:
        user = _get(user_id)
        token = ApiToken.get_or_none(ApiToken.id == token_id, ApiToken.user == user_id)
        if token is None:
            raise NotFound("There is no such token.")

        def revoke() -> None:
            with db.atomic():
                tokens.revoke(token)
                audit.record("token.revoked", f"Revoked the token {token.name!r}", "user", user_id)

        return self._do(user, revoke, "Revoked. Whatever used it is shut out from now on.")

    def _do(self, user: User, action: Any, sentence: str) -> Response:
        return done(action, sentence, self.get_url(".person", user_id=user.id))

    def _shown(self, user: User, kind: str, secret: str) -> Any:
        """A secret on a page of its own, which no address leads back to."""
        return self.render(
            "admin/operations/secret.html",
            user=user,
            kind=kind,
            secret=secret,
            page_title=f"A new {kind} for {user.name}",
        )


def _get(user_id: int) -> User:
    user: User | None = User.get_or_none(User.id == user_id)
    if user is None:
        raise NotFound("There is no such person.")
    return user


def _warn(unit: str | None) -> None:
    """Say at once that an agent's unit is not in the register."""
    if doubt := users.doubt_about(unit):
        flash(doubt, "warning")


def _people(which: str, wanted: str) -> Any:
    """Those of a list, as searched for: agents by their area, too."""
    rows = User.select()
    if which != "agent":
        rows = rows.where(NO_AGENT)
    if which:
        rows = rows.where(User.role == which)
    for word in wanted.split():
        if which == "agent" and CODE_RE.fullmatch(word):
            rows = rows.where(overview.within(word))
        else:
            rows = rows.where(User.email.contains(word) | User.name.contains(word))
    return rows


def _phone(given: str) -> str | None:
    """A number as it is stored. Raises Invalid with what is wrong with it."""
    try:
        return normalise(given) if given.strip() else None
    except ValueError as error:
        raise Invalid(str(error)) from None
