"""Turns recordings as phones make them into what the network plays, in a process of its own."""

import importlib.util
import logging
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from obidient.errors import Invalid

_DECODER = Path(__file__).with_name("decoder.py")
#: Seconds until it is given up: ten minutes of sound take ten on two cores that are busy.
PATIENCE = 45
#: Type -> the format that FFmpeg writes for it; the first one that the network plays is made.
_MUXERS = {"audio/mpeg": "mp3", "audio/wav": "wav"}
#: First bytes -> the one format that may read the file.
_HEADS = {
    b"OggS": "ogg",
    b"ID3": "mp3",
    b"#!AMR": "amr",
    b"fLaC": "flac",
    b"caff": "caf",
    b"FORM": "aiff",
    b"\x1aE\xdf\xa3": "matroska",
}
#: So many at a time in one web process: each takes up to 80 MB.
_turns = threading.BoundedSemaphore(2)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Converted:
    """A recording for the telephone; the length, in seconds, was found by decoding."""

    content_type: str
    seconds: float
    body: bytes


def is_installed() -> bool:
    """Whether the extra `audio` (PyAV) is there."""
    return importlib.util.find_spec("av") is not None


def format_of(head: bytes) -> str:
    """FFmpeg's name of the format that the first bytes tell; empty for none that holds sound."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "mov"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6):
        return "mp3"
    return next((name for start, name in _HEADS.items() if head.startswith(start)), "")


def convert(body: bytes, taken: tuple[str, ...], longest: float) -> Converted:
    """The recording as the network plays it. Raises Invalid with the reason why it can't be made.

    The child process bounds its memory and its time by itself (see `decoder`), knows
    nothing of our settings, and is killed when it takes longer than `PATIENCE`.
    """
    source = format_of(body[:16])
    if not source:
        raise Invalid(
            "This is no sound recording that can be read. Save it as MP3 or WAV and try again."
        )
    kind = next((one for one in taken if one in _MUXERS), "audio/mpeg")
    command = [sys.executable, "-I", str(_DECODER), source, _MUXERS[kind], str(longest)]
    with _turns:
        try:
            done = subprocess.run(
                command, input=body, capture_output=True, timeout=PATIENCE, env={}, check=False
            )
        except subprocess.TimeoutExpired:
            raise Invalid(
                "Reading this file takes too long. Save it as MP3 and try again."
            ) from None
    told = done.stderr.decode(errors="replace").strip()
    verdict, _, seconds = told.rpartition("\n")[2].partition(" ")
    if verdict == "long":
        raise Invalid(f"The recording is longer than {longest / 60:.0f} minutes. Shorten it.")
    if done.returncode or verdict != "ok":
        logger.info("a recording could not be read (%s): %s", source, told[-300:])
        raise Invalid("This recording is damaged or cut off: save it anew and try again.")
    return Converted(kind, float(seconds), done.stdout)
