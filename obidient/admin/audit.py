"""The audit trail: who did what, in sentences, by day, searchable; nothing here can be changed."""

from datetime import datetime, timedelta
from typing import Any

from flask import request

from obidient.accounts.models import AuditEntry
from obidient.admin import words
from obidient.admin.base import SecureView, expose
from obidient.clock import local, utcnow
from obidient.config import settings

LENGTH = 100
#: First parts of actions, and what they are about.
KINDS = {
    "campaign": "Campaigns",
    "contact": "Contacts",
    "suppression": "Opt-outs",
    "user": "People",
    "token": "Tokens",
    "plugin": "Plugins",
    "channel": "Channels",
    "queue": "Queues",
    "election": "Elections",
    "result": "Results",
}


class Audit(SecureView):
    icon = "log"
    lead = "Every change of consequence, who made it and when. Nothing here can be changed."

    @expose("/")
    def index(self) -> Any:
        search = request.args.get("search", "").strip()
        kind = request.args.get("kind", "")
        who = request.args.get("who", "").strip()
        before = request.args.get("before", type=int)
        query = AuditEntry.select()
        for word in search.split():
            query = query.where(AuditEntry.summary.contains(word))
        if kind in KINDS:
            query = query.where(AuditEntry.action.startswith(kind))
        if who:
            query = query.where(AuditEntry.actor.contains(who))
        if (since := _day(request.args.get("since", ""))) is not None:
            query = query.where(AuditEntry.at >= since)
        if (until := _day(request.args.get("until", ""))) is not None:
            query = query.where(AuditEntry.at < until + timedelta(days=1))
        if before:
            query = query.where(AuditEntry.id < before)
        rows = list(query.order_by(AuditEntry.id.desc()).limit(LENGTH + 1))
        days: dict[str, list[AuditEntry]] = {}
        for row in rows[:LENGTH]:
            days.setdefault(words.day(row.at), []).append(row)
        kept = {name: value for name, value in request.args.items() if name != "before"}
        return self.render(
            "admin/operations/audit.html",
            days=days,
            kinds=KINDS,
            kept=kept,
            before=before,
            more=rows[LENGTH - 1].id if len(rows) > LENGTH else None,
            subject_url=self._subject_url,
        )

    def _subject_url(self, entry: AuditEntry) -> str:
        """The page of what an entry is about, where there is one."""
        number = entry.subject_id
        if entry.subject_type == "campaign" and number.isdigit() and "deleted" not in entry.action:
            return str(self.get_url("admin_campaigns.detail", campaign_id=int(number)))
        if entry.subject_type == "user" and number.isdigit():
            return str(self.get_url("admin_people.person", user_id=int(number)))
        return ""


def _day(text: str) -> datetime | None:
    """A day in the operators' zone as naive UTC."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return None

    return day - (local(utcnow(), settings().timezone).utcoffset() or timedelta())
