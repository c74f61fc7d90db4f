"""People chosen by fields of one's own: on the page of contacts, in a campaign, over the API."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from admin_people import Person, sign_in, written
from campaign_requests import BASE, body, create, organiser
from flask import Flask
from flask.testing import FlaskClient

from obidient.accounts.models import AuditEntry
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.campaigns.planning.saved import AUDIENCE, all_of
from obidient.campaigns.sending import lifecycle, staging
from obidient.contacts import imports

__all__ = ["create", "organiser", "sign_in"]

#: Sixty people: half of them traders, a third with the shirt XL.
OCCUPATIONS, SHIRTS, STATES = ("Trader", "Nurse"), ("M", "L", "XL"), ("Lagos", "Oyo")
PAGE = "/admin/contacts/"


@pytest.fixture
def sixty(app: Flask, tmp_path: Path) -> None:
    rows = [
        f"P{at:02d} Obi,080355500{at:02d},{OCCUPATIONS[at % 2]},{SHIRTS[at % 3]},{STATES[at // 30]}"
        for at in range(60)
    ]
    path = tmp_path / "c.csv"
    path.write_text("\n".join(["Name,Phone,Occupation,Shirt size,State", *rows]) + "\n")
    imports.run(path)


def shown(page: str) -> int:
    return page.count('name="rowid"')


@pytest.mark.both
@pytest.mark.slow
def test_contacts_are_filtered_by_what_the_page_suggests(
    sixty: None, sign_in: Callable[..., Person]
) -> None:
    person = sign_in("organiser")
    assert '<option value="occupation">Occupation</option>' in person.get(PAGE)
    page = person.get(f"{PAGE}?field=occupation&value=")
    assert '<option value="Nurse"></option><option value="Trader"></option>' in page or (
        '<option value="Trader"></option><option value="Nurse"></option>' in page
    )
    page = person.get(f"{PAGE}?state=24&field=occupation&value=TRADER ")
    assert shown(page) == 15
    assert '<input type="hidden" name="own" value="occupation:TRADER">' in page
    page = person.get(f"{PAGE}?own=occupation:trader&own=shirt_size:xl&own=shirt_size:M")
    assert shown(page) == 20
    assert "Shirt size: xl" in page
    assert shown(person.get(f"{PAGE}?own=occupation:trader&search=p04")) == 1
    assert shown(person.get(f"{PAGE}?own=occupation:trader&search=55005")) == 5
    assert "Nobody fits" in person.get(f"{PAGE}?own=occupation:astronaut")
    assert "Nobody fits" in person.get(f"{PAGE}?own=no such field:trader")


@pytest.mark.slow
def test_the_filter_stays_in_every_link_of_the_page(
    sixty: None, sign_in: Callable[..., Person]
) -> None:
    person = sign_in("organiser")
    both = "own=occupation:trader&own=occupation:nurse"
    page = person.get(f"{PAGE}?{both}&state=")
    links = [html.unescape(one) for one in re.findall(r'href="([^"]+)"', page)]
    (following,) = [one for one in links if "page=1" in one]
    assert shown(person.get(following)) == 10
    (export,) = [one for one in links if "contacts.csv" in one]
    assert person.get(export).count("0803555") + person.get(export).count("+234803555") == 60
    without = [one for one in links if one.startswith(PAGE) and one.count("own=") == 1]
    assert sorted(shown(person.get(one)) for one in without) == [30, 30]
    traders = person.get(f"{PAGE}contacts.csv?own=occupation:trader&own=shirt_size:xl")
    assert traders.count("+234803555") == 10
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).get()
    assert entry.details["fields"] == "occupation, shirt_size"
    assert "trader" not in str(entry.details)


@pytest.mark.slow
def test_a_campaign_is_written_for_a_field_kept_used_and_copied(
    sixty: None, sign_in: Callable[..., Person]
) -> None:
    person, campaign = sign_in("organiser"), written(audience={})
    form: dict[str, Any] = {
        "title": "T",
        "message_template": "Reply STOP to opt out",
        "states": "24",
        "own_field": ["occupation", "shirt_size", "shirt_size", ""],
        "own_value": ["trader", "xl", " M ", ""],
    }
    page = f"/admin/compose/{campaign.id}/"
    review = person.post(page, **form, next="review")
    wanted = {"occupation": ["trader"], "shirt_size": ["xl", "M"]}
    assert lifecycle.get(campaign.id).audience["fields"] == wanted
    assert "Send 10 text messages" in review
    sentence = "Lagos · occupation: trader · shirt size: xl, M"
    assert sentence in review
    assert sentence in person.get("/admin/campaigns/?status=draft")
    again = person.get(page)
    assert again.count('name="own_value" value="trader"') == 1

    person.post(page, **form, next="keep-audience", audience_name="Traders")
    (kept,) = all_of(AUDIENCE)
    assert sentence in person.get("/admin/saved/")
    person.post(f"/admin/saved/audience/{kept.id}/write")
    assert Campaign.get(Campaign.title == "Traders").audience["fields"] == wanted
    assert control.clone(campaign.id).audience["fields"] == wanted


@pytest.mark.slow
def test_a_value_without_its_field_is_no_wider_audience(
    sixty: None, sign_in: Callable[..., Person]
) -> None:
    person, campaign = sign_in("organiser"), written(audience={"states": ["24"]})
    form = {"title": "T", "message_template": "x", "own_field": "", "own_value": "trader"}
    answer = person.post(f"/admin/compose/{campaign.id}/", **form, next="review")
    assert "Choose which field of your own “trader” is a value of." in answer
    assert lifecycle.get(campaign.id).audience["states"] == ["24"]


@pytest.mark.slow
def test_the_composer_is_handed_lines_and_values_for_them(
    sixty: None, sign_in: Callable[..., Person]
) -> None:
    person = sign_in("organiser")
    one, other = (person.get("/admin/compose/own") for _ in range(2))
    assert one != other, "each line has suggestions of its own"
    values = person.get("/admin/compose/own-values?own_field=shirt_size")
    assert sorted(re.findall(r'value="(\w+)"', values)) == ["L", "M", "XL"]
    assert "option" not in person.get("/admin/compose/own-values?own_field=nonsense")
    sign_in("viewer").get("/admin/compose/own-values?own_field=shirt_size", 403)


@pytest.mark.both
@pytest.mark.slow
def test_over_the_api_a_field_chooses_who_is_counted_staged_and_kept(
    sixty: None, client: FlaskClient, organiser: dict[str, str]
) -> None:
    chosen = {"states": ["Lagos"], "fields": {"Occupation": ["TRADER"], "shirt_size": ["xl", "l"]}}
    made = client.post(BASE, json=body(audience=chosen), headers=organiser).json
    wanted = {"occupation": ["TRADER"], "shirt_size": ["xl", "l"]}
    assert made["audience"]["fields"] == wanted
    estimate = client.get(f"{BASE}/{made['id']}/estimate", headers=organiser).json
    assert estimate["people"] == 10
    copy = client.post(f"{BASE}/{made['id']}/clone", headers=organiser).json
    assert copy["audience"]["fields"] == wanted
    control.launch(made["id"])
    staging.stage(made["id"])
    phones = {row.phone for row in Recipient.select()}
    assert phones == {f"+234803555{at:04d}" for at in range(30) if at % 2 == 0 and at % 3}
    assert lifecycle.get(made["id"]).total == 10

    address = "/api/communications/saved-audiences"
    kept = client.post(address, json={"name": "T", "audience": chosen}, headers=organiser)
    assert kept.json["audience"]["fields"] == wanted
    for wrong in ({"profession": ["trader"]}, {"occupation": []}, {"occupation": ["  "]}):
        answer = client.post(BASE, json=body(audience={"fields": wrong}), headers=organiser)
        assert answer.status_code == 422, wrong
