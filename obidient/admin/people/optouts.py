"""Who wants no messages: seen, added and lifted, each with a trace."""

from typing import Any

from flask import flash, redirect, request
from werkzeug.wrappers import Response
from wtforms import Form, SelectField, StringField
from wtforms.validators import InputRequired, Length

from obidient import bodies
from obidient.admin import formats
from obidient.admin.base import CONTACTS, PAGE, SecureView, done, expose
from obidient.contacts import optout_import, suppression
from obidient.contacts.models import EVERY_CHANNEL, Suppression
from obidient.contacts.phones import normalise
from obidient.errors import Conflict, Invalid, Problem
from obidient.queues import current as queues

#: More takes longer than somebody waits for a page.
MOST_ROWS = 20_000
LARGEST_FILE = 2 * 1024 * 1024


class StopForm(Form):
    phone = StringField("Phone number", [InputRequired("Write the number.")])
    channel = SelectField("Which messages", choices=[(EVERY_CHANNEL, "All of them")])
    note = StringField("Why", [Length(max=500)])


class OptOuts(SecureView):
    """Numbers that get no messages: who, since when, why; added and lifted with a trace."""

    scopes = (CONTACTS,)
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
                phone = normalise(search)
                query = query.where(Suppression.phone.in_([phone, suppression.hashed(phone)]))
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

    @expose("/import", methods=("POST",))
    @bodies.takes(LARGEST_FILE, CONTACTS, "The file is larger than 2 MB: import it on the server.")
    def take_in(self) -> Response:
        """Numbers of a CSV; the notice says what became of its rows."""
        try:
            file = request.files.get("file")
            if file is None or not file.filename:
                raise Invalid("Choose a CSV file first.")
            channel = request.form.get("channel", EVERY_CHANNEL)
            if channel not in (EVERY_CHANNEL, *queues().channels):
                raise Invalid("Choose which messages they don't want.")
            report = optout_import.run(optout_import.decoded(file.read()), channel, MOST_ROWS)
        except Problem as error:
            flash(error.detail, "error")
        else:
            flash(f"Imported: {report}", "success")
        return redirect(self.get_url(".index"))

    @expose("/lift", methods=("POST",))
    def lift(self) -> Response:
        ids = request.form.getlist("rowid", type=int)
        rows = list(Suppression.select().where(Suppression.id.in_(ids)))
        for row in rows:
            suppression.lift(row.phone, row.channel)
        if rows:
            number = formats.plural(len(rows), "number")
            flash(f"{number} may be written to again.", "success")
        else:
            flash("Select at least one number first.", "error")
        return redirect(self.get_url(".index"))
