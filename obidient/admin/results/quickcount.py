"""The quick count: drawn, followed stratum by stratum, and released to the public by an admin."""

from typing import Any

from flask import request
from werkzeug.wrappers import Response

from obidient.admin.base import done, expose, needs
from obidient.admin.results.choice import ElectionChoice
from obidient.errors import Invalid, NotFound
from obidient.results import elections
from obidient.results.quickcount import design, follow


class QuickCounts(ElectionChoice):
    scopes = ("results:review",)
    icon = "gauge"
    lead = "A sample of polling units that says early who leads, and how surely."
    without = "A quick count is drawn for an election."

    @expose("/<election_id>/")
    def election(self, election_id: str) -> Any:
        election = elections.get(election_id)
        try:
            quick = follow.newest(election_id)
        except NotFound:
            quick = None
        return self.render(
            "admin/results/quickcount.html",
            election=election,
            page_title=election.name,
            quick=quick,
            found=follow.status(quick) if quick else None,
            kinds=follow.kinds_for(election),
            allocations=design.ALLOCATIONS,
        )

    @expose("/<election_id>/draw", methods=("POST",))
    @needs("admin", "draw a quick count")
    def draw(self, election_id: str) -> Response:
        form = request.form

        def act() -> None:
            size = form.get("size", type=int)
            if size is None:
                raise Invalid("Say how many polling units to draw.")
            strata, allocation = form.get("strata", ""), form.get("allocation", "proportional")
            follow.draw(election_id, size, form.get("seed", ""), strata, allocation)

        here = self.get_url(".election", election_id=election_id)
        return done(act, "Drawn. Publish the seed before the first sheet arrives.", here)

    @expose("/<election_id>/release", methods=("POST",))
    @needs("admin", "release a quick count")
    def release(self, election_id: str) -> Response:
        here = self.get_url(".election", election_id=election_id)
        return done(lambda: follow.release(election_id), "Released: the public sees it now.", here)

    @expose("/<election_id>/withdraw", methods=("POST",))
    @needs("admin", "withdraw a quick count")
    def withdraw(self, election_id: str) -> Response:
        here = self.get_url(".election", election_id=election_id)
        return done(lambda: follow.withdraw(election_id), "Withdrawn from the public.", here)
