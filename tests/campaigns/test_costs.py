"""What a campaign will cost, where it stops, and who can't get a text that grows too long."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from admin_people import Person, sign_in
from campaign_requests import BASE, create, organiser
from flask import Flask
from flask.testing import FlaskClient
from one_turn import S, launch, people, provider, rows, says, work

from obidient.campaigns import control, lengths
from obidient.campaigns.models.campaign import CampaignError
from obidient.campaigns.sending import lifecycle, operators
from obidient.config import ConfigError, Settings, settings
from obidient.contacts.models import Contact
from obidient.errors import Conflict
from obidient.plugin import Accepted, Message, Money, Outcome, Provider

__all__ = ["create", "organiser", "people", "provider", "sign_in"]

LONG = "Long. Dear {{first_name}}, " + 28 * "come to the ward meeting. "
EVERYONE = {"everyone": True}


def given(app: Flask, **values: Any) -> None:
    """Change settings of the running app."""
    app.extensions["obidient.settings"] = replace(settings(), **values)


def test_prices_are_read_and_a_wrong_one_refuses_to_start() -> None:
    def load(**values: str) -> Settings:
        return Settings.load({"OBIDIENT_ENV": "development"} | values)

    assert load(PRICE_PER_PART="4.00").price_per_part == (("*", Decimal("4.00")),)
    both = load(PRICE_PER_PART="MTN=4.00, *=5", BUDGET="50,000")
    assert dict(both.price_per_part) == {"mtn": Decimal(4), "*": Decimal(5)}
    assert both.budget == 50_000
    for wrong in ("MTN=4", "Vodafone=4,*=5", "four", "-1", "MTN=,x"):
        with pytest.raises(ConfigError, match="PRICE_PER_PART must"):
            load(PRICE_PER_PART=wrong)


def test_the_cost_is_known_before_the_first_campaign_by_network(
    app: Flask,
    people: None,
    client: FlaskClient,
    organiser: dict[str, str],
    create: Callable[..., dict[str, Any]],
) -> None:
    assert [operators.operator_of(one) for one in ("+2348031234567", "+2348051234567", "x")] == [
        "MTN",
        "Glo",
        "",
    ]
    url = f"{BASE}/{create(messageTemplate='x' * 161)['id']}/estimate"
    assert client.get(url, headers=organiser).json["cost"] is None
    given(app, price_per_part=(("mtn", Decimal("4")), ("*", Decimal("5"))))
    # Half of the people are with Glo.
    for row in Contact.select().limit(10):
        Contact.update(phone=row.phone.replace("80355", "80555")).where(
            Contact.id == row.id
        ).execute()
    found = client.get(url, headers=organiser).json
    assert (found["people"], found["parts"], found["partsEach"]) == (20, 40, 2.0)
    assert found["price"] == {"amount": 4.5, "currency": "NGN"}
    assert found["cost"] == {"amount": 180.0, "currency": "NGN"}


def test_a_budget_stops_a_campaign_before_it_begins_and_on_its_way(
    app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    four = (("*", Decimal("4")),)
    given(app, price_per_part=four, budget=Decimal("79"))
    with pytest.raises(Conflict, match=r"about ₦80\.00, more than the budget of ₦79\.00"):
        launch()
    # The bill is twice what was expected.
    given(app, price_per_part=four, budget=Decimal("80"))

    def dear(messages: list[Message]) -> list[Outcome]:
        bill = Money(Decimal("8"), "NGN")
        return [Accepted(one, f"id-{one.id}", bill) for one in messages]

    says(monkeypatch, dear)
    monkeypatch.setattr(provider, "max_batch", 6)
    campaign = work(launch())
    assert campaign.status == "paused"
    assert campaign.status_reason.startswith("It has cost ₦96.00, more than the budget of ₦80.00")
    assert campaign.queued == 8
    with pytest.raises(Conflict, match="raise BUDGET"):
        control.resume(campaign.id)
    given(app, budget=Decimal("1000"))
    assert control.resume(campaign.id).status == "sending"


@pytest.mark.slow
def test_whoever_sends_a_dear_campaign_agrees_to_the_sum(
    app: Flask, people: None, sign_in: Callable[..., Person]
) -> None:
    person = sign_in("organiser")
    values = {"title": "T", "message_template": "Reply STOP", "audience": EVERYONE}
    campaign = control.create(values)
    given(app, price_per_part=(("*", Decimal("4.5")),), ask_above=Decimal("50"))
    base = f"/admin/compose/{campaign.id}"
    page = person.get(f"{base}/review")
    assert "Yes, spend about <b>₦90.00</b>" in page
    assert "₦4.50 a part" in page
    assert "agree to the sum" in person.post(f"{base}/send", people="20")
    assert lifecycle.get(campaign.id).status == "draft"
    given(app, budget=Decimal("60"))
    assert "more than the budget of ₦60.00" in person.get(f"{base}/review")
    given(app, budget=Decimal("0"))
    person.post(f"{base}/send", people="20", spend="yes")
    assert lifecycle.get(campaign.id).status == "sending"


@pytest.mark.both
def test_whose_text_grows_past_ten_parts_is_told_and_left_out_with_the_reason(
    app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    Contact.update(first_name="Ọlá").where(Contact.phone == "+2348035500000").execute()
    Contact.update(first_name="A" * 200, fields={"size": "ẹ"}).where(
        Contact.phone == "+2348035500001"
    ).execute()
    assert lengths.too_long(LONG, True, EVERYONE, "sms") == 1
    assert lengths.too_long(LONG, False, EVERYONE, "sms") == 0
    assert lengths.too_long(LONG, True, EVERYONE, "voice") == 0
    assert lengths.too_long("Hello {{first_name}}", True, EVERYONE, "sms") == 0
    assert lengths.too_long(LONG.replace("first_name", "size"), True, EVERYONE, "sms") == 1
    handed: list[str] = []

    def note(messages: list[Message]) -> list[Outcome]:
        handed.extend(one.phone for one in messages)
        return [Accepted(one, f"id-{one.id}") for one in messages]

    says(monkeypatch, note)
    campaign = work(launch(message_template=LONG))
    assert "+2348035500000" not in handed and len(handed) == 19
    (left,) = [one for one in rows(campaign.id) if one.status == S.SKIPPED]
    assert (left.error_code, left.attempts) == ("too-long", 0)
    assert left.error_reason == "Their text would have 12 parts; networks take 10"
    assert (campaign.sent, campaign.skipped, campaign.status) == (19, 1, "completed")
    assert CampaignError.get(CampaignError.campaign_id == campaign.id).code == "too-long"


@pytest.mark.slow
def test_review_and_estimate_name_the_number_of_people_left_out(
    app: Flask,
    people: None,
    client: FlaskClient,
    organiser: dict[str, str],
    sign_in: Callable[..., Person],
) -> None:
    Contact.update(first_name="Ọlá").where(Contact.phone == "+2348035500000").execute()
    campaign = control.create({"title": "T", "message_template": LONG, "audience": EVERYONE})
    found = client.get(f"{BASE}/{campaign.id}/estimate", headers=organiser).json
    assert (found["people"], found["tooLong"]) == (19, 1)
    person = sign_in("organiser")
    page = person.get(f"/admin/compose/{campaign.id}/review")
    assert "1 person does not get it" in page
    person.post(f"/admin/compose/{campaign.id}/send", people="19")
    assert lifecycle.get(campaign.id).status == "sending"
