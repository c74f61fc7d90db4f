"""The calendar of campaigns: each on its day in Lagos, planned and sent."""

from collections.abc import Callable
from datetime import date, datetime

from admin_people import Person, people, sign_in, written
from flask import Flask

from obidient.admin.campaigns.months import month_of
from obidient.campaigns.models.campaign import Campaign
from obidient.contacts.models import Contact

__all__ = ["people", "sign_in"]


def test_each_campaign_stands_on_its_day_in_lagos(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    # 23:30 UTC is half past midnight of the next day, here of the next month.
    last = written(title="Before midnight", scheduled_at=datetime(2031, 2, 28, 22, 30))
    first = written(title="After midnight", scheduled_at=datetime(2031, 2, 28, 23, 30))
    ran = written(title="Ran later", scheduled_at=datetime(2031, 2, 1, 8))
    Campaign.update(started_at=datetime(2031, 2, 3, 7), status="completed").where(
        Campaign.id == ran.id
    ).execute()

    def found(month: date) -> dict[date, list[str]]:
        days, more = month_of(month)
        assert not more and len(days) % 7 == 0 and days[0].date.weekday() == 0
        return {
            one.date: [f"{at:%H:%M} {row.title}" for at, row in one.campaigns]
            for one in days
            if one.campaigns
        }

    assert found(date(2031, 2, 1)) == {
        date(2031, 2, 3): ["08:00 Ran later"],
        date(2031, 2, 28): ["23:30 Before midnight"],
    }
    assert found(date(2031, 3, 1)) == {date(2031, 3, 1): ["00:30 After midnight"]}
    viewer = sign_in("viewer")
    page = viewer.get("/admin/calendar/?month=2031-02")
    assert f"/admin/campaigns/{last.id}/" in page and f"/{first.id}/" not in page
    assert "February 2031" in page and "?month=2031-03" in page and "?month=2031-01" in page
    assert "Nothing in this month" in viewer.get("/admin/calendar/?month=2040-12")
    viewer.get("/admin/calendar/?month=2031-13", 422)
