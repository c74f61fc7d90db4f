"""What Termii answers and reports, and what that means for a recipient."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from obidient.plugin import (
    Accepted,
    DeliveryReport,
    Event,
    Explanation,
    IncomingMessage,
    Message,
    Money,
    Outcome,
    Rejected,
)

SIGNATURE = "x-termii-signature"
#: Status of a report, before its bar and without spaces -> ours.
STATUSES = {
    "delivered": "delivered",
    "messagesent": "sent",
    "sent": "sent",
    # Of a message of ours; they don't say by whom, so it claims no more.
    "received": "sent",
    "dndactiveonphonenumber": "undelivered",
    "messagefailed": "undelivered",
    "failed": "undelivered",
    "rejected": "undelivered",
    "expired": "undelivered",
}
EXPLANATIONS = {
    "dndactiveonphonenumber": (
        "The person has do-not-disturb on",
        "Only a dnd route reaches them; ask Termii's support to activate it.",
    ),
    "rejected": (
        "The person has do-not-disturb on",
        "Only a dnd route reaches them; ask Termii's support to activate it.",
    ),
    "messagefailed": ("The phone company could not deliver it", "Try another time or wording."),
    "failed": ("The phone company could not deliver it", "Try another time or wording."),
    "expired": (
        "The phone was off or out of reach for too long",
        "Try these people at another time of day.",
    ),
}


def word(text: Any) -> str:
    """`DELIVERED | Message delivered to handset` as `delivered`."""
    return re.sub("[^a-z]", "", str(text or "").partition("|")[0].lower())


def explain(code: str) -> Explanation | None:
    known = EXPLANATIONS.get(word(code))
    return Explanation(*known) if known else None


def digits(phone: Any) -> str:
    return re.sub("[^0-9]", "", str(phone or ""))


def distinct(messages: list[Message]) -> Iterator[list[Message]]:
    """Groups in which no number stands twice; one group, as a rule."""
    waiting = messages
    while waiting:
        group: dict[str, Message] = {}
        for message in waiting:
            group.setdefault(digits(message.phone), message)
        yield list(group.values())
        taken = {message.id for message in group.values()}
        waiting = [message for message in waiting if message.id not in taken]


def told(text: str) -> str:
    """Their own words in an error, whichever of its forms it has."""
    try:
        said = json.loads(text)
    except ValueError:
        said = text
    if isinstance(said, dict):
        said = said.get("message") or said.get("error") or said.get("errors") or said
    return " ".join(str(said).split())[:200] or "no explanation"


def event(form: Mapping[str, str], now: datetime) -> Event | None:
    """From a callback. An unknown status is passed on for the core to show.

    Raises ValueError for a report about no message.
    """
    provider_id = form.get("message_id", "").strip() or form.get("id", "").strip()
    status = word(form.get("status"))
    kind = word(form.get("type"))
    if kind == "inbound" or (status == "received" and kind != "outbound"):
        # Somebody wrote to us.
        phone = _phone(form.get("sender"))
        return IncomingMessage(
            provider_id, phone, form.get("message", ""), form.get("receiver", "")
        )
    if not provider_id:
        raise ValueError("the report names no message")
    ours = STATUSES.get(status, form.get("status", ""))
    lost = ours == "undelivered"
    known = explain(status)
    return DeliveryReport(
        provider_id,
        ours,
        phone=_phone(form.get("receiver")) if digits(form.get("receiver")) else None,
        reason=(known.meaning if known else form.get("status", "")) if lost else "",
        cost=_cost(form.get("cost")),
        code=status if lost else "",
    )


def _phone(text: str | None) -> str:
    number = digits(text)
    if not number:
        raise ValueError("the callback names no phone number")
    return f"+{number}" if len(number) > 6 and not number.startswith("0") else number


def _cost(text: str | None) -> Money | None:
    try:
        amount = Decimal(str(text or "").strip())
    except InvalidOperation:
        return None
    return Money(amount, "NGN") if amount.is_finite() and 0 < amount < 1_000_000 else None


def rows_of(said: Any) -> list[dict[str, Any]]:
    """What they know of a message, in either of the forms of their answer."""
    rows = said.get("data", said) if isinstance(said, dict) else said
    rows = rows if isinstance(rows, list) else [rows]
    return [row for row in rows if isinstance(row, dict)]


def became(message: Message, rows: list[dict[str, Any]]) -> Iterator[Outcome]:
    """What is known of one of the people under an id; nothing while nobody knows."""
    for row in rows:
        if digits(row.get("receiver")) != digits(message.phone):
            continue
        status = word(row.get("status"))
        ours = STATUSES.get(status)
        if ours in ("sent", "delivered"):
            yield Accepted(message, message.provider_id or "", cost=_cost(row.get("amount")))
        elif ours == "undelivered":
            known = explain(status)
            yield Rejected(message, status, known.meaning if known else status)
        return
