"""Wrong passwords are slowed down where they come from; the account's owner gets in meanwhile.

Ten wrong ones from one address, for one account, have to wait. A device that has signed in before
is counted by itself, so that no stranger's tries keep its owner out. When strangers have tried an
account from many addresses, each address still has one try: whoever types the right password at
once is never refused. (OWASP describes such counting by device in "Device cookies".)
"""

import ipaddress
import math
import time
from dataclasses import dataclass

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from limits import RateLimitItem, parse
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from obidient.accounts.growing import too_many
from obidient.accounts.models import User
from obidient.extensions import limiter

#: Wrong passwords for one account from one address, or from one device that is known.
PER_SOURCE = parse("10/15 minutes")
#: Wrong passwords from one address, whatever the account.
PER_ADDRESS = parse("30/5 minutes")
#: Wrong passwords for one account from devices that are not known, wherever they are ...
PER_ACCOUNT = parse("50/15 minutes")
#: ... and how many tries one address has from then on.
THEN = parse("1/15 minutes")
COOKIE, COOKIE_PATH, KEPT = "known_device", "/login", 180 * 86_400


@dataclass(frozen=True)
class Attempt:
    """One try of a password; `device` names a known device, else it is empty."""

    account: str
    address: str
    device: str

    def begin(self) -> None:
        """Raises TooManyRequests, with the seconds to wait, when too many before were wrong."""
        if self.device:
            self._take(PER_SOURCE, "device", self.device)
            return
        if not _counter().test(PER_ADDRESS, "address", self.address):
            raise _refusal(PER_ADDRESS, "address", self.address)
        if _counter().test(PER_ACCOUNT, "account", self.account):
            self._take(PER_SOURCE, "source", self.account, self.address)
        else:
            self._take(THEN, "then", self.account, self.address)

    def _take(self, limit: RateLimitItem, *key: str) -> None:
        # Counted before the password is looked at: of many at the same moment, none slips by.
        if not _counter().hit(limit, *key):
            raise _refusal(limit, *key)

    def wrong(self) -> None:
        if not self.device:
            _counter().hit(PER_ADDRESS, "address", self.address)
            _counter().hit(PER_ACCOUNT, "account", self.account)

    def right(self) -> None:
        """What was mistyped before is forgiven."""
        if self.device:
            # Nothing of what others tried behind the same address.
            _counter().clear(PER_SOURCE, "device", self.device)
            return
        _counter().clear(PER_SOURCE, "source", self.account, self.address)
        _counter().clear(THEN, "then", self.account, self.address)


def attempt(email: str, device: str) -> Attempt:
    """A try from the address of the current request."""
    return Attempt(email.strip().lower()[:254], network(request.remote_addr or ""), device)


def network(address: str, bits: int = 64) -> str:
    """What one person may have of addresses: one of IPv4, 2^64 of IPv6 (of `bits` the first)."""
    try:
        place = ipaddress.ip_address(address)
    except ValueError:
        return address
    if place.version == 4:
        return address
    return str(ipaddress.ip_network((int(place), bits), strict=False).network_address)


def _counter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(limiter.storage)


def _refusal(limit: RateLimitItem, *key: str) -> TooManyRequests:
    reset = _counter().get_window_stats(limit, *key).reset_time
    return too_many(math.ceil(reset - time.time()), "a wrong password from here")


# ---- browsers -----------------------------------------------------------------------------------


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=COOKIE)


def known_browser(user: User | None) -> str:
    """The mark of a browser in which this person has signed in before; empty for others.

    It lets nobody in, and what signs the person out everywhere ends it as well.
    """
    try:
        mark = _signer().loads(request.cookies.get(COOKIE, ""), max_age=KEPT)
    except BadSignature:
        return ""
    found = isinstance(mark, list) and user is not None and mark[:2] == [user.id, user.session_key]
    return request.cookies[COOKIE] if found else ""


def remember_browser(user: User) -> None:
    """Mark the browser of the current request as one of this person's."""
    value = _signer().dumps([user.id, user.session_key])

    @after_this_request
    def mark(response: Response) -> Response:
        response.set_cookie(
            COOKIE,
            value,
            max_age=KEPT,
            path=COOKIE_PATH,
            httponly=True,
            samesite="Lax",
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        )
        return response
