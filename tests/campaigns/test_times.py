"""When campaigns start: never in the past, and never long overdue without being asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from admin_people import Person, people, sign_in, written
from campaign_requests import BASE, body, create, organiser
from flask import Flask
from flask.testing import FlaskClient

from obidient.accounts.models import AuditEntry
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle, sweeper
from obidient.clock import isoformat, utcnow
from obidient.contacts.models import Contact
from obidient.errors import Invalid

__all__ = ["create", "organiser", "people", "sign_in"]


def overdue(minutes: float, **more: Any) -> Campaign:
    """A campaign that was scheduled, and whose time came so long ago."""
    campaign = written(scheduled_at=utcnow() + timedelta(days=1), **more)
    control.launch(campaign.id)
    moment = utcnow() - timedelta(minutes=minutes)
    Campaign.update(scheduled_at=moment).where(Campaign.id == campaign.id).execute()
    return campaign


def test_a_time_in_the_past_is_refused_and_nothing_is_written(
    client: FlaskClient, organiser: dict[str, str], create: Callable[..., dict[str, Any]]
) -> None:
    past = isoformat(utcnow() - timedelta(minutes=1))
    answer = client.post(BASE, json=body(scheduledAt=past, launch=True), headers=organiser)
    assert answer.status_code == 422
    assert answer.json and "has passed" in answer.json["detail"]
    assert not Campaign.select().exists()

    draft = create(scheduledAt=past)
    url = f"{BASE}/{draft['id']}"
    assert client.post(f"{url}/launch", headers=organiser).status_code == 422
    assert lifecycle.get(draft["id"]).status == "draft"
    again = {"scheduledAt": isoformat(utcnow() + timedelta(hours=1))}
    assert client.post(f"{url}/reschedule", json=again, headers=organiser).status_code == 202
    assert client.post(f"{url}/launch", headers=organiser).json["status"] == "scheduled"
    at_once = client.post(f"{url}/reschedule", json={"scheduledAt": None}, headers=organiser)
    assert at_once.json["status"] == "sending"


@pytest.mark.slow
def test_the_page_asks_about_a_draft_whose_time_has_passed(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written(scheduled_at=utcnow() - timedelta(minutes=5))
    organiser = sign_in("organiser")
    page = organiser.get(f"/admin/compose/{campaign.id}/review")
    assert "has passed" in page and "Start as soon as I send it" in page
    assert "has passed" in organiser.post(f"/admin/compose/{campaign.id}/send", people="20")
    assert lifecycle.get(campaign.id).status == "draft"
    page = organiser.post(f"/admin/compose/{campaign.id}/at-once")
    assert "has passed" not in page
    organiser.post(f"/admin/compose/{campaign.id}/send", people=str(len(people)))
    assert lifecycle.get(campaign.id).status == "sending"


@pytest.mark.both
def test_a_campaign_that_is_long_overdue_waits_for_a_person(app: Flask) -> None:
    late, soon = overdue(7 * 24 * 60), overdue(5)
    for _ in range(2):
        sweeper.begin_scheduled()
    assert lifecycle.get(soon.id).status in ("sending", "paused")
    held = lifecycle.get(late.id)
    assert held.status == "scheduled"
    assert "Send it now, or choose another time" in held.status_reason
    assert AuditEntry.select().where(AuditEntry.action == "campaign.overdue").count() == 1
    control.reschedule(late.id, utcnow() + timedelta(days=1))
    assert lifecycle.get(late.id).status_reason == ""
    with pytest.raises(Invalid, match="future"):
        control.reschedule(late.id, utcnow() - timedelta(days=1))


@pytest.mark.slow
def test_an_overdue_campaign_is_sent_or_moved_from_its_page(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    late = overdue(120)
    sweeper.begin_scheduled()
    organiser = sign_in("organiser")
    page = organiser.get(f"/admin/campaigns/{late.id}/")
    for words in ("it waits for you", "Send now", "Choose another time"):
        assert words in page
    assert "Overdue: waits for you" in organiser.get("/admin/campaigns/")
    organiser.post(f"/admin/campaigns/{late.id}/launch")
    assert lifecycle.get(late.id).status == "sending"
    assert lifecycle.get(late.id).status_reason == ""


@pytest.mark.slow
def test_a_scheduled_campaign_is_edited_in_one_step_and_loses_nothing(
    app: Flask,
    sign_in: Callable[..., Person],
    people: list[Contact],
    client: FlaskClient,
    organiser: dict[str, str],
) -> None:
    campaign = overdue(-5)
    moment = lifecycle.get(campaign.id).scheduled_at
    person = sign_in("organiser")
    page = person.post(f"/admin/campaigns/{campaign.id}/edit")
    assert "Taken back to be edited by" in page and "keeps that time" in page
    taken = lifecycle.get(campaign.id)
    assert (taken.status, taken.scheduled_at, taken.message_template) == (
        "draft",
        moment,
        campaign.message_template,
    )
    Campaign.update(scheduled_at=utcnow() - timedelta(seconds=1)).execute()
    sweeper.begin_scheduled()
    assert lifecycle.get(campaign.id).status == "draft"
    assert "can&#39;t be edited" in person.post(f"/admin/campaigns/{campaign.id}/edit")

    url = f"{BASE}/{campaign.id}"
    changed = body(messageTemplate="Corrected", scheduledAt="2099-01-16T08:00:00Z", launch=True)
    again = client.put(url, json=changed, headers=organiser).json
    assert (again["status"], again["messageTemplate"]) == ("scheduled", "Corrected")
    assert again["statusReason"] == ""
    assert client.put(url, json=changed, headers=organiser).status_code == 409
    assert client.post(f"{url}/edit", headers=organiser).json["status"] == "draft"
    assert client.post(f"{url}/edit", headers=organiser).status_code == 409


@pytest.mark.slow
def test_back_after_send_leads_to_the_campaign(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written()
    person = sign_in("organiser")
    person.post(f"/admin/compose/{campaign.id}/send", people=str(len(people)))
    for page in ("", "review"):
        back = person.client.get(f"/admin/compose/{campaign.id}/{page}")
        assert back.headers["Location"] == f"/admin/campaigns/{campaign.id}/"
