"""What Kannel and Jasmin say of a message, and what that means for a recipient."""

import re
from collections.abc import Mapping

from obidient.plugin import DeliveryReport, Explanation, IncomingMessage

#: Kannel's report types; a final one may carry 32 (expired) or 64 (unknown) on top.
TYPES = {
    "1": "delivered",
    "2": "undelivered",
    "4": "sent",
    "8": "sent",
    "16": "undelivered",
    "34": "undelivered",
}
#: Jasmin's, which are SMPP's own words.
WORDS = {
    "ESME_ROK": "sent",
    "ACCEPTD": "sent",
    "ENROUTE": "sent",
    "DELIVRD": "delivered",
    "UNDELIV": "undelivered",
    "EXPIRED": "undelivered",
    "REJECTD": "undelivered",
    "DELETED": "undelivered",
}
EXPLANATIONS = {
    "UNDELIV": ("The phone company could not deliver it", "Try another time or wording."),
    "EXPIRED": (
        "The phone was off or out of reach for too long",
        "Try these people at another time of day.",
    ),
    "REJECTD": ("The phone company refused it", "Check the sender name and the wording."),
    "DELETED": ("The phone company threw it away", "Ask the aggregator's support."),
    "400": ("The gateway could not read the message", "Look into the gateway's log."),
    "406": ("The gateway refuses this number", "Nothing to do for this number."),
    "412": ("The gateway has no way to this number", "Look at its routes and its binds."),
}
_OF_TYPE = {"2": "UNDELIV", "16": "REJECTD", "34": "EXPIRED"}
#: GSM 03.38: what one septet holds, and what two do.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)


def is_gsm(text: str) -> bool:
    """Whether a text needs no wider alphabet."""
    return set(text) <= _GSM


def took(text: str) -> bool:
    """`0: Accepted for delivery`, `3: Queued for later delivery`, or `Success "id"`."""
    return re.match(r'\s*([03]:|Success ")', text) is not None


def explain(code: str) -> Explanation | None:
    known = EXPLANATIONS.get(code.strip().upper())
    return Explanation(*known) if known else None


def report(fields: Mapping[str, str]) -> DeliveryReport:
    """From a callback's fields. An unknown status is passed on for the core to show.

    Raises ValueError for a report about no message.
    """
    ours = fields.get("oid", "").strip()
    if not ours:
        raise ValueError("the report names no message of ours")
    kind = fields.get("type", "").strip()
    word = (_OF_TYPE.get(kind, "") if kind else fields.get("message_status", "")).strip().upper()
    status = (TYPES if kind else WORDS).get(kind or word, kind or word)
    lost = status == "undelivered"
    known = explain(word)
    return DeliveryReport(
        ours,
        status,
        phone=_phone(fields.get("to", "")),
        reason=(known.meaning if known else word) if lost else "",
        code=word if lost else "",
        invalid=lost and "RINVDSTADR" in fields.get("answer", ""),
    )


def incoming(fields: Mapping[str, str]) -> IncomingMessage:
    """Kannel: `from`, `to`, `text`, `id` as its sms-service names them; Jasmin: `content`."""
    phone = _phone(fields.get("from", ""))
    if not phone:
        raise ValueError("the callback names no phone number")
    text = fields.get("text", "") or fields.get("content", "")
    return IncomingMessage(fields.get("id", ""), phone, text, fields.get("to", ""))


def _phone(text: str) -> str | None:
    plain = re.sub("[^0-9]", "", text)
    if not plain:
        return None
    return f"+{plain}" if len(plain) > 6 and not plain.startswith("0") else plain
