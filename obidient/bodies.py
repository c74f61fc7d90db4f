"""Request bodies that come gzipped: unpacked before anything reads them, never beyond a limit."""

import zlib
from io import BytesIO

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType


def unpack(most: int) -> None:
    """Put the plain body in the place of a gzipped one; `most` bytes, packed and unpacked."""
    request.max_content_length = most
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    try:
        if coding in ("", "identity"):
            # Read here, so that one that is too large is refused in our words.
            request.get_data()
        elif coding in ("gzip", "x-gzip"):
            request.stream = BytesIO(_inflate(request.get_data(cache=False), most))
        else:
            raise UnsupportedMediaType("Compress the body with gzip, or not at all.")
    except RequestEntityTooLarge:
        raise RequestEntityTooLarge(
            f"The body is larger than {most // 2**20} MB. Send it in smaller parts."
        ) from None


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
