"""The audit trail: who did what, in sentences, by day, searchable; nothing here can be changed."""

import operator
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from flask import request

from obidient.accounts.models import AuditEntry
from obidient.admin import formats
from obidient.admin.base import SecureView, expose
from obidient.clock import local, utcnow
from obidient.config import settings

LENGTH = 100
#: What entries are about, by how their actions begin.
KINDS = {
    "campaign": ("Campaigns", ("campaign.", "audio.", "template.", "audience.")),
    "contact": ("Contacts", ("contact.", "contacts.", "person.")),
    "suppression": ("Opt-outs", ("suppression.",)),
    "reply": ("Replies", ("text.answered",)),
    "election": ("Elections", ("election.", "register.")),
    "results": (
        "Results and agents",
        (
            "results.",
            "collation.",
            "quickcount.",
            "photos.",
            "text.",
            "agent.",
            "agents.",
            "device.",
        ),
    ),
    "user": ("People", ("user.",)),
    "token": ("Tokens", ("token.",)),
    "plugin": ("Plugins", ("plugin.", "provider.")),
    "queue": ("Queues", ("queue.", "channel.", "schedule.")),
    "backup": ("Backups", ("backup.",)),
}

#: The pages of what entries are about, and what those call the number or name in their address.
NUMBERED = {
    "campaign": ("admin_campaigns.detail", "campaign_id"),
    "user": ("admin_people.person", "user_id"),
    "contact": ("admin_contacts.person", "contact_id"),
}
NAMED = {
    "election": ("admin_results.election", "election_id"),
    "provider": ("admin_plugins.provider", "provider_name"),
    "queue": ("admin_queues.queue", "queue_name"),
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
            begins = [AuditEntry.action.startswith(beginning) for beginning in KINDS[kind][1]]
            query = query.where(reduce(operator.or_, begins))
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
            days.setdefault(formats.day(row.at), []).append(row)
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
        kind, subject = entry.subject_type, entry.subject_id
        if not subject or "deleted" in entry.action:
            return ""
        if kind == "polling unit" and (election := entry.details.get("election")):
            return str(self.get_url("admin_review.unit", election_id=election, unit_code=subject))
        if kind in NUMBERED and subject.isdecimal():
            endpoint, name = NUMBERED[kind]
            return str(self.get_url(endpoint, **{name: int(subject)}))
        if kind in NAMED:
            endpoint, name = NAMED[kind]
            return str(self.get_url(endpoint, **{name: subject}))
        return ""


def _day(text: str) -> datetime | None:
    """A day in the operators' zone as naive UTC."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return None

    return day - (local(utcnow(), settings().timezone).utcoffset() or timedelta())
