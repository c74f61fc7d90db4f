"""A person moves the rest of a running campaign to another network.

Who is still waiting goes by that network alone from then on. Whoever may have got the message stays
with the network that may have it: the unconfirmed, and those of them who are being sent again.
"""

from obidient.accounts import actor
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import lifecycle, rest, routes, states
from obidient.clock import utcnow
from obidient.database import db
from obidient.errors import Conflict, Forbidden, Invalid
from obidient.plugin import Provider
from obidient.providers import registry

UNDER_WAY = ("sending", "paused")


def may_move() -> bool:
    """Whether whoever is at work may: admins, and the system itself."""
    user = actor()
    return user is None or user.role == "admin"


def targets(campaign: Campaign) -> list[Provider]:
    """The networks that a campaign could be moved to now."""
    if campaign.status not in UNDER_WAY:
        return []
    found = registry.current()
    here = routes.names_of(campaign)
    return [
        one
        for one in found.providers()
        if one.channel == campaign.channel and here != [one.name] and not found.why_not(one)
    ]


def move(campaign_id: int, name: str) -> Campaign:
    """Have `name` carry whoever is still waiting; holds within a second or so.

    Raises Forbidden for all but admins, Invalid for a provider that does not carry the channel,
    Conflict for one that is not set up or has the campaign to itself already.
    """
    if not may_move():
        raise Forbidden("Only admins may move a campaign to another network.")
    campaign = lifecycle.get(campaign_id)
    provider = registry.current().find(name)
    if provider is None or provider.channel != campaign.channel:
        raise Invalid(f"No provider {name[:80]!r} carries this channel.")
    why_not = registry.current().why_not(provider)
    if why_not:
        raise Conflict(f"{why_not}.")
    before = routes.names_of(campaign)
    if before == [name]:
        raise Conflict(f"{name} carries all of this campaign already.")
    with db.atomic():
        if not _write(campaign, name):
            raise control.refusal(lifecycle.get(campaign_id), "moved")
        rest.forgive(name)
        states.reopen_batches(campaign_id)
        stay = _staying(campaign_id, name)
        number = lifecycle.get(campaign_id).queued - stay
        sentence = f"Moved the {number:,} waiting of {campaign.title!r} to {name}"
        lifecycle.audited(
            campaign, "moved", sentence, frm=before, to=name, moved=number, stayed=stay
        )
        db.after_commit(lambda: lifecycle.wake(campaign_id))
    return lifecycle.get(campaign_id)


def _write(campaign: Campaign, name: str) -> bool:
    return bool(
        Campaign.update(route=[[name, 0]], updated_at=utcnow())
        .where(Campaign.id == campaign.id, Campaign.status.in_(UNDER_WAY))
        .execute()
    )


def _staying(campaign_id: int, name: str) -> int:
    """The waiting who are another network's alone, since it may have reached them before."""
    tied = Recipient.select().where(
        Recipient.campaign_id == campaign_id,
        Recipient.status == RecipientStatus.QUEUED,
        Recipient.provider.is_null(False),
        Recipient.provider != name,
    )
    return int(tied.count())
