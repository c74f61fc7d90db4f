"""The audit trail: every change of consequence, in one sentence, with who did it."""

from typing import Any

from flask import g, has_request_context
from flask_login import current_user

from obidient.accounts.models import AuditEntry, User


def actor() -> User | None:
    """The acting user: the token's or the one signed in; None for the system."""
    if not has_request_context():
        found: User | None = g.get("audit_user")
        return found
    if "api_user" in g:
        token_user: User = g.api_user
        return token_user

    if getattr(current_user, "is_authenticated", False):
        signed_in: User = current_user._get_current_object()
        return signed_in
    return None


def actor_name() -> str:
    """The acting user's e-mail address, or what acts in nobody's name."""
    user = actor()
    return str(user.email if user else g.get("audit_actor", "system"))


def record(
    action: str, summary: str, subject_type: str = "", subject_id: object = "", **details: Any
) -> None:
    """Write an entry, inside the caller's transaction when there is one.

    `action` is a dotted name ("campaign.launched"), `summary` the sentence people read; neither
    may hold a phone number.
    """
    user = actor()
    AuditEntry.create(
        user_id=user.id if user else None,
        actor=actor_name(),
        action=action,
        subject_type=subject_type,
        subject_id=str(subject_id),
        summary=summary,
        details=details,
    )
