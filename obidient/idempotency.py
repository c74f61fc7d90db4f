"""A POST that is sent again under the same Idempotency-Key does its work once."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec

from flask import Response, g, request

from obidient.accounts.models import IdempotencyKey
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Conflict, Invalid

P = ParamSpec("P")

#: How long an answer is kept.
KEPT = timedelta(hours=24)


def idempotent(view: Callable[P, Response]) -> Callable[P, Response]:
    """Answer a repeated POST with the same Idempotency-Key as the first time.

    The key, the answer and what the view writes are one transaction: there is no moment at which
    a crash leaves one without the others, and a simultaneous repeat waits for the first. Goes
    below `requires`, since keys belong to a token.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            with db.atomic():
                return view(*args, **kwargs)
        if not re.fullmatch(r"[\x21-\x7e]{1,200}", key):
            raise Invalid("Idempotency-Key must be 1 to 200 visible ASCII characters.")
        return _once(key, lambda: view(*args, **kwargs))

    return guarded


def _essence() -> bytes:
    """What two sendings of the same request have in common: the values, not how they are packed."""
    body = request.get_data()
    if body and request.mimetype == "application/json":
        return json.dumps(request.get_json(), sort_keys=True).encode()
    # Clients make up a new boundary each time.
    boundary = request.mimetype_params.get("boundary", "").encode()
    return body.replace(boundary, b"") if boundary else body


def _once(key: str, make: Callable[[], Response]) -> Response:
    kept_keys: Any = IdempotencyKey
    seen = hashlib.sha256(request.path.encode() + b"\0" + _essence()).hexdigest()
    mine = (kept_keys.token_id == g.token.id) & (kept_keys.key == key)
    with db.atomic():
        kept_keys.delete().where(kept_keys.created_at < utcnow() - KEPT).execute()
        first = (
            kept_keys.insert(token_id=g.token.id, key=key, request_digest=seen)
            .on_conflict(conflict_target=[kept_keys.token_id, kept_keys.key], action="IGNORE")
            .as_rowcount()
            .execute()
        )
        if not first:
            kept = kept_keys.get(mine)
            if kept.request_digest != seen:
                raise Conflict("This Idempotency-Key was used for another request. Use a new one.")
            return Response(kept.body, kept.status, content_type="application/json")
        response = make()
        kept_keys.update(status=response.status_code, body=response.get_data(as_text=True)).where(
            mine
        ).execute()
        return response
