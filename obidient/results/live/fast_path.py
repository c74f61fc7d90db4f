"""A short way in front of Flask for what a nation refreshes.

A document that this process holds fresh is sent before Flask has looked at the request: routing
and a request context cost more than the rest of the answer. Everything else goes on to Flask.
"""

from collections.abc import Callable, Iterable
from typing import Any

from obidient.results.live.copies import LiveResults

PLACES = ("/api/live-results/", "/results/")


class ShortPath:
    """WSGI middleware; `app` is the rest of the application."""

    def __init__(self, app: Callable[..., Any], live: LiveResults) -> None:
        self._app = app
        self._live = live

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        method = environ["REQUEST_METHOD"]
        if path.startswith(PLACES) and (method == "GET" or method == "HEAD"):
            query = environ.get("QUERY_STRING")
            copy = self._live.fresh(f"{path}?{query}" if query else path)
            if copy is not None:
                status, headers, body = copy.answer(environ)
                # A list of its own: servers and proxies around us may add to it.
                start_response(status, list(headers))
                return () if method == "HEAD" else (body,)
            start_response = _for_everybody(start_response)
        rest: Iterable[bytes] = self._app(environ, start_response)
        return rest


def _for_everybody(start_response: Any) -> Any:
    """Take back what the sign-in machinery says of every answer: these depend on no cookie."""

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        kept = [item for item in headers if item != ("Vary", "Cookie")]
        kept = [
            (name, value.removesuffix(", Cookie") if name == "Vary" else value)
            for name, value in kept
        ]
        return start_response(status, kept, *more)

    return start
