"""What Africa's Talking answers, and what that means for a recipient.

Status codes, callback fields and status words are from their developer documentation (SMS:
sending, delivery reports, notifications); that a request can be refused under HTTP 201 with an
empty list of recipients, and the forms of balances, from recorded answers of their servers.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from obidient.plugin import (
    Accepted,
    Balance,
    Defer,
    DeliveryReport,
    Message,
    Money,
    Outcome,
    Rejected,
    Retry,
    Stop,
    Unknown,
)

LAGOS = ZoneInfo("Africa/Lagos")
#: The networks' ban on promotional messages ends then (NCC rule).
MORNING = time(8, 0)

ACCEPTED = {100, 101, 102}
#: Codes of one number only: (what to say, number can't receive, person opted out).
REJECTED = {
    403: ("The network does not know this number", True, False),
    404: ("This kind of number can't get texts", True, False),
    406: ("The person has opted out with the network", False, True),
    407: ("The network found no route to this number", False, False),
    502: ("The network's gateway refused it", False, False),
}
#: Codes that will be the same for everybody.
STOPPING = {
    401: "Africa's Talking holds messages back as a risk: ask their support",
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


def money(text: Any) -> Money | None:
    """`KES 0.8000` -> Money; None for "0" and for what is no amount."""
    currency, _, amount = str(text or "").strip().partition(" ")
    if not amount:
        return None
    try:
        return Money(Decimal(amount.replace(",", "")), currency)
    except InvalidOperation:
        return None


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


def outcomes(
    messages: list[Message], answer: Any, balance_text: Callable[[], str]
) -> Iterator[Outcome]:
    """An outcome for each message from one answer; numbers are matched, not positions."""
    if isinstance(answer, dict) and answer.get("night"):
        yield from (_night(message) for message in messages)
        return
    data = answer.get("SMSMessageData") if isinstance(answer, dict) else None
    entries = data.get("Recipients") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        reason = str(answer) if isinstance(answer, Exception) else "The answer could not be read"
        yield from (Unknown(message, reason) for message in messages)
        return
    if not entries:
        yield _refused(str(data.get("Message", "")), balance_text)
        return
    by_number = {str(entry.get("number")): entry for entry in entries if isinstance(entry, dict)}
    for message in messages:
        entry = by_number.get(message.phone)
        if entry is None:
            yield Unknown(message, "The answer does not mention this number")
        else:
            yield _outcome(message, entry, balance_text)


def _refused(said: str, balance_text: Callable[[], str]) -> Stop:
    """The request as a whole was turned down: nothing was sent."""
    if said == "InvalidSenderId":
        return Stop(STOPPING[402], "InvalidSenderId")
    if "balance" in said.lower() or "credit" in said.lower():
        return Stop(_top_up(balance_text), "InsufficientBalance")
    return Stop(f"Africa's Talking sent nothing: {said or 'no explanation'}", said)


def _top_up(balance_text: Callable[[], str]) -> str:
    try:
        left = balance_text()
    except Exception:  # noqa: BLE001 - whatever keeps us from asking, the message is the same
        left = "unknown"
    return f"The Africa's Talking account is empty (balance {left}): top up, then resume"


def _night(message: Message) -> Defer:
    until = next_morning(datetime.now(UTC))
    return Defer(message, until, "The networks take no such messages before 08:00")


def _outcome(
    message: Message, entry: Mapping[str, Any], balance_text: Callable[[], str]
) -> Outcome:
    try:
        code = int(entry.get("statusCode", 0))
    except (TypeError, ValueError):
        code = 0
    provider_id = str(entry.get("messageId") or "")
    has_id = provider_id not in ("", "None")
    if code in ACCEPTED and has_id:
        parts = entry.get("messageParts")
        return Accepted(
            message,
            provider_id,
            cost=money(entry.get("cost")),
            parts=parts if isinstance(parts, int) else None,
        )
    if code in REJECTED:
        reason, invalid, suppress = REJECTED[code]
        return Rejected(message, str(code), reason, suppress=suppress, invalid=invalid)
    if code in STOPPING:
        return Stop(STOPPING[code], str(code))
    if code == NO_BALANCE:
        return Stop(_top_up(balance_text), str(code))
    if code == NIGHT:
        return _night(message)
    if code in TRANSIENT and not has_id:
        return Retry(message, f"The gateway failed ({entry.get('status') or code})")
    return Unknown(message, f"Africa's Talking answered {code} {entry.get('status') or ''}".strip())


def delivery_report(form: Mapping[str, str]) -> DeliveryReport | None:
    """From a callback's form. An unknown status is passed on for the core to show."""
    provider_id = form.get("id", "")
    if not provider_id:
        return None
    word = form.get("status", "")
    status = STATUSES.get(word.lower(), word)
    code = form.get("failureReason", "") or (word if status == "undelivered" else "")
    return DeliveryReport(
        provider_id=provider_id,
        status=status,
        phone=form.get("phoneNumber") or None,
        reason=REASONS.get(code, code),
        network=form.get("networkCode", ""),
        invalid=code in _GONE,
        suppress=code == "UserInBlackList",
    )
