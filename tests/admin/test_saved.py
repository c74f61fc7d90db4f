"""Message templates and saved audiences: kept in the composer, used again, renamed, deleted."""

from collections.abc import Callable

import pytest
from admin_people import Person, people, sign_in, written
from campaign_requests import create, organiser
from flask import Flask
from flask.testing import FlaskClient

from obidient.accounts.models import AuditEntry
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.planning.saved import AUDIENCE, TEMPLATE, Saved, all_of
from obidient.campaigns.sending import lifecycle
from obidient.contacts.models import Contact, Tag

__all__ = ["create", "organiser", "people", "sign_in"]

API = "/api/communications"


@pytest.mark.slow
def test_a_text_and_an_audience_are_kept_and_used_in_the_next_campaign(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    person = sign_in("organiser")
    first, second = written(), written(title="Second")
    form = {"title": "T", "message_template": "Dear {{first_name}}, come", "states": "24"}
    page = f"/admin/compose/{first.id}/"
    kept = person.post(page, **form, next="keep-template", template_name=" Invitation  letter ")
    assert "Kept. The next campaign finds it as “Invitation letter”." in kept
    person.post(page, **form, next="keep-audience", audience_name="Lagos")
    (template,), (audience,) = all_of(TEMPLATE), all_of(AUDIENCE)
    again = person.post(page, **form, next="keep-template", template_name="Invitation letter")
    assert "choose another name" in again

    page = f"/admin/compose/{second.id}/"
    assert "Invitation letter" in person.get(page)
    form = {"title": "Second", "message_template": "Old", "everyone": "yes"}
    person.post(page, **form, next="use-template", saved_template=str(template.id))
    found = lifecycle.get(second.id)
    form_text = template.text
    assert (found.message_template, found.audience["everyone"]) == (form_text, True)
    form["message_template"] = form_text
    person.post(page, **form, next="use-audience", saved_audience=str(audience.id))
    found = lifecycle.get(second.id)
    assert (found.message_template, found.audience["states"]) == (form_text, ["24"])

    base = f"/admin/saved/template/{template.id}"
    assert "Lagos" in person.get("/admin/saved/")
    person.post(f"{base}/rename", name="Letter")
    assert "Write a name" in person.post(f"{base}/rename", name=" ")
    person.post(f"{base}/write")
    assert Campaign.get(Campaign.title == "Letter").message_template == form_text
    person.post(f"{base}/delete")
    person.post(f"/admin/saved/audience/{audience.id}/delete")
    person.post("/admin/saved/nonsense/1/delete")
    assert not Saved.select().exists()
    assert lifecycle.get(second.id).message_template == form_text
    actions = {row.action for row in AuditEntry.select()}
    assert {"template.kept", "template.renamed", "template.deleted", "audience.kept"} <= actions
    sign_in("viewer").post(f"{base}/delete", 403)


def test_templates_and_audiences_over_the_api(
    client: FlaskClient, organiser: dict[str, str]
) -> None:
    Tag.create(name="youth")
    wrong = {"name": "X", "text": "Hi {{nobody}}"}
    assert client.post(f"{API}/message-templates", json=wrong, headers=organiser).status_code == 422
    good = {"name": "Invitation", "text": "Hi {{first_name}}"}
    made = client.post(f"{API}/message-templates", json=good, headers=organiser)
    assert made.status_code == 201
    assert client.post(f"{API}/message-templates", json=good, headers=organiser).status_code == 409
    chosen = {"name": "Youth", "audience": {"tags": ["Youth"]}}
    audience = client.post(f"{API}/saved-audiences", json=chosen, headers=organiser)
    assert audience.json["audience"]["tags"] == ["youth"]
    for kind, row in (("message-templates", made.json), ("saved-audiences", audience.json)):
        assert client.get(f"{API}/{kind}", headers=organiser).json == {"items": [row]}
        url = f"{API}/{kind}/{row['id']}"
        assert client.delete(url, headers=organiser).status_code == 204
        assert client.delete(url, headers=organiser).status_code == 404
