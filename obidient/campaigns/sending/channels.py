"""How each channel finds room, claims, records and settles; the engine knows no channel by name.

A channel that is nothing special uses `Channel` itself, which is what SMS does. Voice registers its
own, since a call takes a line before it begins and is over only when its end is reported.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app

from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import routes, states
from obidient.campaigns.sending.counters import Counts
from obidient.campaigns.sending.outcomes import Answered, Claimed, Result
from obidient.plugin import DeliveryReport, Provider


class Channel:
    """A channel whose messages are done with once the network has taken them."""

    #: Seconds until it is asked again whether there is room.
    no_room_wait = 0.5
    #: Whether a call's outcomes may wait for the claim of the next, to be written with it.
    records_with_claim = True

    def has_room(self, provider: Provider) -> bool:
        """Whether one more message may begin now."""
        return True

    def claim(
        self, campaign: Campaign, provider: Provider, batch: int, limit: int, lease: timedelta
    ) -> list[Claimed]:
        """Take up to `limit` due recipients of a batch; see `states.claim`."""
        avoid = list(routes.left_to_others(campaign, provider))
        return states.claim(
            campaign.id, batch, limit, lease, campaign.channel, provider.name, avoid
        )

    def record_and_claim(
        self,
        done: Answered,
        campaign: Campaign,
        provider: Provider,
        batch: int,
        limit: int,
        lease: timedelta,
    ) -> list[Claimed]:
        """Both at once, where `records_with_claim`; see `states.record_and_claim`."""
        avoid = list(routes.left_to_others(campaign, provider))
        return states.record_and_claim(
            done, campaign.id, batch, limit, lease, campaign.channel, provider.name, avoid
        )

    def record(
        self,
        campaign: Campaign,
        provider: Provider,
        results: Sequence[Result],
        lease_until: datetime,
    ) -> None:
        """Write what came of the claimed; see `states.record`."""
        states.record(campaign.id, results, lease_until, provider.name)

    def sound(self, campaign: Campaign, variant: str = "") -> str | None:
        """The address of the recording that goes along with each message, if any.

        `variant` is A or B of a split test.
        """
        return None

    def lock(self, provider: str, ids: Iterable[str]) -> None:
        """Lock the rows of this channel's own that callbacks about `ids` will change."""

    def settle(
        self, provider: str, reports: Sequence[DeliveryReport], counts: Counts
    ) -> list[DeliveryReport]:
        """Apply reports to this channel's own rows; returns those the recipients still need."""
        return list(reports)

    def unfinished(self, campaign_id: int) -> Any | None:
        """A query that finds a row while the campaign may not be completed; None: never."""
        return None


_PLAIN = Channel()


def register(app: Flask, name: str, channel: Channel) -> None:
    """Have the engine treat the channel `name` as `channel` says."""
    app.extensions.setdefault("obidient.channels", {})[name] = channel


def of(name: str) -> Channel:
    """How a channel works; one that registered nothing works as SMS does."""
    return _registered().get(name, _PLAIN)


def unfinished(campaign_id: int) -> list[Any]:
    """The queries of all channels that keep a campaign open while they find a row."""
    found = (channel.unfinished(campaign_id) for channel in _registered().values())
    return [query for query in found if query is not None]


def _registered() -> dict[str, Channel]:
    registered: dict[str, Channel] = current_app.extensions.get("obidient.channels", {})
    return registered
