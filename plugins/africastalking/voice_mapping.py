"""What their voice service answers and reports, and what that means for a call.

Entry statuses, callback fields and hang-up causes are from their voice documentation and help
pages; that a request can be turned down under HTTP 200 with an errorMessage and no entries, from a
transcription of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from obidient.plugin import (
    Accepted,
    CallProgress,
    DeliveryReport,
    Message,
    Money,
    Outcome,
    Rejected,
    Stop,
    Unknown,
)

from . import mapping

#: Entry status -> what to say, whether the number is no good at all.
REJECTED = {
    "invalidphonenumber": ("The network does not know this number", True),
    "destinationnotsupported": ("The network does not call this number", False),
}
ACCEPTED = {"queued"}
NO_CREDIT = "insufficientcredit"

#: Hang-up cause -> in words.
CAUSES = {
    "USER_BUSY": "The person was on the phone",
    "NO_ANSWER": "Nobody answered",
    "NO_USER_RESPONSE": "The phone did not respond",
    "SUBSCRIBER_ABSENT": "The phone is off or out of reach",
    "CALL_REJECTED": "The person refused the call",
    "ORIGINATOR_CANCEL": "The call was given up before anybody answered",
    "NORMAL_TEMPORARY_FAILURE": "The network failed for a moment",
    "RECOVERY_ON_TIMER_EXPIRE": "The network took too long",
    "SERVICE_UNAVAILABLE": "The network could not take the call",
    "LOSE_RACE": "Another call came first",
    "USER_NOT_REGISTERED": "The phone is not registered with a network",
    "UNALLOCATED_NUMBER": "The number does not exist",
    "NORMAL_CLEARING": "Nobody answered",
    "UNSPECIFIED": "The network gives no reason",
}
#: In an hour it may be different. Whoever refused a call is left in peace, and a number that does
#: not exist stays so.
PASSING = {
    "USER_BUSY",
    "NO_ANSWER",
    "NO_USER_RESPONSE",
    "SUBSCRIBER_ABSENT",
    "NORMAL_TEMPORARY_FAILURE",
    "RECOVERY_ON_TIMER_EXPIRE",
    "SERVICE_UNAVAILABLE",
    "USER_NOT_REGISTERED",
}
#: A word of an operator's name -> its code in Nigeria.
CARRIERS = {
    "mtn": "62130",
    "airtel": "62120",
    "glo": "62150",
    "globacom": "62150",
    "9mobile": "62160",
    "t2": "62160",
    "etisalat": "62160",
}
_ANSWERED = {"completed", "answered"}
#: Causes that don't say whether somebody answered.
_SAYS_LITTLE = {"NORMAL_CLEARING", "UNSPECIFIED"}
_UNANSWERED = {"notanswered", "failed", "aborted", "busy", "noanswer", "rejected"}


def outcomes(
    messages: list[Message], answer: Any, balance_text: Callable[[], str]
) -> Iterator[Outcome]:
    """What one answer says of each call; numbers are matched, not positions."""
    entries = answer.get("entries") if isinstance(answer, dict) else None
    said = str(answer.get("errorMessage") or "None") if isinstance(answer, dict) else ""
    if not isinstance(entries, list):
        reason = "Africa's Talking's answer could not be read"
        yield from (Unknown(message, reason) for message in messages)
        return
    if not entries:
        if said != "None":
            yield _refused(said, balance_text)
        else:
            yield from (_unmentioned(message) for message in messages)
        return
    of_number: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        if isinstance(entry, dict):
            number = mapping.phone_digits(entry.get("phoneNumber"))
            of_number.setdefault(number, []).append(entry)
    broke = False
    for message in messages:
        found = of_number.get(mapping.phone_digits(message.phone), [])
        outcome = _outcome(message, found)
        broke = broke or outcome is None
        if outcome is not None:
            yield outcome
    if broke:
        yield _no_credit(balance_text)


def _outcome(message: Message, entries: list[dict[str, Any]]) -> Outcome | None:
    """None: there is no credit for this call, nor for any other."""
    if not entries:
        return _unmentioned(message)
    # Told two things about one number, the one by which it may ring is believed.
    entry = min(entries, key=lambda one: _word(one.get("status")) not in ACCEPTED)
    word, session = _word(entry.get("status")), _session(entry)
    if word in ACCEPTED:
        if session is None:
            return Unknown(message, "Africa's Talking took the call, but gave it no session id")
        return Accepted(message, session)
    if word == NO_CREDIT and session is None:
        return None
    if word in REJECTED:
        reason, invalid = REJECTED[word]
        return Rejected(message, str(entry.get("status")), reason, invalid=invalid)
    said = str(entry.get("status") or "nothing")[:60]
    return Unknown(message, f"Africa's Talking answered {said}", session)


def _unmentioned(message: Message) -> Unknown:
    return Unknown(message, "Africa's Talking's answer does not mention this number")


def _session(entry: Mapping[str, Any]) -> str | None:
    session = str(entry.get("sessionId") or "").strip()
    return session if session.lower() not in ("", "none") else None


def _word(text: Any) -> str:
    return "".join(filter(str.isalnum, str(text or ""))).lower()


def _refused(said: str, balance_text: Callable[[], str]) -> Stop:
    """The request as a whole was turned down: nobody is called."""
    if "credit" in said.lower() or "balance" in said.lower():
        return _no_credit(balance_text)
    return Stop(f"Africa's Talking made no call: {said}", said)


def _no_credit(balance_text: Callable[[], str]) -> Stop:
    return Stop(
        f"The Africa's Talking account is empty (balance {balance_text()}): top up and resume",
        "InsufficientCredit",
    )


# ---- what they call back with -----------------------------------------------------------------


def event(form: Mapping[str, str]) -> DeliveryReport | CallProgress | None:
    """A callback about a call; None for a call that somebody makes to us, or is still ringing.

    Raises ValueError for a callback about no call.
    """
    session = form.get("sessionId", "").strip()
    if not session:
        raise ValueError("the callback names no call")
    if _word(form.get("direction")) == "inbound":
        return None
    phone = mapping.phone(form["callerNumber"]) if form.get("callerNumber", "").strip() else None
    reference = form.get("clientRequestId", "")
    active = form.get("isActive", "").strip()
    if active == "1":
        return CallProgress(session, phone, reference, form.get("dtmfDigits", "").strip()[:1])
    if active != "0":
        raise ValueError("the callback does not say whether the call goes on")
    return _final(form, session, phone, reference)


def _final(
    form: Mapping[str, str], session: str, phone: str | None, reference: str
) -> DeliveryReport:
    seconds = _whole(form.get("durationInSeconds"))
    cause = form.get("hangupCause", "").strip().upper()
    words = [_word(form.get("status")), _word(form.get("callSessionState"))]
    status = _status(words, seconds, cause)
    taken = status == "delivered"
    return DeliveryReport(
        provider_id=session,
        status=status,
        phone=phone,
        reason="" if taken else CAUSES.get(cause, cause or "Nobody answered"),
        network=_network(form),
        cost=_cost(form),
        duration=seconds,
        invalid=not taken and cause == "UNALLOCATED_NUMBER",
        reference=reference,
        unanswered=not taken and (cause in PASSING or cause in ("", "NORMAL_CLEARING")),
    )


def _status(words: list[str], seconds: int, cause: str) -> str:
    """Talked for a second: answered, whatever else is said. An unheard-of word is passed on."""
    if seconds > 0:
        return "delivered"
    if cause in CAUSES and cause not in _SAYS_LITTLE:
        return "undelivered"
    if any(word in _ANSWERED for word in words):
        return "delivered"
    if any(word in _UNANSWERED for word in words) or not any(words) or cause in CAUSES:
        return "undelivered"
    return next(word for word in words if word)


def _network(form: Mapping[str, str]) -> str:
    """The operator's code; their voice service names the operator in words."""
    name = form.get("callerCarrierName", "").strip()
    words = set(re.findall(r"[0-9a-z]+", name.lower()))
    of_nigeria = form.get("callerCountryCode", "234").strip() in ("", "234")
    known = next((CARRIERS[word] for word in CARRIERS if word in words), name)
    return (form.get("networkCode", "").strip() or (known if of_nigeria else name))[:20]


def _whole(text: str | None) -> int:
    plain = (text or "").strip()
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 7 else 0


def _cost(form: Mapping[str, str]) -> Money | None:
    try:
        amount = Decimal(form.get("amount", "").strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 < amount < 1_000_000:
        return None
    return Money(amount, form.get("currencyCode", "").strip()[:3])
