"""`results.csv` and `results.nist.json`: streamed to anybody, with the count's own validators."""

import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Annotated, Any, Literal

from flask import Response, request
from pydantic import Field

from obidient import api, database
from obidient.accounts.tokens import public
from obidient.api import ApiModel, written
from obidient.results import exports, nist
from obidient.results.api import ElectionPath, results_api
from obidient.results.exports import Part
from obidient.results.live.serving import (
    ANY_ORIGIN,
    CACHE_CONTROL,
    JSON,
    accepts_gzip,
    is_among,
)

#: At a time in one process: whoever asks for the live count must not wait for files.
MOST_AT_ONCE = 2
_turns = threading.BoundedSemaphore(MOST_AT_ONCE)
_LEVEL = Literal["nation", "state", "lga", "ward", "unit"]


class ExportQuery(ApiModel):
    """The whole election, or one state of it; one row for each area of the level."""

    state: Annotated[
        str | None,
        Field(
            pattern=r"^(0[1-9]|[12][0-9]|3[0-7])$",
            description="Official code of a state, such as 24",
        ),
        written("write a state's official code, like 24"),
    ] = None
    level: _LEVEL | None = Field(None, description="Smallest areas; see docs/results.md")


def _file(kind: str) -> Any:
    return {200: {"description": "The file, streamed", "content": {kind: {}}}}


@results_api.get("/elections/<id>/results.csv", responses=_file("text/csv"))
@public
def results_csv(path: ElectionPath, query: ExportQuery) -> Response:
    """Results by polling unit, or by areas of another level, as CSV."""
    return _answer(path.id, query, "csv")


@results_api.get("/elections/<id>/results.nist.json", responses=_file(JSON))
@public
def results_nist(path: ElectionPath, query: ExportQuery) -> Response:
    """Results as NIST SP 1500-100r2 JSON; without a state and a level, down to wards."""
    return _answer(path.id, query, "nist")


def usual_level(kind: str, state: str | None) -> str:
    """Polling units; but a nation of them in NIST's form is half a gigabyte."""
    return "ward" if kind == "nist" and not state else "unit"


def pieces(part: Part, kind: str) -> Iterator[str]:
    """A file's text, a piece at a time."""
    return exports.csv_text(part) if kind == "csv" else nist.json_text(part)


def _answer(election_id: str, query: ExportQuery, kind: str) -> Response:
    if not _turns.acquire(blocking=False):
        sentence = "Other downloads are being sent just now. Try again in a few seconds."
        return api.problem(503, "Service Unavailable", sentence, headers={"Retry-After": "5"})
    with ExitStack() as stack:
        stack.callback(_turns.release)
        stack.callback(database.release)
        stack.enter_context(exports.snapshot())
        level = query.level or usual_level(kind, query.state)
        part = exports.part(election_id, query.state, level)
        if kind == "nist":
            nist.check(part)
        response = _response(part, kind, stack)
    return response  # noqa: RET504 - an ExitStack might swallow, so mypy wants it here


def _response(part: Part, kind: str, stack: ExitStack) -> Response:
    """304, or the file with what is open kept so until its end."""
    etag = part.etag(kind)
    headers = [
        ("ETag", etag),
        ("Cache-Control", CACHE_CONTROL),
        ("Vary", "Accept-Encoding"),
        *ANY_ORIGIN,
    ]
    if is_among(etag, request.headers.get("If-None-Match", "")):
        return Response(status=304, headers=headers)
    place = f"-{part.state}" if part.state else ""
    name = f"{part.election.id}{place}-{part.level}.{'csv' if kind == 'csv' else 'nist.json'}"
    headers += [
        ("Content-Type", "text/csv; charset=utf-8" if kind == "csv" else JSON),
        ("Content-Disposition", f'attachment; filename="{name}"'),
    ]
    opened = stack.pop_all()
    body: Iterable[bytes] = (piece.encode() for piece in _closing(pieces(part, kind), opened))
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        headers.append(("Content-Encoding", "gzip"))
        body = _gzipped(body)
    response = Response(body, 200, headers)
    # A reader who goes away before the first byte never starts the text.
    response.call_on_close(opened.close)
    return response


def _closing(text: Iterator[str], opened: ExitStack) -> Iterator[str]:
    with opened:
        yield from text


def _gzipped(body: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    for piece in body:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()
