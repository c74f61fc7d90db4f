"""Recordings served in parts, without a session, for as long as a campaign plays them."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from recordings import URL, kept, organiser, path

from obidient.campaigns import control
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.voice import recordings, script
from obidient.clock import utcnow
from obidient.errors import Invalid

__all__ = ["organiser", "path"]


@pytest.mark.slow
def test_it_is_served_without_a_session_and_may_be_kept(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.data) == (200, kept())
    assert answer.content_type == "audio/mpeg"
    assert "public" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    # A cache in front keeps one copy for all.
    assert "Vary" not in answer.headers
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.slow
def test_parts_of_it_are_served_to_who_asks_for_them(client: FlaskClient, path: str) -> None:
    part = client.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, kept()[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(kept())}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("0-0", 0, 0), ("-100", -100, None), ("100-", 100, None), ("0-99999999", 0, None)]
    # More than there is: all of it.
    + [("-99999999", 0, None)],
)
def test_any_part_can_be_asked_for(
    client: FlaskClient, path: str, asked: str, first: int, last: int | None
) -> None:
    part = client.get(path, headers={"Range": f"bytes={asked}"})
    wanted = kept()[first:] if last is None else kept()[first : last + 1]
    assert (part.status_code, part.data) == (206, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_who_asks_for_what_is_not_there_is_told_how_much_there_is(
    client: FlaskClient, path: str, asked: str
) -> None:
    beyond = client.get(path, headers={"Range": asked})
    assert beyond.status_code == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(kept())}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked", ["bytes=0-9,20-29", "bytes=9-0", "bytes=-", "bytes=x-y", "bytes", "seconds=0-9", "1-2"]
)
def test_several_parts_at_once_and_nonsense_get_the_whole(
    client: FlaskClient, path: str, asked: str
) -> None:
    answer = client.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.data) == (200, kept())


@pytest.mark.slow
def test_its_head_tells_its_size_and_holds_nothing(client: FlaskClient, path: str) -> None:
    answer = client.head(path, headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_length == len(kept())
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.slow
def test_its_address_cannot_be_guessed(client: FlaskClient, path: str) -> None:
    secret = path.split("/")[2].partition(".")[0]
    assert len(secret) >= 32
    for wrong in ("/audio/1.mp3", "/audio/.mp3", f"/audio/{secret}.original", f"/audio/{secret}"):
        assert client.get(wrong).status_code == 404
    # Its last letter may be x already.
    other = "y" if secret[-1] == "x" else "x"
    assert client.get(f"/audio/{secret[:-1]}{other}.mp3").status_code == 404
    assert client.get("/audio/../obidient.db").status_code == 404


@pytest.mark.slow
def test_a_recording_that_a_campaign_plays_stays(
    app: Flask, client: FlaskClient, organiser: dict[str, str], path: str
) -> None:
    row = AudioAsset.get()
    campaign = control.create(
        {"channel": "voice", "title": "T", "audience": {}, "audio_asset_id": row.id}
    )
    assert script.audio_url(campaign) == recordings.address(row)
    assert client.delete(f"{URL}/{row.id}", headers=organiser).status_code == 409
    control.delete(campaign.id)
    assert client.delete(f"{URL}/{row.id}", headers=organiser).status_code == 204
    assert client.get(path).status_code == 404
    assert list(recordings.folder().iterdir()) == []


@pytest.mark.parametrize(
    ("problem", "kind", "refused"),
    [
        ("", "", False),
        ("", "audio/mpeg", False),
        ("The server answers 404 in place of the recording.", "", True),
        # Only from here, maybe.
        ("The server can't be reached: its name is not known. Check the address.", "", False),
        ("", "audio/x-aiff", True),
    ],
)
def test_nobody_is_called_to_hear_nothing(
    app: Flask, problem: str, kind: str, refused: bool
) -> None:
    row = recordings.add_link("Elsewhere", "https://example.org/a.mp3")
    AudioAsset.update(problem=problem, content_type=kind, looked_at=utcnow()).execute()
    values = {"channel": "voice", "title": "T", "audience": {"everyone": True}}
    campaign = control.create(values | {"audio_asset_id": row.id})
    if refused:
        with pytest.raises(Invalid, match="'Elsewhere' can't be played"):
            control.launch(campaign.id)
        assert lifecycle.get(campaign.id).status == "draft"
    else:
        assert control.launch(campaign.id).status == "sending"


@pytest.mark.slow
def test_a_text_message_plays_no_recording(
    client: FlaskClient, organiser: dict[str, str], path: str
) -> None:
    body = {"channel": "sms", "title": "T", "audience": {"everyone": True}}
    body |= {"audioAssetId": AudioAsset.get().id, "messageTemplate": "Hello"}
    refused = client.post("/api/communications/campaigns", json=body, headers=organiser)
    assert refused.status_code == 422
    assert "Only calls play a recording" in refused.json["detail"]
