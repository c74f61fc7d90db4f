"""Recordings made here: WAV, MP3 and Ogg, and their way up to the server."""

import io
import wave
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.voice import recordings

URL = "/api/communications/audio-assets"


def wav(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(8000)
        out.writeframes(b"\x80" * int(8000 * seconds))
    return file.getvalue()


def kept() -> bytes:
    """The one recording that was added, as networks fetch it."""
    row = AudioAsset.get()
    return (recordings.folder() / recordings.local_path(row).rpartition("/")[2]).read_bytes()


def upload(
    client: FlaskClient, headers: dict[str, str], body: bytes, name: str = "a.mp3", **form: str
) -> Any:
    data = {"file": (io.BytesIO(body), name), **form}
    return client.post(URL, data=data, headers=headers, content_type="multipart/form-data")


@pytest.fixture
def organiser(auth: Callable[..., dict[str, str]]) -> dict[str, str]:
    return auth("organiser")


# ---- serving ------------------------------------------------------------------------------------


@pytest.fixture
def path(client: FlaskClient, organiser: dict[str, str]) -> str:
    made = upload(client, organiser, wav(2)).json["url"]
    return "/" + made.split("/", 3)[3]
