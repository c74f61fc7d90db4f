"""Which provider carries a channel, and in words why another, or none, does."""

import logging

from obidient import queues
from obidient.config import Settings
from obidient.plugin import Channel, Provider, VoiceProvider
from obidient.providers.settings import LiveSettings

logger = logging.getLogger(__name__)


class Choice:
    """What the providers that are there, and the operator's settings, come to."""

    def __init__(self, configured: Settings) -> None:
        self._settings = configured
        self._providers: dict[str, Provider] = {}
        self._live: dict[str, LiveSettings] = {}
        self._broken: dict[str, str] = {}

    def channels(self) -> list[str]:
        return list(dict.fromkeys(str(one.channel) for one in self._providers.values()))

    def form_of(self, channel: str) -> str:
        """Whether people read what a channel brings, or hear it: "written" or "spoken"."""
        for provider in self._providers.values():
            if provider.channel == channel:
                declared = getattr(provider.channel, "form", None)
                if declared:
                    return str(declared)
                if isinstance(provider, VoiceProvider):
                    return Channel.SPOKEN
        return Channel.SPOKEN if channel == "voice" else Channel.WRITTEN

    def is_spoken(self, channel: str) -> bool:
        """Whether people hear what a channel brings: landlines can be called, but get no texts."""
        return self.form_of(channel) == Channel.SPOKEN

    def not_ready(self, provider: Provider) -> str | None:
        """None when a provider's settings are whole and right, else what is wrong with them."""
        problems = self._live[provider.name].problems()
        if problems:
            return "; ".join(problems.values())
        try:
            return provider.ready()
        except Exception as error:
            logger.exception("%s could not say whether it is ready", provider.name)
            return f"its ready() failed with {type(error).__name__}: {error}"

    def why_not(self, provider: Provider) -> str | None:
        """None when a provider may carry messages now, else the reason in words."""
        named = provider.name in self.named(provider.channel)
        if provider.simulated and self._settings.is_production and not named:
            return (
                f"{provider.name} only pretends to send. To use it in production, name it: "
                f"{naming(provider.channel)}={provider.name}"
            )
        missing = self.not_ready(provider)
        return f"{provider.name} is not set up: {missing}" if missing else None

    def for_channel(self, channel: str) -> Provider | None:
        """Who carries a channel; None when nobody may, and `why_none` says why."""
        named = self.named(channel)
        if named:
            usable = (one for one in self.route(channel) if not self.why_not(one))
            return next(usable, None)
        mine = [p for p in self._providers.values() if p.channel == channel]
        real = [p for p in mine if not p.simulated and self.not_ready(p) is None]
        choices = [
            *(p for p in real if self._is_set_up(p)),
            *(p for p in mine if p.simulated and not self._settings.is_production),
            *(p for p in real if self._may_go_unnamed(p)),
        ]
        return choices[0] if choices else None

    def named(self, channel: str) -> list[str]:
        """The providers that the operator named for a channel, in this order."""
        return [name for name, _ in self._settings.providers_named(channel)]

    def route(self, channel: str) -> list[Provider]:
        """The named providers that are there and carry the channel, whether or not they may now."""
        found = [self._providers.get(name) for name in self.named(channel)]
        return [one for one in found if one is not None and one.channel == channel]

    def weights(self, channel: str) -> dict[str, int]:
        """The weight of each named provider; 0 where the order counts."""
        return dict(self._settings.providers_named(channel))

    def _is_set_up(self, provider: Provider) -> bool:
        """Whether a person has given this provider any setting."""
        found = self._live[provider.name].current()
        return any(one.source != "default" for one in found.values())

    def _may_go_unnamed(self, provider: Provider) -> bool:
        """A provider that nobody has set up never takes over SMS or voice in production.

        It would "deliver" a million messages to nobody because of a mistyped setting of another.
        """
        core = provider.channel in queues.CORE_CHANNELS
        return not (core and self._settings.is_production)

    def is_misnamed(self, channel: str) -> bool:
        """Whether the operator named a provider for a channel that does not carry it."""
        return len(self.route(channel)) < len(self.named(channel))

    def why_none(self, channel: str) -> str:
        """Why nobody carries a channel, and what to do."""
        named = self.named(channel)
        if named:
            return "; ".join(self._why_not_named(channel, name) for name in named)
        mine = [p for p in self._providers.values() if p.channel == channel and not p.simulated]
        if not mine:
            lost = f" ({', '.join(self._broken)} is broken)" if self._broken else ""
            return f"No plugin carries the channel {channel}{lost}"
        return "; ".join(
            self.why_not(p)
            or f"{p.name} has no setting of its own: to use it, set {naming(channel)}={p.name}"
            for p in mine
        )

    def _why_not_named(self, channel: str, named: str) -> str:
        found = self._providers.get(named)
        if found is None:
            return (
                f"{naming(channel)} names {named!r}, but no such provider is loaded: "
                "check the spelling and the Plugins page"
            )
        if found.channel != channel:
            return f"{naming(channel)} names {named!r}, which carries {found.channel}"
        return self.why_not(found) or f"{named} is ready"

    def simulated_channels(self) -> list[str]:
        """Channels whose messages go nowhere, for the ribbon on every page."""
        chosen = {channel: self.for_channel(channel) for channel in self.channels()}
        return [channel for channel, provider in chosen.items() if provider and provider.simulated]


def naming(channel: str) -> str:
    """The variable that names a channel's provider."""
    return f"{channel.upper().replace('-', '_')}_PROVIDER"
