"""Writing a campaign in the admin: draft, review, test message, approval."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from admin_people import Person, people, sign_in, written
from flask import Flask

from obidient.accounts.models import AuditEntry
from obidient.campaigns import audience, control
from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.texts import answers
from obidient.config import settings
from obidient.contacts import suppression
from obidient.contacts.models import Contact

__all__ = ["people", "sign_in"]


# ---- forms -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_form_is_taken_without_its_token(app: Flask, sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    tried = 0
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or not rule.rule.startswith(("/admin", "/logout")):
            continue
        url = re.sub(r"<int:[^>]+>", "1", rule.rule)
        url = re.sub(r"<[^>]+>", "x", url)
        response = admin.client.post(url, data={"action": "delete", "rowid": "1", "id": "1"})
        assert response.status_code == 400, url
        assert "CSRF" in response.text
        tried += 1
    assert tried > 40


@pytest.mark.slow
def test_a_draft_is_written_reviewed_and_sent(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    organiser.post("/admin/compose/", title="Rally", channel="sms")
    campaign = Campaign.get(Campaign.title == "Rally")
    form = {
        "title": "Rally in Kano",
        "everyone": "no",
        "states": ["20", "24"],
        "message_template": "Hello {{first_name|friend}}. Reply STOP to opt out.",
        "when": "now",
        "pace": "slow",
        "throttled_rate": "36000",
        "quiet": "none",
    }
    page = organiser.post(f"/admin/compose/{campaign.id}/", next="review", **form)
    campaign = lifecycle.get(campaign.id)
    assert campaign.audience["states"] == ["20", "24"]
    assert (campaign.throttled_rate, campaign.quiet_hours) == (36_000, "")
    wanted = sum(person.state_code in ("20", "24") for person in people)
    assert f"Send {wanted} text messages" in page
    assert page.count('class="bubble"') == min(10, wanted)
    organiser.post(f"/admin/compose/{campaign.id}/send", people=str(wanted))
    assert lifecycle.get(campaign.id).status == "sending"
    assert AuditEntry.get(AuditEntry.action == "campaign.launched").actor == organiser.user.email


@pytest.mark.slow
def test_sending_asks_again_when_the_audience_has_grown(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written()
    page = sign_in("organiser").post(f"/admin/compose/{campaign.id}/send", people="12")
    assert "it was 12, now it is 400" in page
    assert lifecycle.get(campaign.id).status == "draft"


@pytest.mark.slow
def test_a_test_message_goes_to_one_phone_and_counts_in_no_campaign(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign, organiser = written(), sign_in("organiser")
    review = f"/admin/compose/{campaign.id}/review"
    assert "Send a test to your phone" in organiser.get(review)
    page = organiser.post(f"/admin/compose/{campaign.id}/try", phone="0803 555 0199")
    assert "The test is on its way" in page and "•••99" in page
    made = TextAnswer.get()
    assert made.phone == "+2348035550199"
    assert "{{" not in made.text and "come to" in made.text
    answers.send(made.id)
    assert TextAnswer.get_by_id(made.id).state in ("sent", "delivered", "undelivered", "failed")
    assert not Recipient.select().exists()
    assert lifecycle.get(campaign.id).status == "draft"
    entry = AuditEntry.get(AuditEntry.action == "campaign.tried")
    assert "0803555" not in entry.summary and "35550199" not in entry.summary


@pytest.mark.slow
def test_a_test_message_is_refused_where_it_may_not_go(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign, organiser = written(), sign_in("organiser")
    url = f"/admin/compose/{campaign.id}/try"
    suppression.suppress("+2348035550199", source="manual")
    assert "has opted out" in organiser.post(url, phone="08035550199")
    assert "digits" in organiser.post(url, phone="0803")
    sign_in("viewer").post(url, status=403, phone="08035550198")
    assert not TextAnswer.select().exists()
    for number in range(answers.MOST_TESTS + 1):
        page = organiser.post(url, phone=f"080355502{number:02d}")
    assert "Wait a while" in page
    assert TextAnswer.select().count() == answers.MOST_TESTS


@pytest.mark.both
@pytest.mark.slow
def test_a_large_campaign_needs_a_second_person(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    app.extensions["obidient.settings"] = replace(settings(), approval_above=100)
    writer, second = sign_in("organiser"), sign_in("organiser")
    writer.post("/admin/compose/", title="Rally", channel="sms")
    campaign = Campaign.get(Campaign.title == "Rally")
    base = f"/admin/compose/{campaign.id}"
    text = {"message_template": "Come. Reply STOP to opt out.", "everyone": "yes"}
    writer.post(f"{base}/", title="Rally", **text)
    everybody = str(len(people))
    assert "You wrote this campaign" in writer.post(f"{base}/approve")
    assert "has to approve it first" in writer.post(f"{base}/send", people=everybody)

    assert "Approved by" in second.post(f"{base}/approve")
    assert "somebody else has to send it" in second.post(f"{base}/send", people=everybody)
    # A word changed, and it is no longer what was approved.
    control.update(campaign.id, {"message_template": "Stay. Reply STOP to opt out."})
    assert "has to approve it first" in writer.post(f"{base}/send", people=everybody)
    assert lifecycle.get(campaign.id).status == "draft"

    second.post(f"{base}/approve")
    writer.post(f"{base}/send", people=everybody)
    assert lifecycle.get(campaign.id).status == "sending"
    # A small one needs nobody.
    small = written(audience={"states": ["24"]}, title="Small")
    assert audience.count(small.audience, "sms").total <= 100
    assert control.launch(small.id).status == "sending"


@pytest.mark.slow
def test_an_unfinished_draft_says_what_is_missing_and_is_not_sent(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = control.create({"title": "Empty"})
    organiser = sign_in("organiser")
    page = organiser.get(f"/admin/compose/{campaign.id}/review")
    assert "Choose who to send to." in page
    assert "Write the message." in page
    assert "disabled" in page.split("foot-bar")[1]
    organiser.post(f"/admin/compose/{campaign.id}/send", people="0")
    assert lifecycle.get(campaign.id).status == "draft"


def test_a_mistake_in_one_field_loses_nothing_of_the_others(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written()
    organiser = sign_in("organiser")
    form = {"title": "A new title", "message_template": "Hello {{surname}}", "everyone": "yes"}
    page = organiser.post(f"/admin/compose/{campaign.id}/save", **form)
    assert "There is no field {{surname}}" in page.replace("&#39;", "'")
    campaign = lifecycle.get(campaign.id)
    assert campaign.title == "A new title"
    assert campaign.message_template.startswith("Hello {{first_name")


@pytest.mark.slow
def test_clearing_the_audience_of_a_draft_really_clears_it(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written()
    form = {"title": "T", "message_template": "Hello", "everyone": "no"}
    sign_in("organiser").post(f"/admin/compose/{campaign.id}/save", **form)
    assert not lifecycle.get(campaign.id).audience


@pytest.mark.slow
def test_the_writer_sees_people_parts_and_who_is_left_out(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    suppression.suppress(people[0].phone)
    Contact.update(phone_invalid=True).where(Contact.id == people[1].id).execute()
    campaign = written()
    form = {"title": "T", "everyone": "yes", "message_template": "x" * 170}
    page = sign_in("organiser").post(f"/admin/compose/{campaign.id}/check", **form)
    text = re.sub(r"<[^>]+>", " ", page)
    assert re.search(r"Will be written to\s+398", text)
    assert re.search(r"Opted out\s+1 left out", text)
    assert re.search(r"Invalid number\s+1 left out", text)
    assert "796 text messages" in text
    assert "Remove 10 characters" in text
