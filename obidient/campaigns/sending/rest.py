"""A provider that turns requests away rests, longer each time, and is given up after a while."""

from datetime import timedelta

from obidient.campaigns.models.campaign import ProviderState
from obidient.clock import utcnow

#: Trouble that lasts for this long pauses the campaigns that meet with it.
PATIENCE = timedelta(minutes=15)
#: It is over when nobody has met with it for this long after the provider's rest.
FORGOTTEN = timedelta(minutes=5)
#: Rests by our own count, and as providers ask for them, seconds.
LONGEST, LONGEST_ASKED = 60.0, 3600.0


def is_troubled(provider: str) -> bool:
    """Whether requests have been turned away since the last one was taken."""
    mine = ProviderState.provider == provider
    return bool(ProviderState.select().where(mine, ProviderState.failures > 0).exists())


def note_refusal(provider: str, reason: str, asked: float | None) -> bool:
    """A whole request was turned away: everybody leaves the provider alone for a while, as long as
    it `asked` for if it did ("in 0 seconds" is no rest). True when this has gone on for too long.
    """
    now = utcnow()
    ProviderState.insert(provider=provider).on_conflict(
        conflict_target=[ProviderState.provider], action="IGNORE"
    ).execute()
    state = ProviderState.get_by_id(provider)
    rested = state.resting_until or now
    if now > rested + FORGOTTEN:
        state.failures, state.trouble_since = 0, None
    # Calls side by side are turned away together; that is one failure, not many.
    failures = state.failures + (rested <= now)
    # Days of refusals would take the power itself beyond what a float holds.
    ours = min(LONGEST, 2.0 ** min(failures - 1, 10))
    seconds = min(LONGEST_ASKED, asked) if asked is not None and asked > 0 else ours
    since = state.trouble_since or now
    ProviderState.update(
        failures=failures,
        trouble_since=since,
        resting_until=max(rested, now + timedelta(seconds=seconds)),
        reason=reason,
    ).where(ProviderState.provider == provider).execute()
    return bool(now - since > PATIENCE)


def clear(provider: str) -> None:
    """A request was taken."""
    ProviderState.update(trouble_since=None, failures=0, resting_until=None).where(
        ProviderState.provider == provider
    ).execute()


def forgive(provider: str) -> None:
    """Restart the 15 minutes of patience when a person resumes."""
    ProviderState.update(trouble_since=None).where(ProviderState.provider == provider).execute()
