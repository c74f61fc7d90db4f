"""What each role may do, in words for people and in scopes for programs."""

from typing import Any

SCOPES: dict[str, str] = {
    "campaigns:read": "See campaigns and how they are going",
    "campaigns:write": "Write, send, pause and cancel campaigns",
    "contacts:write": "Import and change contacts",
    "results:review": "Review and settle results",
    "sync": "Send in results from a polling unit",
    "admin": "Everything, users and settings included",
}

ROLES: dict[str, str] = {
    "admin": "Runs the system: everything, including people, plugins and queues",
    "organiser": "Runs campaigns: imports contacts, writes and sends messages",
    "reviewer": "Works in the results room: reviews and settles what agents send in",
    "agent": "Sends in the results of one polling unit",
    "viewer": "Looks at campaigns and results, changes nothing",
}

_ROLE_SCOPES: dict[str, frozenset[str]] = {
    "admin": frozenset(SCOPES),
    "organiser": frozenset({"campaigns:read", "campaigns:write", "contacts:write"}),
    "reviewer": frozenset({"results:review", "campaigns:read"}),
    "agent": frozenset({"sync"}),
    "viewer": frozenset({"campaigns:read"}),
}


def scopes_of(role: str) -> frozenset[str]:
    """The scopes a role holds; none for an unknown role."""
    return _ROLE_SCOPES.get(role, frozenset())


def allows(user: Any, scope: str) -> bool:
    """Whether an active user's role holds `scope`."""
    return bool(getattr(user, "active", False)) and scope in scopes_of(user.role)
