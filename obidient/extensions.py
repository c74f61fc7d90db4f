"""Stateless Flask extensions, one line each, bound in `init_app`."""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect

from obidient.config import Settings

csrf = CSRFProtect()
limiter = Limiter(get_remote_address, strategy="moving-window")


def init_app(app: Flask, settings: Settings) -> None:
    app.config.update(
        # Pages are left open over a long night; the token still dies with the session.
        WTF_CSRF_TIME_LIMIT=None,
        RATELIMIT_STORAGE_URI=settings.redis_url or "memory://",
        RATELIMIT_KEY_PREFIX=f"{settings.queue_prefix}:limit",
        # Without Redis each process counts for itself, to the same limits.
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_HEADERS_ENABLED=False,
    )
    if settings.redis_url:
        app.config["RATELIMIT_STORAGE_OPTIONS"] = {
            "socket_connect_timeout": 0.5,
            "socket_timeout": 0.5,
        }
    csrf.init_app(app)
    limiter.init_app(app)
