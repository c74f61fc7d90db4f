"""The whole way with Africa's Talking: four settings, a campaign, their reports, their replies."""

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from following import follow
from standin_africastalking import API_KEY, StandIn

from obidient.campaigns import control
from obidient.campaigns.models.campaign import Recipient
from obidient.contacts.models import Contact
from obidient.providers import registry

TOKEN = "webhook-token-of-the-tests"


@pytest.fixture
def environ(environ: dict[str, str]) -> Iterator[dict[str, str]]:
    """What an operator fills in; their callback addresses are in their dashboard."""
    base = f"http://127.0.0.1:{environ['PORT']}/api/communications/webhooks/africastalking-sms"
    with StandIn(receipts=f"{base}/delivery?token={TOKEN}", delay=0.2) as network:
        yield environ | {
            "AT_USERNAME": "sandbox",
            "AT_API_KEY": API_KEY,
            "AT_SMS_SENDER_ID": "OBIDIENT",
            "AT_BASE_URL": network.url,
            "SMS_RATE_LIMIT_PER_SECOND": "1000",
        }


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("template", ["See you on Saturday", "See you on Saturday, {{first_name}}"])
def test_a_campaign_through_africastalking_is_delivered_to_everybody_once(
    app: Flask,
    server: Callable[[], str],
    worker: Callable[..., subprocess.Popen[bytes]],
    template: str,
) -> None:
    rows = [{"phone": f"+23480355{n:05d}", "first_name": f"Ada{n}"} for n in range(500)]
    Contact.insert_many(rows).execute()
    server()
    worker()
    campaign = control.create(
        {"title": "T", "message_template": template, "audience": {"everyone": True}}
    )
    control.launch(campaign.id)
    campaign = follow(campaign.id, lambda one: one.delivered == 500)
    assert (campaign.provider, campaign.status) == ("africastalking-sms", "completed")
    assert campaign.cost_e4 == 500 * 25_000
    assert Recipient.select().where(Recipient.network == "62130").count() == 500


def test_the_settings_of_an_operator_make_it_the_carrier(app: Flask) -> None:
    found = registry.current()
    chosen = found.for_channel("sms")
    assert chosen is not None
    assert chosen.name == "africastalking-sms"
    assert chosen.check().ok
    assert found.settings_of("africastalking-sms")["sender"] == ("OBIDIENT", "environment")
    assert API_KEY not in str(found.settings_of("africastalking-sms"))


def test_a_reply_and_an_opt_out_find_their_way_in(app: Flask) -> None:
    base = "/api/communications/webhooks/africastalking-sms"
    client = app.test_client()
    form = {"from": "+2348035550101", "to": "20880", "text": "Good", "id": f"{time.time()}"}
    assert client.post(f"{base}/incoming?token={TOKEN}", data=form).status_code == 200
    form = {"phoneNumber": "+2348035550102", "senderId": "OBIDIENT"}
    assert client.post(f"{base}/opt-out?token={TOKEN}", data=form).status_code == 200
    assert client.post(f"{base}/opt-out?token=wrong", data=form).status_code == 403
    from obidient.campaigns.receipts.applying import apply_due
    from obidient.contacts.models import Suppression

    apply_due()
    assert [row.phone for row in Suppression.select()] == ["+2348035550102"]
