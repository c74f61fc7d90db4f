"""Every setting once: its name, default, meaning and check.

Settings come from the environment, then from the `.env` file beside `wsgi.py`.
A field `sms_batch_size` is the variable `SMS_BATCH_SIZE`.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from flask import current_app

from obidient import setting_values as value
from obidient.channel_settings import ChannelSettings, channel_specs
from obidient.setting_values import ROOT, QuietHours, parse_quiet_hours

__all__ = [
    "ROOT",
    "ConfigError",
    "QuietHours",
    "Settings",
    "documented_settings",
    "parse_quiet_hours",
    "settings",
]

#: In keys that people copy from an example and never change.
EXAMPLE = re.compile(r"change.?me|your.?secret|insecure|example", re.IGNORECASE)


class ConfigError(Exception):
    """A setting is missing or wrong; the text names the variable and what to do."""


def setting(default: str, parse: Callable[[str], Any], meaning: str) -> Any:
    return field(metadata={"default": default, "parse": parse, "meaning": meaning})


@dataclass(frozen=True)
class Settings:
    """All settings, parsed and checked. Build with `Settings.load()`."""

    env: str = setting(
        "production",
        value.one_of("production", "development"),
        "production, or development for one machine",
    )
    secret_key: str = setting("", value.text, "Signs sessions; at least 32 random characters")
    erasure_key: str = setting(
        "", value.text, "Hashes numbers of erased people; empty: SECRET_KEY. Never change it"
    )
    database_url: str = setting(
        "sqlite:///var/obidient.db", value.database_url, "sqlite:///FILE or postgresql://…"
    )
    redis_url: str | None = setting(
        "",
        value.redis_url,
        "redis://…, rediss://… or redis+sentinel://…; empty: embedded queue file, in-memory cache",
    )
    cache_redis_url: str | None = setting(
        "", value.redis_url, "A Redis of the cache's own, which may evict; empty: REDIS_URL"
    )
    queue_prefix: str = setting(
        "bulk-communications", value.text, "Every queue key in Redis starts with this"
    )
    bind: str = setting(
        "127.0.0.1",
        value.address,
        "The address the web server listens at; others only where a proxy alone can reach it",
    )
    port: int = setting("5000", value.whole(1, 65535), "The web server's port")
    web_concurrency: int = setting(
        "0", value.whole(0, 64), "Web processes; 0: 2 with Redis, 1 when embedded"
    )
    web_threads: int = setting("8", value.whole(1, 128), "Threads of each web process")
    public_url: str | None = setting("", value.base_url, "Where the public and providers reach us")
    trusted_proxies: int = setting(
        "0", value.whole(0, 5), "How many reverse proxies in front may set X-Forwarded-*"
    )
    communications_webhook_token: str = setting(
        "", value.text, "Secret in the callback addresses; without it callbacks are refused"
    )
    help_reply: str = setting(
        "Obidient: you get our messages because you joined us. Reply STOP to get no more.",
        value.text,
        "Answer to a text that says HELP; empty: none",
    )
    opt_out_reply: str = setting(
        "Obidient: you get no more messages from us. Text START if you want them again.",
        value.text,
        "Answer to who opts out by text, once; empty: none",
    )
    error_pause_count: int = setting(
        "50",
        value.whole(1, 1_000_000),
        "Errors after which a campaign may pause itself; ERROR_PAUSE_PERCENT must be met too",
    )
    error_pause_percent: int = setting(
        "30",
        value.whole(1, 100),
        "The share of its tries that must have failed before a campaign pauses itself",
    )
    require_second_factor: tuple[str, ...] = setting(
        "", value.roles, "Roles, separated by commas, whose people must have a second factor"
    )
    approval_above: int = setting(
        "0",
        value.whole(0, 1_000_000_000),
        "More people than this need a second person's approval; 0: never",
    )
    price_per_part: tuple[tuple[str, Decimal], ...] = setting(
        "", value.prices, "₦ for one part of a text: 4.00, or by network MTN=4.00,*=5.00"
    )
    budget: Decimal = setting(
        "0", value.naira, "The most that a campaign may cost, ₦: it stops there; 0: no limit"
    )
    ask_above: Decimal = setting(
        "0", value.naira, "Whoever sends a campaign that costs more, ₦, agrees to the sum; 0: never"
    )
    overdue_limit: int = setting(
        "60",
        value.whole(0, 525_600),
        "Minutes after which a scheduled campaign that nobody sent waits for a person; 0: never",
    )
    second_review_above: int = setting(
        "1000",
        value.whole(0, 1_000_000_000),
        "A decision that moves more votes takes a second reviewer; 0: never",
    )
    turnout_doubted_above: int = setting(
        "95",
        value.whole(0, 100),
        "Percent of turnout above which a polling unit is looked at; 0: never",
    )
    alert_to: tuple[str, ...] = setting(
        "",
        value.alert_to,
        "Who is told when something needs a person: mailto:…,https://…,sms:+234…,telegram:ID",
    )
    smtp_url: str = setting(
        "", value.smtp_url, "Mail server for alerts: smtp://USER:PASSWORD@HOST:587?from=ADDRESS"
    )
    metrics_token: str = setting(
        "",
        value.text,
        "Bearer token of GET /metrics; empty: none in production, open in development",
    )
    otel_exporter_otlp_endpoint: str | None = setting(
        "",
        value.base_url,
        "Where traces go over OTLP/HTTP, like http://127.0.0.1:4318; takes obidient[otel]",
    )
    sentry_dsn: str | None = setting(
        "", value.base_url, "Where tracebacks go, without their words; takes obidient[sentry]"
    )
    live_results_ttl: int = setting(
        "60", value.whole(1, 86_400), "Seconds a live summary is cached"
    )
    timezone: ZoneInfo = setting("Africa/Lagos", value.timezone, "The zone of every clock shown")
    quiet_hours: QuietHours | None = setting(
        "20:00-08:00", parse_quiet_hours, "No message leaves in this window; empty: none"
    )
    plugins: tuple[str, ...] | None = setting(
        "", value.names, "Unset: all of plugins/; set: exactly those; empty: none"
    )
    plugins_dir: Path = setting(
        "plugins", lambda value: ROOT / value.strip(), "Folder of plugins that are not installed"
    )
    plugins_strict: bool = setting("0", value.flag, "1: a broken plugin stops the start")
    log_level: str = setting(
        "info", value.one_of("debug", "info", "warning", "error"), "How much the logs say"
    )
    log_format: str = setting(
        "line", value.one_of("line", "json"), "line for people, json for machines that collect logs"
    )
    data_dir: Path = setting(
        "var", lambda value: ROOT / value.strip(), "Folder of what people upload"
    )
    log_dir: Path = setting("logs", lambda value: ROOT / value.strip(), "Folder of server.log")

    photo_storage: str = setting(
        "",
        value.photo_storage,
        "Photos of sheets: a folder, or s3://KEY:SECRET@HOST/BUCKET; empty: in DATA_DIR",
    )

    #: What the environment and `.env` held: plugins read their own variables from it.
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: Read when first asked for: a plugin may bring a channel.
    _channels: dict[str, ChannelSettings] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Parse the environment over `.env`; raises ConfigError naming every wrong variable."""
        if environ is None:
            environ = {k: v for k, v in stored().items() if v is not None} | dict(os.environ)
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for name, variable, spec in _specs():
            given = environ.get(variable)
            if variable == "PLUGINS" and given is None:
                values[name] = None
                continue
            # For these, empty says "none"; elsewhere it means unset.
            keep_empty = variable in {"PLUGINS", "QUIET_HOURS", "HELP_REPLY", "OPT_OUT_REPLY"}
            text = given if given is not None and (given.strip() or keep_empty) else spec["default"]
            try:
                values[name] = spec["parse"](text)
            except ValueError as error:
                # Without the password of an address: this is printed and logged.
                shown = value.describe_url(given or "")
                wrong.append(f"{variable} {error} (it is {shown!r}).")
        if wrong:
            raise ConfigError("\n".join(wrong))
        settings = cls(**values, environ=dict(environ))
        settings._check()
        return settings

    def _check(self) -> None:
        if any(place.startswith("mailto:") for place in self.alert_to) and not self.smtp_url:
            raise ConfigError("SMTP_URL is missing: ALERT_TO names an e-mail address.")
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

    def channel(self, name: str) -> ChannelSettings:
        """How messages of a channel are sent. Raises ConfigError for a setting that is wrong."""
        found = self._channels.get(name)
        if found is None:
            try:
                found = ChannelSettings.load(name, self.environ)
            except ValueError as error:
                raise ConfigError(str(error)) from None
            self._channels[name] = found
        return found

    def providers_named(self, channel: str) -> tuple[tuple[str, int], ...]:
        """(name, weight) of the providers named for a channel (`<CHANNEL>_PROVIDER`); maybe none.

        All weights are 0 where the order counts.
        """
        return self.channel(channel).providers


def stored() -> dict[str, str | None]:
    """What `.env` holds; it is its owner's alone, so whoever else runs a command is told so."""
    path = ROOT / ".env"
    try:
        return dotenv_values(path)
    except PermissionError:
        raise ConfigError(
            f"{path} may not be read by this user. Run the command as the one it belongs to "
            f"(sudo -u obidient …), or give it to the service's user: chown obidient: {path}"
        ) from None


def _specs() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for spec in fields(Settings):
        if "parse" in spec.metadata:
            variable = "OBIDIENT_ENV" if spec.name == "env" else spec.name.upper()
            yield spec.name, variable, spec.metadata


def documented_settings() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting: .env.example and the docs are tested on it."""
    own = [(variable, spec["default"], spec["meaning"]) for _, variable, spec in _specs()]
    return [*own, *channel_specs("sms"), *channel_specs("voice")]


def settings() -> Settings:
    """The settings of the current app."""
    found: Settings = current_app.extensions["obidient.settings"]
    return found
