"""Error codes and reasons in plain words: what happened, and what to do about it.

Codes of our own are explained here, a network's by its provider.
"""

import logging

from obidient.plugin import Explanation
from obidient.providers import registry

logger = logging.getLogger(__name__)

_IN_DOUBT = "Wait for delivery reports, then send again or give up. Sending again may repeat some."
_OURS = {
    "opted-out": ("Asked for no more messages", "Nothing to do: we keep to it."),
    "too-long": (
        "Their text would have had more parts than networks take",
        "Shorten the text and send it to these people anew: a copy reaches them.",
    ),
    "cancelled": ("The campaign was cancelled", "Clone the campaign to reach these people."),
    "no-answer": ("The network's answer never came", _IN_DOUBT),
    "unknown": ("The network's answer could not be understood", _IN_DOUBT),
    "restored": (
        "The system was restored from a backup, and may have written to them since it",
        _IN_DOUBT,
    ),
    "retries-used-up": ("Every try failed", "Look at the reason; retry the failed in a while."),
    "retry": ("Refused for now; tried again by itself", "Nothing to do."),
    "deferred": ("Not allowed at this hour", "Nothing to do: it goes out by itself later."),
    "unanswered": ("Nobody took the call; it is made again", "Nothing to do."),
    "undelivered": ("The network gave no reason", "Try these people at another time."),
}


def explain(code: str, reason: str = "", provider: str | None = None) -> Explanation:
    """What a code means to the provider that gave it; the reason as recorded when nobody knows."""
    ours = _OURS.get(code.strip().lower())
    if ours is not None:
        return Explanation(*ours)
    known = _of_provider(provider, code)
    return known or Explanation(reason or code, "Read the reason; retry once it is mended.")


def _of_provider(name: str | None, code: str) -> Explanation | None:
    """A provider's own words; a plugin that fails at it spoils no page."""
    found = registry.current().find(name or "")
    if found is None:
        return None
    try:
        return found.explain(code)
    except Exception:
        logger.exception("%s could not explain a code", found.name)
        return None
