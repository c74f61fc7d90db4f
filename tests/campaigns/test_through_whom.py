"""Who looks at a campaign while a network dies sees which, why, and who has taken over."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from signed_in import sign_in

from obidient.accounts.models import User
from obidient.campaigns import costly
from obidient.campaigns.followup import networks
from obidient.campaigns.models.campaign import (
    Campaign,
    CampaignProvider,
    Recipient,
    RecipientStatus,
)
from obidient.campaigns.sending import notes, rest
from obidient.clock import utcnow

FIRST, SECOND = "africastalking-sms", "termii-sms"
SENT, QUEUED = RecipientStatus.SENT, RecipientStatus.QUEUED


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    """Two people whom the first network has, and one who waits."""
    found = Campaign.create(
        title="T",
        status="sending",
        started_at=utcnow(),
        provider=FIRST,
        route=[[FIRST, 0], [SECOND, 0]],
        total=3,
        sent=2,
        queued=1,
        cost_e4=50_000,
        currency="NGN",
    )
    for number, status in enumerate((SENT, SENT, QUEUED)):
        taken = {"provider": FIRST, "cost_e4": 25_000} if status == SENT else {}
        phone = f"+23480300000{number:02d}"
        Recipient.create(campaign_id=found.id, batch=1, phone=phone, status=status, **taken)
    CampaignProvider.create(campaign_id=found.id, provider=FIRST, sent=2)
    return found


def test_the_page_says_at_once_which_network_failed_and_who_took_over(
    campaign: Campaign,
    client: FlaskClient,
    make_user: Callable[..., User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # However long counting takes, and however long a count is kept therefore.
    monkeypatch.setattr(costly, "QUICK", -1.0)
    monkeypatch.setattr(costly, "KEPT", 1e9)
    sign_in(client, make_user("viewer"))
    address = f"/admin/campaigns/{campaign.id}/"
    assert "is left out for now" not in client.get(address).text

    rest.leave(FIRST, "It is out of reach")
    notes.note_turned_away(campaign.id, FIRST, "It is out of reach")
    CampaignProvider.update(returned=7).execute()
    CampaignProvider.create(campaign_id=campaign.id, provider=SECOND, sent=1)
    Recipient.update(status=SENT, provider=SECOND).where(Recipient.status == QUEUED).execute()
    page = client.get(address).text
    assert f"{FIRST} is left out for now.</b> It is out of reach. 7 messages came back" in page
    assert f"without {SECOND}, which tells none" in page
    assert [one.taken for one in networks.by_provider(campaign)] == [2, 1]

    for _ in range(rest.PROOFS):
        rest.clear(FIRST)
    assert "is left out for now" not in client.get(address).text
