"""Recordings: told by their content, measured, refused with the reason."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from phone_sounds import made
from recordings import URL, kept, organiser, path, upload, wav
from signed_in import sign_in
from small_sounds import mp3
from standin_africastalking import API_KEY

from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.voice import AudioAsset, KeyPress
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.voice import conversion, links, recordings
from obidient.contacts.models import Contact
from obidient.errors import Invalid

__all__ = ["organiser", "path"]


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "seconds"), [(wav(1.5), 1.5), (mp3(), 2.0), (made("voice-note.ogg"), 2.0)]
)
def test_a_recording_is_known_by_its_content_and_measured(
    client: FlaskClient, organiser: dict[str, str], body: bytes, seconds: float
) -> None:
    answer = upload(client, organiser, body, "misnamed.txt", title="Greeting")
    assert answer.status_code == 201, answer.json
    assert answer.json["contentType"] == "audio/mpeg"
    assert answer.json["size"] == len(kept())
    assert answer.json["duration"] == pytest.approx(seconds, abs=0.1)
    assert client.get(URL, headers=organiser).json["items"][0]["title"] == "Greeting"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "no sound recording"),
        (b"%PDF-1.4 not a sound", "no sound recording"),
        (b"\x7fELF" + bytes(100), "no sound recording"),
        (b"RIFF\x00\x00\x00\x00WAVE", "damaged"),
        (b"OggS" + bytes(100), "damaged"),
        (b"ID3" + bytes(100), "damaged"),
        (wav(10)[:4000], "cut off"),
        (wav(10)[:44], "cut off"),
        (wav(700), "longer than 10 minutes"),
    ],
)
def test_what_is_no_recording_is_refused_with_the_reason(
    client: FlaskClient, organiser: dict[str, str], body: bytes, word: str
) -> None:
    refused = upload(client, organiser, body)
    assert refused.status_code == 422
    assert word in refused.json["detail"]
    assert AudioAsset.select().count() == 0
    assert not list(recordings.folder().glob("*")) if recordings.folder().exists() else True


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    client: FlaskClient, organiser: dict[str, str]
) -> None:
    refused = upload(client, organiser, bytes(recordings.LARGEST + 200_000))
    assert refused.status_code == 413
    assert "16 MB" in refused.json["detail"]


def test_uploading_takes_the_right_to_write_campaigns(
    client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    assert upload(client, {}, wav()).status_code == 401
    assert upload(client, auth("viewer"), wav()).status_code == 403


class TestNetwork:
    @pytest.fixture
    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        account = {"AT_USERNAME": "sandbox", "AT_API_KEY": API_KEY, "AT_VOICE_CALLER_ID": "+2341"}
        return environ | account

    def test_what_the_network_cannot_play_is_refused(
        self,
        client: FlaskClient,
        organiser: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(conversion, "is_installed", lambda: False)
        refused = upload(client, organiser, made("voice-note.ogg"))
        assert refused.status_code == 422
        assert "Save it as MP3 or WAV" in refused.json["detail"]


# ---- addresses ----------------------------------------------------------------------------------


def test_an_address_is_taken_as_before(client: FlaskClient, organiser: dict[str, str]) -> None:
    body = {"title": "Elsewhere", "url": "https://example.org/a.mp3"}
    made = client.post(URL, json=body, headers=organiser)
    assert made.status_code == 201
    assert (made.json["url"], made.json["title"]) == (body["url"], "Elsewhere")
    for url in ("http://example.org/a.mp3", "https://", "ftp://x/y", "https://a b/"):
        assert client.post(URL, json=body | {"url": url}, headers=organiser).status_code == 422


def test_what_an_address_lacks_is_told_as_in_every_other_body(
    client: FlaskClient, organiser: dict[str, str]
) -> None:
    refused = client.post(URL, json={"url": "http://example.org/a.mp3"}, headers=organiser)
    assert refused.status_code == 422
    assert refused.json["detail"] == "Correct title: it is required."
    https = "write the recording's https address, as https://example.org/a.mp3"
    assert refused.json["errors"] == [
        {"field": "title", "message": "it is required"},
        {"field": "url", "message": https},
    ]


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("64:ff9b::808:808", True)]
    + [
        (one, False)
        for one in (
            *("127.0.0.1", "10.1.1.1", "100.64.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0"),
            *("::1", "::127.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1"),
            *("fec0::1", "fe80::1", "fd00::1", "ff02::1"),
        )
    ],
)
def test_which_addresses_are_out_on_the_internet(address: str, public: bool) -> None:
    assert links.is_public(address) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]"])
def test_an_address_in_a_private_network_is_not_asked(app: Flask, host: str) -> None:
    kind, problem = links.look(f"https://{host}/secret")
    assert kind == ""
    assert "private network" in problem


def test_an_address_that_leads_nowhere_says_so(app: Flask) -> None:
    row = recordings.add_link("T", "https://no-such-host.invalid/a.mp3")
    links.check(row.id).result(60)
    assert "can't be reached" in AudioAsset.get_by_id(row.id).problem


# ---- in the admin -------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_is_listened_to_in_the_admin(
    app: Flask, client: FlaskClient, make_user: Callable[..., Any], path: str
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, make_user("organiser"))
    page = client.get("/admin/recordings/").text
    assert f'<audio controls preload="none" src="{path}"' in page
    data = {"file": (io.BytesIO(mp3()), "b.mp3"), "title": "Second <one>"}
    added = client.post("/admin/recordings/upload", data=data, follow_redirects=True)
    assert "Second &lt;one&gt;" in added.text
    wrong = {"file": (io.BytesIO(b"hello"), "c.mp3")}
    refused = client.post("/admin/recordings/upload", data=wrong, follow_redirects=True)
    assert "This is no sound recording" in refused.text
    link = {"title": "Away", "url": "http://example.org/x.mp3"}
    refused = client.post("/admin/recordings/link", data=link, follow_redirects=True)
    assert "https address" in refused.text
    assert AudioAsset.select().count() == 2


def test_who_may_only_look_cannot_add(
    app: Flask, client: FlaskClient, make_user: Callable[..., Any]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, make_user("viewer"))
    assert "Upload a recording" not in client.get("/admin/recordings/").text
    data = {"file": (io.BytesIO(wav()), "b.wav")}
    assert client.post("/admin/recordings/upload", data=data).status_code == 403


def test_the_parser_is_given_what_nobody_should_send(tmp_path: Path) -> None:
    import random

    chance = random.Random(3)
    for body in (wav(0.2), mp3(5), made("voice-note.ogg")):
        for _ in range(60):
            broken = bytearray(body)
            for _ in range(8):
                broken[chance.randrange(min(len(broken), 200))] = chance.randrange(256)
            try:
                recordings.examine(io.BytesIO(bytes(broken)))
            except Invalid:
                continue


@pytest.mark.slow
def test_a_campaign_with_a_recording_of_ours_gives_networks_its_whole_address(
    app: Flask, client: FlaskClient, organiser: dict[str, str], path: str
) -> None:
    Contact.create(phone="+2348035550001")
    listed = client.get(URL, headers=organiser).json["items"][0]["url"]
    assert listed.startswith("http")
    assert listed.endswith(path)


@pytest.mark.slow
def test_a_menu_is_written_in_the_composer_and_its_answers_are_shown(
    app: Flask, client: FlaskClient, make_user: Callable[..., Any]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, make_user("organiser"))
    campaign = control.create({"title": "Call", "channel": "voice"})
    address = f"/admin/compose/{campaign.id}/"
    form = {
        "title": "Call",
        "message_template": "Hello",
        "everyone": "yes",
        "prompt": "",
        "key_1": "repeat",
        "key_2": "answer",
        "label_2": "a lift & <more>",
        "key_3": "sing",
        "key_9": "stop",
    }
    assert client.post(address, data=form).status_code in (200, 302)
    menu = lifecycle.get(campaign.id).keypad
    assert sorted(menu["keys"]) == ["1", "2", "9"]
    assert "a lift &amp; &lt;more&gt;" in client.get(address).text
    emptied = {name: value for name, value in form.items() if not name.startswith("key_")}
    client.post(address, data=emptied)
    assert lifecycle.get(campaign.id).keypad is None
    client.post(address, data=form)
    Campaign.update(status="completed").where(Campaign.id == campaign.id).execute()
    KeyPress.create(recipient_id=1, campaign_id=campaign.id, key="2", action="answer")
    page = client.get(f"/admin/campaigns/{campaign.id}/").text
    assert "Keys people pressed" in page
    assert "a lift &amp; &lt;more&gt;" in page
    assert (
        "To get no more calls or texts"
        in client.get(f"/admin/campaigns/{campaign.id}/message").text
    )


@pytest.mark.slow
def test_an_upload_that_comes_again_under_its_key_is_one_recording(
    client: FlaskClient, organiser: dict[str, str]
) -> None:
    headers = organiser | {"Idempotency-Key": "greeting"}
    first, second = (upload(client, headers, wav(), title="Greeting") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json
    assert upload(client, headers, mp3(), title="Greeting").status_code == 409
    assert AudioAsset.select().count() == 1
