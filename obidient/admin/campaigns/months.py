"""What goes out when: a month of campaigns, sent and planned."""

import calendar
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import request
from peewee import fn

from obidient.admin.base import SecureView, expose
from obidient.campaigns.models.campaign import Campaign
from obidient.clock import local, utcnow
from obidient.config import settings
from obidient.errors import Invalid

#: A month with more is shown in part, and says so.
MOST = 1_000


@dataclass
class Day:
    """One cell of the month; days of the months beside it are blank."""

    date: date
    inside: bool
    today: bool
    campaigns: list[tuple[datetime, Campaign]] = field(default_factory=list)


class Calendar(SecureView):
    scopes = ("campaigns:read",)
    icon = "clock"
    lead = "What has gone out, and what is planned, day by day."

    @expose("/")
    def index(self) -> Any:
        first = _month(request.args.get("month", ""))
        days, more = month_of(first)
        before, after = first - timedelta(days=1), first + timedelta(days=31)
        return self.render(
            "admin/campaigns/calendar.html",
            first=first,
            days=days,
            more=more,
            number=sum(len(one.campaigns) for one in days),
            before=f"{before:%Y-%m}",
            after=f"{after:%Y-%m}",
            weekdays=list(calendar.day_abbr),
        )


def _month(given: str) -> date:
    """The first of a month written like 2027-02; of this month when nothing is given."""
    today = local(utcnow(), settings().timezone).date()
    if not given:
        return today.replace(day=1)
    found = re.fullmatch(r"(2[01][0-9]{2})-(0[1-9]|1[0-2])", given)
    if not found:
        raise Invalid("Choose a month such as 2027-02.")
    return date(int(found[1]), int(found[2]), 1)


def month_of(first: date) -> tuple[list[Day], bool]:
    """The weeks of a month, Monday to Sunday, and whether there are more campaigns than shown."""
    zone = settings().timezone
    today = local(utcnow(), zone).date()
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    days = [Day(one, one.month == first.month, one == today) for week in weeks for one in week]
    end = (first + timedelta(days=31)).replace(day=1)
    begin_at, end_at = (
        datetime.combine(one, time(), zone).astimezone(UTC).replace(tzinfo=None)
        for one in (first, end)
    )
    moment = fn.COALESCE(Campaign.started_at, Campaign.scheduled_at)
    query = Campaign.select().where(moment >= begin_at, moment < end_at)
    rows = list(query.order_by(moment, Campaign.id).limit(MOST + 1))
    by_date = {one.date: one for one in days if one.inside}
    for campaign in rows[:MOST]:
        here = local(campaign.started_at or campaign.scheduled_at, zone)
        by_date[here.date()].campaigns.append((here, campaign))
    return days, len(rows) > MOST
