"""Reports that are odd, late or unreadable: kept, shown, and in nobody else's way."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from network_reports import Post, add, campaign, counts, make_due, network, phone, post, state
from signed_in import sign_in

from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.receipts import applying
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.contacts.suppression import suppressed
from obidient.plugin import (
    DeliveryReport,
)

__all__ = ["campaign", "network", "post"]


@pytest.mark.both
@pytest.mark.slow
def test_what_a_report_says_a_message_cost_is_counted_once(post: Post, campaign: Campaign) -> None:
    add(campaign, 0, RecipientStatus.UNCONFIRMED, provider_id=None)
    add(campaign, 1, cost_e4=40_000)
    for number, name in enumerate(("late-1", "id-1")):
        for _ in range(3):
            post("delivery", id=name, status="delivered", phone=phone(number), cost="2.5")
    applying.apply_due()
    assert Campaign.get().cost_e4 == 25_000
    assert sum(row.cost_e4 for row in Recipient.select()) == 65_000


@pytest.mark.both
def test_an_unknown_status_is_kept_and_shown(post: Post, campaign: Campaign) -> None:
    add(campaign, 0)
    post("delivery", id="id-0", status="teleported")
    applying.apply_due()
    assert state() == "unknown"
    assert "teleported" in RawCallback.get().error
    assert counts(campaign) == {"sent": 1}


@pytest.mark.both
def test_a_plugin_that_fails_is_named_and_does_not_stop_the_others(
    post: Post, campaign: Campaign
) -> None:
    add(campaign, 0)
    post("delivery", crash="yes")
    post("delivery", id="id-0", status="delivered")
    applying.apply_due()
    broken, fine = RawCallback.select().order_by(RawCallback.id)
    assert broken.state == "failed"
    assert "the plugin fell over" in broken.error
    assert "Traceback" in broken.error
    assert fine.state == "applied"
    assert counts(campaign) == {"delivered": 1}


@pytest.mark.both
def test_one_that_the_database_refuses_does_not_stop_the_others(
    post: Post, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        add(campaign, number)
        post("delivery", id=f"id-{number}", status="delivered")
    real = applying.apply_reports

    def picky(provider: str, reports: list[DeliveryReport], counts: Any) -> Any:
        if any(report.provider_id == "id-1" for report in reports):
            raise ValueError("not this one")
        return real(provider, reports, counts)

    monkeypatch.setattr(applying, "apply_reports", picky)
    applying.apply_due()
    assert [row.state for row in RawCallback.select().order_by(RawCallback.id)] == [
        "applied",
        "failed",
        "applied",
    ]
    assert counts(campaign) == {"sent": 1, "delivered": 2}


@pytest.mark.both
def test_a_worker_that_dies_with_callbacks_in_hand_loses_none(
    post: Post, campaign: Campaign
) -> None:
    add(campaign, 0)
    post("delivery", id="id-0", status="delivered")
    assert len(applying.claim(10)) == 1
    assert applying.claim(10) == []
    applying.apply_due()
    assert counts(campaign) == {"sent": 1}
    make_due()  # the claim runs out
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}


@pytest.mark.both
def test_a_claim_takes_no_more_than_asked_and_the_oldest_first(app: Flask) -> None:
    rows = [
        {"provider": "x", "event": "y", "body": b"", "due_at": utcnow() - timedelta(seconds=60 - i)}
        for i in range(50)
    ]
    RawCallback.insert_many(rows).execute()
    first = [row.id for row in applying.claim(7)]
    second = [row.id for row in applying.claim(7)]
    assert len(first) == len(second) == 7
    assert max(first) < min(second)


def test_a_report_may_say_that_the_number_is_no_good_or_wants_no_more(
    post: Post, campaign: Campaign
) -> None:
    for number in range(2):
        add(campaign, number)
        Contact.create(phone=phone(number))
    post("delivery", id="id-0", status="undelivered", invalid="1")
    post("delivery", id="id-1", status="undelivered", suppress="1")
    applying.apply_due()
    assert [c.phone_invalid for c in Contact.select().order_by(Contact.phone)] == [True, False]
    assert suppressed([phone(0), phone(1)], "sms") == {phone(1)}


def test_a_callback_of_a_plugin_that_is_gone_is_kept_and_shown(app: Flask) -> None:
    RawCallback.create(provider="gone-sms", event="delivery", body=b"id=1")
    applying.apply_due()
    row = RawCallback.get()
    assert (row.state, "gone-sms" in row.error) == ("failed", True)


def test_what_was_applied_long_ago_is_dropped_and_what_went_amiss_is_kept(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than one chunk goes in a round, though those kept for people stand before them.
    monkeypatch.setattr(applying, "CLEANED", 2)
    monkeypatch.setattr(applying, "CLEANING", 60)
    long_ago = utcnow() - applying.KEPT - timedelta(days=1)
    for old in ("unmatched", "failed", "unknown", *["applied", "nothing"] * 3, "new"):
        RawCallback.create(provider="x", event="y", body=b"", state=old, received_at=long_ago)
    RawCallback.create(provider="x", event="y", body=b"", state="applied")
    applying.clean()
    assert sorted(row.state for row in RawCallback.select()) == [
        "applied",
        "failed",
        "new",
        "unknown",
        "unmatched",
    ]


@pytest.mark.both
@pytest.mark.slow
def test_what_went_amiss_is_shown_to_admins_and_looked_at_again(
    post: Post,
    campaign: Campaign,
    client: FlaskClient,
    app: Flask,
    make_user: Callable[..., Any],
) -> None:
    add(campaign, 0)
    post("delivery", id="id-0", status="teleported", phone="+2348035550199")
    post("delivery", id="id-0", crash="yes")
    applying.apply_due()
    app.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, make_user("admin"))
    page = client.get("/admin/callbacks/").text
    assert "Unknown status" in page
    assert "Could not be read" in page
    # Numbers are nobody's to read here, and tracebacks are.
    assert "2348035550199" not in page
    assert "the plugin fell over" in page
    assert "id: id-0" in client.get("/admin/callbacks/?state=unknown").text
    assert "fell over" not in client.get("/admin/callbacks/?state=unknown").text
    RawCallback.update(body=b"id=id-0&status=delivered").where(
        RawCallback.state == "unknown"
    ).execute()
    client.post("/admin/callbacks/again", data={"state": "unknown"})
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}
    assert applying.summary() == {"failed": 1}
    assert client.post("/admin/callbacks/again", data={"state": "applied"}).status_code == 302
    assert "Had 1 callback looked at again" in client.get("/admin/audit/").text
