"""What people have asked for reaches them at any hour; what we want to say waits for morning."""

from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from signed_in import sign_in

from obidient import clock
from obidient.accounts.models import AuditEntry, User
from obidient.campaigns.models.campaign import Campaign, CampaignProvider
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.sending import holds
from obidient.campaigns.texts import answers
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.plugin import Accepted, Defer, Message, Outcome, Provider, RequestRetry
from obidient.providers import registry
from obidient.workers.models import FailedJob


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"QUIET_HOURS": "20:00-08:00", "SMS_PROVIDER": "night-net"}


class Night(Provider):
    """Remembers what it was given; refuses promotional messages, as the networks do at night."""

    name = "night-net"
    channel = "sms"
    given: list[Message] = []
    refuses = False

    def send(self, messages: list[Message]) -> list[Outcome]:
        if self.refuses:
            raise RequestRetry("Nobody there")
        morning = utcnow().replace(tzinfo=UTC) + timedelta(hours=9)
        Night.given += messages
        return [
            Accepted(one, f"n-{one.id}")
            if one.message_class == "transactional"
            else Defer(one, morning, "Not at night")
            for one in messages
        ]


@pytest.fixture
def night(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """It is 20:30 in Lagos, an hour ahead of UTC."""
    there = utcnow().replace(hour=19, minute=30, second=0, microsecond=0)
    monkeypatch.setattr(clock, "_shift", there - (utcnow() - clock._shift))
    Night.given = []
    return registry.current().add(Night)


def make(client: FlaskClient, header: dict[str, str], **more: Any) -> Any:
    body = {"title": "T", "messageTemplate": "Hi", "audience": {"everyone": True}} | more
    return client.post("/api/communications/campaigns", json=body, headers=header)


@pytest.mark.slow
def test_only_admins_make_a_campaign_transactional_and_it_is_on_the_audit_trail(
    app: Flask, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    refused = make(client, auth("organiser"), messageClass="transactional")
    assert refused.status_code == 403
    assert "admins" in refused.json["detail"]
    made = make(client, auth("admin"), messageClass="transactional")
    assert (made.status_code, made.json["messageClass"]) == (201, "transactional")
    entry = AuditEntry.get(AuditEntry.action == "campaign.class")
    assert "transactional" in entry.summary
    assert make(client, auth("organiser")).json["messageClass"] == "promotional"
    assert make(client, auth("admin"), messageClass="other").status_code == 422


def test_quiet_hours_are_for_promotional_campaigns_alone(night: Provider) -> None:
    values = {"title": "T", "provider": "night-net", "status": "sending"}
    promotional = Campaign.create(**values)
    transactional = Campaign.create(**values, message_class="transactional")
    held = holds.why_held(promotional)
    assert held is not None
    assert "quiet hours" in held.reason
    assert holds.why_held(transactional) is None


@pytest.mark.both
def test_an_answer_leaves_at_night_at_the_first_try(night: Provider) -> None:
    answers.say(7, "+2348030000001", "Result received, thank you")
    answers.send(answerId=TextAnswer.get().id)
    assert TextAnswer.get().state == "sent"
    (given,) = Night.given
    assert given.message_class == "transactional"


@pytest.mark.slow
def test_an_answer_is_tried_for_a_day_and_its_loss_is_no_secret(
    night: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Night, "refuses", True)
    answers.say(7, "+2348030000001", "Result received")
    row = TextAnswer.get()
    tries = 0
    for _ in range(25 * 12):
        monkeypatch.setattr(clock, "_shift", clock._shift + timedelta(minutes=5))
        row = TextAnswer.get_by_id(row.id)
        if row.state != "queued":
            break
        if row.due_at is None or row.due_at <= utcnow():
            answers.send(answerId=row.id)
            tries += 1
    assert row.state == "failed"
    assert utcnow() - row.created_at > timedelta(hours=24)
    # Not every ten seconds of a night, and more than now and then.
    assert 100 < tries < 200
    failed = FailedJob.get()
    assert "Nobody there" in failed.error


def test_an_answer_that_waited_out_an_outage_is_sent(
    night: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Night, "refuses", True)
    answers.say(7, "+2348030000001", "Result received")
    answers.send(answerId=TextAnswer.get().id)
    monkeypatch.setattr(clock, "_shift", clock._shift + timedelta(hours=3))
    monkeypatch.setattr(Night, "refuses", False)
    answers.send(answerId=TextAnswer.get().id)
    assert TextAnswer.get().state == "sent"
    assert not FailedJob.select().exists()


def test_the_page_says_how_many_went_where_and_why(
    app: Flask, client: FlaskClient, make_user: Callable[..., User]
) -> None:
    Contact.create(phone="+2348030000001")
    campaign = Campaign.create(
        title="T",
        status="completed",
        started_at=utcnow(),
        provider="termii-sms",
        route=[["termii-sms", 0], ["kannel-sms", 0]],
        total=30,
        sent=30,
    )
    row = {"campaign_id": campaign.id, "cost_e4": 25_000}
    CampaignProvider.create(provider="kannel-sms", sent=20, **row)
    CampaignProvider.create(
        provider="termii-sms", sent=10, returned=5, reason="Termii can't be reached", **row
    )
    sign_in(client, make_user("viewer"))
    page = client.get(f"/admin/campaigns/{campaign.id}/").text
    assert "Through whom" in page
    assert page.index("Termii can’t be reached".replace("’", "&#39;")) < page.index(">kannel-sms<")


def test_the_composer_offers_the_class_to_admins_alone(
    app: Flask, make_user: Callable[..., User]
) -> None:
    campaign = Campaign.create(title="T", audience={"everyone": True}, message_template="Hi")
    for role, offered in (("organiser", False), ("admin", True)):
        client = app.test_client()
        sign_in(client, make_user(role))
        page = client.get(f"/admin/compose/{campaign.id}/").text
        assert ('name="message_class"' in page) == offered
