"""Texts that arrive through a network's callback."""

from flask.testing import FlaskClient

from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.receipts import applying

TOKEN = "webhook-token-of-the-tests"


HOOK = "/api/communications/webhooks/simulator-sms"


PHONE = "+2348035550001"


def texted(client: FlaskClient, text: str, phone: str = PHONE) -> InboundText:
    number = InboundText.select().count()
    form = {"from": phone, "text": text, "id": f"in-{number}", "to": "20880"}
    assert client.post(f"{HOOK}/incoming?token={TOKEN}", data=form).status_code == 200
    applying.apply_due()
    row: InboundText = InboundText.select().order_by(InboundText.id.desc()).first()
    return row
