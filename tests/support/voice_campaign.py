"""A voice campaign through the pretended phones: its calls, their ends, its counts."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from obidient.campaigns import control
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.sending.outcomes import Result
from obidient.campaigns.sending.staging import stage
from obidient.campaigns.voice import calls, menu
from obidient.contacts.models import Contact
from obidient.plugin import Provider
from obidient.providers import registry

TOKEN = "webhook-token-of-the-tests"


HOOK = f"/api/communications/webhooks/simulator-voice/events?token={TOKEN}"


ROWS = [{"phone": f"+23480355{n:05d}", "first_name": f"Ada & <{n}>"} for n in range(300)]


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {
        "VOICE_RATE_LIMIT_PER_SECOND": "1000",
        "SIMULATOR_VOICE_DELAY": "0.05",
        "SIMULATOR_VOICE_SPEED": "0.01",
        "SIMULATOR_VOICE_LATENCY": "0",
        "SIMULATOR_VOICE_LINES": "20",
        "SIMULATOR_VOICE_REDIAL_MINUTES": "0.01",
    }


def campaign_of(people: int, **more: Any) -> Campaign:
    Contact.insert_many(ROWS[:people]).execute()
    values = {
        "channel": "voice",
        "title": "Call",
        "message_template": "Hello {{first_name}}, see you on Saturday",
        "audience": {"everyone": True},
        "keypad": menu.USUAL,
    }
    return control.create(values | more)


def simulator() -> Provider:
    found = registry.current().find("simulator-voice")
    assert found is not None
    return found


@pytest.fixture
def calling(app: Flask) -> Iterator[Callable[..., Campaign]]:
    """A campaign that is staged and sending, with nobody at work on it."""

    def begin(people: int, **more: Any) -> Campaign:
        campaign = control.launch(campaign_of(people, **more).id)
        stage(campaign.id)
        return lifecycle.get(campaign.id)

    yield begin


def call(campaign: Campaign, number: int = 100) -> list[tuple[int, str, str]]:
    """Claim and record as a worker does: (recipient, phone, session)."""
    provider, made = simulator(), []
    batch = Batch.select().where(Batch.campaign_id == campaign.id).first()
    lease = timedelta(seconds=40)
    claimed = calls.claim(campaign, provider, batch.number, number, lease)
    results = []
    for one in claimed:
        session = f"call-{one.id}-{one.attempt}-test"
        results.append(Result(one.id, one.attempt, RecipientStatus.SENT, provider_id=session))
        made.append((one.id, one.phone, session))
    if claimed:
        calls.record(campaign.id, provider, results, claimed[0].lease_until)
    return made


def ended(client: FlaskClient, session: str, **form: str) -> None:
    """The network reports the end of a call."""
    fields = {"sessionId": session, "isActive": "0", "durationInSeconds": "9", "amount": "2.70"}
    taken = {"status": "Completed", "hangupCause": "NORMAL_CLEARING"}
    assert client.post(HOOK, data=fields | taken | form).status_code == 200


def unanswered(client: FlaskClient, session: str, cause: str = "NO_ANSWER") -> None:
    fields = {"status": "NotAnswered", "hangupCause": cause, "durationInSeconds": "0"}
    ended(client, session, **fields, amount="0")


def counts(campaign: Campaign) -> dict[str, int]:
    """The counters, after checking that they are the rows'."""
    now = lifecycle.get(campaign.id)
    found = {status.column: getattr(now, status.column) for status in RecipientStatus}
    for status in RecipientStatus:
        rows = Recipient.select().where(
            Recipient.campaign_id == campaign.id, Recipient.status == status
        )
        assert rows.count() == found[status.column], status
    return {name: number for name, number in found.items() if number}
