"""Stateless Flask extensions, one line each, bound in `init_app`."""

from typing import NoReturn

from flask import Flask, current_app, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError

from obidient.config import Settings
from obidient.throttle import FallbackStorage


class Forms(CSRFProtect):  # type: ignore[misc]
    """Who tries a new server before it has TLS is told why no form works there."""

    def _error_response(self, reason: str) -> NoReturn:
        if current_app.config["SESSION_COOKIE_SECURE"] and not request.is_secure:
            place = current_app.extensions["obidient.settings"].public_url
            reason = f"Signing in takes an encrypted connection: open {place} instead. ({reason})"
        raise CSRFError(reason)


csrf = Forms()
limiter = Limiter(get_remote_address, strategy="moving-window")


def init_app(app: Flask, settings: Settings) -> None:
    app.config.update(
        # Pages are left open over a long night; the token still dies with the session.
        WTF_CSRF_TIME_LIMIT=None,
        # Without Redis each process counts for itself, to the same limits.
        RATELIMIT_STORAGE_URI=f"{FallbackStorage.STORAGE_SCHEME[0]}://",
        RATELIMIT_STORAGE_OPTIONS={
            "redis_url": settings.redis_url or "",
            "prefix": f"{settings.queue_prefix}:limits",
            "breaker": app.extensions["obidient.breaker"],
        },
        RATELIMIT_KEY_PREFIX=f"{settings.queue_prefix}:limit",
        RATELIMIT_HEADERS_ENABLED=False,
    )
    csrf.init_app(app)
    limiter.init_app(app)
