"""What Twilio answers and reports, and what that means for a recipient."""

import json
from collections.abc import Mapping
from typing import Any

from obidient.plugin import DeliveryReport, Explanation, IncomingMessage

SIGNATURE = "x-twilio-signature"
STATUSES = {
    "accepted": "sent",
    "scheduled": "sent",
    "queued": "sent",
    "sending": "sent",
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "canceled": "undelivered",
}
#: Refusals of one number: what to say, number can't receive, person opted out.
ONE_NUMBER = {
    "21211": ("Not a phone number that Twilio knows", True, False),
    "21214": ("This number can't be reached", False, False),
    "21610": ("The person has opted out with Twilio", False, True),
    "21612": ("Twilio has no way to this number", False, False),
    "21614": ("This kind of number can't get texts", False, False),
}
#: The sender's queue is full: it did not leave.
FULL = {"21611", "30001"}
EXPLANATIONS = {
    "21610": ("The person opted out", "Nothing to do: they are on the opt-out list."),
    "21211": ("Not a phone number", "Nothing to do: the number is marked invalid."),
    "21614": ("A kind of number that takes no messages", "Nothing to do for landlines."),
    "21612": ("Twilio has no way to this number", "Check that the sender may write to Nigeria."),
    "30001": ("Twilio's queue was full for too long", "Retry the failed at a slower pace."),
    "30003": ("The phone was off or out of reach", "Try these people at another time of day."),
    "30005": ("The number does not exist", "Nothing to do; consider removing the number."),
    "30006": ("A landline, or no way to it", "Nothing to do for landlines."),
    "30007": ("Filtered as unwanted", "Register the sender, and look at the wording."),
    "30008": ("The phone company gave no reason", "Try these people at another time."),
}


def explain(code: str) -> Explanation | None:
    known = EXPLANATIONS.get(code.strip())
    return Explanation(*known) if known else None


def error_of(text: str) -> tuple[str, str]:
    """(code, message) of an error's body."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return "", "no explanation"
    return str(said.get("code") or ""), str(said.get("message") or "no explanation")[:200]


def parts(said: Any) -> int | None:
    text = str(said or "")
    return int(text) if text.isascii() and text.isdigit() and text != "0" else None


def report(form: Mapping[str, str]) -> DeliveryReport:
    """An unknown status is passed on for the core to show. Raises ValueError without an id."""
    sid = form.get("MessageSid", "").strip()
    if not sid:
        raise ValueError("the report names no message")
    word = form.get("MessageStatus", "").strip().lower()
    status = STATUSES.get(word, word)
    code = form.get("ErrorCode", "").strip()
    lost = status == "undelivered"
    known = explain(code)
    return DeliveryReport(
        sid,
        status,
        phone=form.get("To") or None,
        reason=(known.meaning if known else f"Twilio reports {word} {code}".strip())
        if lost
        else "",
        code=(code or word) if lost else "",
        invalid=lost and code == "30005",
        suppress=code == "21610",
    )


def incoming(form: Mapping[str, str]) -> IncomingMessage:
    if not form.get("From"):
        raise ValueError("the callback names no phone number")
    return IncomingMessage(
        form.get("MessageSid", ""), form["From"], form.get("Body", ""), form.get("To", "")
    )
