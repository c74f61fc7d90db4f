"""How much of a request's body is read, for whom: limits of size, depth and number of values.

The order of every request: who sends it (`accounts.tokens.admit`, or the sign-in of a page), how
large its body may be, and only then the body. JSON is measured before a parser makes objects of it.
"""

import contextlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

from flask import Flask, current_app, request
from flask_login import current_user
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from obidient.errors import Invalid
from obidient.roles import allows

F = TypeVar("F", bound=Callable[..., Any])

#: Bytes of a body, unless its endpoint says otherwise with `takes`.
USUAL = 2**20
#: Bytes that somebody may send to a page who is not signed in: a sign-in form is far smaller.
STRANGERS = 64 * 1024
#: Fields of a form: the longest page of check boxes has a tenth of them.
MOST_FIELDS = 5_000
#: 500 result sheets, the most that is sent at once, hold 30,000 values, four levels deep.
MOST_VALUES, DEEPEST = 250_000, 32
#: So much of a body that is too large is read and thrown away: who is still sending when the line
#: is cut never sees the answer.
_PATIENCE = 64 * 2**20
_FORM = "application/x-www-form-urlencoded"
#: A text of JSON, or what is left of one that never ends. Possessive (`++`): it never goes back, so
#: its time grows with the body's length alone.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


@dataclass(frozen=True)
class Takes:
    """Bytes that an endpoint takes, of whom, and what is told to those who send more."""

    most: int = USUAL
    scope: str = ""
    told: str = ""

    def sentence(self) -> str:
        size = f"{self.most // 2**20} MB" if self.most >= 2**20 else f"{self.most // 1024} KB"
        return self.told or f"The body is larger than {size}. Send it in smaller parts."


def takes(most: int, scope: str = "", told: str = "") -> Callable[[F], F]:
    """Let an endpoint take bodies of `most` bytes.

    A page names the `scope` it takes: for others the usual limit stays. An endpoint of the API
    needs none, since its token was checked by then.
    """

    def decorate(view: F) -> F:
        view.__obidient_takes__ = Takes(most, scope, told)  # type: ignore[attr-defined]
        return view

    return decorate


def taken_of(path: str, view: Any) -> Takes:
    """What whoever sends this request may send."""
    found: Takes = getattr(view, "__obidient_takes__", Takes())
    if path.startswith("/api/"):
        return found
    if not current_user.is_authenticated:
        return Takes(STRANGERS)
    return found if not found.scope or allows(current_user, found.scope) else Takes()


def limit() -> None:
    """Before each request with a body: set its limit, and refuse at once what is over it."""
    if request.method not in {"POST", "PUT", "PATCH"} or request.endpoint is None:
        return
    taken = taken_of(request.path, current_app.view_functions[request.endpoint])
    request.max_content_length = taken.most
    if request.mimetype == "application/json":
        # Read by `unpack`, which is patient with those who are still sending.
        return
    if (request.content_length or 0) > taken.most:
        raise RequestEntityTooLarge(taken.sentence())
    is_form = request.mimetype == _FORM and not request.path.startswith("/api/")
    # Kept: the form is parsed from it. A field costs far more than the bytes that name it.
    if is_form and request.get_data().count(b"&") > MOST_FIELDS:
        raise RequestEntityTooLarge(f"A form may have {MOST_FIELDS:,} fields at most.")


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
        raise RequestEntityTooLarge(Takes(most).sentence()) from None
    request.stream = BytesIO(plain)


def measure(body: bytes) -> None:
    """Raise Invalid for JSON that is nested too deep or holds too many values; parses nothing.

    Takes the time of a few passes over the bytes, and as much memory as they have.
    """
    if b"\0" in body:
        # UTF-16 looks like this, and what a parser guessed of it could not be measured here.
        raise Invalid("The body is no valid JSON: write it in UTF-8.")
    signs = _without_texts(body)
    if sum(map(signs.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise Invalid(f"The body holds more than {MOST_VALUES:,} values. Send it in parts.")
    depth = 0
    for sign in signs.translate(None, _NO_BRACKETS):
        depth += 1 if sign in b"[{" else -1
        if depth > DEEPEST:
            raise Invalid(f"The body is nested deeper than {DEEPEST} levels.")


def _without_texts(body: bytes) -> bytes:
    """What is left of JSON without its texts."""
    if b"\\" in body or body.count(b'"') > 4 * MOST_VALUES:
        return _STRING.sub(b"", body)
    # Without escapes every second piece between quotes is a text; ten times as fast.
    return b"".join(body.split(b'"')[::2])


_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


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


def init_app(app: Flask) -> None:
    """Set the limits; goes before whatever reads a form."""
    app.config.update(MAX_CONTENT_LENGTH=USUAL, MAX_FORM_MEMORY_SIZE=USUAL)
    app.before_request(limit)
