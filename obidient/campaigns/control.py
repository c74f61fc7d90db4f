"""What people do with campaigns: each action checks, moves the state, is audited, and then hints.

An action that is not possible now raises Conflict with a sentence that says why.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from obidient import queues
from obidient.accounts import actor, audit
from obidient.campaigns import approval, audio, staging, states, text, trouble, voice_menu
from obidient.campaigns import audience as audiences
from obidient.campaigns.feed import feed
from obidient.campaigns.models import Campaign, ChannelState
from obidient.clock import utcnow
from obidient.config import parse_quiet_hours
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound
from obidient.plugin import Provider
from obidient.providers import registry

#: No campaign is planned farther ahead; at the calendar's end times can't be reckoned with.
FARTHEST = timedelta(days=100 * 365)
#: What a writer may set.
WRITABLE = (
    "channel",
    "title",
    "message_template",
    "audience",
    "audio_asset_id",
    "keypad",
    "provider",
    "throttled_rate",
    "scheduled_at",
    "quiet_hours",
    "campaign_metadata",
    "keep_spelling",
)


def get(campaign_id: int) -> Campaign:
    campaign: Campaign | None = Campaign.get_or_none(Campaign.id == campaign_id)
    if campaign is None:
        raise NotFound("There is no such campaign.")
    return campaign


def audited(campaign: Campaign, action: str, sentence: str, **details: Any) -> None:
    audit.record(f"campaign.{action}", sentence, "campaign", campaign.id, **details)


def _after_commit(what: Any) -> None:
    db.after_commit(what)


def _check(values: dict[str, Any]) -> dict[str, Any]:
    """Check what a writer may set; returns it as it is stored."""
    if "channel" in values and values["channel"] not in queues.current().channels:
        known = ", ".join(queues.current().channels)
        raise Invalid(f"There is no channel {values['channel']!r}. There are: {known}.")
    if values.get("message_template"):
        values["message_template"] = text.validate(values["message_template"])
    # An empty one is a draft whose audience is still to be chosen; launch() asks again.
    if values.get("audience"):
        values["audience"] = audiences.validate(values["audience"])
    if values.get("keypad"):
        values["keypad"] = voice_menu.validate(values["keypad"])
    if values.get("provider"):
        provider = registry.current().find(values["provider"])
        if provider is None or provider.channel != values.get("channel", provider.channel):
            raise Invalid(f"No provider {values['provider']!r} carries this channel.")
    if values.get("quiet_hours"):
        try:
            parse_quiet_hours(values["quiet_hours"])
        except ValueError as error:
            raise Invalid(f"quietHours {error}.") from None
    moment = values.get("scheduled_at")
    if isinstance(moment, datetime):
        values["scheduled_at"] = _soon(moment)
    return values


def _soon(moment: datetime) -> datetime:
    """A time to send at, as naive UTC. Raises Invalid for one nobody can mean."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    if moment > utcnow() + FARTHEST:
        raise Invalid("Choose a time within the next 100 years.")
    return moment


def create(values: Mapping[str, Any]) -> Campaign:
    """Make a draft. Raises Invalid for what could never be sent."""
    checked = _check({key: values[key] for key in WRITABLE if key in values})
    title = str(checked.get("title", "")).strip()
    if not title:
        raise Invalid("Give the campaign a title.")
    checked["title"] = title
    if checked.get("audio_asset_id") and checked.get("channel") != "voice":
        raise Invalid("Only calls play a recording: leave it out, or make the channel voice.")
    user = actor()
    with db.atomic():
        campaign: Campaign = Campaign.create(created_by_id=user.id if user else None, **checked)
        audited(campaign, "created", f"Wrote the campaign {title!r}")
    return campaign


def update(campaign_id: int, values: Mapping[str, Any], note: bool = True) -> Campaign:
    """Change a draft. Raises Conflict once it has been launched.

    `note` is False while somebody writes: every pause in typing is not worth an audit entry.
    """
    checked = _check({key: values[key] for key in WRITABLE if key in values})
    with db.atomic():
        campaign = get(campaign_id)
        if not states.move_campaign(campaign_id, ["draft"], "draft", **checked):
            raise Conflict("Only a draft can be changed: clone the campaign instead.")
        if note:
            audited(campaign, "changed", f"Changed the campaign {campaign.title!r}")
    return get(campaign_id)


def delete(campaign_id: int) -> None:
    """Throw a draft away."""
    with db.atomic():
        campaign = get(campaign_id)
        gone = Campaign.delete().where(Campaign.id == campaign_id, Campaign.status == "draft")
        if not gone.execute():
            raise Conflict("Only a draft can be deleted. What was sent stays on record.")
        audited(campaign, "deleted", f"Deleted the draft {campaign.title!r}")


def refuse(campaign: Campaign, word: str) -> Conflict:
    return Conflict(f"A campaign that is {campaign.status} can't be {word}.")


def _check_content(campaign: Campaign) -> None:
    """Raises Invalid when people would get or hear nothing."""
    if campaign.channel == "voice" and campaign.audio_asset_id is not None:
        audio.check_playable(campaign.audio_asset_id, carrier(campaign)[0])
    elif not campaign.message_template:
        raise Invalid("Write a message first.")


def launch(campaign_id: int) -> Campaign:
    """Begin a draft, now or at its scheduled time; its provider is fixed from here on."""
    campaign = get(campaign_id)
    if campaign.status not in ("draft", "scheduled"):
        raise refuse(campaign, "launched")
    _check_content(campaign)
    audiences.validate(campaign.audience)
    approval.check(campaign)
    later = campaign.scheduled_at is not None and campaign.scheduled_at > utcnow()
    with db.atomic():
        if later:
            moved = states.move_campaign(
                campaign_id, ["draft"], "scheduled", launched_at=utcnow(), status_reason=""
            )
            sentence = f"Scheduled the campaign {campaign.title!r}"
        else:
            moved = begin(campaign, ["draft", "scheduled"])
            sentence = f"Launched the campaign {campaign.title!r}"
        if not moved:
            raise refuse(get(campaign_id), "launched")
        audited(campaign, "launched", sentence)
    return get(campaign_id)


def carrier(campaign: Campaign) -> tuple[Provider | None, str]:
    """Who would carry a campaign now, and why nobody may; the reason is empty when all is well."""
    found, name = registry.current(), campaign.provider
    provider = found.find(name) if name else found.for_channel(campaign.channel)
    if provider is not None:
        return provider, found.why_not(provider) or ""
    gone = f"The plugin {name} is not there any more"
    return None, gone if name else found.why_none(campaign.channel)


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
        provider=provider.name if provider else campaign.provider,
        launched_at=campaign.launched_at or now,
        started_at=now,
    )
    if moved:
        _after_commit(lambda: staging.enqueue(campaign))
    return moved


def pause(campaign_id: int, reason: str = "") -> Campaign:
    """Stop new provider calls; whatever is in flight is still recorded."""
    with db.atomic():
        campaign = get(campaign_id)
        why = reason or "Paused by " + (user.name if (user := actor()) else "the system")
        if not states.move_campaign(campaign_id, ["sending"], "paused", status_reason=why):
            raise refuse(get(campaign_id), "paused")
        audited(campaign, "paused", f"Paused the campaign {campaign.title!r}", reason=why)
    return get(campaign_id)


def pause_with_reason(campaign_id: int, reason: str) -> None:
    """The system pauses a campaign; nothing happens when it is not sending any more."""
    with db.atomic():
        campaign = get(campaign_id)
        if states.move_campaign(campaign_id, ["sending"], "paused", status_reason=reason):
            audited(campaign, "paused", f"Paused itself: {campaign.title!r}: {reason}")


def resume(campaign_id: int) -> Campaign:
    """Go on exactly where a paused campaign stopped."""
    campaign = get(campaign_id)
    if campaign.status != "paused":
        raise refuse(campaign, "resumed")
    provider, reason = carrier(campaign)
    if provider is None or reason:
        raise Conflict(reason)
    with db.atomic():
        moved = states.move_campaign(
            campaign_id,
            ["paused"],
            "sending",
            status_reason="",
            provider=provider.name,
            **states.ERRORS_SEEN,
        )
        if not moved:
            raise refuse(get(campaign_id), "resumed")
        trouble.bear_with(provider.name)
        audited(campaign, "resumed", f"Resumed the campaign {campaign.title!r}")
        _after_commit(lambda: wake(campaign_id))
    return get(campaign_id)


def wake(campaign_id: int) -> None:
    """Hint at once rather than at the sweeper's next round."""
    campaign = get(campaign_id)
    if campaign.status == "sending":
        if not campaign.staged:
            staging.enqueue(campaign)
        feed(campaign)
        states.complete(campaign_id)


def cancel(campaign_id: int) -> Campaign:
    """End a campaign for good; what has not been sent is skipped."""
    with db.atomic():
        campaign = get(campaign_id)
        moved = states.move_campaign(
            campaign_id,
            ["draft", "scheduled", "sending", "paused"],
            "cancelled",
            status_reason="",
            completed_at=utcnow(),
        )
        if not moved:
            raise refuse(get(campaign_id), "cancelled")
        audited(
            campaign,
            "cancelled",
            f"Cancelled the campaign {campaign.title!r}, {campaign.queued:,} not sent",
        )
        registered = queues.current()
        queue = registered.of_channel(campaign.channel)
        _after_commit(lambda: registered.enqueue(queue, "skip_rest", campaignId=campaign_id))
    return get(campaign_id)


def skip_rest(campaign_id: int) -> None:
    """The worker's part of a cancellation."""
    while states.skip_queued(campaign_id):
        pass


def reschedule(campaign_id: int, moment: datetime) -> Campaign:
    """Move a scheduled campaign to another time."""
    moment = _soon(moment)
    with db.atomic():
        campaign = get(campaign_id)
        if campaign.status != "scheduled":
            raise refuse(campaign, "rescheduled")
        if moment <= utcnow():
            raise Invalid("Choose a time in the future; to send at once, choose the next minute.")
        if not states.move_campaign(campaign_id, ["scheduled"], "scheduled", scheduled_at=moment):
            raise refuse(campaign, "rescheduled")
        audited(campaign, "rescheduled", f"Rescheduled the campaign {campaign.title!r}")
    return get(campaign_id)


def clone(campaign_id: int) -> Campaign:
    """A new draft with the same message, audience and pace."""
    old = get(campaign_id)
    values = {key: getattr(old, key) for key in WRITABLE if key != "scheduled_at"}
    values["title"] = f"{old.title} (copy)"
    return create(values)


def pause_channel(channel: str) -> None:
    """No campaign of a channel makes a provider call until it is resumed."""
    _set_channel(channel, True, "Paused")


def resume_channel(channel: str) -> None:
    _set_channel(channel, False, "Resumed")


def _set_channel(channel: str, paused: bool, word: str) -> None:
    if channel not in queues.current().channels:
        known = ", ".join(queues.current().channels)
        raise NotFound(f"There is no channel {channel!r}. There are: {known}.")
    with db.atomic():
        ChannelState.insert(channel=channel, paused=paused).on_conflict(
            conflict_target=[ChannelState.channel], update={ChannelState.paused: paused}
        ).execute()
        audit.record(f"channel.{word.lower()}", f"{word} the channel {channel}", "channel", channel)
