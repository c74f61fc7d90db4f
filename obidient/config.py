"""Every setting once: its name, default, meaning and check.

Settings come from the environment, then from the `.env` file beside `wsgi.py`.
A field `sms_batch_size` is the variable `SMS_BATCH_SIZE`.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from flask import current_app

from obidient.roles import ROLES

#: The folder of `wsgi.py`: plugins/, templates/, var/ and relative paths live here.
ROOT = Path(__file__).resolve().parent.parent

#: In keys that people copy from an example and never change.
EXAMPLE = re.compile(r"change.?me|your.?secret|insecure|example", re.IGNORECASE)


class ConfigError(Exception):
    """A setting is missing or wrong; the text names the variable and what to do."""


def _text(value: str) -> str:
    return value.strip()


def _optional(value: str) -> str | None:
    return value.strip() or None


def _flag(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"", "0", "false", "no", "off"}:
        return False
    raise ValueError("must be 1 or 0")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        try:
            number = int(value.strip())
        except ValueError:
            raise ValueError("must be a whole number") from None
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}")
        return number

    return parse


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        try:
            number = float(value.strip())
        except ValueError:
            raise ValueError("must be a number") from None
        if not low <= number <= high:
            raise ValueError(f"must be from {low:g} to {high:g}")
        return number

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        lowered = value.strip().lower()
        if lowered not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return lowered

    return parse


def _timezone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value.strip())
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("must be a time zone name such as Africa/Lagos") from None


def _names(value: str) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _roles(value: str) -> tuple[str, ...]:
    roles = _names(value) or ()
    for role in roles:
        if role not in ROLES:
            raise ValueError(f"must name roles: {', '.join(ROLES)}")
    return roles


def _check_port(url: str) -> None:
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise ValueError("must have a number from 0 to 65535 as its port") from None


def _database_url(value: str) -> str:
    if not re.match(r"^(sqlite:///|postgres(ql)?://)", value.strip()):
        raise ValueError("must start with sqlite:/// or postgresql://")
    _check_port(value.strip())
    return value.strip()


def _redis_url(value: str) -> str | None:
    if not value.strip():
        return None
    if not re.match(r"^(rediss?|unix)://", value.strip()):
        raise ValueError("must start with redis:// or rediss://")
    _check_port(value.strip())
    path = urlsplit(value.strip()).path.strip("/")
    if not value.strip().startswith("unix") and path and not re.fullmatch("[0-9]+", path):
        raise ValueError("must end in a database's number, such as redis://127.0.0.1:6379/0")
    return value.strip()


def _base_url(value: str) -> str | None:
    if not value.strip():
        return None
    if not re.match(r"^https?://[^/]+", value.strip()):
        raise ValueError("must be a web address such as https://results.example.org")
    return value.strip().rstrip("/")


def _photo_storage(value: str) -> str:
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


def setting(default: str, parse: Callable[[str], Any], meaning: str) -> Any:
    return field(metadata={"default": default, "parse": parse, "meaning": meaning})


@dataclass(frozen=True)
class Settings:
    """All settings, parsed and checked. Build with `Settings.load()`."""

    env: str = setting(
        "production",
        _one_of("production", "development"),
        "production, or development for one machine",
    )
    secret_key: str = setting("", _text, "Signs sessions; at least 32 random characters")
    erasure_key: str = setting(
        "", _text, "Hashes numbers of erased people; empty: SECRET_KEY. Never change it"
    )
    database_url: str = setting(
        "sqlite:///var/obidient.db", _database_url, "sqlite:///FILE or postgresql://…"
    )
    redis_url: str | None = setting(
        "", _redis_url, "redis://… or rediss://…; empty: embedded queue file, in-memory cache"
    )
    queue_prefix: str = setting(
        "bulk-communications", _text, "Every queue key in Redis starts with this"
    )
    port: int = setting("5000", _whole(1, 65535), "The web server's port")
    web_concurrency: int = setting(
        "0", _whole(0, 64), "Web processes; 0: 2 with Redis, 1 when embedded"
    )
    web_threads: int = setting("8", _whole(1, 128), "Threads of each web process")
    public_url: str | None = setting("", _base_url, "Where the public and providers reach us")
    trusted_proxies: int = setting(
        "0", _whole(0, 5), "How many reverse proxies in front may set X-Forwarded-*"
    )
    at_username: str = setting("", _text, "Africa's Talking user name (`sandbox` for trials)")
    at_api_key: str = setting("", _text, "Africa's Talking API key")
    at_sms_sender_id: str = setting("", _text, "Registered sender name or short code")
    at_voice_caller_id: str = setting("", _text, "Your Africa's Talking phone number")
    at_base_url: str | None = setting("", _base_url, "Another host that speaks their API")
    communications_webhook_token: str = setting(
        "", _text, "Secret in the callback addresses; without it callbacks are refused"
    )
    help_reply: str = setting(
        "Obidient: you get our messages because you joined us. Reply STOP to get no more.",
        _text,
        "Answer to a text that says HELP; empty: none",
    )
    sms_batch_size: int = setting("500", _whole(1, 10_000), "Recipients of one SMS batch")
    voice_batch_size: int = setting("100", _whole(1, 10_000), "Recipients of one voice batch")
    sms_rate_limit_per_second: float = setting(
        "100", _number(0.01, 100_000), "Messages a second, over all workers together"
    )
    voice_rate_limit_per_second: float = setting(
        "4", _number(0.01, 100_000), "Calls a second, over all workers together"
    )
    sms_job_attempts: int = setting("3", _whole(1, 20), "Tries of one SMS before it is failed")
    sms_job_backoff_ms: int = setting("10000", _whole(1, 86_400_000), "Wait before the 2nd try")
    voice_job_attempts: int = setting("3", _whole(1, 20), "Tries of one call before it is failed")
    voice_job_backoff_ms: int = setting("15000", _whole(1, 86_400_000), "Wait before the 2nd try")
    sms_worker_concurrency: int = setting("4", _whole(1, 256), "SMS jobs at once per worker")
    voice_worker_concurrency: int = setting("2", _whole(1, 256), "Voice jobs at once per worker")
    error_pause_count: int = setting(
        "50", _whole(1, 1_000_000), "A campaign pauses itself after this many errors, if also"
    )
    error_pause_percent: int = setting(
        "30", _whole(1, 100), "this share of what it tried since it last began failed"
    )
    require_second_factor: tuple[str, ...] = setting(
        "", _roles, "Roles, separated by commas, whose people must have a second factor"
    )
    approval_above: int = setting(
        "0",
        _whole(0, 1_000_000_000),
        "More people than this need a second person's approval; 0: never",
    )
    live_results_ttl: int = setting("60", _whole(1, 86_400), "Seconds a live summary is cached")
    timezone: ZoneInfo = setting("Africa/Lagos", _timezone, "The zone of every clock shown")
    quiet_hours: QuietHours | None = setting(
        "20:00-08:00", parse_quiet_hours, "No message leaves in this window; empty: none"
    )
    sms_provider: str | None = setting("", _optional, "Plugin that carries SMS")
    voice_provider: str | None = setting("", _optional, "Plugin that carries voice calls")
    plugins: tuple[str, ...] | None = setting(
        "", _names, "Unset: all of plugins/; set: exactly those; empty: none"
    )
    plugins_dir: Path = setting(
        "plugins", lambda value: ROOT / value.strip(), "Folder of plugins that are not installed"
    )
    plugins_strict: bool = setting("0", _flag, "1: a broken plugin stops the start")
    log_level: str = setting(
        "info", _one_of("debug", "info", "warning", "error"), "How much the logs say"
    )
    data_dir: Path = setting(
        "var", lambda value: ROOT / value.strip(), "Folder of what people upload"
    )
    log_dir: Path = setting("logs", lambda value: ROOT / value.strip(), "Folder of server.log")

    photo_storage: str = setting(
        "",
        _photo_storage,
        "Photos of sheets: a folder, or s3://KEY:SECRET@HOST/BUCKET; empty: in DATA_DIR",
    )

    #: What the environment and `.env` held: plugins read their own variables from it.
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Parse the environment over `.env`; raises ConfigError naming every wrong variable."""
        if environ is None:
            stored = dotenv_values(ROOT / ".env")
            environ = {k: v for k, v in stored.items() if v is not None} | dict(os.environ)
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for name, variable, spec in _specs():
            given = environ.get(variable)
            if variable == "PLUGINS" and given is None:
                values[name] = None
                continue
            # For these, empty says "none"; elsewhere it means unset.
            keep_empty = variable in {"PLUGINS", "QUIET_HOURS", "HELP_REPLY"}
            text = given if given is not None and (given.strip() or keep_empty) else spec["default"]
            try:
                values[name] = spec["parse"](text)
            except ValueError as error:
                # Without the password of an address: this is printed and logged.
                shown = re.sub(r"(://[^:/@]*):[^@]*@", r"\1:…@", given or "")
                wrong.append(f"{variable} {error} (it is {shown!r}).")
        if wrong:
            raise ConfigError("\n".join(wrong))
        settings = cls(**values, environ=dict(environ))
        settings._check()
        return settings

    def _check(self) -> None:
        if self.is_production and (
            len(self.secret_key) < 32
            or len(set(self.secret_key)) < 8
            or EXAMPLE.search(self.secret_key)
        ):
            raise ConfigError(
                "SECRET_KEY is missing or weak: set it to at least 32 random characters, e.g. "
                'the output of: python3 -c "import secrets; print(secrets.token_hex(32))"\n'
                "(OBIDIENT_ENV=development is for trying things out on your own machine.)"
            )

    @property
    def is_production(self) -> bool:
        return self.env == "production"

    @property
    def embedded(self) -> bool:
        """No Redis: the queue is a file and the cache is in memory."""
        return self.redis_url is None

    @property
    def web_workers(self) -> int:
        return self.web_concurrency or (1 if self.embedded else 2)

    def batch_size(self, channel: str) -> int:
        return self.voice_batch_size if channel == "voice" else self.sms_batch_size

    def rate_limit(self, channel: str) -> float:
        """Messages a second; a channel of a plugin's own gets the SMS figure."""
        if channel == "voice":
            return self.voice_rate_limit_per_second
        return self.sms_rate_limit_per_second

    def job_attempts(self, channel: str) -> int:
        return self.voice_job_attempts if channel == "voice" else self.sms_job_attempts

    def job_backoff(self, channel: str) -> float:
        """Seconds before the second try."""
        ms = self.voice_job_backoff_ms if channel == "voice" else self.sms_job_backoff_ms
        return ms / 1000

    def worker_concurrency(self, channel: str) -> int:
        return self.voice_worker_concurrency if channel == "voice" else self.sms_worker_concurrency

    def provider_name(self, channel: str) -> str | None:
        """The provider the operator named for a channel, if any (`<CHANNEL>_PROVIDER`)."""
        if channel == "sms":
            return self.sms_provider
        if channel == "voice":
            return self.voice_provider
        variable = f"{channel.upper().replace('-', '_')}_PROVIDER"
        return _optional(self.environ.get(variable, ""))


def _specs() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for spec in fields(Settings):
        if "parse" in spec.metadata:
            variable = "OBIDIENT_ENV" if spec.name == "env" else spec.name.upper()
            yield spec.name, variable, spec.metadata


def documented_settings() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting: .env.example and the docs are tested on it."""
    return [(variable, spec["default"], spec["meaning"]) for _, variable, spec in _specs()]


def settings() -> Settings:
    """The settings of the current app."""
    found: Settings = current_app.extensions["obidient.settings"]
    return found
