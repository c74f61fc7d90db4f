"""Who wants no messages: seen, added and lifted, each with a trace."""

from typing import Any

from flask import flash, redirect, request
from werkzeug.wrappers import Response
from wtforms import Form, SelectField, StringField
from wtforms.validators import InputRequired, Length

from obidient.admin import words
from obidient.admin.base import PAGE, SecureView, done, expose
from obidient.admin.contacts import SCOPE
from obidient.contacts import suppression
from obidient.contacts.models import EVERY_CHANNEL, Suppression
from obidient.contacts.phones import normalise
from obidient.errors import Conflict, Invalid
from obidient.queues import current as queues


class StopForm(Form):
    phone = StringField("Phone number", [InputRequired("Write the number.")])
    channel = SelectField("Which messages", choices=[(EVERY_CHANNEL, "All of them")])
    note = StringField("Why", [Length(max=500)])


class OptOuts(SecureView):
    """Numbers that get no messages: who, since when, why; added and lifted with a trace."""

    scopes = (SCOPE,)
    icon = "stop"
    lead = "Numbers that get no more messages. They are left out of every campaign by themselves."

    @expose("/", methods=("GET", "POST"))
    def index(self) -> Any:
        form = StopForm(request.form)
        form.channel.choices = [(EVERY_CHANNEL, "All messages")] + [
            (name, f"Only {name}") for name in queues().channels
        ]
        if request.method == "POST" and form.validate():
            return done(
                lambda: self._add(form),
                "Added. Nothing more is sent to it.",
                self.get_url(".index"),
            )
        return self.render("admin/contacts/optouts.html", form=form, **self._rows())

    def _rows(self) -> dict[str, Any]:
        query = Suppression.select().where(Suppression.lifted_at.is_null())
        search, source = request.args.get("search", "").strip(), request.args.get("source", "")
        wrong = ""
        if search:
            try:
                query = query.where(Suppression.phone == normalise(search))
            except ValueError as error:
                wrong = str(error)
                query = query.where(Suppression.id.is_null())
        if source:
            query = query.where(Suppression.source == source)
        before = request.args.get("before", type=int)
        if before:
            query = query.where(Suppression.id < before)
        rows = list(query.order_by(Suppression.id.desc()).limit(PAGE + 1))
        return {
            "rows": rows[:PAGE],
            "more": rows[PAGE - 1].id if len(rows) > PAGE else None,
            "before": before,
            "search": search,
            "source": source,
            "wrong": wrong,
            "sources": suppression.SOURCES,
        }

    @staticmethod
    def _add(form: StopForm) -> None:
        try:
            phone = normalise(form.phone.data or "")
        except ValueError as error:
            raise Invalid(str(error)) from None
        if not suppression.suppress(phone, form.channel.data, note=(form.note.data or "").strip()):
            raise Conflict("This number is on the list already.")

    @expose("/lift", methods=("POST",))
    def lift(self) -> Response:
        ids = request.form.getlist("rowid", type=int)
        rows = list(Suppression.select().where(Suppression.id.in_(ids)))
        for row in rows:
            suppression.lift(row.phone, row.channel)
        if rows:
            number = words.plural(len(rows), "number")
            flash(f"{number} may be written to again.", "success")
        else:
            flash("Select at least one number first.", "error")
        return redirect(self.get_url(".index"))
