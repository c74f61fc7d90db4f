"""A worker's slice of time on one batch: who carries it, how fast, what is still to be recorded."""

import contextlib
import time
from dataclasses import dataclass
from datetime import timedelta

from obidient import database
from obidient.campaigns.models.campaign import Batch, Campaign
from obidient.campaigns.sending import channels, pace, rest, routes
from obidient.campaigns.sending.holds import Hold, why_held
from obidient.campaigns.sending.outcomes import Answered, CallResult, Claimed
from obidient.config import settings
from obidient.plugin import Provider
from obidient.stopping import stopping

#: Seconds after which it asks again whether the channel, the hour and the provider allow sending:
#: with `BEGIN_WITHIN`, a channel that is paused is silent within a second.
LOOK = 0.15


@dataclass
class Turn:
    """A worker's slice of time on one batch."""

    campaign: Campaign
    batch: Batch
    provider: Provider
    buckets: list[pace.Bucket]
    #: Whether the provider has been turning requests away lately.
    troubled: bool
    #: When the slice is over, by `time.monotonic`.
    end: float
    #: Whether the thread may wait: one of each process stays free for other jobs of the queue.
    may_wait: bool
    look_again: float = 0.0
    hold: Hold | None = None
    #: People of the next call at most; None: as many as the provider takes.
    limit: int | None = None
    #: What the last call came to, as long as it is not in the database.
    done: Answered | None = None
    #: How many of the batch are through with it, in this turn.
    settled: int = 0

    @classmethod
    def begin(
        cls, campaign: Campaign, batch: Batch, provider: Provider, end: float, may_wait: bool
    ) -> "Turn":
        troubled = rest.is_troubled(provider.name)
        return cls(campaign, batch, provider, _buckets(campaign, provider), troubled, end, may_wait)

    @property
    def channel(self) -> channels.Channel:
        return channels.of(self.campaign.channel)

    def held(self) -> Hold | None:
        """Why nothing may be sent now; asked a few times a second, not for every call."""
        if time.monotonic() >= self.look_again:
            self.look_again = time.monotonic() + LOOK
            self.hold = why_held(self.campaign)
            if self.hold is None:
                self.choose()
        return self.hold

    def claim(self, wanted: int) -> tuple[list[Claimed], float]:
        """Tokens, and people for so many of them; else nobody, and the seconds to wait.

        What the last call came to is recorded with the claim.
        """
        lease = timedelta(seconds=2 * self.provider.deadline)
        # SQLite has one writer, and each commit waits for the disk: there it is all one.
        apart = database.is_postgres() or not settings().embedded
        one = contextlib.nullcontext() if apart else database.db.atomic()
        with one:
            granted, wait = pace.take(self.buckets, wanted)
            if not granted:
                return [], max(wait, 0.05)
            order = (self.campaign, self.provider, self.batch.number, granted, lease)
            if self.done is None:
                claimed = self.channel.claim(*order)
            else:
                claimed = self.channel.record_and_claim(self.done, *order)
            pace.give_back(self.buckets, granted - len(claimed))
        self.done = None
        return claimed, 0.0

    def write(self) -> None:
        """Record what the last call came to; safe to repeat until it is `done` with."""
        done = self.done
        if done is not None:
            self.channel.record(self.campaign, done.provider, done.results, done.lease_until)

    def record(self) -> None:
        """Record the last call now, however often that takes."""
        database.persist(self.write)
        self.done = None

    def wait_for_pace(self, wait: float) -> float:
        """Wait here if that ends within the slice, and return 0; else return `wait` unchanged.

        To give the batch back and to take it again costs more than a call does. Where another
        campaign sends as well, the thread is its own meanwhile.
        """
        too_long = time.monotonic() + wait > self.end
        if too_long or not self.may_wait or others_send(self.campaign):
            return wait
        self.record()
        # As while the network is asked: nobody else need wait for this connection.
        database.release_shared()
        stopping.wait(wait)
        return 0.0

    def may_record_later(self, answer: CallResult) -> bool:
        """Whether the next claim may record an answer: nothing is to be decided after it first."""
        decides = self.troubled or self.limit is not None or settings().budget
        return self.channel.records_with_claim and answer.all_accepted and not decides

    def hand_to(self, provider: Provider) -> None:
        """Have another provider carry the rest; not chosen anew before it has had its turn."""
        self.give_to(provider)
        self.look_again, self.limit = time.monotonic() + LOOK, None

    def choose(self) -> None:
        """Have the provider that is best off now carry what follows."""
        chosen = routes.choose(self.campaign)
        if chosen is not None:
            self.limit = chosen.limit
            self.give_to(chosen.provider)

    def give_to(self, provider: Provider) -> None:
        if provider is not self.provider:
            self.provider = provider
            self.buckets = _buckets(self.campaign, provider)
            self.troubled = rest.is_troubled(provider.name)


def _buckets(campaign: Campaign, provider: Provider) -> list[pace.Bucket]:
    buckets = [pace.Bucket(provider.name, settings().channel(campaign.channel).rate)]
    if campaign.throttled_rate:
        buckets.append(pace.Bucket(f"campaign-{campaign.id}", campaign.throttled_rate / 3600))
    return buckets


def others_send(campaign: Campaign) -> bool:
    """Whether another campaign of the channel has somebody to write to."""
    others = Campaign.select().where(
        Campaign.channel == campaign.channel,
        Campaign.status == "sending",
        Campaign.queued > 0,
        Campaign.id != campaign.id,
    )
    return bool(others.exists())
