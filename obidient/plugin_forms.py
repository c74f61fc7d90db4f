"""Form fields of a callback as plugins read them: forms and JSON look alike."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import orjson
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header


def form_of(content_type: str, body: bytes) -> dict[str, str]:
    """Form fields, or the top level of a JSON object, as text without NULs."""
    mimetype, options = parse_options_header(content_type)
    if mimetype == "multipart/form-data":
        pairs = _multipart(mimetype, options, body)
    elif mimetype.endswith("json") or body.lstrip()[:1] == b"{":
        pairs = _json(body)
    else:
        pairs = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return {name: value.replace("\x00", "") for name, value in pairs.items()}


def _multipart(mimetype: str, options: Mapping[str, str], body: bytes) -> dict[str, str]:
    parser = FormDataParser(max_form_memory_size=len(body) + 1)
    try:
        _, form, _ = parser.parse(BytesIO(body), mimetype, len(body), dict(options))
    except ValueError:
        return {}
    return dict(form.items())


def _json(body: bytes) -> dict[str, str]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: _as_text(value) for name, value in found.items()}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
