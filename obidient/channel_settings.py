"""What can be set for each channel: `SMS_BATCH_SIZE`, `VOICE_BATCH_SIZE`, `<CHANNEL>_BATCH_SIZE`.

A channel that a plugin brings has the same settings under its own name. What is not set for it is
as it is for SMS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from obidient import setting_values as value

#: Field -> (end of the variable's name, default, default for voice, parser, meaning).
_SPECS: dict[str, tuple[str, str, str, Any, str]] = {
    "batch_size": ("BATCH_SIZE", "500", "100", value.whole(1, 10_000), "Recipients of one batch"),
    "rate": (
        "RATE_LIMIT_PER_SECOND",
        "100",
        "4",
        value.number(0.01, 100_000),
        "Messages (or calls) a second, over all workers together",
    ),
    "attempts": (
        "JOB_ATTEMPTS",
        "3",
        "3",
        value.whole(1, 20),
        "Tries of one message before it is failed",
    ),
    "backoff_ms": (
        "JOB_BACKOFF_MS",
        "10000",
        "15000",
        value.whole(1, 86_400_000),
        "Milliseconds before the second try",
    ),
    "concurrency": (
        "WORKER_CONCURRENCY",
        "4",
        "2",
        value.whole(1, 256),
        "Jobs at once in each worker process",
    ),
    "providers": (
        "PROVIDER",
        "",
        "",
        value.providers,
        "The provider that carries the channel, or several: a,b in order, a:3,b:1 by weight",
    ),
    "by_operator": (
        "PROVIDER_BY_OPERATOR",
        "",
        "",
        value.by_operator,
        "Of several, who carries an operator's numbers while it is well: MTN=a,Airtel=b",
    ),
}


def variable(channel: str, ending: str) -> str:
    """`bulk-mail` and `BATCH_SIZE` as `BULK_MAIL_BATCH_SIZE`."""
    return f"{channel.upper().replace('-', '_')}_{ending}"


@dataclass(frozen=True)
class ChannelSettings:
    """How messages of one channel are sent."""

    batch_size: int
    #: Messages a second.
    rate: float
    attempts: int
    backoff_ms: int
    #: Threads of a worker process.
    concurrency: int
    #: (name, weight) of each; all weights are 0 where the order counts.
    providers: tuple[tuple[str, int], ...]
    #: (operator in capitals, provider) of those whose numbers have a provider of their own.
    by_operator: tuple[tuple[str, str], ...] = ()

    @property
    def backoff(self) -> float:
        """Seconds before the second try."""
        return self.backoff_ms / 1000

    @classmethod
    def load(cls, channel: str, environ: Mapping[str, str]) -> "ChannelSettings":
        """Read a channel's settings. Raises ValueError naming every variable that is wrong."""
        found: dict[str, Any] = {}
        wrong: list[str] = []
        for field, (ending, default, of_voice, parse, _) in _SPECS.items():
            name = variable(channel, ending)
            text = environ.get(name, "").strip()
            if not text and channel == "voice":
                text = of_voice
            elif not text and channel != "sms" and not ending.startswith("PROVIDER"):
                name = variable("sms", ending)
                text = environ.get(name, "").strip()
            try:
                found[field] = parse(text or default)
            except ValueError as error:
                wrong.append(f"{name} {error} (it is {environ.get(name, '')!r}).")
        if wrong:
            raise ValueError("\n".join(wrong))
        return cls(**found)


def channel_specs(channel: str) -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of each setting of a core channel, for the documentation."""
    return [
        (variable(channel, ending), of_voice if channel == "voice" else default, meaning)
        for ending, default, of_voice, _, meaning in _SPECS.values()
    ]
