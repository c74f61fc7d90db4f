"""A voice campaign's draft played to a colleague's own phone, through the pretended phones."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from admin_people import Person
from flask import Flask
from flask.testing import FlaskClient
from voice_campaign import HOOK, call, calling, campaign_of, environ

from obidient.accounts.models import AuditEntry
from obidient.admin.campaigns import trial
from obidient.campaigns.models.campaign import Recipient
from obidient.campaigns.models.voice import KeyPress, TrialCall, VoiceCall
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.texts import answers
from obidient.campaigns.voice import calls, keys, trials
from obidient.clock import utcnow
from obidient.contacts.suppression import suppress, suppressed
from obidient.plugin import Provider
from obidient.providers import registry

__all__ = ["calling", "environ"]
PHONE = "+2348035550199"


@pytest.fixture
def organiser(app: Flask, make_user: Callable[..., Any]) -> Person:
    return Person(app.test_client(), make_user("organiser", phone="08035550199"))


def simulator() -> Provider:
    found = registry.current().find("simulator-voice")
    assert found is not None
    return found


def posted(client: FlaskClient, **form: str) -> str:
    """What the network gets to hear from us; callbacks are applied as a worker does."""
    fields = {"callerNumber": PHONE, "isActive": "1"} | form
    text = client.post(HOOK, data=fields).text
    applying.apply_due()
    return text


def ask(organiser: Person, campaign_id: int, phone: str = PHONE) -> str:
    return organiser.post(f"/admin/compose/{campaign_id}/try", phone=phone)


def followed(organiser: Person, campaign_id: int) -> str:
    """The part of the page that follows the tests; status 286 ends the asking."""
    return organiser.client.get(f"/admin/compose/{campaign_id}/trials").text


@pytest.fixture
def quiet_phones(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pretended phones take calls, and the test says what they do."""
    monkeypatch.setattr(simulator(), "_keep", lambda steps: None)


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.usefixtures("quiet_phones")
def test_my_phone_plays_the_very_campaign_and_its_keys_count_nowhere(
    client: FlaskClient, organiser: Person
) -> None:
    campaign = campaign_of(3)
    review = organiser.get(f"/admin/compose/{campaign.id}/review")
    assert "Call my phone" in review and "Key 9" in review and 'value="08035550199"' in review
    assert "The test is on its way" in ask(organiser, campaign.id)
    assert "being called already" in ask(organiser, campaign.id)
    assert "Waits for its turn" in followed(organiser, campaign.id)
    made = TrialCall.get()
    trials.make(made.id)
    trials.make(made.id)
    assert "Ringing" in followed(organiser, campaign.id)
    lines = 20
    assert calls.free_lines(simulator(), lines) == lines - 1

    session = TrialCall.get().session_id
    heard = posted(client, sessionId=session)
    assert "Hello Ada" in heard and "press 9" in heard
    assert "Answered" in followed(organiser, campaign.id)
    assert "no more calls" in posted(client, sessionId=session, dtmfDigits="9")
    posted(client, sessionId=session, dtmfDigits="9")
    ended = {"status": "Completed", "hangupCause": "NORMAL_CLEARING", "durationInSeconds": "9"}
    for _ in range(2):
        posted(client, sessionId=session, isActive="0", **ended)
    page = followed(organiser, campaign.id)
    assert "Listened for 9 seconds" in page and "hx-get" not in page
    assert page.count("Key 9 pressed: To get no more calls or texts from us") == 1

    # Nothing of it is the campaign's, and nobody has opted out.
    assert not (KeyPress.select().exists() or VoiceCall.select().exists())
    assert not (Recipient.select().exists() or suppressed([PHONE], "voice"))
    assert keys.calls(campaign.id)["made"] == 0
    assert lifecycle.get(campaign.id).status == "draft"
    assert calls.free_lines(simulator(), lines) == lines
    assert PHONE not in AuditEntry.get(AuditEntry.action == "campaign.tried").summary


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_phones")
def test_a_test_call_that_is_not_answered_refused_or_lost_says_so(
    client: FlaskClient, organiser: Person
) -> None:
    campaign = campaign_of(1, message_template="Hello {{first_name}}")
    ask(organiser, campaign.id)
    row = TrialCall.get()
    # The network calls back before its own answer is recorded: the phone tells whose call it is.
    assert trials._take_line(row, simulator())
    busy = {"status": "NotAnswered", "hangupCause": "USER_BUSY", "isActive": "0"}
    posted(client, sessionId="early", clientRequestId="0-x", **busy)
    trials._record(row, "ringing", "", "early")
    assert "Not answered" in followed(organiser, campaign.id)
    assert "The person was on the phone" in followed(organiser, campaign.id)

    suppress("+2348035550198", "voice", "manual")
    assert "has opted out" in ask(organiser, campaign.id, "08035550198")
    assert "digits" in ask(organiser, campaign.id, "0803")

    # One that was answered and whose end is never told was heard; one that only rang, nobody knows.
    late = utcnow() - timedelta(seconds=1)
    common = {"campaign_id": campaign.id, "phone": PHONE, "until": late}
    TrialCall.create(state="answered", keys="17", **common)
    TrialCall.create(state="ringing", **common)
    trials.sweep()
    assert [one.state for one in trial.latest(campaign)] == [
        "unconfirmed", "delivered", "undelivered",
    ]  # fmt: skip
    page = followed(organiser, campaign.id)
    assert "Key 1 pressed: To hear this again" in page
    assert "Key 7 pressed: it stands for nothing" in page

    user = TrialCall.get(TrialCall.id == row.id).created_by_id
    for _ in range(answers.MOST_TESTS):
        TrialCall.create(state="failed", created_by_id=user, **common)
    assert "Wait a while" in ask(organiser, campaign.id)


@pytest.mark.usefixtures("quiet_phones")
def test_a_test_call_waits_for_a_line_like_every_call(
    organiser: Person, calling: Callable[..., Any]
) -> None:
    running = calling(25)
    assert len(call(running)) == 20
    draft = campaign_of(0, title="Draft")
    ask(organiser, draft.id)
    trials.make(TrialCall.get().id)
    assert trials.NO_LINE in followed(organiser, draft.id)
    VoiceCall.update(ended_at=utcnow()).where(VoiceCall.id == VoiceCall.select().limit(1)).execute()
    trials.make(TrialCall.get().id)
    assert TrialCall.get().state == "ringing"
    assert calls.free_lines(simulator(), 1) == 0
