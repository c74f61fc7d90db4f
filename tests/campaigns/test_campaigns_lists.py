"""Lists of campaigns and recipients over HTTP, their counts and their estimated end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from campaign_requests import BASE, Auth, create, organiser, sending
from flask import Flask
from flask.testing import FlaskClient

from obidient.campaigns import control, progress
from obidient.campaigns.models.campaign import (
    Campaign,
    Recipient,
    RecipientStatus,
    Throughput,
)
from obidient.clock import local, utcnow

__all__ = ["create", "organiser"]


def phone(number: int) -> str:
    return f"+234803555{number:04d}"


def recipients(campaign_id: int, number: int, status: RecipientStatus, start: int = 0) -> None:
    Recipient.insert_many(
        [
            {
                "campaign_id": campaign_id,
                "phone": phone(start + i),
                "batch": (start + i) // 5,
                "status": int(status),
            }
            for i in range(number)
        ]
    ).execute()
    column = status.column
    Campaign.update(
        {
            Campaign._meta.fields[column]: Campaign._meta.fields[column] + number,
            Campaign.total: Campaign.total + number,
        }
    ).where(Campaign.id == campaign_id).execute()


@pytest.mark.both
@pytest.mark.slow
def test_a_list_is_walked_by_cursor_without_gaps_or_repeats(
    client: FlaskClient, organiser: dict[str, str], create: Callable[..., dict[str, Any]]
) -> None:
    ids = [create(title=f"Number {i}")["id"] for i in range(7)]
    client.post(f"{BASE}/{ids[0]}/cancel", headers=organiser)
    seen: list[int] = []
    cursor = ""
    while True:
        page = client.get(f"{BASE}?limit=3{cursor}", headers=organiser).json
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == ids[::-1]
    drafts = client.get(f"{BASE}?status=draft&channel=sms", headers=organiser).json["items"]
    assert [item["id"] for item in drafts] == ids[:0:-1]
    assert client.get(f"{BASE}?channel=voice", headers=organiser).json["items"] == []
    assert client.get(f"{BASE}?status=asleep", headers=organiser).status_code == 422


@pytest.mark.both
@pytest.mark.slow
def test_recipients_are_walked_by_status_without_gaps_or_repeats(
    client: FlaskClient, organiser: dict[str, str], create: Callable[..., dict[str, Any]]
) -> None:
    made = create()
    recipients(made["id"], 12, RecipientStatus.FAILED)
    recipients(made["id"], 3, RecipientStatus.DELIVERED, start=12)
    for status, expected in (("failed", 12), ("delivered", 3), ("queued", 0), (None, 15)):
        seen: list[str] = []
        cursor = ""
        while True:
            url = f"{BASE}/{made['id']}/recipients?limit=5{cursor}"
            page = client.get(url + (f"&status={status}" if status else ""), headers=organiser).json
            seen += [item["phone"] for item in page["items"]]
            assert all(item["status"] == status for item in page["items"] if status)
            if page["nextCursor"] is None:
                break
            cursor = f"&cursor={page['nextCursor']}"
        assert len(seen) == len(set(seen)) == expected
        assert seen == sorted(seen, reverse=True)


def test_numbers_are_masked_for_those_who_need_not_see_them(
    client: FlaskClient, auth: Auth, create: Callable[..., dict[str, Any]]
) -> None:
    made = create()
    recipients(made["id"], 1, RecipientStatus.SENT)
    url = f"{BASE}/{made['id']}/recipients"

    def shown(*role: str) -> str:
        return str(client.get(url, headers=auth(*role)).json["items"][0]["phone"])

    assert shown("organiser") == shown("admin") == phone(0)
    for masked in (shown("viewer"), shown("reviewer"), shown("admin", "campaigns:read")):
        assert phone(0)[7:-4] not in masked


def test_counts_add_up_and_pace_is_told(
    client: FlaskClient, organiser: dict[str, str], create: Callable[..., dict[str, Any]]
) -> None:
    made = create(launch=True)
    for number, status in enumerate(RecipientStatus, 1):
        recipients(made["id"], number, status, start=100 * number)
    now = utcnow()
    Campaign.update(started_at=now - timedelta(minutes=5), cost_e4=25_000, currency="NGN").execute()
    slot = now.replace(second=now.second // 10 * 10, microsecond=0)
    Throughput.create(campaign_id=made["id"], at=slot, sent=100, failed=0)
    Throughput.create(campaign_id=made["id"], at=slot - timedelta(seconds=60), sent=9_999, failed=0)
    found = client.get(f"{BASE}/{made['id']}", headers=organiser).json
    counts = found["counts"]
    assert counts.pop("total") == sum(counts.values()) == 36
    assert counts["queued"] == 1
    assert counts["skipped"] == 8
    assert found["cost"] == {"amount": 2.5, "currency": "NGN"}
    assert 100 / 21 <= found["rate"] <= 10
    assert found["eta"] is not None
    client.post(f"{BASE}/{made['id']}/pause", headers=organiser)
    paused = client.get(f"{BASE}/{made['id']}", headers=organiser).json
    assert (paused["rate"], paused["eta"]) == (0, None)


def test_the_estimated_end_waits_for_quiet_hours(app: Flask) -> None:
    now = local(utcnow(), ZoneInfo("Africa/Lagos"))
    begin, end = now - timedelta(hours=1), now + timedelta(hours=2)
    campaign = sending(quiet_hours=f"{begin:%H:%M}-{end:%H:%M}", throttled_rate=10, queued=100)
    found = progress.eta(campaign, 0.0)
    # Two hours to wait (less the seconds of this minute), then ten hours at ten an hour.
    assert found is not None
    assert timedelta(hours=11, minutes=58) < found - utcnow() <= timedelta(hours=12)


def test_the_estimated_end_counts_every_quiet_night_in_between(app: Flask) -> None:
    now = local(utcnow(), ZoneInfo("Africa/Lagos"))
    begin, end = now + timedelta(hours=2), now + timedelta(hours=14)
    campaign = sending(quiet_hours=f"{begin:%H:%M}-{end:%H:%M}", throttled_rate=1, queued=15)
    found = progress.eta(campaign, 0.0)
    # 2 h, 12 h quiet, 12 h, 12 h quiet, 1 h.
    assert found is not None
    assert timedelta(hours=38, minutes=58) < found - utcnow() <= timedelta(hours=39)


def test_nobody_knows_the_end_while_the_channel_is_paused(app: Flask) -> None:
    campaign = sending(quiet_hours="", queued=10)
    assert progress.eta(campaign, 0.0) is not None
    control.pause_channel("sms")
    assert progress.eta(campaign, 0.0) is None
