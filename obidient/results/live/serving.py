"""A document ready to be sent: bytes, gzip, validator and headers, made once and sent often."""

import gzip
import hashlib
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header, parse_etags

CACHE_CONTROL = "public, max-age=2, stale-while-revalidate=30"
JSON = "application/json"
HTML = "text/html; charset=utf-8"

#: What any site's page may read, and the header by which it asks again cheaply.
ANY_ORIGIN = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "ETag"),
]

Answer = tuple[str, list[tuple[str, str]], bytes]


class Copy:
    """One document. Its ETag is strong, and the same for the plain and the gzipped bytes."""

    __slots__ = ("_gzipped", "_plain", "_unchanged", "body", "etag", "made_of")

    def __init__(
        self, body: bytes, content_type: str = JSON, made_of: object = None, **headers: str
    ) -> None:
        self.body = body
        #: What it was made from, for whoever asks whether it still holds.
        self.made_of = made_of
        self.etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        packed = gzip.compress(body, 6, mtime=0)
        always = [
            ("ETag", self.etag),
            ("Cache-Control", CACHE_CONTROL),
            ("Vary", "Accept-Encoding"),
            *(ANY_ORIGIN if content_type == JSON else []),
        ]
        whole = [
            ("Content-Type", content_type),
            *always,
            ("X-Content-Type-Options", "nosniff"),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]
        self._unchanged: Answer = ("304 Not Modified", always, b"")
        self._plain: Answer = ("200 OK", [*whole, ("Content-Length", str(len(body)))], body)
        self._gzipped: Answer = (
            "200 OK",
            [*whole, ("Content-Encoding", "gzip"), ("Content-Length", str(len(packed)))],
            packed,
        )

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """Status, headers and body for a request: 304 when the client has it, gzip if it may be."""
        known = environ.get("HTTP_IF_NONE_MATCH")
        if known is not None and (known == self.etag or self._is_among(known)):
            return self._unchanged
        accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
        return self._gzipped if accepts_gzip(accepted) else self._plain

    def _is_among(self, known: str) -> bool:
        return is_among(self.etag, known)


def is_among(etag: str, known: str) -> bool:
    """Weak comparison with a list of ETags; some proxies append the encoding to ours."""
    etags = parse_etags(known)
    mine = etag.strip('"')
    return etags.contains_weak(mine) or etags.contains_weak(f"{mine}-gzip")


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    if "gzip" not in header and "*" not in header:
        return False
    if ";" not in header:
        return True
    return float(parse_accept_header(header, Accept).quality("gzip")) > 0
