"""Campaigns over HTTP."""

import io
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from campaign_requests import BASE, Auth, body, create, organiser
from flask import Flask
from flask.testing import FlaskClient

from obidient import create_app
from obidient.accounts.models import AuditEntry
from obidient.campaigns.models.callbacks import CALLBACK_STATES
from obidient.campaigns.models.campaign import (
    Campaign,
)
from obidient.campaigns.text import FIELDS
from obidient.clock import local
from obidient.contacts.models import Tag

__all__ = ["create", "organiser"]


@pytest.mark.both
def test_a_campaign_is_given_back_as_it_was_written(
    app: Flask, client: FlaskClient, organiser: dict[str, str]
) -> None:
    Tag.create(name="youth")
    sent = body(
        audience={"states": ["Lagos"], "lgas": ["Oyo/Surulere"], "tags": ["Youth"]},
        throttledRate=3600,
        scheduledAt="2099-01-16T09:00:00+01:00",
        quietHours="21:00-07:00",
        metadata={"event": {"id": 7, "names": ["a", None, 1.5, True]}},
    )
    answer = client.post(BASE, json=sent, headers=organiser)
    assert answer.status_code == 201
    made = answer.json
    assert answer.headers["Location"] == f"{BASE}/{made['id']}"
    assert made["status"] == "draft"
    assert made["audience"]["states"] == ["24"]
    assert made["audience"]["lgas"] == ["30-33"]
    assert made["audience"]["tags"] == ["youth"]
    assert made["scheduledAt"] == "2099-01-16T08:00:00.000Z"
    assert made["metadata"] == sent["metadata"]
    assert (made["throttledRate"], made["quietHours"]) == (3600, "21:00-07:00")
    assert client.get(f"{BASE}/{made['id']}", headers=organiser).json == made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"messageTemplate": "Hi {{name}}"}, "name"),
        ({"messageTemplate": ""}, "messageTemplate"),
        ({"messageTemplate": "\u200b \n"}, "Write a message"),
        ({"scheduledAt": 4070908800}, "write a time like 2027-01-16"),
        ({"scheduledAt": "9999-12-31T23:59:59-14:00"}, "scheduledAt: no such time"),
        ({"throttledRate": True}, "write a whole number"),
        ({"audience": {}}, "everyone"),
        ({"audience": {"lgas": ["Surulere"]}}, "Surulere"),
        ({"audience": {"cities": []}}, "cities"),
        ({"channel": "pigeon"}, "pigeon"),
        ({"provider": "nobody"}, "nobody"),
        ({"quietHours": "25:00-07:00"}, "quietHours"),
        ({"scheduledAt": "2027-01-01T00:00:00"}, "scheduledAt"),
        ({"scheduledAt": "0001-01-01T00:00:00+14:00"}, "scheduledAt"),
        ({"audience": {"wards": ["24-11"]}}, "wards"),
        ({"metadata": {"x": "a\x00b"}}, "metadata"),
        ({"metadata": {"x": 2**70}}, "metadata"),
        ({"metadata": {"x": "y" * 9000}}, "metadata"),
        ({"title": "  "}, "title"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_could_never_be_sent_is_refused_by_name(
    client: FlaskClient, organiser: dict[str, str], more: dict[str, Any], word: str
) -> None:
    answer = client.post(BASE, json=body(**more), headers=organiser)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert word in answer.json["detail"]
    assert Campaign.select().count() == 0


def test_no_token_is_401_and_a_weak_one_403_whatever_the_body(
    client: FlaskClient, auth: Auth
) -> None:
    assert client.post(BASE, json={}).status_code == 401
    assert client.post(BASE, json={}, headers=auth("viewer")).status_code == 403
    assert client.post(BASE, json={}, headers=auth("agent")).status_code == 403
    weak = auth("admin", "campaigns:read")
    assert client.post(f"{BASE}/1/launch", headers=weak).status_code == 403
    assert client.get(BASE, headers=weak).status_code == 200
    assert client.get(BASE, headers=auth("agent")).status_code == 403


@pytest.mark.both
def test_the_same_key_makes_one_campaign(
    client: FlaskClient, organiser: dict[str, str], auth: Auth
) -> None:
    keyed = organiser | {"Idempotency-Key": "town-hall-1"}
    first = client.post(BASE, json=body(launch=True), headers=keyed)
    again = client.post(BASE, json=body(launch=True), headers=keyed)
    assert first.status_code == again.status_code == 201
    assert first.json == again.json
    assert again.headers["Location"] == first.headers["Location"] == f"{BASE}/{again.json['id']}"
    assert Campaign.select().count() == 1
    other = client.post(BASE, json=body(title="Other"), headers=keyed)
    assert other.status_code == 409
    theirs = auth("organiser") | {"Idempotency-Key": "town-hall-1"}
    assert client.post(BASE, json=body(title="Other"), headers=theirs).status_code == 201


@pytest.mark.both
def test_a_refused_campaign_leaves_its_key_free(
    client: FlaskClient, organiser: dict[str, str]
) -> None:
    keyed = organiser | {"Idempotency-Key": "k1"}
    assert client.post(BASE, json=body(audience={}), headers=keyed).status_code == 422
    assert client.post(BASE, json=body(), headers=keyed).status_code == 201


@pytest.mark.both
@pytest.mark.slow
def test_actions_follow_the_states_and_the_wrong_ones_are_409(
    client: FlaskClient, organiser: dict[str, str], create: Callable[..., dict[str, Any]]
) -> None:
    made = create()
    url = f"{BASE}/{made['id']}"

    def act(name: str, expected: int, **json: Any) -> Any:
        answer = client.post(f"{url}/{name}", headers=organiser, json=json or None)
        assert answer.status_code == expected, answer.json
        return answer.json

    for name in ("pause", "resume", "retry-failed"):
        assert "detail" in act(name, 409)
    act("resolve-unconfirmed", 409, resend=True)
    assert act("launch", 202)["status"] == "sending"
    act("launch", 409)
    act("reschedule", 409, scheduledAt="2099-01-01T00:00:00Z")
    assert act("pause", 202)["status"] == "paused"
    act("pause", 409)
    assert act("resume", 202)["status"] == "sending"
    assert act("cancel", 202)["status"] == "cancelled"
    for name in ("launch", "pause", "resume", "cancel"):
        act(name, 409)
    copy = act("clone", 201)
    assert (copy["status"], copy["title"]) == ("draft", "Town hall (copy)")
    actions = [row.action for row in AuditEntry.select().order_by(AuditEntry.id)]
    for name in ("created", "launched", "paused", "resumed", "cancelled"):
        assert f"campaign.{name}" in actions


@pytest.mark.slow
def test_a_scheduled_campaign_waits_and_can_be_moved(
    client: FlaskClient, organiser: dict[str, str], create: Callable[..., dict[str, Any]]
) -> None:
    made = create(scheduledAt="2099-01-01T00:00:00Z", launch=True)
    assert made["status"] == "scheduled"
    url = f"{BASE}/{made['id']}/reschedule"
    moved = client.post(url, headers=organiser, json={"scheduledAt": "2099-02-01T00:00:00Z"})
    assert moved.status_code == 202
    assert moved.json["scheduledAt"] == "2099-02-01T00:00:00.000Z"
    past = client.post(url, headers=organiser, json={"scheduledAt": "2020-02-01T00:00:00Z"})
    assert past.status_code == 422


def test_an_unknown_campaign_is_404(client: FlaskClient, organiser: dict[str, str]) -> None:
    for url in (f"{BASE}/99", f"{BASE}/99/recipients"):
        assert client.get(url, headers=organiser).status_code == 404
    for name in ("launch", "pause", "resume", "cancel", "retry-failed", "clone"):
        assert client.post(f"{BASE}/99/{name}", headers=organiser).status_code == 404


def test_a_recording_is_named_once_and_can_be_used(
    client: FlaskClient, organiser: dict[str, str]
) -> None:
    url = "/api/communications/audio-assets"
    keyed = organiser | {"Idempotency-Key": "audio"}
    sent = {"title": "Call", "url": "https://cdn.example.org/a.mp3"}
    made = client.post(url, json=sent, headers=keyed)
    assert made.status_code == 201
    assert client.post(url, json=sent, headers=keyed).json == made.json
    assert [item["id"] for item in client.get(url, headers=organiser).json["items"]] == [
        made.json["id"]
    ]
    unknown = client.post(BASE, json=body(channel="voice", audioAssetId=99), headers=organiser)
    assert unknown.status_code == 422
    for bad in ("http://cdn.example.org/a.mp3", "https://", "ftp://x/y", "https://a b/c"):
        answer = client.post(url, json={"title": "x", "url": bad}, headers=organiser)
        assert answer.status_code == 422
    voice = body(channel="voice", messageTemplate="", audioAssetId=made.json["id"])
    assert client.post(BASE, json=voice, headers=organiser).status_code == 201


def test_the_manual_is_right(client: FlaskClient, organiser: dict[str, str]) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    Tag.create(name="volunteer")
    example = json.loads(manual.split("-d '", 1)[1].split("}'", 1)[0] + "}")
    answer = client.post(BASE, json=example, headers=organiser)
    assert answer.status_code == 201, answer.json
    for name in FIELDS:
        assert f"{{{{{name}" in manual
    for name in CALLBACK_STATES:
        assert f"\n| {name} |" in manual
    paths = client.get("/openapi/openapi.json").json["paths"]
    for path in paths:
        if path.startswith(f"{BASE}/{{id}}/"):
            assert path.rsplit("/", 1)[1] in manual


@pytest.mark.parametrize("moment", ["9999-12-31T23:30:00Z", "2150-01-01T09:00:00+01:00"])
def test_a_time_more_than_a_hundred_years_ahead_is_refused(
    client: FlaskClient, organiser: dict[str, str], moment: str
) -> None:
    answer = client.post(BASE, json=body(scheduledAt=moment), headers=organiser)
    assert answer.status_code == 422
    assert answer.json and answer.json["detail"] == "Choose a time within the next 100 years."


def test_the_last_hours_of_the_calendar_can_be_shown() -> None:
    assert local(datetime(9999, 12, 31, 23, 30), ZoneInfo("Africa/Lagos")).year == 9999


@pytest.mark.parametrize("size, status", [(65_536, 200), (65_537, 413)])
def test_a_callback_in_chunks_is_never_cut_off(
    environ: dict[str, str], size: int, status: int
) -> None:
    app = create_app(environ | {"COMMUNICATIONS_WEBHOOK_TOKEN": "hush"})
    answer = app.test_client().post(
        "/api/communications/webhooks/africastalking-sms/delivery?token=hush",
        input_stream=io.BytesIO(b"a" * size),
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == status


def test_a_broken_body_is_called_so(client: FlaskClient, organiser: dict[str, str]) -> None:
    broken = client.post(BASE, data="{", content_type="application/json", headers=organiser)
    assert broken.status_code == 422
    assert broken.json and "no valid JSON" in broken.json["detail"]


@pytest.mark.parametrize("path", [BASE, "/api/communications/audio-assets"])
@pytest.mark.parametrize("more", [{}, {"Idempotency-Key": "k2"}])
def test_a_body_that_is_needed_must_not_be_empty(
    client: FlaskClient, organiser: dict[str, str], path: str, more: dict[str, str]
) -> None:
    empty = client.post(path, content_type="application/json", headers=organiser | more)
    assert empty.status_code == 422
    assert empty.json and "the body" in empty.json["detail"].lower()


def test_a_body_without_its_type_is_told_which(
    client: FlaskClient, organiser: dict[str, str]
) -> None:
    answer = client.post(BASE, data=json.dumps(body()), headers=organiser)
    assert answer.status_code == 415
    assert answer.json and "Content-Type: application/json" in answer.json["detail"]
