"""What Africa's Talking answers and reports, and what that means for a recipient.

Status codes, callback fields and status words are from their developer documentation (SMS:
sending, delivery reports, notifications); that a request can be refused under HTTP 201 with an
empty list of recipients, and the forms of balances, from recorded answers of their servers.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from obidient.plugin import (
    Accepted,
    Balance,
    Defer,
    DeliveryReport,
    Explanation,
    Message,
    Money,
    Outcome,
    Rejected,
    Retry,
    Stop,
    Unknown,
)

LAGOS = ZoneInfo("Africa/Lagos")
_NO_DIGITS = re.compile(r"[^0-9]+")
#: The networks' ban on promotional messages ends then (NCC rule).
MORNING = time(8, 0)

ACCEPTED = {100, 101, 102}
#: Codes of one number only: (what to say, number can't receive, person opted out).
REJECTED = {
    403: ("The network does not know this number", True, False),
    # A landline, say: no good for texts, but it may well be called.
    404: ("This kind of number can't get texts", False, False),
    406: ("The person has opted out with the network", False, True),
    407: ("The network found no route to this number", False, False),
    502: ("The network's gateway refused it", False, False),
}
#: Codes that will be the same for everybody: a person has to act.
RISK_HOLD = 401
STOPPING = {
    RISK_HOLD: "Africa's Talking holds messages back as a risk: ask their support",
    402: "Africa's Talking does not accept the sender name: check AT_SMS_SENDER_ID",
}
NO_BALANCE = 405
NIGHT = 409
TRANSIENT = {500, 501}

#: Delivery report status -> ours; the first three are on the way.
STATUSES = {
    "sent": "sent",
    "submitted": "sent",
    "buffered": "sent",
    "success": "delivered",
    "failed": "undelivered",
    "rejected": "undelivered",
    "absentsubscriber": "undelivered",
    "expired": "undelivered",
}
REASONS = {
    "InsufficientCredit": "The account has no credit",
    "UserIsInactive": "The number is not in use",
    "UserInBlackList": "The person has opted out with the network",
    "UserAccountSuspended": "The person's line is suspended",
    "NotNetworkSubcriber": "The number has left this network",
    "NotNetworkSubscriber": "The number has left this network",
    "UserDoesNotExist": "The number does not exist",
    "DeliveryFailure": "The network could not deliver it",
    "DoNotDisturbRejection": "The networks take no such messages at night",
    "AbsentSubscriber": "The phone is off or out of reach",
    "Expired": "The network threw the message away",
}
_GONE = {"UserDoesNotExist"}

#: Code of an answer, or reason of a report in small letters -> what happened, what to do about it.
EXPLANATIONS = {
    "401": (
        "The network held the message back as risky",
        "Ask the network's support what their filter objects to.",
    ),
    "402": ("The sender name is not registered", "Correct the sender on the Plugins page."),
    "403": ("Not a phone number the network knows", "Nothing to do: the number is marked invalid."),
    "404": ("A kind of number that takes no messages", "Nothing to do for landlines and the like."),
    "405": ("The account has no money left", "Top it up, then retry the failed."),
    "406": (
        "The person opted out with the network",
        "Nothing to do: they are on the opt-out list.",
    ),
    "407": ("The network found no route", "Retry later; if it stays, ask the network's support."),
    "409": ("Promotional messages rest at night", "Nothing to do: they go out in the morning."),
    "500": ("The network had a fault of its own", "Retry the failed in a while."),
    "501": ("The phone company's gateway had a fault", "Retry the failed in a while."),
    "502": ("The phone company refused the message", "Check the sender name and the wording."),
    "absentsubscriber": (
        "The phone was off or out of reach for too long",
        "Try these people at another time of day.",
    ),
    "userinblacklist": (
        "The person blocked messages of this kind",
        "Nothing to do: they don't want these messages.",
    ),
    "useraccountsuspended": ("The line is suspended", "Nothing to do."),
    "userisinactive": ("The line is not in use", "Nothing to do; consider removing the number."),
    "userdoesnotexist": (
        "The number is not in use",
        "Nothing to do; consider removing the number.",
    ),
    "notnetworksubcriber": ("The number has moved to another company", "Retry the failed once."),
    "notnetworksubscriber": ("The number has moved to another company", "Retry the failed once."),
    "insufficientcredit": ("The account has no money left", "Top it up, then retry the failed."),
    "deliveryfailure": (
        "The phone company could not deliver it",
        "Often a do-not-disturb line or a filtered sender. Try another time or wording.",
    ),
    "donotdisturbrejection": (
        "A do-not-disturb line, or promotional messages at night",
        "Send by day; ask the network about a transactional sender.",
    ),
    "expired": ("The phone company threw it away", "Check the sender name and the wording."),
}


def explain(code: str) -> Explanation | None:
    """What one of their codes means, however it is written; None for one they have not told us."""
    known = EXPLANATIONS.get(code.strip().lower())
    return Explanation(*known) if known else None


def money(text: Any) -> Money | None:
    """`KES 0.8000` -> Money; None for "0" and for what is no amount."""
    return _money(str(text or ""))


@lru_cache(maxsize=1_000)
def _money(text: str) -> Money | None:
    """Remembered: most messages of a campaign cost the same."""
    currency, _, amount = text.strip().partition(" ")
    if not amount:
        return None
    try:
        number = Decimal(amount.replace(",", ""))
    except InvalidOperation:
        return None
    return Money(number, currency) if number.is_finite() else None


def balance(answer: Any) -> Balance | None:
    """From `{"UserData": {"balance": "USD 12.34"}}`, in either spelling."""
    if not isinstance(answer, dict):
        return None
    data = answer.get("UserData") or answer.get("userData") or {}
    return money(data.get("balance")) if isinstance(data, dict) else None


def next_morning(now: datetime) -> datetime:
    """The next 08:00 in Lagos, aware."""
    here = now.astimezone(LAGOS)
    morning = datetime.combine(here.date(), MORNING, LAGOS)
    return morning if here < morning else morning + timedelta(days=1)


def distinct(messages: list[Message]) -> Iterator[list[Message]]:
    """Groups in which no number stands twice; one group, as a rule."""
    waiting = messages
    while waiting:
        group: dict[str, Message] = {}
        for message in waiting:
            group.setdefault(message.phone, message)
        yield list(group.values())
        taken = {message.id for message in group.values()}
        waiting = [message for message in waiting if message.id not in taken]


def outcomes(
    messages: list[Message], answer: Any, balance_text: Callable[[], str]
) -> Iterator[Outcome]:
    """What one answer says of each message; numbers are matched, not positions.

    Messages without an outcome are those that a Stop at the end is about.
    """
    if isinstance(answer, dict) and answer.get("night"):
        yield from (_night(message) for message in messages)
        return
    data = answer.get("SMSMessageData") if isinstance(answer, dict) else None
    entries = data.get("Recipients") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(entries, list):
        reason = "Africa's Talking's answer could not be read"
        yield from (Unknown(message, reason) for message in messages)
        return
    said = str(data.get("Message") or "")
    if not entries:
        yield _refused(said, balance_text)
        return
    of_number, parts = _by_number(entries), _parts(said)
    stops: set[int] = set()
    for message in messages:
        found = of_number.get(phone_digits(message.phone), [])
        yield from _outcome(message, found, parts, stops)
    yield from (_stop(code, balance_text) for code in sorted(stops))


@dataclass(frozen=True)
class _Entry:
    """One recipient of an answer."""

    code: int
    status: str
    provider_id: str | None
    cost: Money | None
    parts: int | None


def _by_number(entries: list[Any]) -> dict[str, list[_Entry]]:
    found: dict[str, list[_Entry]] = {}
    for entry in entries:
        if isinstance(entry, dict):
            found.setdefault(phone_digits(entry.get("number")), []).append(_entry(entry))
    return found


def _entry(entry: dict[str, Any]) -> _Entry:
    try:
        code = int(entry.get("statusCode") or 0)
    except (TypeError, ValueError):
        code = 0
    provider_id = str(entry.get("messageId") or "").strip()
    parts = entry.get("messageParts")
    return _Entry(
        code,
        str(entry.get("status") or ""),
        provider_id if provider_id.lower() not in ("", "none") else None,
        money(entry.get("cost")),
        parts if isinstance(parts, int) and parts > 0 else None,
    )


def _outcome(
    message: Message, entries: list[_Entry], parts: int | None, stops: set[int]
) -> Iterator[Outcome]:
    """At most one outcome; a code that concerns everybody goes to `stops` in its place."""
    if not entries:
        yield Unknown(message, "Africa's Talking's answer does not mention this number")
        return
    # Told two things about one number, the one by which more may have left is believed.
    entry = min(entries, key=lambda one: (one.code not in ACCEPTED, one.provider_id is None))
    if entry.code in STOPPING or entry.code == NO_BALANCE:
        stops.add(entry.code)
        if entry.code == RISK_HOLD and entry.provider_id:
            # Held under an id: they may let it go yet.
            yield Unknown(message, STOPPING[RISK_HOLD], entry.provider_id)
    else:
        yield _of_one(message, entry, parts)


def _of_one(message: Message, entry: _Entry, parts: int | None) -> Outcome:
    """An outcome that concerns this number only."""
    if entry.code in ACCEPTED:
        if entry.provider_id is None:
            return Unknown(message, "Africa's Talking took it, but gave no message id")
        return Accepted(message, entry.provider_id, cost=entry.cost, parts=entry.parts or parts)
    if entry.code in REJECTED:
        reason, invalid, suppress = REJECTED[entry.code]
        return Rejected(message, str(entry.code), reason, suppress=suppress, invalid=invalid)
    if entry.code == NIGHT:
        return _night(message)
    said = f"{entry.code} {entry.status}".strip()
    if entry.code in TRANSIENT and entry.provider_id is None:
        return Retry(message, f"Africa's Talking's gateway failed ({said})")
    return Unknown(message, f"Africa's Talking answered {said}", entry.provider_id)


def _parts(said: str) -> int | None:
    """From "Sent to 1/1 Total Cost: NGN 5 Message parts: 2": one text, so one number of parts."""
    found = re.search(r"Message parts:\s*(\d+)", said)
    return int(found[1]) if found else None


def phone_digits(number: Any) -> str:
    """A number without the ways of writing it."""
    return _NO_DIGITS.sub("", str(number or ""))


def _refused(said: str, balance_text: Callable[[], str]) -> Stop:
    """The request as a whole was turned down: nothing was sent."""
    if said == "InvalidSenderId":
        return _stop(402, balance_text)
    if "balance" in said.lower() or "credit" in said.lower():
        return _stop(NO_BALANCE, balance_text)
    return Stop(f"Africa's Talking sent nothing: {said or 'no explanation'}", said)


def _stop(code: int, balance_text: Callable[[], str]) -> Stop:
    if code == NO_BALANCE:
        reason = f"Africa's Talking account is empty (balance {balance_text()}): top up and resume"
        return Stop(f"The {reason}", str(code))
    return Stop(STOPPING[code], str(code))


def _night(message: Message) -> Defer:
    until = next_morning(datetime.now(UTC))
    return Defer(message, until, "The networks take no such messages before 08:00")


# ---- what they call back with -----------------------------------------------------------------


def phone(text: str | None) -> str:
    """A number as they write it; a plus sign that a form turned into a space comes back.

    Raises ValueError when there is none: a callback about nobody.
    """
    plain = (text or "").strip().replace(" ", "")
    if not plain:
        raise ValueError("the callback names no phone number")
    return f"+{plain}" if plain.isdecimal() and len(plain) > 6 else plain


def delivery_report(form: Mapping[str, str]) -> DeliveryReport:
    """From a callback's form. An unknown status is passed on for the core to show.

    Raises ValueError for a report about no message.
    """
    provider_id = form.get("id", "").strip()
    if not provider_id:
        raise ValueError("the delivery report names no message")
    word = form.get("status", "").strip()
    status = STATUSES.get(word.lower(), word)
    code = form.get("failureReason", "").strip() or (word if status == "undelivered" else "")
    return DeliveryReport(
        provider_id=provider_id,
        status=status,
        phone=phone(form["phoneNumber"]) if form.get("phoneNumber") else None,
        reason=REASONS.get(code, code) if status == "undelivered" else "",
        code=code if status == "undelivered" else "",
        network=form.get("networkCode", ""),
        invalid=code in _GONE,
        suppress=code == "UserInBlackList",
    )
