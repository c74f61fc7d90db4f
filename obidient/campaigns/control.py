"""What people do with campaigns: each action checks, moves the state, is audited, and then hints.

An action that is not possible now raises Conflict with a sentence that says why.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from obidient import queues
from obidient.accounts import actor, audit
from obidient.campaigns import approval, text, translations
from obidient.campaigns import audience as audiences
from obidient.campaigns.models.campaign import Campaign, ChannelState
from obidient.campaigns.planning import estimates
from obidient.campaigns.sending import budget, lifecycle, rest, routes, states
from obidient.campaigns.sending.holds import PROMOTIONAL, TRANSACTIONAL
from obidient.campaigns.split import terms
from obidient.campaigns.voice import menu, recordings
from obidient.clock import clock_words, utcnow
from obidient.config import parse_quiet_hours, settings
from obidient.contacts import fields
from obidient.database import db
from obidient.errors import Conflict, Forbidden, Invalid, NotFound
from obidient.providers import registry

#: No campaign is planned farther ahead; at the calendar's end times can't be reckoned with.
FARTHEST = timedelta(days=100 * 365)
#: Of a cancelled campaign; a worker skips the rest.
SKIPPED_AT_ONCE = 2_000
#: What a writer may set.
WRITABLE = (
    "channel",
    "title",
    "message_template",
    "translations",
    "split",
    "audience",
    "audio_asset_id",
    "keypad",
    "provider",
    "throttled_rate",
    "scheduled_at",
    "quiet_hours",
    "campaign_metadata",
    "keep_spelling",
    "message_class",
)


def _check(values: dict[str, Any]) -> dict[str, Any]:
    """Check what a writer may set; returns it as it is stored."""
    if "channel" in values and values["channel"] not in queues.current().channels:
        known = ", ".join(queues.current().channels)
        raise Invalid(f"There is no channel {values['channel']!r}. There are: {known}.")
    _check_texts(values)
    # An empty one is a draft whose audience is still to be chosen; launch() asks again.
    if values.get("audience"):
        values["audience"] = audiences.validate(values["audience"])
    if values.get("keypad"):
        values["keypad"] = menu.validate(values["keypad"])
    if values.get("provider"):
        provider = registry.current().find(values["provider"])
        if provider is None or provider.channel != values.get("channel", provider.channel):
            raise Invalid(f"No provider {values['provider']!r} carries this channel.")
    _check_hours(values)
    if values.get("message_class") == TRANSACTIONAL:
        _check_class()
    moment = values.get("scheduled_at")
    if isinstance(moment, datetime):
        values["scheduled_at"] = check_time(moment)
    return values


def _check_texts(values: dict[str, Any]) -> None:
    if values.get("message_template"):
        values["message_template"] = text.validate(values["message_template"], fields.own())
    if "translations" in values:
        values["translations"] = translations.validate(values["translations"] or {})
        if values["translations"]:
            translations.note_field()
    if values.get("split"):
        values["split"] = terms.validate(values["split"])


def _check_hours(values: dict[str, Any]) -> None:
    if values.get("quiet_hours"):
        try:
            parse_quiet_hours(values["quiet_hours"])
        except ValueError as error:
            raise Invalid(f"quietHours {error}.") from None


def _check_class() -> None:
    """Raises Forbidden unless an admin says so: it goes out at night, to people who want none."""
    user = actor()
    if user is not None and user.role != "admin":
        raise Forbidden("Only admins may make a campaign transactional: it knows no quiet hours.")


def check_time(moment: datetime) -> datetime:
    """A time to send at, as naive UTC. Raises Invalid for one nobody can mean."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    if moment > utcnow() + FARTHEST:
        raise Invalid("Choose a time within the next 100 years.")
    return moment


def check_not_passed(moment: datetime | None) -> None:
    """Raises Invalid for a time that is over; none means at once, which never is."""
    if moment is not None and moment <= utcnow():
        raise Invalid(
            f"Its time, {clock_words(moment, settings().timezone)}, has passed: choose one in the "
            "future, or none to send at once."
        )


def create(values: Mapping[str, Any]) -> Campaign:
    """Make a draft. Raises Invalid for what could never be sent."""
    checked = _check({key: values[key] for key in WRITABLE if key in values})
    title = str(checked.get("title", "")).strip()
    if not title:
        raise Invalid("Give the campaign a title.")
    checked["title"] = title
    spoken = registry.current().is_spoken(str(checked.get("channel", "sms")))
    if checked.get("audio_asset_id") and not spoken:
        raise Invalid("Only calls play a recording: leave it out, or make the channel voice.")
    terms.check(checked)
    user = actor()
    with db.atomic():
        campaign: Campaign = Campaign.create(created_by_id=user.id if user else None, **checked)
        lifecycle.audited(campaign, "created", f"Wrote the campaign {title!r}")
        if campaign.message_class == TRANSACTIONAL:
            _note_class(campaign)
    return campaign


def update(campaign_id: int, values: Mapping[str, Any], note: bool = True) -> Campaign:
    """Change a draft. Raises Conflict once it has been launched.

    `note` is False while somebody writes: every pause in typing is not worth an audit entry.
    """
    checked = _check({key: values[key] for key in WRITABLE if key in values})
    with db.atomic():
        campaign = lifecycle.get(campaign_id)
        if not states.move_campaign(campaign_id, ["draft"], "draft", **checked):
            raise Conflict("Only a draft can be changed: clone the campaign instead.")
        if {"channel", "translations", "split"} & checked.keys():
            terms.check(lifecycle.get(campaign_id))
        if checked.get("message_class", campaign.message_class) != campaign.message_class:
            _note_class(lifecycle.get(campaign_id))
        if note:
            lifecycle.audited(campaign, "changed", f"Changed the campaign {campaign.title!r}")
    return lifecycle.get(campaign_id)


def _note_class(campaign: Campaign) -> None:
    sentence = f"Made the campaign {campaign.title!r} {campaign.message_class}"
    lifecycle.audited(campaign, "class", sentence, message_class=campaign.message_class)


def delete(campaign_id: int) -> None:
    """Throw a draft away."""
    with db.atomic():
        campaign = lifecycle.get(campaign_id)
        gone = Campaign.delete().where(Campaign.id == campaign_id, Campaign.status == "draft")
        if not gone.execute():
            raise Conflict("Only a draft can be deleted. What was sent stays on record.")
        lifecycle.audited(campaign, "deleted", f"Deleted the draft {campaign.title!r}")


def refusal(campaign: Campaign, word: str) -> Conflict:
    return Conflict(f"A campaign that is {campaign.status} can't be {word}.")


def check_content(campaign: Campaign) -> None:
    """Raises Invalid when people would get or hear nothing."""
    for variant in terms.texts_of(campaign) or ("",):
        played = terms.audio_for(campaign, variant)
        if played is not None and registry.current().is_spoken(campaign.channel):
            recordings.check_playable(played, lifecycle.carrier(campaign)[0])
        elif variant != terms.B and not campaign.message_template:
            raise Invalid("Write a message first.")
    terms.check_written(campaign)


def launch(campaign_id: int, at_once: bool = False) -> Campaign:
    """Begin a draft, now or at its scheduled time; its provider is fixed from here on.

    `at_once` says that a person wants it now, whatever its time was. Raises Invalid for a draft
    whose time has passed: people would get "tomorrow" a day late.
    """
    campaign = lifecycle.get(campaign_id)
    if campaign.status not in ("draft", "scheduled"):
        raise refusal(campaign, "launched")
    check_content(campaign)
    audiences.validate(campaign.audience)
    approval.check(campaign)
    estimates.check_budget(campaign)
    later = not at_once and campaign.scheduled_at is not None and campaign.scheduled_at > utcnow()
    if campaign.status == "draft" and not at_once and not later:
        check_not_passed(campaign.scheduled_at)
    with db.atomic():
        if later:
            moved = states.move_campaign(
                campaign_id, ["draft"], "scheduled", launched_at=utcnow(), status_reason=""
            )
            sentence = f"Scheduled the campaign {campaign.title!r}"
        else:
            moved = lifecycle.begin(campaign, ["draft", "scheduled"])
            sentence = f"Launched the campaign {campaign.title!r}"
        if not moved:
            raise refusal(lifecycle.get(campaign_id), "launched")
        lifecycle.audited(campaign, "launched", sentence)
    return lifecycle.get(campaign_id)


def pause(campaign_id: int, reason: str = "") -> Campaign:
    """Stop new provider calls; whatever is in flight is still recorded."""
    with db.atomic():
        campaign = lifecycle.get(campaign_id)
        why = reason or "Paused by " + (user.name if (user := actor()) else "the system")
        if not states.move_campaign(campaign_id, ["sending"], "paused", status_reason=why):
            raise refusal(lifecycle.get(campaign_id), "paused")
        lifecycle.audited(campaign, "paused", f"Paused the campaign {campaign.title!r}", reason=why)
    return lifecycle.get(campaign_id)


def resume(campaign_id: int) -> Campaign:
    """Go on exactly where a paused campaign stopped."""
    campaign = lifecycle.get(campaign_id)
    if campaign.status != "paused":
        raise refusal(campaign, "resumed")
    provider, reason = lifecycle.carrier(campaign)
    if provider is None or reason:
        raise Conflict(reason)
    if why := budget.used_up(campaign):
        raise Conflict(f"{why}.")
    with db.atomic():
        moved = states.move_campaign(
            campaign_id,
            ["paused"],
            "sending",
            status_reason="",
            provider=campaign.provider or provider.name,
            **states.ERRORS_SEEN,
        )
        if not moved:
            raise refusal(lifecycle.get(campaign_id), "resumed")
        for name in routes.names_of(campaign) or [provider.name]:
            rest.forgive(name)
        lifecycle.audited(campaign, "resumed", f"Resumed the campaign {campaign.title!r}")
        db.after_commit(lambda: lifecycle.wake(campaign_id))
    return lifecycle.get(campaign_id)


def cancel(campaign_id: int) -> Campaign:
    """End a campaign for good; what has not been sent is skipped."""
    with db.atomic():
        campaign = lifecycle.get(campaign_id)
        moved = states.move_campaign(
            campaign_id,
            ["draft", "scheduled", "sending", "paused"],
            "cancelled",
            status_reason="",
            completed_at=utcnow(),
        )
        if not moved:
            raise refusal(lifecycle.get(campaign_id), "cancelled")
        lifecycle.audited(
            campaign,
            "cancelled",
            f"Cancelled the campaign {campaign.title!r}, {campaign.queued:,} not sent",
        )
        registered = queues.current()
        queue = registered.of_channel(campaign.channel)
        db.after_commit(lambda: registered.enqueue(queue, "skip_rest", campaignId=campaign_id))
    # Those few are seen at once to be left, with or without a worker.
    states.skip_queued(campaign_id, SKIPPED_AT_ONCE)
    return lifecycle.get(campaign_id)


def reschedule(campaign_id: int, moment: datetime | None) -> Campaign:
    """Give a draft or a scheduled campaign another time; without one a draft starts when it is
    launched, and a scheduled campaign starts now."""
    campaign = lifecycle.get(campaign_id)
    if moment is None and campaign.status == "scheduled":
        return launch(campaign_id, at_once=True)
    moment = check_time(moment) if moment else None
    with db.atomic():
        if campaign.status not in ("draft", "scheduled"):
            raise refusal(campaign, "rescheduled")
        if moment is not None and moment <= utcnow():
            raise Invalid("Choose a time in the future, or send it at once.")
        frm = [campaign.status]
        if not states.move_campaign(
            campaign_id, frm, campaign.status, scheduled_at=moment, status_reason=""
        ):
            raise refusal(lifecycle.get(campaign_id), "rescheduled")
        lifecycle.audited(campaign, "rescheduled", f"Rescheduled the campaign {campaign.title!r}")
    return lifecycle.get(campaign_id)


def take_back(campaign_id: int) -> Campaign:
    """Make a scheduled campaign a draft again, to be edited; it keeps all it has.

    From here on it does not go out by itself, so that nobody gets half-edited text, until it has
    been launched again.
    """
    with db.atomic():
        campaign = lifecycle.get(campaign_id)
        who = user.name if (user := actor()) else "the system"
        reason = (
            f"Taken back to be edited by {who}. It does not go out before it is scheduled again"
        )
        if not states.move_campaign(
            campaign_id, ["scheduled"], "draft", status_reason=reason, launched_at=None
        ):
            raise refusal(lifecycle.get(campaign_id), "edited")
        lifecycle.audited(campaign, "taken-back", f"Took {campaign.title!r} back to edit it")
    return lifecycle.get(campaign_id)


def clone(campaign_id: int) -> Campaign:
    """A new draft with the same message, audience and pace."""
    old = lifecycle.get(campaign_id)
    values = {key: getattr(old, key) for key in WRITABLE if key != "scheduled_at"}
    values["title"] = f"{old.title} (copy)"
    # Each is asked for by an admin.
    values["message_class"] = PROMOTIONAL
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
