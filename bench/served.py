"""What the live count is measured against: answers with nothing behind them.

`gunicorn -c bench/served_gunicorn.py served:bare` is the most that these settings can serve;
`served:flask_redis` is what a Flask view that asks Redis for each request reaches.
"""

import os
from collections.abc import Iterable
from typing import Any

import redis
from flask import Flask, Response

_store = redis.Redis.from_url(os.environ.get("REDIS_URL") or "redis://localhost")

flask_redis = Flask(__name__)


def bare(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The smallest JSON document."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
    return (b"{}",)


@flask_redis.get("/<path:anything>")
def plain_view(anything: str) -> Response:
    """As it is usually written."""
    return Response(_store.get("live-results:big") or b"{}", mimetype="application/json")


def reads(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The body is read, and that is all."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return bare(environ, start_response)
