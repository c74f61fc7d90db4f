"""Approvals on screen: what waits for a second person, and how far one's own drafts are."""

from typing import Any

from flask import request
from werkzeug.wrappers import Response

from obidient.admin.base import SecureView, done, expose
from obidient.admin.campaigns.look import audience_words
from obidient.campaigns import approval_requests
from obidient.config import settings


class Approvals(SecureView):
    scopes = ("campaigns:write",)
    icon = "check"
    lead = "Large campaigns need a second person, who has read what people will get."

    @expose("/")
    def index(self) -> Any:
        return self.render(
            "admin/campaigns/approvals.html",
            waiting=approval_requests.waiting(),
            mine=approval_requests.mine(),
            above=settings().approval_above,
            audience_words=audience_words,
        )

    @expose("/<int:campaign_id>/ask", methods=("POST",))
    def ask(self, campaign_id: int) -> Response:
        return done(
            lambda: approval_requests.ask(campaign_id, request.form.get("note", "")),
            "Asked. It stands under Approvals of everybody else, and on their home page.",
            self.get_url(".index"),
        )

    @expose("/<int:campaign_id>/send-back", methods=("POST",))
    def send_back(self, campaign_id: int) -> Response:
        return done(
            lambda: approval_requests.send_back(campaign_id, request.form.get("why", "")),
            "Sent back, with your words. Its writer sees them on the home page.",
            self.get_url(".index"),
        )
