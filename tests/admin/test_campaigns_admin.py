"""A campaign under way in the admin: its controls, its recipients, its export."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from admin_people import Person, people, sent, sign_in, written
from flask import Flask

from obidient.accounts.models import AuditEntry
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle
from obidient.contacts.models import Contact

__all__ = ["people", "sign_in"]


@pytest.mark.slow
def test_controls_do_what_they_say(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    campaign = sent()
    base = f"/admin/campaigns/{campaign.id}"
    organiser.post(f"{base}/pause")
    assert lifecycle.get(campaign.id).status == "paused"
    organiser.post(f"{base}/resume")
    assert lifecycle.get(campaign.id).status == "sending"
    missed, unconfirmed = campaign.failed + campaign.undelivered, campaign.unconfirmed
    page = organiser.get(f"{base}/")
    assert f"Try again ({missed})" in page
    assert f"Resolve unconfirmed ({unconfirmed})" in page
    organiser.post(f"{base}/retry")
    assert lifecycle.get(campaign.id).queued == missed
    organiser.post(f"{base}/resolve", resend="no")
    assert lifecycle.get(campaign.id).failed == unconfirmed
    organiser.post(f"{base}/cancel")
    assert lifecycle.get(campaign.id).status == "cancelled"
    assert "can&#39;t be paused" in organiser.post(f"{base}/pause")
    organiser.post(f"{base}/clone")
    assert Campaign.select().where(Campaign.title == "Town hall (copy)").exists()


@pytest.mark.slow
def test_a_scheduled_campaign_can_be_moved_but_not_into_the_past(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written(scheduled_at=datetime.now(UTC) + timedelta(days=1))
    control.launch(campaign.id)
    organiser = sign_in("organiser")
    organiser.post(f"/admin/campaigns/{campaign.id}/reschedule", at="2031-02-25T09:30")
    assert lifecycle.get(campaign.id).scheduled_at == datetime(2031, 2, 25, 8, 30)
    page = organiser.post(f"/admin/campaigns/{campaign.id}/reschedule", at="2021-02-25T09:30")
    assert "Choose a time in the future" in page


@pytest.mark.slow
def test_one_action_on_several_campaigns_names_what_it_could_not_do(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    draft, running = written(), sent()
    ids = [str(draft.id), str(running.id)]
    page = sign_in("organiser").post("/admin/campaigns/bulk", action="pause", rowid=ids)
    assert "Paused 1 campaign." in page
    assert "A campaign that is draft" in page
    assert lifecycle.get(running.id).status == "paused"


@pytest.mark.slow
def test_recipients_are_masked_found_by_number_and_paged(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent()
    viewer = sign_in("viewer")
    base = f"/admin/campaigns/{campaign.id}/recipients"
    page = viewer.get(base)
    assert "+234803•••" in page
    assert people[0].phone not in page
    seen: list[str] = []
    url = f"{base}?status=delivered"
    while url:
        page = viewer.get(url)
        assert re.search(r"\+234803•••\d\d<", page)
        seen += re.findall(rf'href="{base}/(\d+)', page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        url = found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) == campaign.delivered
    organiser = sign_in("organiser")
    assert organiser.get(f"{base}?phone=0803 555 0007").count("•••07") == 1
    assert "There are letters in this number" in organiser.get(f"{base}?phone=hello")


@pytest.mark.slow
def test_the_export_holds_everybody_and_runs_no_formula(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    Contact.update(full_name="=HYPERLINK(1)").where(Contact.id == people[0].id).execute()
    campaign = sent()
    organiser = sign_in("organiser")
    text = organiser.get(f"/admin/campaigns/{campaign.id}/recipients.csv")
    assert text.startswith("\ufeffphone,name,")
    assert len(text.strip().splitlines()) == 401
    assert ",'=HYPERLINK(1)," in text
    assert AuditEntry.select().where(AuditEntry.action == "campaign.exported").exists()
