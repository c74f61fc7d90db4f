"""The door for networks: token checked, callback stored and committed, answered 200, nothing else.

What a callback means is worked out later, by a worker; a network that gets its 200 quickly does not
send again, and nothing a plugin does wrong can lose what it sent.
"""

import hmac
import logging
from typing import Any

import orjson
from flask import Flask, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

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

#: Networks send a few hundred bytes.
LARGEST = 64 * 1024
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
        "description": "Whatever the network sends; form or JSON, 64 KiB at most",
        "content": {
            "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
            "application/json": {"schema": {}},
        },
    },
}


def register(app: Flask) -> None:
    api.register(app, webhooks_api)


def _check_token() -> None:
    """In constant time, before anything else of the request is looked at; closed without one."""
    wanted = current_app.extensions["obidient.settings"].communications_webhook_token
    given = request.args.get("token", "")
    if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
        logger.warning("callback refused: %s", "wrong token" if wanted else "no token is set")
        raise Forbidden("The token in the address is missing or wrong.")


def _provider(name: str, event: str) -> Provider:
    found: Provider | None = registry.current().find(name)
    if found is None or event not in found.webhook_events:
        raise NotFound("No plugin here understands this callback. Check the address.")
    return found


def _body() -> bytes:
    # One more than allowed: a body that comes in chunks is otherwise cut off at the limit unsaid.
    request.max_content_length = LARGEST + 1
    too_large = RequestEntityTooLarge(f"A callback may have {LARGEST // 1024} KiB at most.")
    if (request.content_length or 0) > LARGEST:
        raise too_large
    body = request.get_data(cache=True, parse_form_data=False)
    if len(body) > LARGEST:
        raise too_large
    return body


def _store(provider: str, event: str, body: bytes) -> RawCallback:
    """Returns when it is committed."""
    now = utcnow()
    row = RawCallback(
        provider=provider,
        event=event,
        received_at=now,
        content_type=storable(request.headers.get("Content-Type", ""))[:255],
        headers=_json((k, v) for k, v in request.headers if k not in _PRIVATE_HEADERS),
        query=_json((k, v) for k, v in request.args.items() if k != "token"),
        body=body,
        due_at=now,
    )
    box: Mailbox = current_app.extensions["obidient.mailbox"]
    box.put((provider, event, now, row.content_type, row.headers, row.query, body, now))
    return row


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
    provider = _provider(name, event)
    row = _store(name, event, _body())
    queues.hint(applying.queue_of(name), applying.TASK)
    return _answer(provider, event, row)


def _answer(provider: Provider, event: str, row: RawCallback) -> Response:
    """What the network wants to hear; a plugin's mistake there costs the callback nothing."""
    if type(provider).respond is Provider.respond:
        return Response("", 200, content_type="text/plain")
    try:
        reply = provider.respond(event, parsed(row))
    except Exception:
        logger.exception("%s could not answer %s", provider.name, event)
        reply = None
    if reply is None:
        return Response("", 200, content_type="text/plain")
    return Response(reply.body, reply.status, content_type=reply.content_type)
