"""What the machine does with a campaign: begins it, wakes it, pauses it with a reason."""

from typing import Any

from peewee import fn

from obidient.accounts import audit
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import channels, hints, lifecycle, routes, states
from obidient.campaigns.sending.hints import feed
from obidient.clock import clock_words, utcnow
from obidient.config import settings
from obidient.database import db
from obidient.errors import NotFound
from obidient.plugin import Provider
from obidient.providers import registry


def get(campaign_id: int) -> Campaign:
    campaign: Campaign | None = Campaign.get_or_none(Campaign.id == campaign_id)
    if campaign is None:
        raise NotFound("There is no such campaign.")
    return campaign


def audited(campaign: Campaign, action: str, sentence: str, **details: Any) -> None:
    audit.record(f"campaign.{action}", sentence, "campaign", campaign.id, **details)


def carrier(campaign: Campaign) -> tuple[Provider | None, str]:
    """Who would carry a campaign now, and why nobody may; the reason is empty when all is well.

    Of several providers the first that may.
    """
    found = registry.current()
    names = routes.names_of(campaign) or [
        name for name, _ in routes.launched(campaign.channel, campaign.provider)
    ]
    if not names:
        return None, found.why_none(campaign.channel)
    there = [one for name in names if (one := found.find(name)) is not None]
    for one in there:
        if not found.why_not(one):
            return one, ""
    if there:
        return there[0], found.why_not(there[0]) or ""
    return None, f"The plugin {names[0]} is not there any more"


def _several(route: list[tuple[str, int]]) -> list[tuple[str, int]] | None:
    """A list of one says no more than the campaign's provider does."""
    return route if len(route) > 1 else None


def begin(campaign: Campaign, frm: list[str], *conditions: Any) -> bool:
    """Start sending, or pause with the reason when nothing can carry the channel.

    False when it is not in one of `frm`, or `conditions` on its row don't hold any more.
    """
    now = utcnow()
    provider, reason = carrier(campaign)
    moved = states.move_campaign(
        campaign.id,
        frm,
        "paused" if reason else "sending",
        *conditions,
        status_reason=reason,
        paused_itself=bool(reason),
        provider=provider.name if provider else campaign.provider,
        route=campaign.route or _several(routes.launched(campaign.channel, campaign.provider)),
        launched_at=campaign.launched_at or now,
        started_at=now,
    )
    if moved:
        db.after_commit(lambda: hints.stage_soon(campaign))
    return moved


def hold_overdue(campaign: Campaign, *conditions: Any) -> None:
    """Have a scheduled campaign wait for a person: what it says may not be true any more.

    It stays scheduled with a reason, until somebody sends it or gives it another time.
    """
    planned = clock_words(campaign.scheduled_at, settings().timezone)
    reason = (
        f"It was to start on {planned}, and nothing was running then. Send it now, or choose "
        "another time."
    )
    with db.atomic():
        if states.move_campaign(
            campaign.id, ["scheduled"], "scheduled", *conditions, status_reason=reason
        ):
            audited(campaign, "overdue", f"Held back the overdue campaign {campaign.title!r}")


def pause_with_reason(campaign_id: int, reason: str) -> None:
    """The system pauses a campaign; nothing happens when it is not sending any more."""
    with db.atomic():
        campaign = get(campaign_id)
        why = {"status_reason": reason, "paused_itself": True}
        if states.move_campaign(campaign_id, ["sending"], "paused", **why):
            audited(campaign, "paused", f"Paused itself: {campaign.title!r}: {reason}")


def wake(campaign_id: int) -> None:
    """Hint at once rather than at the sweeper's next round."""
    campaign = get(campaign_id)
    if campaign.status == "sending":
        if not campaign.staged:
            hints.stage_soon(campaign)
        feed(campaign)
        lifecycle.complete(campaign_id)


def carry_out(campaign_id: int) -> None:
    """The worker's part: chunk after chunk until nothing is left."""
    while states.carry_out(campaign_id):
        wake(campaign_id)
    wake(campaign_id)


def complete(campaign_id: int) -> bool:
    """Close a campaign with nothing queued, in flight, awaiting retry or otherwise unfinished.

    What a channel calls unfinished keeps it open, such as a call in progress.
    """
    now = utcnow()
    return bool(
        Campaign.update(status="completed", status_reason="", completed_at=now, updated_at=now)
        .where(
            Campaign.id == campaign_id,
            Campaign.status == "sending",
            Campaign.staged,
            Campaign.decision == "",
            Campaign.queued == 0,
            Campaign.sending == 0,
            *(~fn.EXISTS(query) for query in channels.unfinished(campaign_id)),
        )
        .execute()
    )
