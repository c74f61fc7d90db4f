"""Recordings elsewhere: whether their address really leads to a sound that the network can play.

The address is a person's, so the server is only asked when it is out on the internet: nobody makes
us look into our own network.
"""

import ipaddress
import logging
import socket
from urllib.parse import urlsplit

import urllib3

from obidient import queues
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.voice import recordings

logger = logging.getLogger(__name__)

TASK = "check_recording"
#: IPv6 addresses that stand for hosts, and those behind which a gateway reaches IPv4 ones.
_UNICAST = ipaddress.IPv6Network("2000::/3")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
#: Enough to tell what it is.
HEAD = 64


def check_later(asset_id: int) -> None:
    queues.current().enqueue(queues.MAINTENANCE, TASK, assetId=asset_id)


def register(registered: queues.Queues) -> None:
    registered.task(queues.MAINTENANCE, TASK, check)


def check(assetId: int) -> None:
    """Ask for the beginning of a recording and note what is wrong with it."""
    row = AudioAsset.get_or_none(AudioAsset.id == assetId)
    if row is None or not row.url:
        return
    kind, problem = look(row.url)
    AudioAsset.update(content_type=kind, problem=problem).where(AudioAsset.id == assetId).execute()


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
    except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
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
    """The first bytes and the status, from the very address that was looked at."""
    pool = urllib3.HTTPSConnectionPool(
        place, port, server_hostname=host, assert_hostname=host, timeout=10, retries=False
    )
    answer = pool.request(
        "GET",
        path,
        headers={"Host": host, "Range": f"bytes=0-{HEAD - 1}"},
        redirect=False,
        preload_content=False,
    )
    try:
        return answer.read(HEAD), answer.status
    finally:
        answer.close()
