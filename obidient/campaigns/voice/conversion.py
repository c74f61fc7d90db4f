"""Turns recordings as phones make them into what the network plays, in a process of its own."""

import contextlib
import importlib.util
import logging
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from obidient.errors import Conflict, Invalid

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
#: With those that wait for their turn: the other threads of the process are for everybody else.
_places = threading.BoundedSemaphore(4)
#: Bytes read of the child; ten minutes are 10 MB as WAV.
MOST = 32 * 2**20

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
    if not _places.acquire(blocking=False):
        raise Conflict("Several recordings are being prepared just now. Try again in a minute.")
    try:
        with _turns:
            status, made, told = _run(command, body)
    finally:
        _places.release()
    verdict, _, seconds = told.rpartition("\n")[2].partition(" ")
    if verdict == "long":
        raise Invalid(f"The recording is longer than {longest / 60:.0f} minutes. Shorten it.")
    if status or verdict != "ok":
        logger.info("a recording could not be read (%s): %s", source, told[-300:])
        raise Invalid("This recording is damaged or cut off: save it anew and try again.")
    return Converted(kind, float(seconds), made)


def _run(command: list[str], body: bytes) -> tuple[int, bytes, str]:
    """Exit status, output and last words of the child. Raises Invalid when it takes too long.

    No more than `MOST` is read of it: one that writes on and on is killed, and leaves nothing.
    """
    late = threading.Event()
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={}
    )
    told: deque[bytes] = deque(maxlen=8)

    def end() -> None:
        late.set()
        child.kill()

    helpers = [
        threading.Thread(target=_feed, args=(child, body), daemon=True),
        threading.Thread(target=lambda: told.extend(_pieces(child.stderr)), daemon=True),
        threading.Timer(PATIENCE, end),
    ]
    try:
        for one in helpers:
            one.start()
        made = child.stdout.read(MOST + 1) if child.stdout else b""
        if len(made) > MOST:
            child.kill()
            made = b""
        child.wait()
    finally:
        helpers[-1].cancel()  # type: ignore[attr-defined]
        child.kill()
        child.wait()
        for one in helpers:
            one.join()
        for stream in (child.stdout, child.stderr):
            stream.close()  # type: ignore[union-attr]
    if late.is_set():
        raise Invalid("Reading this file takes too long. Save it as MP3 and try again.")
    return child.returncode, made, b"".join(told).decode(errors="replace").strip()


def _feed(child: "subprocess.Popen[bytes]", body: bytes) -> None:
    # One that has died, or has seen enough, reads no further.
    with contextlib.suppress(OSError), child.stdin as stream:  # type: ignore[union-attr]
        stream.write(body)


def _pieces(stream: IO[bytes] | None) -> Iterator[bytes]:
    while stream and (piece := stream.read(1024)):
        yield piece
