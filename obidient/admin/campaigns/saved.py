"""Message templates and saved audiences: listed, renamed, deleted, used in the composer."""

from typing import Any

from flask import flash, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from obidient.admin.base import SecureView, done, expose
from obidient.admin.campaigns.look import audience_words
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.planning import saved
from obidient.campaigns.planning.saved import AUDIENCE, TEMPLATE
from obidient.errors import NotFound, Problem

#: What the composer's buttons ask for.
ACTIONS = ("use-template", "keep-template", "use-audience", "keep-audience")


class SavedParts(SecureView):
    scopes = ("campaigns:write",)
    icon = "copy"
    lead = "Texts and audiences that are kept for the next campaign."

    @expose("/")
    def index(self) -> Any:
        return self.render(
            "admin/campaigns/saved.html",
            templates=saved.all_of(TEMPLATE),
            audiences=saved.all_of(AUDIENCE),
            audience_words=audience_words,
        )

    @expose("/<kind>/<int:saved_id>/rename", methods=("POST",))
    def rename(self, kind: str, saved_id: int) -> Response:
        return done(
            lambda: saved.rename(_kind(kind), saved_id, request.form.get("name", "")),
            "It has its new name.",
            self.get_url(".index"),
        )

    @expose("/<kind>/<int:saved_id>/delete", methods=("POST",))
    def delete(self, kind: str, saved_id: int) -> Response:
        return done(
            lambda: saved.delete(_kind(kind), saved_id),
            "Deleted. Campaigns stay as they are.",
            self.get_url(".index"),
        )

    @expose("/<kind>/<int:saved_id>/write", methods=("POST",))
    def write(self, kind: str, saved_id: int) -> Response:
        """A new draft with it."""
        try:
            found = saved.get(_kind(kind), saved_id)
            campaign = control.create({"title": found.name} | _values(found))
        except Problem as error:
            flash(error.detail, "error")
            return redirect(self.get_url(".index"))
        return redirect(self.get_url("admin_composer.compose", campaign_id=campaign.id))


def _kind(word: str) -> str:
    if word not in saved.WORDS:
        raise NotFound("There is no such page.")
    return word


def _values(found: saved.Saved) -> dict[str, Any]:
    if found.kind == TEMPLATE:
        return {"message_template": found.text}
    return {"audience": found.audience}


def act(campaign: Campaign, form: MultiDict[str, str]) -> str:
    """Do what one of the composer's buttons asked for; returns a sentence about it.

    Raises Invalid, Conflict or NotFound, and then nothing has changed.
    """
    action, kind = form.get("next", "").split("-")
    if action == "use":
        found = saved.get(kind, form.get(f"saved_{kind}", 0, type=int))
        control.update(campaign.id, _values(found) | {"channel": campaign.channel})
        return f"It has the {saved.WORDS[kind]} “{found.name}” now."
    name = form.get(f"{kind}_name", "")
    if kind == TEMPLATE:
        saved.keep_template(name, campaign.message_template)
    else:
        saved.keep_audience(name, campaign.audience)
    return f"Kept. The next campaign finds it as “{' '.join(name.split())}”."
