"""Calls that wait for a line, and calls of which nobody knows how they ended."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from servers import wait_for
from voice_campaign import HOOK, ROWS, call, calling, counts, ended, environ, simulator, unanswered

from obidient.campaigns import decisions
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.voice import VoiceCall
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import delivery, lifecycle
from obidient.campaigns.sending.outcomes import Claimed, Result
from obidient.campaigns.voice import calls
from obidient.clock import utcnow

__all__ = ["calling", "environ"]


def test_a_worker_that_finds_all_lines_busy_waits_for_one(calling: Callable[..., Campaign]) -> None:
    campaign = calling(50)
    call(campaign, 20)
    batch = Batch.select().where(Batch.campaign_id == campaign.id).first()
    delivery.send_batch(campaign.id, batch.id)
    assert VoiceCall.select().count() == 20
    assert Batch.get_by_id(batch.id).state == "ready"


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("channel", ["sms", "voice"])
def test_who_texts_stop_between_staging_and_sending_hears_nothing_on_either_channel(
    calling: Callable[..., Campaign], client: FlaskClient, channel: str
) -> None:
    campaign = calling(3, channel=channel, keypad=None)
    assert counts(campaign) == {"queued": 3}
    form = {"from": ROWS[1]["phone"], "text": "Abeg stop", "id": "1"}
    address = HOOK.replace("simulator-voice/events", "simulator-sms/incoming")
    assert client.post(address, data=form).status_code == 200
    applying.apply_due()
    batch = Batch.get(Batch.campaign_id == campaign.id)

    def nobody_is_left() -> bool:
        delivery.send_batch(campaign.id, batch.id)
        return not lifecycle.get(campaign.id).queued

    wait_for(nobody_is_left, what="everybody's turn")
    skipped = Recipient.get(Recipient.status == RecipientStatus.SKIPPED)
    assert (skipped.phone, skipped.provider_id, skipped.attempts) == (ROWS[1]["phone"], None, 0)
    found = counts(campaign)
    assert found.pop("skipped") == 1
    assert sum(found.values()) == 2
    assert "queued" not in found


def in_doubt(campaign: Campaign, session: str | None = None) -> Claimed:
    """A call is made, and the answer to our request gets lost or says nothing clear."""
    provider = simulator()
    (one,) = calls.claim(campaign, provider, 0, 1, timedelta(seconds=40))
    doubt = Result(one.id, one.attempt, RecipientStatus.UNCONFIRMED, session, code="unknown")
    calls.record(campaign.id, provider, [doubt], one.lease_until)
    return one


@pytest.mark.both
@pytest.mark.parametrize("answered", [True, False])
def test_a_second_call_in_doubt_is_settled_by_its_end_too(
    calling: Callable[..., Campaign], client: FlaskClient, answered: bool
) -> None:
    campaign = calling(1, quiet_hours="")
    (first,) = call(campaign)
    Recipient.update(status=0, next_attempt_at=utcnow(), attempts=1).execute()
    Campaign.update(queued=1, sent=0).execute()
    VoiceCall.update(ended_at=utcnow()).execute()
    one = in_doubt(campaign)
    assert one.attempt == 2
    form = {"callerNumber": one.phone, "clientRequestId": f"{campaign.id}-x"}
    busy = {"status": "NotAnswered", "hangupCause": "USER_BUSY", "durationInSeconds": "0"}
    ended(client, "second", **form, **({} if answered else busy))
    applying.apply_due()
    assert counts(campaign) == {"delivered" if answered else "undelivered": 1}
    assert Recipient.get().provider_id == "second"
    assert first[2] != "second"


@pytest.mark.both
def test_a_call_made_anew_by_a_person_is_told_from_the_one_in_doubt(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(1, quiet_hours="")
    one = in_doubt(campaign)
    decisions.resolve_unconfirmed(campaign.id, resend=True)
    (second,) = call(campaign)
    assert second[0] == one.id
    assert VoiceCall.select().where(VoiceCall.session_id == second[2]).count() == 1
    ended(client, second[2])
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}
    assert VoiceCall.get(VoiceCall.session_id == second[2]).ended_at is not None


@pytest.mark.both
def test_the_end_of_a_call_in_doubt_makes_no_third_call_beside_a_persons_second(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(1, quiet_hours="")
    in_doubt(campaign, "first")
    decisions.resolve_unconfirmed(campaign.id, resend=True)
    call(campaign)
    unanswered(client, "first")
    applying.apply_due()
    assert counts(campaign) == {"sent": 1}


@pytest.mark.both
def test_a_call_in_doubt_that_was_answered_is_not_made_again(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    campaign = calling(1, quiet_hours="")
    in_doubt(campaign, "first")
    decisions.resolve_unconfirmed(campaign.id, resend=True)
    assert counts(campaign) == {"queued": 1}
    ended(client, "first")
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}
    assert call(campaign) == []
