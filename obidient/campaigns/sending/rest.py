"""A provider that turns requests away rests, longer each time, and is given up after a while.

Where a campaign has another provider, it leaves a troubled one sooner and comes back later, so that
it does not go to and fro: the second refusal in a row is enough to leave it, for longer each time;
afterwards it gets one request now and then, and all of them once `PROOFS` in a row were taken.
"""

from datetime import timedelta

from obidient.campaigns.models.campaign import ProviderState
from obidient.clock import utcnow

#: Trouble that lasts for this long pauses the campaigns that meet with it.
PATIENCE = timedelta(minutes=15)
#: It is over when nobody has met with it for this long after the provider's rest.
FORGOTTEN = timedelta(minutes=5)
#: Rests by our own count, and as providers ask for them, seconds.
LONGEST, LONGEST_ASKED = 60.0, 3600.0
#: Refusals in a row after which a provider is left to others, and for how long, seconds.
ENOUGH = 2
LEFT, LONGEST_LEFT = 15.0, 600.0
#: Seconds between two requests to a provider that was left; how many in a row have to be taken.
PROBED, PROOFS = 5.0, 3
#: A provider that said it can carry nothing before somebody acts, seconds.
STOPPED = 600.0


def is_troubled(provider: str) -> bool:
    """Whether requests have been turned away since the last one was taken."""
    mine = ProviderState.provider == provider
    return bool(
        ProviderState.select()
        .where(mine, (ProviderState.failures > 0) | ProviderState.left_until.is_null(False))
        .exists()
    )


def is_left(provider: str) -> bool:
    """Whether others are preferred to it until it has proved itself, or it rests."""
    now = utcnow()
    mine = (ProviderState.provider == provider) & (
        ProviderState.left_until.is_null(False) | (ProviderState.resting_until > now)
    )
    return bool(ProviderState.select().where(mine).exists())


def is_resting(provider: str) -> bool:
    mine = (ProviderState.provider == provider) & (ProviderState.resting_until > utcnow())
    return bool(ProviderState.select().where(mine).exists())


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
    left = state.left_until
    if failures >= ENOUGH or left is not None:
        longer = min(LONGEST_LEFT, LEFT * 2.0 ** min(max(0, failures - ENOUGH), 10))
        left = max(left or now, now + timedelta(seconds=longer))
    ProviderState.update(
        failures=failures,
        trouble_since=since,
        resting_until=max(rested, now + timedelta(seconds=seconds)),
        reason=reason,
        left_until=left,
        proofs=0,
    ).where(ProviderState.provider == provider).execute()
    return bool(now - since > PATIENCE)


def clear(provider: str) -> None:
    """A request was taken. One that others are preferred to has to prove itself further."""
    mine = ProviderState.provider == provider
    fresh = {"trouble_since": None, "failures": 0, "resting_until": None}
    ProviderState.update(proofs=ProviderState.proofs + 1, **fresh).where(mine).execute()
    ProviderState.update(left_until=None, proofs=0).where(
        mine, ProviderState.left_until.is_null() | (ProviderState.proofs >= PROOFS)
    ).execute()


def leave(provider: str, reason: str, seconds: float = LEFT) -> None:
    """Prefer others for a while: it gives no answers, or can carry nothing until a person acts."""
    until = utcnow() + timedelta(seconds=seconds)
    ProviderState.insert(provider=provider).on_conflict(
        conflict_target=[ProviderState.provider], action="IGNORE"
    ).execute()
    mine = ProviderState.provider == provider
    later = ProviderState.left_until.is_null() | (ProviderState.left_until < until)
    ProviderState.update(left_until=until, proofs=0, failures=ENOUGH, reason=reason).where(
        mine, later
    ).execute()


def may_probe(state: ProviderState) -> bool:
    """Whether this worker may give a provider that was left its one request; others may not now."""
    now = utcnow()
    if state.left_until is None or state.left_until > now:
        return False
    return bool(
        ProviderState.update(left_until=now + timedelta(seconds=PROBED))
        .where(
            ProviderState.provider == state.provider, ProviderState.left_until == state.left_until
        )
        .execute()
    )


def forgive(provider: str) -> None:
    """Restart the 15 minutes of patience when a person resumes."""
    ProviderState.update(trouble_since=None, left_until=None).where(
        ProviderState.provider == provider
    ).execute()
