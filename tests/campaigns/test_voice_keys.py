"""Keys that people press during a call, and what follows from them."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from voice_campaign import HOOK, call, calling, environ

from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.voice import KeyPress
from obidient.campaigns.receipts import applying
from obidient.campaigns.voice import menu
from obidient.contacts.models import Suppression

__all__ = ["calling", "environ"]


@pytest.mark.slow
def test_the_keys_people_press_are_kept_obeyed_and_counted(
    calling: Callable[..., Campaign], client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    campaign = calling(3)
    made = call(campaign)
    for (_, _, session), key in zip(made, "129", strict=True):
        form = {"sessionId": session, "isActive": "1"}
        assert b"GetDigits" in client.post(HOOK, data=form).data
        for _ in range(3):
            client.post(HOOK, data=form | {"dtmfDigits": key})
    applying.apply_due()
    answer = client.get(
        f"/api/communications/campaigns/{campaign.id}/answers", headers=auth("organiser")
    ).json
    assert [(one["key"], one["action"], one["people"]) for one in answer["keys"]] == [
        ("1", "repeat", 1),
        ("2", "callback", 1),
        ("9", "stop", 1),
    ]
    assert (answer["made"], answer["answered"]) == (3, 3)
    assert [row.phone for row in Suppression.select()] == [made[2][1]]
    people = client.get(
        f"/api/communications/campaigns/{campaign.id}/recipients", headers=auth("organiser")
    ).json
    assert sorted(row["keys"] for row in people["items"]) == ["1", "2", "9"]


def test_a_key_that_stands_for_nothing_is_not_kept(
    calling: Callable[..., Campaign], client: FlaskClient
) -> None:
    made = call(calling(1))
    form = {"sessionId": made[0][2], "isActive": "1", "dtmfDigits": "7"}
    assert b"GetDigits" in client.post(HOOK, data=form).data
    applying.apply_due()
    assert KeyPress.select().count() == 0


def test_a_keypad_menu_is_checked_when_it_is_written(
    client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    body = {
        "channel": "voice",
        "title": "T",
        "messageTemplate": "Hello",
        "audience": {"everyone": True},
    }
    url, who = "/api/communications/campaigns", auth("organiser")
    for keys in ({}, {"12": {"action": "stop"}}, {"1": {"action": "sing"}}):
        assert (
            client.post(url, json=body | {"keypad": {"keys": keys}}, headers=who).status_code == 422
        )
    keypad = {"keys": {"1": {"action": "answer", "label": "Yes"}, "0": {"action": "stop"}}}
    made = client.post(url, json=body | {"keypad": keypad}, headers=who)
    assert made.status_code == 201
    assert made.json["keypad"]["keys"]["1"]["label"] == "Yes"
    assert menu.prompt(made.json["keypad"]) == (
        "For Yes, press 1. To get no more calls or texts from us, press 0."
    )
