"""The intake room: what comes in, what waits, who is silent, and any sheet as it was received."""

import json
from dataclasses import asdict
from typing import Any

from flask import Response as FlaskResponse
from flask import flash, redirect, request
from werkzeug.wrappers import Response

from obidient.accounts import audit, users
from obidient.accounts.models import User
from obidient.admin.base import SecureView, done, expose, needs
from obidient.areas import UNIT_RE, area_name, area_names
from obidient.cache import cache
from obidient.database import db
from obidient.errors import NotFound, Problem
from obidient.results import outcomes, provisional
from obidient.results.models import Election, Submission
from obidient.results.received import decode
from obidient.sync import overview, photos, pins, texts, unread

#: Where the silence of a nation is kept for half a minute, and from how many agents on.
SILENCE = "admin:silence"
COUNTED_AT_ONCE = 20_000


class Intake(SecureView):
    scopes = ("results:review",)
    icon = "download"
    lead = "What agents send: how much waits, what is refused and why, and who is silent."

    @expose("/")
    def index(self) -> Any:
        wanted = request.args.get("search", "")
        status, reason = request.args.get("status", ""), request.args.get("reason", "")
        statuses, reasons = overview.by_status()
        found = overview.search(wanted) if wanted.strip() else None
        if found is None and status in statuses:
            found = overview.newest(status, reason)
        return self.render(
            "admin/results/intake.html",
            wanted=wanted,
            status=status,
            reason=reason,
            most=overview.MOST,
            found=found,
            flow=overview.flow(),
            statuses=statuses,
            reasons=reasons,
            silence=_silence(),
            texts=overview.texts_to_review(),
            not_understood=unread.not_understood(),
            provisional=provisional.REASONS,
            is_deciding_again=provisional.is_waiting(),
        )

    @expose("/again", methods=("POST",))
    def again(self) -> Response:
        """Decide sheets again that were refused for one reason that may have passed, or for any."""
        reason = request.form.get("reason", "")
        if reason and reason not in provisional.REASONS:
            raise NotFound("Sheets refused for that are wrong in themselves.")

        def ask() -> None:
            with db.atomic():
                provisional.request_everywhere([reason] if reason else provisional.REASONS)
                what = reason.replace("_", " ") if reason else "any reason that may have passed"
                audit.record("results.redecided", f"Had sheets decided again: {what}")

        sentence = "Decided again in the background. Sheets that pass now count in a moment."
        return done(ask, sentence, self.get_url(".index", _anchor="reasons-title"))

    @expose("/live")
    def live(self) -> Any:
        return self.render("admin/results/intake_flow.html", flow=overview.flow())

    @expose("/silent/<code>/")
    def silent(self, code: str) -> Any:
        """The LGAs of a state, or the agents of an LGA."""
        is_state = len(code) == 2
        agents = [] if is_state else overview.silent_agents(code)
        return self.render(
            "admin/results/intake_silent.html",
            page_title=f"Not heard from: {area_name(code)}",
            code=code,
            silence=overview.silence(code) if is_state else [],
            agents=agents,
            units=area_names(agent.polling_unit_code or "" for agent in agents),
            area_name=area_name,
        )

    @expose("/sheets/<int:row_id>/")
    def sheet(self, row_id: int) -> Any:
        """One sheet as it was received, and what became of it."""
        row: Submission | None = Submission.get_or_none(Submission.id == row_id)
        if row is None:
            raise NotFound("There is no such sheet.")
        return self.render(
            "admin/results/intake_sheet.html",
            page_title=f"Sheet {row.submission_id}",
            row=row,
            unit=row.unit_code if UNIT_RE.fullmatch(row.unit_code) else "",
            election=Election.get_or_none(Election.id == row.election_id),
            told=outcomes.tell([row])[0],
            sender=_sender(row.agent),
            payload=json.dumps(decode(row.payload), indent=2, ensure_ascii=False),
            photos=overview.photos_of([row])[row.id],
        )

    @expose("/photos/<photo_id>.jpg")
    def photo(self, photo_id: str) -> Response:
        answer = FlaskResponse(photos.shown(photo_id), content_type="image/jpeg")
        answer.headers["Cache-Control"] = "private, max-age=3600"
        return answer

    @expose("/texts/<int:row_id>/<verb>", methods=("POST",))
    def decide(self, row_id: int, verb: str) -> Response:
        """Take a text in, or put it aside."""
        actions = {
            "accept": (lambda: texts.accept(row_id), "Taken in; it counts in a moment."),
            "dismiss": (lambda: texts.dismiss(row_id), "Put aside."),
        }
        if verb not in actions:
            raise NotFound("There is no such thing to do with a text.")
        action, sentence = actions[verb]
        return done(action, sentence, self.get_url(".index"))

    @expose("/pin", methods=("POST",))
    @needs("admin", "set agents' PINs")
    def pin(self) -> Response:
        """A new PIN for an agent, shown once."""
        try:
            agent = users.by_email(request.form.get("email", ""))
            made = pins.set_pin(agent)
        except Problem as error:
            flash(error.detail, "error")
        else:
            flash(f"The PIN of {agent.email} is {made}. It is shown only now.", "success")
        return redirect(self.get_url(".index"))


def _silence() -> list[overview.Silence]:
    """By state; with a nation's agents counted twice a minute, with few each time."""
    kept: list[dict[str, Any]] | None = cache.get(SILENCE)
    if kept is not None:
        return [overview.Silence(**one) for one in kept]
    found = overview.silence()
    if sum(one.agents for one in found) > COUNTED_AT_ONCE:
        cache.set(SILENCE, [asdict(one) for one in found], timeout=30)
    return found


def _sender(agent: str) -> str:
    """Who sent a sheet, as people know them."""
    kind, _, name = agent.partition(":")
    user = User.get_or_none(User.id == int(name)) if kind == "user" and name.isdigit() else None
    return str(user.email) if user else agent
