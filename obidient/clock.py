"""What time it is: UTC without tzinfo in tables, the operators' zone where people read or wait.

Tests and trials move the clock with `OBIDIENT_CLOCK_SHIFT` (seconds), which worker processes
inherit; production ignores it.
"""

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_shift = timedelta(
    seconds=float(os.environ.get("OBIDIENT_CLOCK_SHIFT", "0") or 0)
    if os.environ.get("OBIDIENT_ENV") == "development"
    else 0
)


def utcnow() -> datetime:
    """The present, UTC, without tzinfo: what every time column holds."""
    return datetime.now(UTC).replace(tzinfo=None) + _shift


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """A time of a table (naive UTC) as an aware one in `zone`."""
    try:
        return moment.replace(tzinfo=UTC).astimezone(zone)
    except OverflowError:
        # The calendar's first and last hours don't exist everywhere; a page must not fail on them.
        return moment.replace(tzinfo=zone)


def clock_words(moment: datetime, zone: ZoneInfo) -> str:
    """`Sat 28 Nov, 09:00`: a time of a table in a sentence."""
    here = local(moment, zone)
    return f"{here:%a} {here.day} {here:%b}, {here:%H:%M}"


def isoformat(moment: datetime | None) -> str | None:
    """`2027-02-25T15:30:45.000Z`, the form of every time in the API."""
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds") + "Z"
