"""Which of a campaign's providers has its next call: the first that is well, or by weight.

The list is fixed at launch, and each recipient's provider when they are claimed. Only who surely
got nothing goes back to the queue without one, and may move: nobody is reached twice, whichever
networks are tried.
"""

import random
from dataclasses import dataclass

from obidient.campaigns.models.campaign import Campaign, ProviderState, Recipient, RecipientStatus
from obidient.campaigns.sending import operators, rest
from obidient.clock import utcnow
from obidient.config import settings
from obidient.plugin import Provider
from obidient.providers import registry

#: People of one request to a provider that has to prove itself: few, it may fail them.
PROBE = 1


@dataclass(frozen=True)
class Chosen:
    """Who has the next call, for `limit` people at most; None: as many as it takes."""

    provider: Provider
    limit: int | None = None


def names_of(campaign: Campaign) -> list[str]:
    """The providers among which a campaign's messages may go."""
    if campaign.route:
        return [str(name) for name, _ in campaign.route]
    return [campaign.provider] if campaign.provider else []


def launched(channel: str, explicit: str | None) -> list[tuple[str, int]]:
    """A campaign's list from its launch on; one that a person chose has no other beside it."""
    found = registry.current()
    if explicit:
        return [(explicit, 0)]
    weights = found.weights(channel)
    named = [(one.name, weights[one.name]) for one in found.route(channel)]
    if named:
        return named
    usual = found.for_channel(channel)
    return [(usual.name, 0)] if usual else []


def choose(campaign: Campaign) -> Chosen | None:
    """Who has the next call; None when the plugins of all its providers are gone."""
    found = registry.current()
    there = [one for name in names_of(campaign) if (one := found.find(name)) is not None]
    if len(there) < 2:
        return Chosen(there[0]) if there else None
    return best(there, dict(campaign.route or []))


def best(there: list[Provider], weights: dict[str, int]) -> Chosen:
    """The one to ask of several, by their health, then their order or weight."""
    states = _states([one.name for one in there])
    now = utcnow()
    awake = []
    for one in there:
        state = states.get(one.name)
        if state is not None and state.resting_until and state.resting_until > now:
            continue
        if registry.current().not_ready(one) is None:
            awake.append(one)
    well = [one for one in awake if not (s := states.get(one.name)) or s.left_until is None]
    for one in awake:
        state = states.get(one.name)
        if well and state is not None and rest.may_probe(state):
            return Chosen(one, PROBE)
    candidates = well or awake or there
    shares = [weights.get(one.name, 0) for one in candidates]
    if any(shares):
        # Load is spread over networks here, nothing is kept secret by it.
        return Chosen(random.choices(candidates, shares)[0])
    return Chosen(candidates[0])


def others_of(campaign: Campaign, provider: Provider) -> bool:
    """Whether a campaign has another provider that could carry on."""
    found = registry.current()
    others = [found.find(name) for name in names_of(campaign) if name != provider.name]
    now = utcnow()
    left = {name for name, state in _states(names_of(campaign)).items() if _is_down(state, now=now)}
    return any(
        one is not None and one.name not in left and found.not_ready(one) is None for one in others
    )


def _is_down(state: ProviderState, now: object) -> bool:
    return state.left_until is not None and state.left_until > now


def left_to_others(campaign: Campaign, provider: Provider) -> dict[str, str]:
    """How numbers begin that another provider should carry, for their operator's sake, and which.

    Only while that one is well: else they go as everybody's do.
    """
    wishes = settings().channel(campaign.channel).by_operator
    names = names_of(campaign)
    others = {name for _, name in wishes if name != provider.name and name in names}
    if not others:
        return {}
    now = utcnow()
    ill = {
        name
        for name, state in _states(list(others)).items()
        if state.left_until is not None or (state.resting_until and state.resting_until > now)
    }
    found = registry.current()
    well = {
        name
        for name in others - ill
        if (one := found.find(name)) is not None and found.not_ready(one) is None
    }
    return {
        beginning: name
        for operator, name in wishes
        if name in well
        for beginning in operators.beginnings(operator)
    }


def others_turn(campaign: Campaign, batch: int, provider: Provider) -> Provider | None:
    """Who should have the due people of a batch whom `provider` must not, or need not, be given."""
    due = (
        (Recipient.campaign_id == campaign.id)
        & (Recipient.batch == batch)
        & (Recipient.status == RecipientStatus.QUEUED)
        & (Recipient.next_attempt_at.is_null() | (Recipient.next_attempt_at <= utcnow()))
    )
    found = registry.current()
    tied = Recipient.provider.is_null(False) & (Recipient.provider != provider.name)
    row = Recipient.select(Recipient.provider).where(due, tied).first()
    if row is not None:
        return found.find(row.provider)
    wished = left_to_others(campaign, provider)
    row = Recipient.select(Recipient.phone).where(due).first() if wished else None
    if row is None:
        return None
    name = wished.get(row.phone[: operators.LONG]) or wished.get(row.phone[: operators.SHORT])
    return found.find(name) if name else None


def _states(names: list[str]) -> dict[str, ProviderState]:
    rows = ProviderState.select().where(ProviderState.provider.in_(names))
    return {row.provider: row for row in rows}
