"""How often an agent may ask: plenty for phones that catch up, a stop for one that runs wild.

Counted by request, never by sheet: a device that comes back after a day may send 500 at once. Each
web process counts for itself, so nothing is slower or refused while Redis is away. And when the
database keeps sheets waiting, further ones are told to come back before their phones give up.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator

from flask import Flask, current_app, g
from limits import RateLimitItem, parse
from limits.strategies import SlidingWindowCounterRateLimiter
from werkzeug.exceptions import TooManyRequests

from obidient.throttle import Memory

#: Two a second in the long run, and as many at once as a day offline can have piled up, should a
#: device send its reports one by one.
SHEETS = parse("600/5 minutes")
#: A photo of 10 MB in pieces of 64 KB is 160 requests.
PHOTOS = parse("600/minute")

#: Seconds that a request may have waited to be stored before others are sent away. The agent page
#: gives up after 60, and what waits at the door of the process is not seen here.
PATIENCE = 5.0
#: Key of `app.extensions`: thread -> since when it waits.
STORING = "obidient.sync_storing"


def init_app(app: Flask) -> None:
    app.extensions[STORING] = {}
    app.extensions["obidient.sync_pace"] = SlidingWindowCounterRateLimiter(Memory())


def check(limit: RateLimitItem, kind: str) -> None:
    """Raises 429, with the seconds to wait, when an agent asks too often, or a program's token."""
    limiter: SlidingWindowCounterRateLimiter = current_app.extensions["obidient.sync_pace"]
    # More phones are no more reports; a program that forwards those of many has a token for each.
    who = f"user:{g.api_user.id}" if g.api_user.role == "agent" else f"token:{g.token.id}"
    if not limiter.hit(limit, kind, who):
        raise TooManyRequests(
            "This device asks too often. Nothing is lost: wait a little, then send many sheets "
            "in one request.",
            retry_after=15,
        )


@contextlib.contextmanager
def storing() -> Iterator[None]:
    """Around storing sheets; raises 429, with the seconds to wait, while others wait too long."""
    waiting: dict[int, float] = current_app.extensions[STORING]
    now = time.monotonic()
    if now - min(waiting.copy().values(), default=now) > PATIENCE:
        raise TooManyRequests(
            "Very many sheets come in just now. Nothing is lost: send again in a few seconds.",
            # Not all at the same moment.
            retry_after=5 + secrets.randbelow(11),
        )
    mine = threading.get_ident()
    waiting[mine] = now
    try:
        yield
    finally:
        del waiting[mine]
