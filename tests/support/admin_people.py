"""People signed in to the admin, the contacts they see and the campaigns they send."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import signed_in
from flask import Flask
from flask.testing import FlaskClient

from obidient.accounts.models import User
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import lifecycle, staging
from obidient.contacts import demo
from obidient.contacts.models import Contact
from obidient.database import db

EVERYBODY = ("admin", "organiser", "reviewer", "viewer")


#: Page -> the roles that may open it.
PAGES = {
    "/admin/": EVERYBODY,
    "/admin/campaigns/": EVERYBODY,
    "/admin/elections/": EVERYBODY,
    "/admin/compose/": ("admin", "organiser"),
    "/admin/calendar/": EVERYBODY,
    "/admin/saved/": ("admin", "organiser"),
    "/admin/approvals/": ("admin", "organiser"),
    "/admin/contacts/": ("admin", "organiser"),
    "/admin/import/": ("admin", "organiser"),
    "/admin/tags/": ("admin", "organiser"),
    "/admin/tags/new/": ("admin", "organiser"),
    "/admin/lists/": ("admin", "organiser"),
    "/admin/duplicates/": ("admin", "organiser"),
    "/admin/opt-outs/": ("admin", "organiser"),
    "/admin/privacy/": ("admin", "organiser"),
    "/admin/queues/": ("admin",),
    "/admin/queues/sms-broadcast/": ("admin",),
    "/admin/plugins/": ("admin",),
    "/admin/plugins/simulator-sms/": ("admin",),
    "/admin/team/": ("admin",),
    "/admin/team/new": ("admin",),
    "/admin/audit/": ("admin",),
}


class Person:
    """Somebody signed in, who posts forms as a page would: with its CSRF token."""

    def __init__(self, client: FlaskClient, user: User) -> None:
        self.client, self.user = client, user
        signed_in.sign_in(client, user)
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/password").text)
        assert found
        self.token = found[1]

    def get(self, url: str, status: int = 200, **more: Any) -> str:
        response = self.client.get(url, **more)
        assert response.status_code == status, f"{url}: {response.status_code}"
        return response.text

    def post(self, url: str, status: int = 200, **form: Any) -> str:
        """Post a form and follow where it leads."""
        more = {"content_type": "multipart/form-data"} if "file" in form else {}
        response = self.client.post(
            url, data={"csrf_token": self.token} | form, follow_redirects=True, **more
        )
        assert response.status_code == status, f"{url}: {response.status_code} {response.text}"
        return response.text


@pytest.fixture
def sign_in(app: Flask, make_user: Callable[..., User]) -> Callable[..., Person]:
    def make(role: str = "admin") -> Person:
        return Person(app.test_client(), make_user(role))

    return make


@pytest.fixture
def people(app: Flask) -> list[Contact]:
    demo.load()
    return list(Contact.select().order_by(Contact.id))


def written(**more: Any) -> Campaign:
    values = {
        "title": "Town hall",
        "message_template": "Hello {{first_name|friend}}, come to {{lga}}. Reply STOP to opt out.",
        "audience": {"everyone": True},
    }
    return control.create(values | more)


def sent(number: int = 400, **more: Any) -> Campaign:
    """A campaign that is being sent, its recipients in every status there is."""
    campaign = written(**more)
    control.launch(campaign.id)
    staging.stage(campaign.id)
    statuses = [status for status in RecipientStatus if status is not RecipientStatus.QUEUED]
    with db.atomic():
        for place, row in enumerate(Recipient.select().where(Recipient.campaign_id == campaign.id)):
            status = statuses[place % len(statuses)]
            code = "AbsentSubscriber" if status is RecipientStatus.UNDELIVERED else ""
            Recipient.update(status=status, error_code=code).where(Recipient.id == row.id).execute()
        counts = {
            status.column: Recipient.select()
            .where(Recipient.campaign_id == campaign.id, Recipient.status == status)
            .count()
            for status in RecipientStatus
        }
        Campaign.update(**counts, cost_e4=25_000, currency="NGN").where(
            Campaign.id == campaign.id
        ).execute()
    return lifecycle.get(campaign.id)
