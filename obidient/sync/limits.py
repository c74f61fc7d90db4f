"""How often an agent may ask: plenty for phones that catch up, a stop for one that runs wild.

Counted by request, never by sheet: a device that comes back after a day may send 500 at once. Each
web process counts for itself, so nothing is slower or refused while Redis is away.
"""

from flask import Flask, current_app, g
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from werkzeug.exceptions import TooManyRequests

#: Two a second in the long run, and as many at once as a day offline can have piled up, should a
#: device send its reports one by one.
SHEETS = parse("600/5 minutes")
#: A photo of 10 MB in pieces of 64 KB is 160 requests.
PHOTOS = parse("600/minute")


def init_app(app: Flask) -> None:
    app.extensions["obidient.sync_pace"] = SlidingWindowCounterRateLimiter(MemoryStorage())


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
