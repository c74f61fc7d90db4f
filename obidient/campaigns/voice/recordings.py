"""Recordings for voice campaigns: made fit for networks, kept in a folder, served to networks."""

import io
import logging
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from flask import Flask, Response, request, send_file
from flask.blueprints import Blueprint

from obidient import files
from obidient.accounts import actor, audit
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.voice import conversion
from obidient.config import settings
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.plugin import Provider, VoiceProvider
from obidient.providers import registry

#: A quarter of an hour of a good MP3; networks fetch it once and keep it.
LARGEST = 16 * 1024 * 1024
TOO_LARGE = f"The file is larger than {LARGEST // 2**20} MB. Save it at a lower quality."
#: Nobody listens longer, and each second of each call is paid for.
LONGEST = 600.0
#: Networks keep what they fetched; a recording never changes under its address.
KEPT_BY_NETWORKS = 30 * 24 * 3600
#: How a note begins about an address that nobody answered at.
UNREACHABLE = "The server can't be reached"
NAMES = {"audio/mpeg": "MP3", "audio/wav": "WAV", "audio/ogg": "Ogg"}
_ENDINGS = {"audio/mpeg": "mp3", "audio/wav": "wav", "audio/ogg": "ogg"}

#: As much of the length that a file claims has to be in it; the rate of an MP3 is a guess at times.
_LEAST = {"audio/mpeg": 0.5, "audio/wav": 0.98, "audio/ogg": 0.0}

logger = logging.getLogger(__name__)

blueprint = Blueprint("audio", __name__)


@dataclass(frozen=True)
class Sound:
    """What a file turned out to be."""

    content_type: str
    seconds: float


#: What a file turned out to be, and the bytes made of it, if any were.
Ready = tuple[Sound, bytes | None]


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)


def folder() -> Path:
    return settings().data_dir / "audio"


def kind_of(head: bytes) -> str:
    """The type that the first bytes tell, whatever the file is called; empty for none of ours."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    if head[:4] == b"OggS":
        return "audio/ogg"
    is_frame = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6)
    return "audio/mpeg" if head[:3] == b"ID3" or is_frame else ""


def examine(file: IO[bytes]) -> Sound:
    """What a file holds. Raises Invalid for anything but a sound recording of sensible length."""
    file.seek(0)
    head = file.read(16)
    kind = kind_of(head)
    if not kind and conversion.format_of(head):
        raise Invalid(
            "Recordings of this kind are read only with the extra `audio`: save it as MP3, or ask "
            "the operator to run: pip install 'obidient[audio]'"
        )
    if not kind:
        raise Invalid("This is no MP3, WAV or Ogg recording. Save it as MP3 and try again.")
    seconds = _seconds(file, kind)
    if seconds is None:
        raise Invalid(f"This {NAMES[kind]} file is damaged or cut off: save it anew and try again.")
    if seconds > LONGEST:
        raise Invalid(f"The recording is longer than {LONGEST / 60:.0f} minutes. Shorten it.")
    return Sound(kind, seconds)


def _parsers(kind: str) -> tuple[Any, ...]:
    """Loaded when the first recording comes: most processes never see one."""
    from mutagen.mp3 import MP3
    from mutagen.oggflac import OggFLAC
    from mutagen.oggopus import OggOpus
    from mutagen.oggvorbis import OggVorbis
    from mutagen.wave import WAVE

    ogg = (OggVorbis, OggOpus, OggFLAC)
    return {"audio/mpeg": (MP3,), "audio/wav": (WAVE,), "audio/ogg": ogg}[kind]


def _seconds(file: IO[bytes], kind: str) -> float | None:
    size = file.seek(0, 2)
    for parser in _parsers(kind):
        file.seek(0)
        try:
            info = parser(file).info
            length, rate = float(info.length), int(getattr(info, "bitrate", 0) or 0)
        except Exception:  # noqa: BLE001 - the library trips over bad files in many ways
            logger.info("a file is no sound %s", parser.__name__)
            continue
        is_there = not rate or size * 8 / rate >= length * _LEAST[kind]
        if length > 0 and is_there:
            return round(length, 2)
    return None


def taken_types() -> tuple[str, ...]:
    """What the network that carries calls can play."""
    return _playable(registry.current().for_channel("voice"))


def _playable(provider: Provider | None) -> tuple[str, ...]:
    voice = provider if isinstance(provider, VoiceProvider) else VoiceProvider
    return voice.audio_types


def waits(row: AudioAsset) -> bool:
    """Whether nobody has looked yet at what is at its address."""
    return bool(row.url) and row.looked_at is None


def check_playable(asset_id: int, provider: Provider | None) -> None:
    """Raises Invalid when people who are called would hear nothing.

    An address that could not be reached from here may well be reached by the network.
    """
    row = get(asset_id)
    if waits(row):
        raise Invalid(f"The recording {row.title!r} is still being looked at. Wait a moment.")
    problem = "" if row.problem.startswith(UNREACHABLE) else row.problem
    kind = row.content_type
    if not problem and provider and kind and kind not in _playable(provider):
        problem = f"The network can't play {NAMES.get(kind, kind)} files."
    if problem:
        raise Invalid(f"The recording {row.title!r} can't be played. {problem}")


def add_file(title: str, filename: str, file: IO[bytes], ready: Ready | None = None) -> AudioAsset:
    """Keep an uploaded recording. Raises Invalid with the reason why it can't be used.

    Whoever has a transaction open gives what `prepare` made before it began.
    """
    size = file.seek(0, 2)
    sound, body = ready or prepare(file)
    secret = secrets.token_urlsafe(24)
    path = _path(secret, sound.content_type)
    try:
        # Before the row that names it is committed: a power cut must not leave that alone.
        if body is not None:
            file.seek(0)
            files.keep(file, _original(secret))
        file.seek(0)
        files.keep(file if body is None else io.BytesIO(body), path)
        return _added(
            title=title,
            url="",
            filename=filename[:200],
            content_type=sound.content_type,
            size=size if body is None else len(body),
            seconds=sound.seconds,
            secret=secret,
        )
    except BaseException:
        path.unlink(missing_ok=True)
        _original(secret).unlink(missing_ok=True)
        raise


def prepare(file: IO[bytes]) -> Ready:
    """What the network will play; its bytes, or None where the file is taken as it is.

    Takes seconds: with a transaction open nobody else could write to SQLite. Without PyAV a file is
    taken as it is or not at all. Raises Invalid with the reason why it can't be used.
    """
    if file.seek(0, 2) > LARGEST:
        raise Invalid(TOO_LARGE)
    taken = taken_types()
    if conversion.is_installed():
        file.seek(0)
        made = conversion.convert(file.read(), taken, LONGEST)
        return Sound(made.content_type, made.seconds), made.body
    sound = examine(file)
    if sound.content_type not in taken:
        plays = " or ".join(NAMES.get(kind, kind) for kind in taken)
        raise Invalid(
            f"The network can't play {NAMES[sound.content_type]} files. Save it as {plays}."
        )
    return sound, None


def add_link(title: str, url: str) -> AudioAsset:
    """Name a recording by its https address."""
    return _added(title=title, url=url)


def _added(**values: object) -> AudioAsset:
    user = actor()
    with db.atomic():
        row: AudioAsset = AudioAsset.create(created_by_id=user.id if user else None, **values)
        audit.record("audio.added", f"Added the recording {row.title!r}", "audio", row.id)
    return row


def remove(asset_id: int) -> None:
    """Throw a recording away, unless a campaign plays it."""
    row = get(asset_id)
    with db.atomic():
        if _is_played(asset_id):
            raise Conflict("A campaign plays this recording: it has to stay.")
        AudioAsset.delete().where(AudioAsset.id == asset_id).execute()
        audit.record("audio.removed", f"Removed the recording {row.title!r}", "audio", row.id)
    if row.secret:
        _path(row.secret, row.content_type).unlink(missing_ok=True)
        _original(row.secret).unlink(missing_ok=True)


def _is_played(asset_id: int) -> bool:
    """Whether a campaign has it, by itself or as call B of a split test."""
    if Campaign.select().where(Campaign.audio_asset_id == asset_id).exists():
        return True
    tested = Campaign.select(Campaign.split).where(Campaign.split.is_null(False))
    return any((row.split or {}).get("audio_asset_id") == asset_id for row in tested)


def get(asset_id: int) -> AudioAsset:
    row: AudioAsset | None = AudioAsset.get_or_none(AudioAsset.id == asset_id)
    if row is None:
        raise NotFound(f"There is no audio asset {asset_id}. Add it first.")
    return row


def _path(secret: str, content_type: str) -> Path:
    return folder() / f"{secret}.{_ENDINGS[content_type]}"


def _original(secret: str) -> Path:
    """Where the file is kept as it was sent, when it was turned into another; never served."""
    return folder() / f"{secret}.original"


def local_path(row: AudioAsset) -> str:
    """The path of a file kept here on our own host."""
    return f"/audio/{row.secret}.{_ENDINGS[row.content_type]}"


def address(row: AudioAsset) -> str:
    """Where the network fetches it."""
    if row.url:
        return row.url
    base = settings().public_url or f"http://127.0.0.1:{settings().port}"
    return f"{base}{local_path(row)}"


@blueprint.get("/audio/<name>")
def serve(name: str) -> Response:
    """Serve a recording to anyone who knows its address, in parts where asked for."""
    secret = name.rpartition(".")[0]
    row = AudioAsset.get_or_none(AudioAsset.secret == secret) if len(secret) >= 32 else None
    if row is None or local_path(row) != f"/audio/{name}":
        raise NotFound("There is no such recording.")
    path = _path(row.secret, row.content_type)
    if not path.is_file():
        raise NotFound("The file of this recording is missing.")
    size = path.stat().st_size
    if not _asks_sensibly(request.headers.get("Range", ""), size):
        return Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    answer: Response = send_file(
        path, mimetype=row.content_type, conditional=True, etag=row.secret, max_age=KEPT_BY_NETWORKS
    )
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_BY_NETWORKS}, immutable"
    answer.headers["Accept-Ranges"] = "bytes"
    return answer


def _asks_sensibly(given: str, size: int) -> bool:
    """Make a Range header what Werkzeug understands; False when it asks for nothing that is there.

    Several parts at once, other units and nonsense are overlooked: the whole recording is sent.
    """
    found = re.fullmatch(r"bytes\s*=\s*(?:([0-9]{1,18})\s*)?-\s*([0-9]{0,18})", given.strip())
    first, last = found.groups("") if found else ("", "")
    start, end = int(first or 0), min(int(last or size - 1), size - 1)
    if not first and last:
        # The last so many bytes, of which there may be fewer.
        start, end = max(0, size - int(last)), size - 1
    if request.method != "GET" or not (first or last) or (first and last and int(last) < start):
        request.environ.pop("HTTP_RANGE", None)
        return True
    request.environ["HTTP_RANGE"] = f"bytes={start}-{end}"
    return start < size
