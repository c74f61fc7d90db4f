"""Error codes and reasons in plain words: what happened, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    meaning: str
    advice: str


_KNOWN = {
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
    "opted-out": ("Asked for no more messages", "Nothing to do: we keep to it."),
    "cancelled": ("The campaign was cancelled", "Clone the campaign to reach these people."),
    "no-answer": (
        "The network's answer never came",
        "Wait for delivery reports, then send again or give up. Sending again may repeat some.",
    ),
    "unknown": (
        "The network's answer could not be understood",
        "Wait for delivery reports, then send again or give up. Sending again may repeat some.",
    ),
    "restored": (
        "The system was restored from a backup, and may have written to them since it",
        "Wait for delivery reports, then send again or give up. Sending again may repeat some.",
    ),
    "retries-used-up": ("Every try failed", "Look at the reason; retry the failed in a while."),
    "retry": ("Refused for now; tried again by itself", "Nothing to do."),
    "deferred": ("Not allowed at this hour", "Nothing to do: it goes out by itself later."),
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
    "undelivered": ("The network gave no reason", "Try these people at another time."),
}


def explain(code: str, reason: str = "") -> Explanation:
    """What a code means; the reason as recorded when it is none we know."""
    known = _KNOWN.get(code.strip().lower())
    if known is None:
        return Explanation(reason or code, "Read the reason; retry once it is mended.")
    return Explanation(*known)
