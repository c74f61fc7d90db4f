"""Elections: made and changed, how much has come in, counted again, and where the public looks."""

from typing import Any

import orjson
from flask import flash, redirect, request, url_for
from flask_login import current_user
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response

from obidient import jobs
from obidient.accounts import audit
from obidient.admin.base import SecureView, done, expose, may, needs, refuse
from obidient.areas import STATES, area_name
from obidient.errors import Problem
from obidient.results import certifying, elections
from obidient.results.live.documents import percent
from obidient.results.models import (
    ELECTION_STATUSES,
    ELECTION_TYPES,
    QUARTER_OF,
    Election,
    Party,
    Tally,
)
from obidient.results.recount import JOB
from obidient.sync import overview

#: Rows for more parties at the end of the form.
EMPTY_ROWS = 5

STATUS_WORDS = {
    "scheduled": "Not open yet: nothing is taken in",
    "ongoing": "Open: polling units report",
    "ended": "Ended: nothing more is taken in",
    "certified": "Certified: the figures are final",
}


class Results(SecureView):
    scopes = ("results:review", "campaigns:read")
    icon = "chart"
    lead = "Elections, how many polling units have reported, and what the public sees."

    @expose("/")
    def index(self) -> Any:
        found = list(Election.select().order_by(Election.created_at.desc()).limit(200))
        return self.render(
            "admin/results/elections.html",
            elections=found,
            tallies={row.id: _tally(row) for row in found},
            public_url=_public_url,
        )

    @expose("/<election_id>/")
    def election(self, election_id: str) -> Any:
        found = elections.get(election_id)
        states = (
            Tally.select()
            .where(Tally.election_id == election_id, Tally.parent == found.area_code)
            .order_by(Tally.units.desc())
        )
        return self.render(
            "admin/results/election.html",
            election=found,
            page_title=found.name,
            tally=_tally(found),
            children=list(states.limit(50)),
            submissions=overview.by_status(election_id)[0],
            standing=_standing(found),
            public_url=_public_url,
            area_name=area_name,
            statuses=ELECTION_STATUSES,
            status_words=STATUS_WORDS,
            recount=_latest_recount(election_id),
        )

    @expose("/new", methods=("GET", "POST"))
    @needs("admin", "make elections")
    def new(self) -> Any:
        if request.method == "GET":
            return self._form({"state": "National", "status": "scheduled", "parties": []}, None)
        document = _document()
        try:
            made = elections.create(document)
        except Problem as error:
            flash(error.detail, "error")
            return self._form(document, None)
        flash(f"Made {made.name}. It takes results once you make it ongoing.", "success")
        return redirect(self.get_url(".election", election_id=made.id))

    @expose("/<election_id>/edit", methods=("GET", "POST"))
    @needs("admin", "change elections")
    def edit(self, election_id: str) -> Any:
        found = elections.get(election_id)
        if request.method == "GET":
            return self._form(elections.document_of(found), found)
        document = _document()
        try:
            elections.change(election_id, document)
        except Problem as error:
            flash(error.detail, "error")
            return self._form(document, found)
        flash("Saved. The public page shows it now.", "success")
        return redirect(self.get_url(".election", election_id=election_id))

    def _form(self, document: dict[str, Any], election: Election | None) -> Any:
        parties = document["parties"]
        blank = [{"color": color} for color in elections.COLORS[len(parties) :][:EMPTY_ROWS]]
        return self.render(
            "admin/results/form.html",
            document=document,
            election=election,
            rows=[*parties, *(blank or [{"color": elections.COLORS[0]}] * EMPTY_ROWS)],
            kinds=ELECTION_TYPES,
            states=STATES,
            quarters=QUARTER_OF,
        )

    @expose("/<election_id>/recount")
    def recount(self, election_id: str) -> Any:
        """How the latest recount goes: asked for again while it goes on."""
        found = elections.get(election_id)
        latest = _latest_recount(election_id)
        return self.render("admin/results/_recount.html", election=found, recount=latest)

    @expose("/<election_id>/verify", methods=("POST",))
    @needs("results:review", "count results again")
    def verify(self, election_id: str) -> Response:
        """Count everything again, in a worker; with `repair` put right what is wrong."""
        found = elections.get(election_id)
        repair = bool(request.form.get("repair"))
        if repair and not may("admin"):
            raise refuse("repair totals", "admin")

        def start() -> None:
            jobs.start(JOB, current_user.id, electionId=election_id, repair=repair)
            what = "repair" if repair else "compare"
            audit.record(
                "election.recount",
                f"Asked for a recount of {found.name}, to {what}",
                "election",
                election_id,
            )

        sentence = "Counting again from the sheets: the outcome appears below in a minute or so."
        return done(
            start, sentence, self.get_url(".election", election_id=election_id, _anchor="recount")
        )

    @expose("/<election_id>/status", methods=("POST",))
    @needs("admin", "open and close elections")
    def status(self, election_id: str) -> Response:
        status, knowing = request.form.get("status", ""), bool(request.form.get("knowing"))
        try:
            elections.set_status(election_id, status, knowing)
        except certifying.StillWaiting:
            flash("It is not certified: something still waits. Look at it below.", "error")
            return redirect(self.get_url(".certify", election_id=election_id))
        except Problem as error:
            flash(error.detail, "error")
        else:
            flash(f"The election is {status} now.", "success")
        return redirect(self.get_url(".election", election_id=election_id))

    @expose("/<election_id>/certify")
    @needs("admin", "certify elections")
    def certify(self, election_id: str) -> Any:
        """What still waits, to be looked at before the figures are final."""
        found = elections.get(election_id)
        return self.render(
            "admin/results/certify.html",
            election=found,
            page_title=f"Certify {found.name}",
            waiting=[(one, _where(one.kind, found)) for one in certifying.waiting(found)],
            status_words=STATUS_WORDS,
        )


def _where(kind: str, election: Election) -> str:
    """The page on which something that waits is seen to."""
    room = url_for("admin_review.doubts", election_id=election.id)
    pages = {
        "sheets": url_for("admin_intake.index", status="received"),
        "again": url_for("admin_intake.index", _anchor="reasons-title"),
        "doubts": room,
        "proposals": room,
        "texts": url_for("admin_intake.index", _anchor="texts-title"),
        "unreadable": url_for("admin_intake.index", _anchor="unreadable-title"),
        "photos": url_for("admin_photos.election", election_id=election.id),
    }
    return pages.get(kind, url_for("admin_intake.index"))


def _tally(election: Election) -> Tally | None:
    found: Tally | None = Tally.get_or_none(
        Tally.election_id == election.id, Tally.area_code == election.area_code
    )
    return found


def _standing(election: Election) -> list[tuple[Party, int, str]]:
    """Parties, their votes and their share as the public page has it, most first."""
    tally = _tally(election)
    votes = orjson.loads(tally.votes) if tally else {}
    valid = tally.valid if tally else 0
    found = [(party, votes.get(party.code, 0)) for party in elections.parties_of(election.id)]
    return [(*one, percent(one[1], valid)) for one in sorted(found, key=lambda one: -one[1])]


def _latest_recount(election_id: str) -> jobs.Job | None:
    rows = jobs.Job.select().where(jobs.Job.kind == JOB).order_by(jobs.Job.id.desc()).limit(200)
    return next((row for row in rows if row.params.get("electionId") == election_id), None)


def _document() -> dict[str, Any]:
    """The election that a form describes; parties in the order of their numbers."""
    form = request.form
    columns = [form.getlist(name) for name in ("code", "name", "display", "color", "aliases")]
    orders = form.getlist("order", type=int)
    rows = sorted(enumerate(zip(*columns, strict=False)), key=lambda row: _place(orders, row[0]))
    parties = [
        {
            "partyCode": code.strip(),
            "partyName": name.strip(),
            "displayName": display.strip(),
            "color": color,
            "aliases": [alias.strip() for alias in aliases.split(",") if alias.strip()],
        }
        for _, (code, name, display, color, aliases) in rows
        if code.strip() or name.strip()
    ]
    found: dict[str, Any] = {
        "electionId": form.get("electionId", "").strip(),
        "electionName": form.get("electionName", "").strip(),
        "electionType": form.get("electionType", ""),
        "state": form.get("state", "").strip(),
        "parties": parties,
    }
    terms = ("startDate", "endDate", "issuer", "issuerAbbreviation", "quarterOf")
    found |= {name: form.get(name, "").strip() for name in terms if name in form}
    if "quarterStates" in form:
        found["quarterStates"] = form.get("quarterStates", type=int)
    if form.get("areaCode", "").strip():
        found["areaCode"] = form["areaCode"].strip()
    return found


def _place(orders: list[int], row: int) -> tuple[int, int]:
    return (orders[row] if row < len(orders) else row, row)


def _public_url(election_id: str, area_code: str = "") -> str:
    """Where the public follows an election, or one area of it."""
    try:
        if area_code:
            return url_for("results.area", election_id=election_id, code=area_code)
        return url_for("results.election", election_id=election_id)
    except BuildError:
        return ""
