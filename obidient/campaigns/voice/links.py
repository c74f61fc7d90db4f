"""Recordings elsewhere: whether their address really leads to a sound that the network can play.

The address is a person's, so the server is only asked when it is out on the internet: nobody makes
us look into our own network.
"""

import contextlib
import http.client
import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, current_app

from obidient import database, queues
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.voice import recordings
from obidient.clock import utcnow
from obidient.database import db

logger = logging.getLogger(__name__)

TASK = "check_recording"
#: IPv6 addresses that stand for hosts, and those behind which a gateway reaches IPv4 ones.
_UNICAST = ipaddress.IPv6Network("2000::/3")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
#: Enough to tell what it is.
HEAD = 64
#: Seconds for a whole look, from the connection to the last byte: a server may drip each of them.
DEADLINE = 10.0
#: Looks at once in a process; their threads do nothing else.
AT_ONCE = 2
#: One that still waits after so long was left by a job that was lost, or a worker that died.
LEFT = timedelta(seconds=60)
MOST_SWEPT = 20


class Looks:
    """The threads of a process that look at recordings, each of which is in hand once."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, "recordings")
        self._lock = threading.Lock()
        self._in_hand: dict[int, Future[None]] = {}

    def at(self, app: Flask, asset_id: int) -> "Future[None]":
        with self._lock:
            if asset_id not in self._in_hand:
                self._in_hand[asset_id] = self._pool.submit(self._run, app, asset_id)
            return self._in_hand[asset_id]

    def _run(self, app: Flask, asset_id: int) -> None:
        try:
            _check(app, asset_id)
        finally:
            with self._lock:
                self._in_hand.pop(asset_id, None)


def check_later(asset_id: int) -> None:
    """Have a recording looked at; until then nobody takes it for playable."""
    with db.atomic():
        AudioAsset.update(looked_at=None).where(AudioAsset.id == asset_id).execute()
        queues.current().enqueue(queues.MAINTENANCE, TASK, assetId=asset_id)


def init_app(app: Flask) -> None:
    app.extensions["obidient.recordings"] = Looks()
    registered: queues.Queues = app.extensions["obidient.queues"]
    registered.task(queues.MAINTENANCE, TASK, lambda assetId: check(assetId))


def sweep() -> None:
    """Recordings that nobody has looked at."""
    waiting = AudioAsset.select(AudioAsset.id).where(
        AudioAsset.url != "",
        AudioAsset.looked_at.is_null(),
        AudioAsset.created_at < utcnow() - LEFT,
    )
    for row in waiting.order_by(AudioAsset.id).limit(MOST_SWEPT):
        queues.current().enqueue(queues.MAINTENANCE, TASK, assetId=row.id)


def check(asset_id: int) -> "Future[None]":
    """Look at the beginning of a recording in a thread of its own, and note what is wrong with it.

    The worker's threads are needed for imports and erasures: they wait for no server.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    looks: Looks = app.extensions["obidient.recordings"]
    return looks.at(app, asset_id)


def _check(app: Flask, asset_id: int) -> None:
    with app.app_context():
        row = AudioAsset.get_or_none(AudioAsset.id == asset_id)
        database.release()
        if row is None or not recordings.waits(row):
            return
        kind, problem = look(row.url)
        AudioAsset.update(content_type=kind, problem=problem, looked_at=utcnow()).where(
            AudioAsset.id == asset_id
        ).execute()
        database.release()


def look(url: str) -> tuple[str, str]:
    """The type of what is at an address, and what is wrong with it in one sentence."""
    parts = urlsplit(url)
    try:
        port = parts.port or 443
        place = _public_address(parts.hostname or "", port)
        if place is None:
            return "", "The address leads into a private network: the phone network can't reach it."
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        head, status = _fetch(place, port, parts.hostname or "", path)
    except socket.gaierror:
        return "", f"{recordings.UNREACHABLE}: its name is not known. Check the address."
    except (OSError, ValueError, http.client.HTTPException) as error:
        logger.info("recording could not be fetched: %s", type(error).__name__)
        return "", f"{recordings.UNREACHABLE} ({type(error).__name__})."
    if status not in (200, 206):
        return "", f"The server answers {status} in place of the recording."
    kind = recordings.kind_of(head)
    if not kind:
        return "", "What is there is no MP3, WAV or Ogg recording."
    if kind not in recordings.taken_types():
        return kind, f"The network can't play {recordings.NAMES[kind]} files."
    return kind, ""


def _public_address(host: str, port: int) -> str | None:
    """An address of the host, or None unless all of its addresses are public."""
    found = {str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    if not found or not all(is_public(one) for one in found):
        return None
    return min(found, key=lambda one: (":" in one, one))


def is_public(address: str) -> bool:
    """Whether an address is one host's out on the internet.

    An IPv6 address that leads on to an IPv4 one is as good as that: ::ffff:127.0.0.1,
    2002:7f00:1::, 64:ff9b::7f00:1.
    """
    place = ipaddress.ip_address(address)
    if isinstance(place, ipaddress.IPv6Address):
        if place in _TRANSLATED:
            place = ipaddress.IPv4Address(int(place) & 0xFFFFFFFF)
        elif inner := place.ipv4_mapped or place.sixtofour:
            place = inner
        elif place not in _UNICAST:
            return False
    return place.is_global and not place.is_multicast


def _fetch(place: str, port: int, host: str, path: str) -> tuple[bytes, int]:
    """The first bytes and the status, from the very address that was looked at.

    Raises OSError when it takes longer than `DEADLINE` in all.
    """
    end = time.monotonic() + DEADLINE
    with socket.create_connection((place, port), timeout=DEADLINE) as plain:
        line = ssl.create_default_context().wrap_socket(
            plain, server_hostname=host, do_handshake_on_connect=False
        )
        with line, _cut_off(line, end - time.monotonic()):
            line.do_handshake()
            asking = http.client.HTTPSConnection(host, port)
            asking.sock = line
            asking.request("GET", path, headers={"Range": f"bytes=0-{HEAD - 1}"})
            answer = asking.getresponse()
            return answer.read(HEAD), answer.status


@contextlib.contextmanager
def _cut_off(line: socket.socket, seconds: float) -> Iterator[None]:
    """Hang up after so long: a time limit of a socket begins anew with each byte that comes."""
    over = threading.Event()

    def hang_up() -> None:
        over.set()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    timer = threading.Timer(max(seconds, 0), hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, ValueError, http.client.HTTPException):
        if over.is_set():
            raise TimeoutError("it took too long") from None
        raise
    finally:
        timer.cancel()
