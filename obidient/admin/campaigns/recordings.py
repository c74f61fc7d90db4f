"""Recordings for voice campaigns: uploaded, named by their address, listened to, thrown away."""

from collections.abc import Callable
from typing import Any

from flask import Flask, request
from werkzeug.wrappers import Response

from obidient import bodies, security
from obidient.admin import formats
from obidient.admin.base import PAGE, SecureView, done, expose, needs
from obidient.api import json_response, problem
from obidient.campaigns.followup import said
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.split import terms
from obidient.campaigns.voice import api, conversion, keys, links, recordings
from obidient.clock import utcnow
from obidient.errors import Invalid, Problem
from obidient.providers import registry

SCOPE = "campaigns:write"


def init_app(app: Flask) -> None:
    """Offer what came back of a campaign to its page."""
    offered: dict[str, Callable[..., Any]] = {
        "campaign_recording": played,
        "voice_answers": keys.answers,
        "voice_calls": keys.calls,
        "replies_of": said.replies,
    }
    for name, function in offered.items():
        app.add_template_global(function, name)


def for_composer(campaign: Campaign) -> dict[str, Any]:
    """What the composer of a campaign that is spoken offers to play; nothing for any other.

    Its page may use the microphone. The newest come first, and the chosen one is always there.
    """
    if not registry.current().is_spoken(campaign.channel):
        return {}
    security.allow_microphone()
    rows = list(AudioAsset.select().order_by(AudioAsset.id.desc()).limit(200))
    chosen = {terms.audio_for(campaign, one) for one in (terms.A, terms.B)} - {None}
    if missing := chosen - {row.id for row in rows}:
        rows += list(AudioAsset.select().where(AudioAsset.id.in_(missing)))
    return {
        "audio_assets": rows,
        "recorder": {
            "longest": int(recordings.LONGEST),
            "largest": recordings.LARGEST,
            "too_large": recordings.TOO_LARGE,
            "reads_all": conversion.is_installed(),
        },
    }


def played(campaign: Campaign, variant: str = "") -> dict[str, Any] | None:
    """What a voice campaign plays, for its review: `path` is empty for a file kept elsewhere.

    `variant` is call A or B of a split test.
    """
    row = AudioAsset.get_or_none(AudioAsset.id == terms.audio_for(campaign, variant))
    if row is None:
        return None
    path = recordings.local_path(row) if row.secret else ""
    return {"title": row.title, "seconds": row.seconds, "url": row.url, "path": path}


class Recordings(SecureView):
    """What voice campaigns play."""

    scopes = ("campaigns:read", "campaigns:write")
    icon = "play"
    lead = "What voice campaigns play. A file is kept here; an address is fetched by the network."

    @expose("/")
    def index(self) -> Any:
        before = request.args.get("before", type=int)
        query = AudioAsset.select()
        if before:
            query = query.where(AudioAsset.id < before)
        rows = list(query.order_by(AudioAsset.id.desc()).limit(PAGE + 1))
        return self.render(
            "admin/campaigns/recordings.html",
            rows=rows[:PAGE],
            more=rows[PAGE - 1].id if len(rows) > PAGE else None,
            before=before,
            local_path=recordings.local_path,
            waits=recordings.waits,
            names=recordings.NAMES,
            taken=" or ".join(recordings.NAMES[kind] for kind in recordings.taken_types()),
            reads_all=conversion.is_installed(),
            most=recordings.LARGEST // 2**20,
            longest=int(recordings.LONGEST // 60),
        )

    @expose("/upload", methods=("POST",))
    @bodies.takes(api.LARGEST_BODY, SCOPE, recordings.TOO_LARGE)
    @needs(SCOPE, "add recordings")
    def upload(self) -> Response:
        return done(self._upload, "Added. Listen to it once.", self.get_url(".index"))

    @staticmethod
    def _upload(title: str = "") -> AudioAsset:
        file = request.files.get("file")
        if file is None or not file.filename:
            raise Invalid("Choose a file first.")
        name = file.filename.replace("\x00", "").rpartition("/")[2]
        title = title or request.form.get("title", "").replace("\x00", "").strip() or name
        return recordings.add_file(title[:200], name, file.stream)

    @expose("/of-draft/<int:campaign_id>", methods=("POST",))
    @bodies.takes(api.LARGEST_BODY, SCOPE, recordings.TOO_LARGE)
    @needs(SCOPE, "add recordings")
    def of_draft(self, campaign_id: int) -> Response:
        """What the composer's microphone recorded, or a file chosen there; for its script."""
        title = ""
        try:
            if request.form.get("recorded") == "yes":
                moment = formats.full(utcnow())
                title = f"{lifecycle.get(campaign_id).title[:150]}, recorded {moment}"
            row = self._upload(title)
        except Problem as error:
            return problem(error.status, error.title, error.detail)
        return json_response({"id": row.id, "title": row.title, "seconds": row.seconds})

    @expose("/link", methods=("POST",))
    @needs(SCOPE, "add recordings")
    def link(self) -> Response:
        return done(
            self._link,
            "Added. Whether the network can play it shows here in a moment.",
            self.get_url(".index"),
        )

    @staticmethod
    def _link() -> None:
        given = {name: request.form.get(name, "") for name in ("title", "url")}
        row = api.add_link(given)
        links.check_later(row.id)

    @expose("/<int:asset_id>/check", methods=("POST",))
    @needs(SCOPE, "check recordings")
    def check(self, asset_id: int) -> Response:
        recordings.get(asset_id)
        return done(
            lambda: links.check_later(asset_id),
            "Looking: reload the page in a moment.",
            self.get_url(".index"),
        )

    @expose("/<int:asset_id>/delete", methods=("POST",))
    @needs(SCOPE, "delete recordings")
    def delete(self, asset_id: int) -> Response:
        return done(lambda: recordings.remove(asset_id), "Deleted.", self.get_url(".index"))
