"""What the engine asks of the channel voice: lines, calls in progress, recordings."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.voice import VoiceCall
from obidient.campaigns.sending.channels import Channel
from obidient.campaigns.sending.counters import Counts
from obidient.campaigns.sending.outcomes import Claimed, Result
from obidient.campaigns.voice import calls, script, trials
from obidient.clock import utcnow
from obidient.plugin import DeliveryReport, Provider


class Voice(Channel):
    """A call takes a line before it begins, and is over when its end is reported."""

    #: Lines are locked before recipients, and only a claim takes lines.
    records_with_claim = False

    def has_room(self, provider: Provider) -> bool:
        return calls.free_lines(provider, 1) > 0

    def claim(
        self, campaign: Campaign, provider: Provider, batch: int, limit: int, lease: timedelta
    ) -> list[Claimed]:
        return calls.claim(campaign, provider, batch, limit, lease)

    def record(
        self,
        campaign: Campaign,
        provider: Provider,
        results: Sequence[Result],
        lease_until: datetime,
    ) -> None:
        calls.record(campaign.id, provider, results, lease_until)

    def sound(self, campaign: Campaign, variant: str = "") -> str | None:
        return script.audio_url(campaign, variant)

    def lock(self, provider: str, ids: Iterable[str]) -> None:
        calls.lock_calls(provider, ids)

    def settle(
        self, provider: str, reports: Sequence[DeliveryReport], counts: Counts
    ) -> list[DeliveryReport]:
        return calls.settle(provider, trials.settle(provider, reports, counts), counts)

    def unfinished(self, campaign_id: int) -> Any:
        return VoiceCall.select(VoiceCall.id).where(
            VoiceCall.campaign_id == campaign_id,
            VoiceCall.ended_at.is_null(),
            VoiceCall.until > utcnow(),
        )
