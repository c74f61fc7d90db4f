"""A short way in front of Flask for networks' callbacks.

A network sends three reports a message. Routing, a request context and what every page needs cost
many times what keeping a report does. A plain report, by POST with the right token, to a provider
that neither verifies nor answers by itself, is kept here. Everything else, every refusal among it,
goes on to Flask, which does the same at length (`webhooks`).
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask
from werkzeug.datastructures import EnvironHeaders

from obidient import metrics, queues
from obidient.api import WEBHOOKS
from obidient.campaigns.receipts import applying
from obidient.campaigns.receipts.webhooks import as_row, is_token
from obidient.config import Settings
from obidient.group_commit import Mailbox
from obidient.plugin import Provider
from obidient.providers.registry import Registry

logger = logging.getLogger(__name__)

ROUTE = f"{WEBHOOKS}<provider>/<event>"
HEADERS = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", "0"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)


class ShortPath:
    """WSGI middleware; `rest` is the rest of the application."""

    def __init__(self, app: Flask, rest: Callable[..., Any], settings: Settings) -> None:
        self._app, self._rest = app, rest
        self._token = settings.communications_webhook_token
        self._registry: Registry = app.extensions["obidient.registry"]
        self._mailbox: Mailbox = app.extensions["obidient.mailbox"]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "POST" and path.startswith(WEBHOOKS):
            began = time.perf_counter()
            if self._take(environ, path):
                start_response("200 OK", [*HEADERS, ("X-Request-Id", secrets.token_hex(8))])
                _count(began)
                return (b"",)
        rest: Iterable[bytes] = self._rest(environ, start_response)
        return rest

    def _take(self, environ: dict[str, Any], path: str) -> bool:
        """Keep a plain report; False for whatever Flask has to look at, with nothing lost of it."""
        name, _, event = path.removeprefix(WEBHOOKS).partition("/")
        query = _query(environ.get("QUERY_STRING", ""))
        if not is_token(query.get("token", ""), self._token):
            return False
        provider = self._registry.find(name)
        length = environ.get("CONTENT_LENGTH") or ""
        if provider is None or not _is_plain(provider, event) or not _is_number(length):
            return False
        if int(length) > provider.callback_limit:
            return False
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = BytesIO(body)
        if len(body) != int(length):
            return False
        headers = EnvironHeaders(environ)
        return self._keep(as_row(name, event, "POST", headers, query.items(), body))

    def _keep(self, row: tuple[Any, ...]) -> bool:
        try:
            self._mailbox.put(row)
        except Exception:
            # Flask tries once more, and says what there is to say of a database that is away.
            logger.exception("a callback was not kept at once")
            return False
        with self._app.app_context():
            queues.hint(applying.queue_of(row[0]), applying.TASK)
        return True


def _query(text: str) -> dict[str, str]:
    """As `request.args`: the first of equal names, and bytes that are no UTF-8 as they came."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="werkzeug.url_quote"):
        found.setdefault(name, value)
    return found


def _is_plain(provider: Provider, event: str) -> bool:
    kind = type(provider)
    own = kind.verify is not Provider.verify or kind.respond is not Provider.respond
    return not own and event in provider.webhook_events


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _count(began: float) -> None:
    metrics.count("obidient_http_requests", method="POST", route=ROUTE, status="200")
    metrics.observe("obidient_http_request_seconds", time.perf_counter() - began, route=ROUTE)


def register(app: Flask, settings: Settings) -> None:
    app.wsgi_app = ShortPath(app, app.wsgi_app, settings)  # type: ignore[method-assign]
