"""A stored callback as the `WebhookRequest` that plugins read."""

import orjson

from obidient.campaigns.models.callbacks import RawCallback
from obidient.plugin import WebhookRequest
from obidient.plugin_forms import form_of


def parsed(row: RawCallback, url: str = "") -> WebhookRequest:
    """Never raises: what can't be read is an empty form, and `raw` has it all.

    `url` is where it came to, known only while it is being answered.
    """
    return WebhookRequest(
        method=row.method,
        form=form_of(row.content_type, bytes(row.body)),
        query=_object(row.query),
        headers=_object(row.headers),
        raw=bytes(row.body),
        url=url,
    )


def _object(text: str) -> dict[str, str]:
    found = orjson.loads(text or "{}")
    return found if isinstance(found, dict) else {}
