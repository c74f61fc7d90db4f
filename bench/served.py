"""What the live count and receipts are measured against: answers with next to nothing behind them.

`gunicorn -c bench/served_gunicorn.py served:bare` is the most that these settings can serve;
`served:flask_redis` is what a Flask view that asks Redis for each request reaches, and
`served:flask_insert` one that commits a row for each.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from typing import Any

import psycopg
import redis
from flask import Flask, Response, request

_store = redis.Redis.from_url(os.environ.get("REDIS_URL") or "redis://localhost")

flask_redis = Flask(__name__)
flask_insert = Flask(__name__)
#: The columns of a callback that came.
INSERT = "INSERT INTO bare (provider, event, received_at, body) VALUES ({0}, {0}, {0}, {0})"
_here = threading.local()


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


def _connection() -> tuple[Any, str]:
    """One for each thread, and the statement as its database writes it."""
    if not hasattr(_here, "found"):
        url = os.environ["DATABASE_URL"]
        if url.startswith("sqlite"):
            path = url.removeprefix("sqlite:///")
            made: Any = sqlite3.connect(path, isolation_level=None, timeout=15)
            made.execute("PRAGMA synchronous=full")
            _here.found = made, INSERT.format("?")
        else:
            _here.found = psycopg.connect(url, autocommit=True), INSERT.format("%s")
    found: tuple[Any, str] = _here.found
    return found


@flask_insert.post("/<path:anything>")
def insert_view(anything: str) -> str:
    """As a webhook is usually written."""
    connection, sql = _connection()
    connection.execute(sql, ("x", "y", time.time(), request.get_data()))
    return ""
