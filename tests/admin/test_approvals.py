"""A large draft and its second person: asked for, sent back, asked again, approved, sent."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from admin_people import Person, people, sign_in
from flask import Flask

from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.config import settings
from obidient.contacts.models import Contact

__all__ = ["people", "sign_in"]


@pytest.mark.slow
def test_a_draft_is_asked_for_sent_back_asked_again_approved_and_sent(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    app.extensions["obidient.settings"] = replace(settings(), approval_above=100)
    writer, second = sign_in("organiser"), sign_in("organiser")
    writer.post("/admin/compose/", title="Rally", channel="sms")
    draft = Campaign.get(Campaign.title == "Rally")
    base, compose = f"/admin/approvals/{draft.id}", f"/admin/compose/{draft.id}"
    assert "Write a message first" in writer.post(f"{base}/ask")
    text = {"message_template": "Come. Reply STOP to opt out.", "everyone": "yes"}
    writer.post(f"{compose}/", title="Rally", **text)
    assert "Nobody has asked" in second.post(f"{base}/send-back", why="No")

    assert f"{base}/ask" in writer.get(f"{compose}/review")
    assert "Waits for a second person" in writer.post(f"{base}/ask", note="For the governor")
    # Neither the writer nor a viewer is asked, and the writer can't answer.
    assert "Nothing waits for you" in writer.get("/admin/approvals/")
    assert "your approval" not in writer.get("/admin/") + sign_in("viewer").get("/admin/")
    assert "You wrote this campaign" in writer.post(f"{base}/send-back", why="No")
    home = second.get("/admin/")
    assert "1 campaign waits" in home and "“Rally”" in home
    page = second.get("/admin/approvals/")
    assert "“For the governor”" in page and f"{len(people)} people" in page

    assert "Say what should be changed" in second.post(f"{base}/send-back", why=" ")
    second.post(f"{base}/send-back", why="Name the place")
    assert "was sent back</b>" in writer.get("/admin/now")
    assert "“Name the place”" in writer.get("/admin/approvals/")
    assert "Nothing waits for you" in second.get("/admin/approvals/")
    control.update(draft.id, {"message_template": "Come to Ikeja. Reply STOP to opt out."})
    assert "Changed since it was asked for" in writer.get("/admin/approvals/")

    writer.post(f"{base}/ask")
    second.post(f"{compose}/approve")
    assert "is approved.</b>" in writer.get("/admin/now")
    assert "Approved" in writer.get("/admin/campaigns/?status=draft")
    # Whoever has approved may think better of it.
    second.post(f"{base}/send-back", why="Not tonight")
    assert "has to approve it first" in writer.post(f"{compose}/send", people=str(len(people)))
    writer.post(f"{base}/ask")
    second.post(f"{compose}/approve")
    writer.post(f"{compose}/send", people=str(len(people)))
    assert Campaign.get_by_id(draft.id).status == "sending"
    assert "Rally" not in writer.get("/admin/approvals/").split('id="main"')[1]


def test_a_small_campaign_needs_nobody_and_where_none_does_the_page_says_so(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    writer = sign_in("organiser")
    assert "No campaign needs a second person" in writer.get("/admin/approvals/")
    app.extensions["obidient.settings"] = replace(settings(), approval_above=100_000)
    small = control.create(
        {"title": "Small", "message_template": "Come", "audience": {"everyone": True}}
    )
    page = writer.post(f"/admin/approvals/{small.id}/ask")
    assert f"This goes to {len(people)} people" in page
