"""Elections: which there are, how much has come in, and where the public looks."""

from typing import Any

import orjson
from flask import request, url_for
from peewee import fn
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response

from obidient.admin.base import SecureView, done, expose, needs
from obidient.areas import area_name
from obidient.results import elections
from obidient.results.models import ELECTION_STATUSES, Election, Party, Submission, Tally

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
            submissions=_by_status(election_id),
            standing=_standing(found),
            public_url=_public_url,
            area_name=area_name,
            statuses=ELECTION_STATUSES,
            status_words=STATUS_WORDS,
        )

    @expose("/<election_id>/status", methods=("POST",))
    @needs("admin", "open and close elections")
    def status(self, election_id: str) -> Response:
        status = request.form.get("status", "")
        return done(
            lambda: elections.set_status(election_id, status),
            f"The election is {status} now.",
            self.get_url(".election", election_id=election_id),
        )


def _tally(election: Election) -> Tally | None:
    found: Tally | None = Tally.get_or_none(
        Tally.election_id == election.id, Tally.area_code == election.area_code
    )
    return found


def _standing(election: Election) -> list[tuple[Party, int]]:
    """Parties and their votes, most first."""
    tally = _tally(election)
    votes = orjson.loads(tally.votes) if tally else {}
    parties = elections.parties_of(election.id)
    return sorted(
        ((party, votes.get(party.code, 0)) for party in parties),
        key=lambda one: -one[1],
    )


def _public_url(election_id: str) -> str:
    """Where the public follows an election."""
    try:
        return url_for("results.election", election_id=election_id)
    except BuildError:
        return ""


def _by_status(election_id: str) -> dict[str, int]:
    rows: Any = (
        Submission.select(Submission.status, fn.COUNT(Submission.id))
        .where(Submission.election_id == election_id)
        .group_by(Submission.status)
        .tuples()
    )
    return dict(rows)
