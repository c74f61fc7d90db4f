"""Recordings as phones, browsers and switches make them become what the network plays."""

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from flask import Flask
from flask.testing import FlaskClient
from phone_sounds import KINDS, made, peak, tone, with_a_pause
from recordings import kept, organiser, path, upload, wav
from signed_in import sign_in

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.voice import conversion, recordings
from obidient.errors import Invalid

__all__ = ["organiser", "path"]

MP3 = ("audio/mpeg",)


def streamed() -> bytes:
    """A WAV of two seconds whose writer did not know its size yet."""
    body = bytearray(tone("wav", "pcm_s16le", 8000))
    at = body.find(b"data")
    body[4:8] = body[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    return bytes(body)


@pytest.mark.slow
def test_what_phones_make_is_measured_evened_out_and_kept(
    client: FlaskClient, organiser: dict[str, str]
) -> None:
    original = made("voice-note.ogg")
    answer = upload(client, organiser, original, "PTT-20260101-WA0001.opus")
    assert answer.status_code == 201, answer.json
    assert answer.json["contentType"] == "audio/mpeg"
    assert answer.json["duration"] == pytest.approx(2.0, abs=0.1)
    assert answer.json["size"] == len(kept())
    assert peak(original) < 2000
    assert peak(kept()) > 5 * peak(original)
    (stored,) = recordings.folder().glob("*.original")
    assert stored.read_bytes() == original
    recordings.remove(AudioAsset.get().id)
    assert list(recordings.folder().iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in KINDS if name != "voice-note.ogg"])
def test_every_kind_of_phone_is_read(name: str) -> None:
    found = conversion.convert(made(name), MP3, 600)
    assert found.seconds == pytest.approx(2.0, abs=0.1)
    assert found.content_type == "audio/mpeg"


@pytest.mark.parametrize("kind", ["amr", "3gp"])
def test_a_phone_that_sends_no_silence_keeps_its_pauses(kind: str) -> None:
    plain = conversion.convert(with_a_pause(kind), ("audio/wav",), 600)
    assert plain.seconds == pytest.approx(7.0, abs=0.1)
    assert len(plain.body) == pytest.approx(7 * 16_000, rel=0.02)


@pytest.mark.slow
def test_lengths_are_decoded_not_believed() -> None:
    plain = conversion.convert(streamed(), ("audio/wav",), 600)
    assert (plain.content_type, plain.seconds) == ("audio/wav", 2.0)
    assert plain.body[:4] == b"RIFF"
    with pytest.raises(Invalid, match="longer than 0 minutes"):
        conversion.convert(made("call.3gp"), MP3, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seconds"), [("tone.spx", 3.5), ("gsm.wav", 3.5), ("vbr-without-length.mp3", 7.5)]
)
def test_lengths_that_no_header_tells_rightly_are_found(name: str, seconds: float) -> None:
    body = (ROOT / "tests/data/recordings" / name).read_bytes()
    assert conversion.convert(body, MP3, 600).seconds == pytest.approx(seconds, abs=0.1)


@pytest.mark.slow
def test_files_that_lie_or_break_are_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    for body, word in (
        (playlist, "no sound recording"),
        (made("memo.m4a")[:2000], "damaged"),
        (b"RIFF" + struct.pack("<I", 100) + b"WAVEfmt " + bytes(50), "damaged"),
        (wav(10)[:4000], "cut off"),
    ):
        with pytest.raises(Invalid, match=word):
            conversion.convert(body, MP3, 600)
    monkeypatch.setattr(conversion, "PATIENCE", 0.01)
    with pytest.raises(Invalid, match="takes too long"):
        conversion.convert(wav(), MP3, 600)


def test_a_decoder_that_dies_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Invalid, match="damaged"):
        conversion.convert(wav(), MP3, 600)


@pytest.mark.slow
def test_no_more_is_read_of_a_decoder_than_a_recording_can_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    endless = tmp_path / "endless.py"
    monkeypatch.setattr(conversion, "_DECODER", endless)
    monkeypatch.setattr(conversion, "MOST", 100_000)
    endless.write_text("import sys\nwhile True: sys.stdout.buffer.write(bytes(10_000))\n")
    with pytest.raises(Invalid, match="damaged"):
        conversion.convert(wav(), MP3, 600)
    # What it says is read to the end, and all but its last words is forgotten.
    endless.write_text("import sys\nwhile True: sys.stderr.buffer.write(bytes(10_000))\n")
    monkeypatch.setattr(conversion, "PATIENCE", 1.0)
    with pytest.raises(Invalid, match="takes too long"):
        conversion.convert(wav(), MP3, 600)


def test_a_slow_conversion_holds_up_neither_writers_nor_the_other_threads(
    app: Flask, client: FlaskClient, organiser: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[bool] = []

    def slow(body: bytes, *_: object) -> conversion.Converted:
        inside.append(database.db.in_transaction())
        return conversion.Converted("audio/mpeg", 2.0, body)

    keyed = organiser | {"Idempotency-Key": "once"}
    with monkeypatch.context() as patched:
        patched.setattr(conversion, "convert", slow)
        first, again = (upload(client, keyed, wav(2)).json for _ in range(2))
        assert first == again
        assert upload(client, keyed, wav(3)).status_code == 409
    assert inside and not any(inside) and AudioAsset.select().count() == 1

    for _ in range(4):
        assert conversion._places.acquire(blocking=False)
    try:
        assert upload(client, organiser, wav(2)).status_code == 409
    finally:
        conversion._places.release(4)


@pytest.mark.slow
def test_without_the_extra_a_file_is_taken_as_it_is_or_refused(
    client: FlaskClient, organiser: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "is_installed", lambda: False)
    assert upload(client, organiser, wav(2)).json["size"] == len(wav(2))
    refused = upload(client, organiser, made("memo.m4a"))
    assert refused.status_code == 422
    assert "obidient[audio]" in refused.json["detail"]


@pytest.mark.slow
def test_the_review_of_a_campaign_plays_its_recording_and_names_its_keys(
    app: Flask, client: FlaskClient, make_user: Callable[..., Any], path: str
) -> None:
    sign_in(client, make_user("organiser"))
    keys = {"prompt": "", "keys": {"3": {"action": "answer", "label": "a lift"}}}
    values = {"channel": "voice", "title": "T", "audience": {}, "keypad": keys}
    campaign = control.create(values | {"audio_asset_id": AudioAsset.get().id})
    page = client.get(f"/admin/compose/{campaign.id}/review").text
    assert f'<audio controls preload="none" src="{path}"' in page
    assert "Key 3" in page
    assert "a lift" in page
    assert 'class="bubble"' not in page
