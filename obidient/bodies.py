"""Request bodies that come gzipped: unpacked before anything reads them, never beyond a limit."""

import contextlib
import zlib
from io import BytesIO

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

#: So much of a body that is too large is read and thrown away: who is still sending when the line
#: is cut never sees the answer.
_PATIENCE = 64 * 2**20


def unpack(most: int) -> None:
    """Put the plain body in the place of a gzipped one; `most` bytes, packed and unpacked."""
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise UnsupportedMediaType("Compress the body with gzip, or not at all.")
    try:
        body = _read(most)
        plain = _inflate(body, most) if coding.endswith("gzip") else body
    except RequestEntityTooLarge:
        _drain()
        raise RequestEntityTooLarge(
            f"The body is larger than {most // 2**20} MB. Send it in smaller parts."
        ) from None
    request.stream = BytesIO(plain)


def _read(most: int) -> bytes:
    # One more than allowed: a body that comes in chunks is otherwise cut off at the limit unsaid.
    request.max_content_length = most + 1
    body = request.get_data(cache=False)
    if len(body) > most:
        raise RequestEntityTooLarge
    return body


def _drain() -> None:
    left = _PATIENCE
    stream = request.environ["wsgi.input"]
    with contextlib.suppress(OSError, ValueError):
        while left > 0 and (piece := stream.read(min(left, 2**16))):
            left -= len(piece)


def _inflate(packed: bytes, most: int) -> bytes:
    """The content of a whole gzip file; stops as soon as it grows too large."""
    stream = zlib.decompressobj(31)
    try:
        plain = stream.decompress(packed, most + 1)
    except zlib.error:
        raise BadRequest("The body says it is gzip, but it can't be unpacked.") from None
    if len(plain) > most:
        raise RequestEntityTooLarge
    if not stream.eof or stream.unused_data:
        raise BadRequest("The gzipped body is not whole. Send it again.")
    return plain
