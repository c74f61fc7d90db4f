"""The door for networks: token checked, callback stored and committed, answered 200, nothing else.

What a callback means is worked out later, by a worker; a network that gets its 200 quickly does not
send again, and nothing a plugin does wrong can lose what it sent.
"""

import dataclasses
import hmac
import logging
from collections.abc import Iterable
from typing import Any

import orjson
from flask import Flask, Response, current_app, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import MethodNotAllowed, RequestEntityTooLarge

from obidient import api, queues
from obidient.accounts.tokens import public
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.receipts import applying
from obidient.campaigns.receipts.forms import parsed
from obidient.clock import utcnow
from obidient.database import storable
from obidient.errors import Forbidden, NotFound
from obidient.group_commit import Mailbox
from obidient.plugin import Provider
from obidient.providers import registry

logger = logging.getLogger(__name__)

Pairs = Iterable[tuple[str, str]]

#: Not stored: they are somebody's keys, and say nothing about the message.
_PRIVATE_HEADERS = {"Authorization", "Cookie", "Proxy-Authorization"}

webhooks_api = api.blueprint(
    "webhooks_api",
    "/api/communications/webhooks",
    "webhooks",
    "Where networks report deliveries, replies and opt-outs",
)

#: Described by hand: callbacks are taken by the thousand, and models would cost more than the rest.
_DESCRIBED: dict[str, Any] = {
    "parameters": [
        {
            "name": name,
            "in": place,
            "required": place == "path",
            "description": meaning,
            "schema": {"type": "string"},
        }
        for name, place, meaning in (
            ("provider", "path", "The provider's name, e.g. africastalking-sms"),
            ("event", "path", "What is reported, e.g. delivery, incoming, opt-out or events"),
            ("token", "query", "The value of COMMUNICATIONS_WEBHOOK_TOKEN"),
        )
    ],
    "requestBody": {
        "description": "Whatever the network sends; form or JSON, 64 KiB at most as a rule",
        "content": {
            "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
            "application/json": {"schema": {}},
        },
    },
}


def register(app: Flask) -> None:
    api.register(app, webhooks_api)


def is_token(given: str, wanted: str | None) -> bool:
    """In constant time; without a token nobody comes in."""
    return bool(wanted) and hmac.compare_digest(given.encode(), str(wanted).encode())


def _check_token() -> None:
    """Before anything else of the request is looked at."""
    wanted = current_app.extensions["obidient.settings"].communications_webhook_token
    if not is_token(request.args.get("token", ""), wanted):
        logger.warning("callback refused: %s", "wrong token" if wanted else "no token is set")
        raise Forbidden("The token in the address is missing or wrong.")


def _provider(name: str, event: str) -> Provider:
    found: Provider | None = registry.current().find(name)
    if found is None or event not in found.webhook_events:
        raise NotFound("No plugin here understands this callback. Check the address.")
    return found


def _body(largest: int) -> bytes:
    # One more than allowed: a body that comes in chunks is otherwise cut off at the limit unsaid.
    request.max_content_length = largest + 1
    too_large = RequestEntityTooLarge(f"A callback may have {largest // 1024} KiB at most.")
    if (request.content_length or 0) > largest:
        raise too_large
    body = request.get_data(cache=True, parse_form_data=False)
    if len(body) > largest:
        raise too_large
    return body


#: The columns of a callback that come with it, in the order in which the mailbox takes them.
COLUMNS = (
    "provider", "event", "received_at", "content_type", "headers", "query", "body", "due_at",
    "method",
)  # fmt: skip


def as_row(
    provider: str, event: str, method: str, headers: Headers, query: Pairs, body: bytes
) -> tuple[Any, ...]:
    """A callback as it is kept: the values of COLUMNS."""
    now = utcnow()
    return (
        provider,
        event,
        now,
        storable(headers.get("Content-Type", ""))[:255],
        _json((k, v) for k, v in headers if k not in _PRIVATE_HEADERS),
        _json((k, v) for k, v in query if k != "token"),
        body,
        now,
        method,
    )


def _read(provider: str, event: str, body: bytes) -> RawCallback:
    """The request as it would be kept."""
    pairs = request.args.items()
    values = as_row(provider, event, request.method, request.headers, pairs, body)
    return RawCallback(**dict(zip(COLUMNS, values, strict=True)))


def _address() -> str:
    """The request's address, byte for byte, as the network knows it: some sign it."""
    base = registry.current().base_url()
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path
    if not str(raw).startswith("/"):
        # A proxy may be asked by the whole address.
        raw = f"/{str(raw).partition('://')[2].partition('/')[2]}"
    return f"{base}{raw}"


def _check_sender(provider: Provider, event: str, row: RawCallback, url: str) -> None:
    """Raises Forbidden unless the plugin finds that the network itself has sent it."""
    if type(provider).verify is Provider.verify:
        return
    try:
        # With the headers that are not kept: some networks show who they are by those.
        whole = dataclasses.replace(parsed(row, url), headers=dict(request.headers))
        genuine = provider.verify(event, whole)
    except Exception:
        logger.exception("%s could not verify %s", provider.name, event)
        genuine = False
    if genuine is not True:
        logger.warning("callback refused: %s says that %s is forged", provider.name, event)
        raise Forbidden("This callback is not signed as it should be. Check the shared secret.")


def _store(row: RawCallback) -> None:
    """Returns when it is committed."""
    box: Mailbox = current_app.extensions["obidient.mailbox"]
    box.put(tuple(getattr(row, name) for name in COLUMNS))


def _json(pairs: Any) -> str:
    return orjson.dumps({storable(name): storable(value) for name, value in pairs}).decode()


@webhooks_api.post(
    "/<provider>/<event>",
    responses={200: {"description": "Stored; voice networks get their instructions as XML"}},
    openapi_extensions=_DESCRIBED,
)
@public
def callback() -> Response:
    """Take a network's callback: stored before it is answered, applied by a worker."""
    _check_token()
    path: dict[str, str] = request.view_args or {}
    name, event = path["provider"], path["event"]
    return _take(_provider(name, event), event)


@webhooks_api.get(
    "/<provider>/<event>",
    responses={200: {"description": "Stored, or a handshake answered"}},
    openapi_extensions={"parameters": _DESCRIBED["parameters"]},
)
@public
def callback_by_get() -> Response:
    """Take a callback whose fields stand in the address, or a network's handshake."""
    _check_token()
    path: dict[str, str] = request.view_args or {}
    name, event = path["provider"], path["event"]
    provider = _provider(name, event)
    if event not in provider.get_events:
        raise MethodNotAllowed(["POST"], f"{name} reports {event} by POST.")
    return _take(provider, event)


def _take(provider: Provider, event: str) -> Response:
    row, url = _read(provider.name, event, _body(provider.callback_limit)), _address()
    _check_sender(provider, event, row, url)
    _store(row)
    queues.hint(applying.queue_of(provider.name), applying.TASK)
    return _answer(provider, event, row, url)


def _answer(provider: Provider, event: str, row: RawCallback, url: str) -> Response:
    """What the network wants to hear; a plugin's mistake there costs the callback nothing."""
    if type(provider).respond is Provider.respond:
        return Response("", 200, content_type="text/plain")
    try:
        reply = provider.respond(event, parsed(row, url))
    except Exception:
        logger.exception("%s could not answer %s", provider.name, event)
        reply = None
    if reply is None:
        return Response("", 200, content_type="text/plain")
    return Response(reply.body, reply.status, content_type=reply.content_type)
