"""What keeps a campaign waiting although it is sending: quiet hours, a resting provider, a pause.

A hold is not a state: it is worked out whenever somebody is about to send, and ends by itself.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from obidient.campaigns.models.campaign import Campaign, ChannelState, ProviderState
from obidient.clock import local, utcnow
from obidient.config import QuietHours, parse_quiet_hours, settings
from obidient.providers import registry

#: A campaign's message class: what we want people to know, or what they have asked for.
PROMOTIONAL, TRANSACTIONAL = "promotional", "transactional"


@dataclass(frozen=True)
class Hold:
    """Why nothing is sent, in words, and until when (naive UTC) if that is known."""

    reason: str
    until: datetime | None = None


def quiet_hours_of(campaign: Campaign, carrier: str | None = None) -> QuietHours | None:
    """The campaign's own quiet hours, else the setting's; the simulator's sleep never counts.

    What people have asked for is theirs at any hour: a transactional campaign has none.
    `carrier` is the provider that a draft which names none would go through.
    """
    if campaign.message_class == TRANSACTIONAL:
        return None
    if campaign.quiet_hours is not None:
        return parse_quiet_hours(campaign.quiet_hours)
    name = campaign.provider or carrier
    if not settings().is_production and name:
        provider = registry.current().find(name)
        if provider is not None and provider.simulated:
            return None
    return settings().quiet_hours


def quiet_until(quiet: QuietHours | None, now: datetime) -> datetime | None:
    """The end of the quiet hours that `now` (naive UTC) falls into, naive UTC; None outside."""
    if quiet is None:
        return None
    here = local(now, settings().timezone)
    start = here.replace(hour=quiet.start.hour, minute=quiet.start.minute, second=0, microsecond=0)
    end = here.replace(hour=quiet.end.hour, minute=quiet.end.minute, second=0, microsecond=0)
    if quiet.start < quiet.end:
        inside = start <= here < end
    else:
        inside = here >= start or here < end
        if here >= start:
            end += timedelta(days=1)
    if not inside:
        return None
    # Between times of one zone Python counts the hands of the clock, which jump twice a year.
    return end.astimezone(UTC).replace(tzinfo=None)


def quiet_words(campaign: Campaign, carrier: str | None = None) -> str:
    """When nothing of a campaign leaves, in the words of every page that speaks of it."""
    hours, usual = quiet_hours_of(campaign, carrier), settings().quiet_hours
    if hours is not None:
        return f"Nothing leaves from {hours.start:%H:%M} until {hours.end:%H:%M}"
    if campaign.message_class == TRANSACTIONAL:
        return "None: what people have asked for goes out at any hour"
    if campaign.quiet_hours is None and usual is not None:
        return (
            "None in a rehearsal: the simulator sends at any hour; through a network nothing "
            f"leaves from {usual.start:%H:%M} until {usual.end:%H:%M}"
        )
    return "None: it goes out at any hour"


def first_moment(campaign: Campaign, begin: datetime, carrier: str | None = None) -> datetime:
    """When the first message leaves of a campaign that begins then: quiet hours end first."""
    return quiet_until(quiet_hours_of(campaign, carrier), begin) or begin


def why_held(campaign: Campaign) -> Hold | None:
    """The first reason for which a sending campaign must wait, or None."""
    state = ChannelState.get_or_none(ChannelState.channel == campaign.channel)
    if state is not None and state.paused:
        return Hold(f"The {campaign.channel} channel is paused for all campaigns")
    now = utcnow()
    morning = quiet_until(quiet_hours_of(campaign), now)
    if morning is not None:
        clock = local(morning, settings().timezone)
        return Hold(f"Waiting for the end of quiet hours at {clock:%H:%M}", morning)
    return _all_rest(campaign)


def _all_rest(campaign: Campaign) -> Hold | None:
    """Held while every provider of the campaign rests; until the first of them is back."""
    names = [name for name, _ in campaign.route or [(campaign.provider, 0)]]
    resting = list(
        ProviderState.select().where(
            ProviderState.provider.in_(names), ProviderState.resting_until > utcnow()
        )
    )
    if not names or len(resting) < len(names):
        return None
    first = min(resting, key=lambda one: one.resting_until)
    return Hold(f"The provider asked for a rest: {first.reason}", first.resting_until)
