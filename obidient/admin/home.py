"""The first page: what runs now, what comes up, the last day, and whether everything is well."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import orjson
from flask import Response
from flask_admin import AdminIndexView
from peewee import fn

from obidient.admin import checkup
from obidient.admin.base import Guarded, expose, may
from obidient.admin.campaigns.look import audience_words, looks
from obidient.cache import cache
from obidient.campaigns import approval_requests
from obidient.campaigns.costly import StillCounting, patience
from obidient.campaigns.followup import reasons
from obidient.campaigns.models.campaign import Campaign, Throughput
from obidient.campaigns.split import deciding
from obidient.clock import local, utcnow
from obidient.config import settings
from obidient.contacts.models import Contact, Suppression
from obidient.plugin import Explanation
from obidient.providers import asking, registry
from obidient.results.models import Election, Tally

EPOCH = datetime(1970, 1, 1)
#: Where the figures about contacts are kept for a minute, and from how many on.
PEOPLE = "admin:people"
COUNTED_AT_ONCE = 50_000
#: Campaigns of the last day whose reasons are counted: those with the most people not reached.
LOOKED_INTO = 20


class Home(Guarded, AdminIndexView):  # type: ignore[misc]
    scopes = ()
    icon = "home"

    @expose("/")
    def index(self) -> Any:
        return self.render(
            "admin/home.html",
            page_title="Home",
            page_lead="What runs now, what comes up, and whether everything is well.",
            hours=_by_hour(),
            people=_people(),
            elections=_elections(),
            reasons=_reasons(),
            **_now(),
        )

    @expose("/now")
    def now(self) -> Any:
        """The live part."""
        return self.render("admin/_now.html", **_now())

    @expose("/balance")
    def balance(self) -> Any:
        """Asked for after the page: networks may take their time."""
        found = registry.current()
        chosen = [found.for_channel(channel) for channel in found.channels()]
        answers = [
            (provider, asking.ask(provider))
            for provider in dict.fromkeys(chosen)
            if provider is not None and found.why_not(provider) is None
        ]
        return self.render("admin/_balance.html", answers=answers)

    @expose("/hours.json")
    def chart(self) -> Response:
        hours = _by_hour()
        series = [
            {"label": "Sent", "colour": "--s-sent", "values": [one[1] for one in hours]},
            {"label": "Not taken", "colour": "--s-failed", "values": [one[2] for one in hours]},
        ]
        moments = [(one[0] - EPOCH).total_seconds() for one in hours]
        return Response(
            orjson.dumps({"x": moments, "series": series}), content_type="application/json"
        )


def _now() -> dict[str, Any]:
    running = Campaign.select().where(Campaign.status.in_(["sending", "paused"]))
    coming = Campaign.select().where(Campaign.status == "scheduled")
    recent = _recent()
    tried = sum(row.delivered + row.undelivered + row.failed for row in recent)
    return {
        "running": looks(list(running.order_by(Campaign.started_at.desc()).limit(8))),
        "coming": list(coming.order_by(Campaign.scheduled_at).limit(5)),
        "coming_number": coming.count(),
        "day": {
            "campaigns": len(recent),
            "sent": sum(row.sent + row.delivered + row.undelivered for row in recent),
            "delivered": sum(row.delivered for row in recent),
            "settled": tried,
            "bad": sum(row.undelivered + row.failed for row in recent),
            "unconfirmed": sum(row.unconfirmed for row in recent),
        },
        "month": _month(),
        "lines": checkup.lines(),
        "approvals": approval_requests.waiting() if may("campaigns:write") else [],
        "answered": approval_requests.news() if may("campaigns:write") else [],
        "undecided": deciding.waiting() if may("campaigns:write") else [],
        "audience_words": audience_words,
    }


def _recent() -> list[Campaign]:
    """Campaigns begun within a day."""
    day = utcnow() - timedelta(days=1)
    begun = Campaign.select().where(Campaign.started_at > day, Campaign.status != "draft")
    return list(begun.order_by(Campaign.id.desc()).limit(1000))


def _reasons() -> list[tuple[Explanation, int]]:
    """Why people were not reached in campaigns begun within a day, the most frequent first."""
    missed = [row for row in _recent() if row.failed + row.undelivered]
    missed.sort(key=lambda row: -(row.failed + row.undelivered))
    found: Counter[Explanation] = Counter()
    for campaign in missed[:LOOKED_INTO]:
        try:
            counted = reasons.reasons(campaign, patience(campaign.total))
        except StillCounting:
            # Shares of a part of them would be wrong; whoever looks again has the whole.
            return []
        for one in counted:
            found[reasons.words(campaign, one.code, one.said)] += one.people
    return found.most_common(6)


def _month() -> list[tuple[int, str]]:
    """What campaigns begun this month have cost, by currency."""
    here = local(utcnow(), settings().timezone)
    first = here.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows: Any = (
        Campaign.select(fn.SUM(Campaign.cost_e4), Campaign.currency)
        .where(Campaign.started_at >= utcnow() - (here - first), Campaign.cost_e4 > 0)
        .group_by(Campaign.currency)
        .tuples()
    )
    return [(int(total), currency) for total, currency in rows]


def _by_hour() -> list[tuple[datetime, int, int]]:
    """(hour, sent, failed) of the last 24 hours, from the ten-second slots."""
    now = utcnow().replace(minute=0, second=0, microsecond=0)
    hours = [now - timedelta(hours=back) for back in range(23, -1, -1)]
    sent, failed = dict.fromkeys(hours, 0), dict.fromkeys(hours, 0)
    rows: Any = (
        Throughput.select(Throughput.at, fn.SUM(Throughput.sent), fn.SUM(Throughput.failed))
        .where(Throughput.at >= hours[0])
        .group_by(Throughput.at)
        .tuples()
    )
    for at, well, badly in rows:
        hour = at.replace(minute=0, second=0, microsecond=0)
        if hour in sent:
            sent[hour] += int(well)
            failed[hour] += int(badly)
    return [(hour, sent[hour], failed[hour]) for hour in hours]


def _people() -> dict[str, int] | None:
    if not may("contacts:write"):
        return None
    found: dict[str, int] | None = cache.get(PEOPLE)
    if found is None:
        found = {
            "contacts": Contact.select().count(),
            "invalid": Contact.select().where(Contact.phone_invalid).count(),
            "opted_out": Suppression.select().where(Suppression.lifted_at.is_null()).count(),
        }
        # A million rows take a moment to count; while they are few, nobody waits, nor is misled.
        if found["contacts"] > COUNTED_AT_ONCE:
            cache.set(PEOPLE, found, timeout=60)
    return found


def _elections() -> list[tuple[Election, int]]:
    """Elections that are open, and how many polling units have reported."""
    found = list(
        Election.select()
        .where(Election.status == "ongoing")
        .order_by(Election.created_at.desc())
        .limit(3)
    )
    shown = []
    for election in found:
        row = Tally.get_or_none(
            Tally.election_id == election.id, Tally.area_code == election.area_code
        )
        shown.append((election, row.units if row else 0))
    return shown
