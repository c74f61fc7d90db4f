"""How settings are written: a parser returns the value, or raises ValueError that says how."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from obidient import redis_client
from obidient.roles import ROLES

#: The folder of `wsgi.py`: plugins/, templates/, var/ and relative paths live here.
ROOT = Path(__file__).resolve().parent.parent


def text(value: str) -> str:
    return value.strip()


def optional(value: str) -> str | None:
    return value.strip() or None


def flag(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"", "0", "false", "no", "off"}:
        return False
    raise ValueError("must be 1 or 0")


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        try:
            number = int(value.strip())
        except ValueError:
            raise ValueError("must be a whole number") from None
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}")
        return number

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        try:
            number = float(value.strip())
        except ValueError:
            raise ValueError("must be a number") from None
        if not low <= number <= high:
            raise ValueError(f"must be from {low:g} to {high:g}")
        return number

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        lowered = value.strip().lower()
        if lowered not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return lowered

    return parse


def timezone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value.strip())
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("must be a time zone name such as Africa/Lagos") from None


def names(value: str) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def roles(value: str) -> tuple[str, ...]:
    roles = names(value) or ()
    for role in roles:
        if role not in ROLES:
            raise ValueError(f"must name roles: {', '.join(ROLES)}")
    return roles


def check_address(url: str) -> None:
    parts = urlsplit(url)
    try:
        _ = parts.port
        # A password's own signs are taken for the end of the host.
        if parts.netloc and "@" in parts.path + parts.fragment:
            raise ValueError
    except ValueError:
        raise ValueError(
            "must have a number from 0 to 65535 as its port, if any, "
            "and the signs / # ? @ % of a password as %2F %23 %3F %40 %25"
        ) from None


def describe_url(url: str) -> str:
    """The URL without its password, for people to read; drivers take one in the query as well."""
    plain = re.sub(r"(://[^:/@]*):.*@", r"\1:…@", url)
    return re.sub(r"([?&]\w*(?:password|secret|token)=)[^&]*", r"\1…", plain, flags=re.IGNORECASE)


def database_url(value: str) -> str:
    if not re.match(r"^(sqlite:///|postgres(ql)?://)", value.strip()):
        raise ValueError("must start with sqlite:/// or postgresql://")
    check_address(value.strip())
    return value.strip()


def redis_url(value: str) -> str | None:
    if not value.strip():
        return None
    if not re.match(r"^(rediss?(\+sentinel)?|unix)://", value.strip()):
        raise ValueError("must start with redis://, rediss:// or redis+sentinel://")
    if redis_client.is_sentinel(value.strip()):
        redis_client.sentinel_hosts(value.strip())
        redis_client.sentinel_service(value.strip())
        return value.strip()
    check_address(value.strip())
    path = urlsplit(value.strip()).path.strip("/")
    if not value.strip().startswith("unix") and path and not re.fullmatch("[0-9]+", path):
        raise ValueError("must end in a database's number, such as redis://127.0.0.1:6379/0")
    return value.strip()


def address(value: str) -> str:
    try:
        return str(ip_address(value.strip()))
    except ValueError:
        raise ValueError("must be an IP address such as 127.0.0.1, or 0.0.0.0 for all") from None


def base_url(value: str) -> str | None:
    if not value.strip():
        return None
    if not re.match(r"^https?://[^/]+", value.strip()):
        raise ValueError("must be a web address such as https://results.example.org")
    return value.strip().rstrip("/")


def photo_storage(value: str) -> str:
    where = value.strip()
    if where.startswith(("s3://", "s3+http://")):
        if not re.match(r"^s3(\+http)?://[^:/@]+:[^/@]+@[^/@]+/[^/?]+", where):
            raise ValueError("must look like s3://KEY:SECRET@HOST/BUCKET, or be a folder")
        return where
    return str(ROOT / where) if where else ""


@dataclass(frozen=True)
class QuietHours:
    """A daily window, local time, in which no message leaves; it may cross midnight."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def parse_quiet_hours(value: str) -> QuietHours | None:
    """Read `20:00-08:00`; an empty string means no quiet hours. Raises ValueError."""
    if not value.strip():
        return None
    match = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*", value)
    if not match:
        raise ValueError("must look like 20:00-08:00, or be empty")
    hours = [int(group) for group in match.groups()]
    try:
        start, end = time(hours[0], hours[1]), time(hours[2], hours[3])
    except ValueError:
        raise ValueError("must hold two times of day such as 20:00-08:00") from None
    return None if start == end else QuietHours(start, end)


#: As the table of prefixes of `phonenumbers` calls them.
NETWORKS = ("MTN", "Airtel", "Glo", "9mobile")


def naira(value: str) -> Decimal:
    try:
        amount = Decimal(value.strip().replace(",", "") or "0")
    except InvalidOperation:
        raise ValueError("must be an amount in naira, such as 50000") from None
    if not amount.is_finite() or not 0 <= amount <= 10**12:
        raise ValueError("must be an amount in naira, such as 50000")
    return amount


def _pairs(value: str) -> Iterator[tuple[str, str, str]]:
    """`a=b, c` as (a, =, b) and (c, "", "")."""
    for part in filter(None, (one.strip() for one in value.split(","))):
        left, sign, right = part.partition("=")
        yield left.strip(), sign, right.strip()


def prices(value: str) -> tuple[tuple[str, Decimal], ...]:
    """`4.00` or `MTN=4.00,*=5.00` as (network in small letters, naira); `*` is every other."""
    if not value.strip():
        return ()
    if "=" not in value:
        return (("*", naira(value)),)
    found: dict[str, Decimal] = {}
    for name, _, amount in _pairs(value):
        if name != "*" and name.casefold() not in map(str.casefold, NETWORKS):
            raise ValueError(f"must name networks ({', '.join(NETWORKS)}) or * for the others")
        found[name.casefold()] = naira(amount)
    if "*" not in found:
        raise ValueError("must end in the price of the other networks, such as MTN=4.00,*=5.00")
    return tuple(found.items())


def alert_to(value: str) -> tuple[str, ...]:
    places = names(value) or ()
    for place in places:
        if not re.match(
            r"^(mailto:[^@\s]+@[^@\s]+|https?://[^/\s]\S*|sms:\+\d{8,15}|telegram:\S+)$", place
        ):
            raise ValueError("must list mailto:…, https://…, sms:+234… or telegram:ID, by commas")
    return places


def smtp_url(value: str) -> str:
    if value.strip() and not re.match(r"^smtps?://[^/\s]+", value.strip()):
        raise ValueError("must look like smtp://USER:PASSWORD@HOST:587, or smtps://…")
    check_address(value.strip())
    return value.strip()


def by_operator(value: str) -> tuple[tuple[str, str], ...]:
    """`MTN=a,Airtel=b` as (operator in capitals, provider)."""
    known = [name.upper() for name in NETWORKS]
    found: list[tuple[str, str]] = []
    for operator, equals, name in _pairs(value):
        if operator.upper() not in known or not equals or not name:
            raise ValueError("must be like MTN=a,Airtel=b, of MTN, Airtel, Glo and 9mobile")
        found.append((operator.upper(), name))
    if len({operator for operator, _ in found}) < len(found):
        raise ValueError("names an operator twice")
    return tuple(found)


def providers(value: str) -> tuple[tuple[str, int], ...]:
    """`a`, `a,b` (in this order) or `a:3,b:1` (by weight) as (name, weight); no weight is 0."""
    found: list[tuple[str, int]] = []
    for part in filter(None, (one.strip() for one in value.split(","))):
        name, colon, weight = part.partition(":")
        if not name.strip() or (colon and not re.fullmatch(r"\s*[1-9][0-9]{0,3}\s*", weight)):
            raise ValueError("must be names such as a,b or names with weights such as a:3,b:1")
        found.append((name.strip(), int(weight) if colon else 0))
    if len({bool(weight) for _, weight in found}) > 1:
        raise ValueError("must give every provider a weight, or none: a:3,b:1 or a,b")
    if len({name for name, _ in found}) < len(found):
        raise ValueError("names a provider twice")
    return tuple(found)
