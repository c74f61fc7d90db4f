"""Passwords: argon2id, with as many hashes at once as the machine can bear."""

import base64
import os
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from obidient.accounts.models import User
from obidient.errors import Invalid

SHORTEST = 10
LONGEST = 200

#: OWASP's 19 MiB parameter set: strong, and a flood of sign-ins can't exhaust the memory.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
#: A hash takes a core for tens of milliseconds: two at a time leave room for everything else.
_slots = threading.BoundedSemaphore(2)


def nobodys(hasher: PasswordHasher) -> str:
    """A hash that no text has, as costly to check as the hasher's own; making it costs nothing."""
    salt, drawn = (
        base64.b64encode(os.urandom(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${drawn}"


#: Checked for an unknown email, so that the answer takes as long as for a known one.
_NOBODY = nobodys(_hasher)


def hash_password(password: str) -> str:
    """The argon2id hash; raises Invalid for a password that is too short or too long."""
    if len(password) < SHORTEST:
        raise Invalid(f"Choose a password of at least {SHORTEST} characters.")
    if len(password) > LONGEST:
        raise Invalid(f"Choose a password of at most {LONGEST} characters.")
    with _slots:
        return _hasher.hash(password)


def verify(user: User | None, password: str) -> bool:
    """Whether it is this user's password; takes as long for nobody as for somebody."""
    if len(password) > LONGEST:
        return False
    with _slots:
        try:
            _hasher.verify(user.password_hash if user else _NOBODY, password)
        except (VerifyMismatchError, InvalidHashError):
            return False
    return user is not None


def needs_rehash(user: User) -> bool:
    return _hasher.check_needs_rehash(user.password_hash)
