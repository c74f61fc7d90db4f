"""Texts people sent us: read, and answered with one SMS."""

from typing import Any

from flask import request
from werkzeug.wrappers import Response

from obidient.admin.base import PAGE, SecureView, done, expose, needs
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.texts import answers as inbox
from obidient.campaigns.texts.keywords import perhaps_stop
from obidient.clock import utcnow
from obidient.contacts import suppression
from obidient.contacts.models import Contact

KEYWORDS = {"stop": "Asked for no more", "start": "Asked for more", "help": "Asked for help"}
STATES = {
    "queued": "Waiting to be sent",
    "sending": "Being sent",
    "sent": "Sent",
    "delivered": "Delivered",
    "undelivered": "Not delivered",
    "failed": "Not sent",
    "unconfirmed": "Perhaps sent",
}


class Inbox(SecureView):
    """What people wrote to us, the newest first."""

    scopes = ("campaigns:read", "campaigns:write")
    icon = "message"
    lead = "What people wrote to us. STOP, START and HELP are obeyed by themselves."

    @expose("/")
    def index(self) -> Any:
        shown = request.args.get("show", "")
        query = InboundText.select()
        if shown == "unread":
            query = query.where(InboundText.read_at.is_null())
        elif shown in KEYWORDS:
            query = query.where(InboundText.keyword == shown)
        elif shown == "words":
            query = query.where(InboundText.keyword == "")
        campaign_id = request.args.get("campaign", type=int)
        if campaign_id:
            query = query.where(InboundText.campaign_id == campaign_id)
        before = request.args.get("before", type=int)
        if before:
            query = query.where(InboundText.id < before)
        rows = list(query.order_by(InboundText.id.desc()).limit(PAGE + 1))
        return self.render(
            "admin/campaigns/inbox.html",
            rows=rows[:PAGE],
            more=rows[PAGE - 1].id if len(rows) > PAGE else None,
            before=before,
            show=shown,
            campaign=campaign_id,
            keywords=KEYWORDS,
            counts=inbox.answered([row.id for row in rows]),
            perhaps={row.id for row in rows if not row.keyword and perhaps_stop(row.text)},
            **_linked(rows),
        )

    @expose("/<int:text_id>/", methods=("GET", "POST"))
    def text(self, text_id: int) -> Any:
        row = inbox.get(text_id)
        if request.method == "POST":
            return self._answer(row)
        InboundText.update(read_at=utcnow()).where(
            InboundText.id == row.id, InboundText.read_at.is_null()
        ).execute()
        others = (
            InboundText.select()
            .where(InboundText.phone == row.phone)
            .order_by(InboundText.id.desc())
            .limit(PAGE)
        )
        answers = TextAnswer.select().where(TextAnswer.phone == row.phone).order_by(TextAnswer.id)
        return self.render(
            "admin/campaigns/text.html",
            row=row,
            others=list(others),
            answers=list(answers.limit(PAGE)),
            keywords=KEYWORDS,
            states=STATES,
            sources=suppression.SOURCES,
            **_linked([row]),
        )

    @expose("/<int:text_id>/stop", methods=("POST",))
    @needs("contacts:write", "opt people out")
    def stop(self, text_id: int) -> Response:
        return done(
            lambda: inbox.opt_out(text_id),
            "They get no more messages.",
            self.get_url(".text", text_id=text_id),
        )

    @expose("/<int:text_id>/allow", methods=("POST",))
    @needs("contacts:write", "opt people in")
    def allow(self, text_id: int) -> Response:
        return done(
            lambda: inbox.opt_in(text_id),
            "They may be written to again.",
            self.get_url(".text", text_id=text_id),
        )

    @needs("campaigns:write", "answer texts")
    def _answer(self, row: InboundText) -> Response:
        return done(
            lambda: inbox.answer(row.id, request.form.get("text", "").replace("\x00", "")[:1530]),
            "Your answer is on its way.",
            self.get_url(".text", text_id=row.id),
        )


def _linked(rows: list[InboundText]) -> dict[str, Any]:
    """Who wrote, and what they answered."""
    people = [row.contact_id for row in rows if row.contact_id]
    campaigns = [row.campaign_id for row in rows if row.campaign_id]
    return {
        "people": {row.id: row for row in Contact.select().where(Contact.id.in_(people))},
        "campaigns": {row.id: row for row in Campaign.select().where(Campaign.id.in_(campaigns))},
        "stops": suppression.standing([row.phone for row in rows]),
    }
