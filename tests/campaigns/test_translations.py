"""One message in several languages: everybody gets the text of their own."""

from collections.abc import Callable

import pytest
from admin_people import Person, sign_in
from campaign_requests import BASE, body, create, organiser
from flask import Flask
from flask.testing import FlaskClient
from one_turn import launch, people, provider, says, work

from obidient.campaigns import approval, control, lengths, translations
from obidient.campaigns.sending import lifecycle
from obidient.contacts import fields
from obidient.contacts.models import Contact
from obidient.errors import Invalid
from obidient.plugin import Accepted, Message, Outcome, Provider

__all__ = ["create", "organiser", "people", "provider", "sign_in"]

YORUBA = "Ẹ kú àárọ̀ {{first_name}}"


def speaks(number: int, language: str, field: str = "language") -> None:
    Contact.update(fields={field: language}).where(
        Contact.phone == f"+23480355{number:05d}"
    ).execute()


@pytest.mark.parametrize(
    ("said", "code"),
    [("Yorùbá", "yo"), (" YO ", "yo"), ("Hausa language", "ha"), ("Pidgin English", "pcm")],
)
def test_a_language_is_known_however_it_is_written(said: str, code: str) -> None:
    assert translations.language_of({"language": said}) == code
    assert translations.language_of({"language": "", "preferred_language": said}) == code
    assert translations.language_of({"language": "Klingon"}) == ""
    assert translations.language_of({}) == ""


@pytest.mark.both
def test_each_person_gets_the_text_of_their_language(
    app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaks(0, "Yoruba")
    speaks(1, "hausa", "preferred_language")
    speaks(2, "Igbo")
    handed: dict[str, str] = {}

    def note(messages: list[Message]) -> list[Outcome]:
        handed.update({one.phone[-2:]: one.text for one in messages})
        return [Accepted(one, f"id-{one.id}") for one in messages]

    says(monkeypatch, note)
    campaign = work(launch(translations={"yo": YORUBA, "ha": "Sannu", "ig": " "}))
    assert campaign.status == "completed"
    assert handed.pop("00") == "Ẹ kú àárọ̀ Ada0"
    assert handed.pop("01") == "Sannu"
    assert set(handed.values()) == {"Hello"} and len(handed) == 18
    assert "language" in fields.own()
    # Twelve parts of Yoruba, one of English.
    long = {"yo": 30 * "Come to the ward. " + "{{first_name}}"}
    Contact.update(first_name="Ọlá").where(Contact.phone.endswith("00")).execute()
    everyone = {"everyone": True}
    assert lengths.too_long("Hello", True, everyone, "sms", {"yo": 2 * long["yo"]}) == 1
    assert lengths.too_long("Hello", True, everyone, "sms", long) == 0


@pytest.mark.slow
def test_languages_over_the_api_and_in_the_composer(
    app: Flask,
    people: None,
    client: FlaskClient,
    organiser: dict[str, str],
    sign_in: Callable[..., Person],
) -> None:
    for wrong in ({"fr": "Bonjour"}, {"yo": "Hi {{nobody}}"}, {"yo": ""}):
        answer = client.post(BASE, json=body(translations=wrong), headers=organiser)
        assert answer.status_code == 422
    made = client.post(BASE, json=body(translations={"yo": YORUBA}), headers=organiser).json
    assert made["translations"] == {"yo": YORUBA}
    campaign = lifecycle.get(made["id"])
    before = approval.digest(campaign)
    speaks(0, "Yoruba")
    person = sign_in("organiser")
    page = f"/admin/compose/{campaign.id}/"
    form = {"title": "T", "message_template": "Hi {{first_name}}", "everyone": "yes"}
    assert "There is no field {{nobody}}" in person.post(page, **form, text_yo="{{nobody}}")
    person.post(page, **form, text_yo="Báwo ni {{first_name}}", text_ha="")
    found = lifecycle.get(campaign.id)
    assert found.translations == {"yo": "Báwo ni {{first_name}}"}
    assert approval.digest(found) != before
    review = person.get(f"{page}review")
    assert "Báwo ni Ada0" in review and "Hi Ada" in review and "no language noted" in review
    assert control.clone(campaign.id).translations == found.translations
    with pytest.raises(Invalid, match="Yoruba: There is no field"):
        control.update(campaign.id, {"translations": {"yo": "{{nobody}}"}})
