"""Figures, times, money and states as people read them, offered to every template."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Flask, current_app, url_for
from markupsafe import Markup, escape

from obidient.clock import local, utcnow
from obidient.config import ROOT, settings
from obidient.contacts.phones import mask

#: What a state is called on the page; others are called by their own name.
STATUS_WORDS = {
    "queued": "Waiting",
    "sending": "Sending",
    "sent": "Sent",
    "delivered": "Delivered",
    "undelivered": "Not reached",
    "unreached": "Not reached",
    "not-sent": "Not sent",
    "failed": "Failed",
    "unconfirmed": "Unconfirmed",
    "skipped": "Left out",
    "ok": "Fine",
    "down": "Down",
    "done": "Done",
    "running": "Running",
}
_SIGNS = {"NGN": "₦", "USD": "$", "KES": "KSh ", "GHS": "GH₵ "}


def status_word(status: str) -> str:
    return STATUS_WORDS.get(status, status.replace("-", " ").capitalize())


def outcome(state: str, code: str = "", campaign: str = "") -> str:
    """A recipient's state as every page shows it.

    Whether the network refused a message or could not deliver it, the person was not reached; what
    a cancelled campaign did not get to is not sent.
    """
    if state in ("failed", "undelivered"):
        return "unreached"
    if code == "cancelled" or (state == "queued" and campaign == "cancelled"):
        return "not-sent"
    return state


def outcome_word(state: str) -> str:
    return status_word(outcome(state))


def number(value: float | None) -> str:
    """48129 as 48,129; a dash for nothing."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def percent(part: float, whole: float) -> str:
    """A share without false precision; never 100 % while something is missing."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 99.5 <= share < 100:
        return "99 %" if share < 99.9 else "99.9 %"
    if 0 < share < 1:
        return "under 1 %"
    return f"{share:.0f} %"


def plural(value: int, one: str, many: str = "") -> str:
    """`1 person`, `1,204 people`."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def money(e4: int | None, currency: str) -> str:
    """Ten-thousandths of a currency as an amount."""
    return amount(Decimal(e4 or 0) / 10_000, currency)


def amount(value: Decimal, currency: str) -> str:
    sign = _SIGNS.get(currency, currency + " " if currency else "")
    # Nobody reads the kobo of a million.
    return f"{sign}{value:,.0f}" if abs(value) >= 10_000 else f"{sign}{value:,.2f}"


def price(value: Decimal | None, currency: str) -> str:
    """The price of one part: ₦4.00, with a third figure where it has one."""
    if value is None:
        return ""
    shown = value.quantize(Decimal("0.0001")).normalize()
    more = max(2, -int(shown.as_tuple().exponent)) if shown else 2
    return f"{_SIGNS.get(currency, currency + ' ' if currency else '')}{shown:,.{more}f}"


def duration(seconds: float) -> str:
    """How long, in the two largest units: 3 h 12 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        hours, rest = divmod(whole, 3600)
        return f"{hours} h {rest // 60} min" if rest >= 60 else f"{hours} h"
    days, rest = divmod(whole, 86_400)
    return f"{days} d {rest // 3600} h" if rest >= 3600 else f"{days} d"


def pace(per_second: float) -> str:
    """How fast, in the unit that has figures before the point: 30.9/s, 15/min, 1/h."""
    for unit, seconds in (("s", 1), ("min", 60)):
        if per_second * seconds >= 1:
            return f"{number(round(per_second * seconds, 1))}/{unit}"
    return f"{number(round(per_second * 3600, 1))}/h" if per_second else "0/s"


def _here(moment: datetime) -> datetime:
    return local(moment, settings().timezone)


def clock(moment: datetime) -> str:
    """The time of day, and the day when it is not today: `16:42`, `tomorrow 08:00`."""
    here, today = _here(moment), _here(utcnow()).date()
    days = (here.date() - today).days
    if days == 0:
        return f"{here:%H:%M}"
    if days in (1, -1):
        return f"{'tomorrow' if days == 1 else 'yesterday'} {here:%H:%M}"
    return f"{here:%a} {here.day} {here:%b} {here:%H:%M}"


def clock_seconds(moment: datetime) -> str:
    """16:42:07."""
    return f"{_here(moment):%H:%M:%S}"


def short(seconds: float | None) -> str:
    """How long something quick took: 12 ms, 3.4 s, 2 min."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))} ms"
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def age(moment: datetime) -> str:
    """How long ago, as a figure: 12 s, 3 min."""
    return short((utcnow() - moment).total_seconds())


def with_offset(moment: datetime | None) -> str:
    """For files: 2026-10-14 08:00:05+01:00, which programs read and people too."""
    return _here(moment).isoformat(" ", "seconds") if moment else ""


def full(moment: datetime | None) -> str:
    """Tue 14 Oct 2026, 08:00 WAT."""
    if moment is None:
        return "–"
    here = _here(moment)
    return f"{here:%a} {here.day} {here:%b %Y, %H:%M %Z}"


def zone_label() -> str:
    """WAT, or whatever the operators' zone is called now."""
    return f"{_here(utcnow()):%Z}"


def zone_name() -> str:
    return str(settings().timezone)


def day(moment: datetime) -> str:
    """Today, Yesterday, or Tuesday 14 October 2026."""
    here, today = _here(moment).date(), _here(utcnow()).date()
    if here == today:
        return "Today"
    if here == today - timedelta(days=1):
        return "Yesterday"
    return f"{here:%A} {here.day} {here:%B %Y}"


def _ago(moment: datetime) -> str:
    seconds = (utcnow() - moment).total_seconds()
    size = abs(seconds)
    if size < 45:
        return "just now" if seconds >= 0 else "in a moment"
    for limit, unit, name in (
        (2700, 60, "minute"),
        (79_200, 3600, "hour"),
        (604_800, 86_400, "day"),
    ):
        if size < limit:
            words = plural(max(1, round(size / unit)), name)
            return f"{words} ago" if seconds >= 0 else f"in {words}"
    return clock(moment)


def when(moment: datetime | None) -> Markup:
    """Relative time, the absolute one in its title; the page keeps it true."""
    if moment is None:
        return Markup("–")
    return Markup('<time datetime="{}Z" title="{}" data-relative>{}</time>').format(
        moment.isoformat(timespec="seconds"), full(moment), _ago(moment)
    )


def at(moment: datetime | None) -> Markup:
    """A fixed time, with its zone in the title."""
    if moment is None:
        return Markup("–")
    return Markup('<time datetime="{}Z" title="{}">{}</time>').format(
        moment.isoformat(timespec="seconds"), full(moment), clock(moment)
    )


def lines(text: str) -> Markup:
    """Text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


def asset(name: str) -> str:
    """The address of one of our static files, its age in it: browsers may keep it for a year."""
    versions: dict[str, str] = current_app.extensions.setdefault("obidient.assets", {})
    if name not in versions or not settings().is_production:
        path = ROOT / "obidient" / "static" / name
        versions[name] = format(path.stat().st_mtime_ns // 1_000_000, "x") if path.exists() else "0"
    return url_for("static", filename=name, v=versions[name])


def init_app(app: Flask) -> None:
    """Offer all of this to templates."""
    for function in (asset, zone_label, zone_name):
        app.add_template_global(function)
    filters: dict[str, Callable[..., Any]] = {
        "num": number,
        "percent_of": percent,
        "plural": plural,
        "money": money,
        "amount": amount,
        "price": price,
        "duration": duration,
        "pace": pace,
        "clock": clock,
        "clock_seconds": clock_seconds,
        "moment": datetime.fromisoformat,
        "short": short,
        "age": age,
        "full": full,
        "day": day,
        "when": when,
        "at": at,
        "mask": mask,
        "status_word": status_word,
        "lines": lines,
    }
    for name, shown in filters.items():
        app.add_template_filter(shown, name)
