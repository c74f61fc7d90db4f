"""Bearer tokens: made, shown once, stored as a hash, checked on every API request."""

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from flask import current_app, g, request

from obidient.accounts.models import ApiToken, User
from obidient.clock import utcnow
from obidient.database import aside, db, is_postgres
from obidient.errors import Forbidden, Invalid, Unauthorized
from obidient.roles import SCOPES, scopes_of

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

PREFIX = "obi_"
#: What the name of a phone's token begins with.
DEVICE = "device "
_TOKEN, _USER = ApiToken._meta.sorted_fields, User._meta.sorted_fields
#: How often a process writes what was used: once per request would be a write per read.
WRITE_EVERY = timedelta(seconds=10)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def issue(
    user: User, name: str, scopes: Iterable[str] = (), expires_at: datetime | None = None
) -> str:
    """Make a token and return it; this is the only time it can be seen.

    Raises Invalid for a scope that does not exist or that the user's role does not hold.
    """
    wanted = sorted(set(scopes))
    for scope in wanted:
        if scope not in SCOPES:
            raise Invalid(f"There is no scope {scope!r}. Choose from: {', '.join(SCOPES)}.")
        if scope not in scopes_of(user.role):
            raise Invalid(f"The role {user.role} may not hold the scope {scope!r}.")
    if not name.strip():
        raise Invalid("Give the token a name, so that you know later what uses it.")
    token = PREFIX + secrets.token_urlsafe(32)
    ApiToken.create(
        user=user,
        name=name.strip(),
        prefix=token[:10],
        digest=digest(token),
        scopes=" ".join(wanted),
        expires_at=expires_at,
    )
    return token


def revoke(token: ApiToken) -> None:
    """Make a token worthless from now on."""
    ApiToken.update(revoked_at=utcnow()).where(
        ApiToken.id == token.id, ApiToken.revoked_at.is_null()
    ).execute()


def is_device(token: ApiToken) -> bool:
    """Whether it is a trusted phone's."""
    return bool(token.name.startswith(DEVICE)) and state(token) == "live"


def revoke_devices(user_id: int) -> int:
    """Make the tokens of all of a person's phones worthless; returns how many phones there were."""
    mine = (ApiToken.user == user_id) & ApiToken.name.startswith(DEVICE)
    return _revoke_all(mine)


def revoke_all(user_id: int) -> int:
    """Make all tokens of a person worthless."""
    return _revoke_all(ApiToken.user == user_id)


def _revoke_all(which: Any) -> int:
    live = which & ApiToken.revoked_at.is_null()
    return int(ApiToken.update(revoked_at=utcnow()).where(live).execute())


def state(token: ApiToken) -> str:
    """`live`, `revoked` or `expired`."""
    if token.revoked_at is not None:
        return "revoked"
    is_over = token.expires_at is not None and token.expires_at <= utcnow()
    return "expired" if is_over else "live"


def scopes_now(token: ApiToken) -> frozenset[str]:
    """What a token may do today: its scopes, but never more than its user's role."""
    allowed = scopes_of(token.user.role)
    held = frozenset(token.scopes.split())
    # The scope `admin` is everything that an admin may do, as it says.
    return allowed & held if held and "admin" not in held & allowed else allowed


@cache
def _with_user(postgres: bool) -> str:
    """The statement of `find`: each request to the API needs it, so it is composed once."""
    query = ApiToken.select(*_TOKEN, *_USER).join(User)
    return str(query.where(ApiToken.digest == "", User.active).sql()[0])


def find(token: str) -> ApiToken | None:
    """The live token of an active user, or None."""
    if not token.startswith(PREFIX) or len(token) > 100:
        return None
    row = db.execute_sql(_with_user(is_postgres()), (digest(token),)).fetchone()
    if row is None:
        return None
    found = ApiToken(**_values(_TOKEN, row))
    found.user = User(**_values(_USER, row[len(_TOKEN) :]))
    return found if state(found) == "live" else None


def _values(fields: list[Any], row: tuple[Any, ...]) -> dict[str, Any]:
    """What a row holds of each of a model's fields; those of another model may follow."""
    return {
        field.name: field.python_value(value) for field, value in zip(fields, row, strict=False)
    }


class Uses:
    """When tokens were last used, written with the first use after a while of not writing."""

    def __init__(self) -> None:
        self._noted: dict[int, datetime] = {}
        self._written = datetime.min
        self._lock = threading.Lock()

    def note(self, token: ApiToken) -> None:
        now = utcnow()
        with self._lock:
            self._noted[token.id] = now
            if now - self._written < WRITE_EVERY:
                return
            noted, self._noted, self._written = self._noted, {}, now

        def write() -> None:
            for token_id, at in sorted(noted.items()):
                ApiToken.update(last_used_at=at).where(ApiToken.id == token_id).execute()

        aside(write)


def authorize(header: str, scopes: tuple[str, ...]) -> User:
    """Check an Authorization header; any one of `scopes` is enough, none means any token.

    Raises Unauthorized (missing or dead token) or Forbidden (too weak a token).
    """
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        raise Unauthorized("Send a token in the header: Authorization: Bearer TOKEN.")
    token = find(given.strip())
    if token is None:
        raise Unauthorized("This token is unknown, expired or revoked. Ask for a new one.")
    if scopes and not scopes_now(token) & set(scopes):
        raise Forbidden(f"This token may not do that: it needs the scope {' or '.join(scopes)}.")
    g.token = token
    g.api_user = token.user
    current_app.extensions.setdefault("obidient.token_uses", Uses()).note(token)
    return token.user


# ---- endpoints ----------------------------------------------------------------------------------


def requires(*scopes: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Require a Bearer token that holds one of these scopes, or whose user's role does."""

    def decorate(view: Callable[P, T]) -> Callable[P, T]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            # `admit` has been here, unless a view is called by another.
            if g.get("admitted_for") != scopes:
                authorize(request.headers.get("Authorization", ""), scopes)
            return view(*args, **kwargs)

        guarded.__obidient_scopes__ = scopes  # type: ignore[attr-defined]
        return guarded

    return decorate


def public(view: F) -> F:
    """Take requests without a token: this endpoint is for everybody, or has a proof of its own."""
    view.__obidient_public__ = True  # type: ignore[attr-defined]
    return view


def admit() -> None:
    """Before anything of a request to the API is read or looked up: its token.

    An endpoint that says nothing of tokens takes any live one, so a forgotten mark shuts a door
    and opens none.
    """
    if request.endpoint is None or not request.path.startswith("/api/"):
        return
    view = current_app.view_functions[request.endpoint]
    if getattr(view, "__obidient_public__", False):
        return
    scopes: tuple[str, ...] | None = getattr(view, "__obidient_scopes__", None)
    if scopes is None:
        needs = getattr(current_app.blueprints.get(request.blueprint or ""), "needs", tuple)
        scopes = needs()
    authorize(request.headers.get("Authorization", ""), scopes)
    g.admitted_for = scopes
