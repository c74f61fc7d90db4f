"""Photos of sheets: which the public sees, released and withdrawn by area or one by one."""

from typing import Any

from flask import flash, redirect, request
from werkzeug.wrappers import Response

from obidient.admin.base import done, expose
from obidient.admin.results.choice import ElectionChoice
from obidient.areas import area_name
from obidient.errors import NotFound, Problem
from obidient.results import elections
from obidient.sync import release


class SheetPhotos(ElectionChoice):
    scopes = ("admin",)
    icon = "eye"
    lead = "Photos of sheets that the public sees on the page of their polling unit."
    without = "Photos belong to the sheets of an election."

    @expose("/<election_id>/")
    def election(self, election_id: str) -> Any:
        election = elections.get(election_id)
        return self.render(
            "admin/results/photos.html",
            election=election,
            page_title=election.name,
            states=release.numbers(election_id),
            area_name=area_name,
        )

    @expose("/<election_id>/area", methods=("POST",))
    def area(self, election_id: str) -> Response:
        """Release or withdraw all photos of an area; without one, of the whole election."""
        area, verb = request.form.get("area", "").strip(), request.form.get("verb", "")
        actions = {"release": release.release_area, "withdraw": release.withdraw_area}
        try:
            if verb not in actions:
                raise NotFound("There is no such thing to do with photos.")
            number = actions[verb](election_id, area)
        except Problem as error:
            flash(error.detail, "error")
        else:
            word = "more are" if verb == "release" else "were taken back and are no longer"
            flash(f"{number:,} {word} public.", "success" if number else "info")
        return redirect(self.get_url(".election", election_id=election_id))

    @expose("/<election_id>/<unit_code>/<photo_id>/<verb>", methods=("POST",))
    def one(self, election_id: str, unit_code: str, photo_id: str, verb: str) -> Response:
        """Release or withdraw one photo, from its unit's page in the results room."""
        actions = {
            "release": (
                lambda: release.release(election_id, photo_id),
                "The public sees this photo now.",
            ),
            "withdraw": (
                lambda: release.withdraw(election_id, photo_id),
                "Withdrawn: the public does not see it any more.",
            ),
        }
        if verb not in actions:
            raise NotFound("There is no such thing to do with a photo.")
        here = self.get_url(
            "admin_review.unit",
            election_id=election_id,
            unit_code=unit_code,
            _anchor="photos-title",
        )
        return done(*actions[verb], here)
