"""Every page of the admin, on empty and on full data."""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from admin_people import PAGES, Person, people, sent, sign_in, written
from flask import Flask

from obidient import queues
from obidient.accounts.models import User
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.contacts import suppression
from obidient.contacts.models import Contact, Tag
from obidient.workers import failed_jobs

__all__ = ["people", "sign_in"]


def pages_of(app: Flask) -> list[str]:
    return list(_pages())


def _pages() -> Iterator[str]:
    """The pages of PAGES, and those of every campaign, contact and person there is."""
    yield from PAGES
    for campaign in Campaign.select():
        if campaign.status == "draft":
            yield f"/admin/compose/{campaign.id}/"
            yield f"/admin/compose/{campaign.id}/review"
            continue
        for tab in ("", "recipients", "timeline", "message", "live", "throughput.json"):
            yield f"/admin/campaigns/{campaign.id}/{tab}"
    for person in Contact.select().limit(1):
        yield f"/admin/contacts/{person.id}/"
        yield f"/admin/contacts/edit/?id={person.id}"
    for tag in Tag.select().limit(1):
        yield f"/admin/tags/edit/?id={tag.id}"
    for user in User.select().limit(1):
        yield f"/admin/team/{user.id}/"
    for name in queues.current().names():
        for tab in ("failed", "waiting", "scheduled"):
            yield f"/admin/queues/{name}/?tab={tab}"
    yield "/admin/now"
    yield "/admin/hours.json"
    yield "/admin/balance"
    yield "/admin/queues/live"
    yield "/admin/compose/lgas?states=24"
    yield "/admin/plugins/africastalking-sms/"
    yield "/admin/plugins/simulator-sms/health"
    yield "/login"
    yield "/password"


# ---- every page --------------------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.slow
def test_every_page_opens_without_any_data(app: Flask, sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    for page in pages_of(app):
        assert admin.client.get(page).status_code in (200, 286, 302), page


@pytest.mark.both
@pytest.mark.slow
def test_every_page_opens_on_full_data(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    _fill(people)
    admin = sign_in()
    for page in pages_of(app):
        assert admin.client.get(page).status_code in (200, 286, 302), page


def _fill(people: list[Contact]) -> None:
    sent()
    written(title="<b>A draft</b> & “more”", message_template="Ẹ káàárọ̀ {{first_name}} ₦")
    later = written(scheduled_at=datetime.now(UTC) + timedelta(days=1))
    control.launch(later.id)
    paused = sent(title="Paused")
    control.pause(paused.id, "The account is empty")
    suppression.suppress(people[0].phone, note="Asked by phone")
    failed_jobs.record("sms-broadcast", "send_batch", {"campaignId": 1}, ValueError("a <b>bug"))


@pytest.mark.slow
def test_no_page_holds_anything_that_the_policy_forbids(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    """Inline handlers, inline styles, scripts in the page, addresses of other hosts."""
    _fill(people)
    admin = sign_in()
    for page in pages_of(app):
        response = admin.client.get(page, follow_redirects=True)
        if "json" in response.content_type:
            continue
        tags = re.findall(r"<[a-zA-Z][^>]*>", response.text)
        for tag in tags:
            assert not re.search(r"\son[a-z]+\s*=", tag), f"{page}: {tag}"
            assert not re.search(r"\sstyle\s*=", tag), f"{page}: {tag}"
            assert "javascript:" not in tag, f"{page}: {tag}"
            for address in re.findall(r'\s(?:src|href|action|hx-get|hx-post)="([^"]*)"', tag):
                assert re.match(r"(/(?!/)|#|\?|\./|tel:|$)", address), f"{page}: {address}"
        assert "<style" not in response.text, page
        assert not re.search(r"<script(?![^>]*\ssrc=)", response.text), page
        assert "<b>A draft</b>" not in response.text, page
        assert "a <b>bug" not in response.text, page


@pytest.mark.slow
def test_the_live_part_stops_when_nothing_can_change(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    admin = sign_in()
    campaign = sent()
    live = admin.client.get(f"/admin/campaigns/{campaign.id}/live?pane=1")
    assert live.status_code == 200
    assert 'hx-trigger="every 2s' in live.text
    Campaign.update(status="completed", sent=0, unconfirmed=0, completed_at=None).where(
        Campaign.id == campaign.id
    ).execute()
    live = admin.client.get(f"/admin/campaigns/{campaign.id}/live?pane=1")
    assert live.status_code == 286
    assert "hx-trigger" not in live.text


@pytest.mark.slow
def test_no_page_of_a_campaign_counts_its_recipients_but_for_those_not_reached(
    app: Flask,
    sign_in: Callable[..., Person],
    people: list[Contact],
    caplog: pytest.LogCaptureFixture,
) -> None:
    campaign = sent()
    admin = sign_in()
    with caplog.at_level(logging.DEBUG, "peewee"):
        for tab in ("", "live", "recipients", "recipients?status=sent", "timeline", "message"):
            admin.get(f"/admin/campaigns/{campaign.id}/{tab}")
        admin.get("/admin/campaigns/")
    asked = [str(record.args or record.msg) for record in caplog.records if record.name == "peewee"]
    about = [sql for sql in asked if '"recipient"' in sql]
    assert about
    counting = [sql for sql in about if "COUNT(" in sql.upper()]
    # By reason, along the index of statuses; kept for thirty times as long as it took.
    assert all('"status" IN (?, ?)' in sql or '"status" IN (%s, %s)' in sql for sql in counting)
