"""Keys pressed in calls: kept per recipient, obeyed, and counted."""

from typing import Any

from peewee import fn

from obidient.campaigns.costly import Costly
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.voice import KeyPress, VoiceCall
from obidient.campaigns.voice import calls as voice_calls
from obidient.campaigns.voice import menu as voice_menu
from obidient.clock import utcnow
from obidient.contacts.models import EVERY_CHANNEL
from obidient.contacts.suppression import suppress
from obidient.database import db
from obidient.plugin import CallProgress


def progress(provider: str, event: CallProgress) -> bool:
    """Note that a call was taken, and do what a key asks for; False when the call is unknown."""
    call = voice_calls.find(provider, event.provider_id, event.phone, event.reference)
    if call is None:
        return False
    if call.answered_at is None:
        VoiceCall.update(answered_at=utcnow()).where(
            VoiceCall.id == call.id, VoiceCall.answered_at.is_null()
        ).execute()
    if event.key:
        _press(call, event.key)
    return True


def _press(call: VoiceCall, key: str) -> None:
    campaign = Campaign.get_or_none(Campaign.id == call.campaign_id)
    menu = voice_menu.choices(campaign.keypad if campaign else None)
    choice = next((one for one in menu if one.key == key), None)
    if choice is None:
        return
    is_new = (
        KeyPress.insert(
            recipient_id=call.recipient_id,
            campaign_id=call.campaign_id,
            key=key,
            action=choice.action,
            at=utcnow(),
        )
        .on_conflict(conflict_target=[KeyPress.recipient_id, KeyPress.key], action="IGNORE")
        .as_rowcount()
        .execute()
    )
    if is_new and choice.action == "stop":
        suppress(call.phone, EVERY_CHANNEL, "stop-key", "Asked for it in a call")


def answers(campaign: Campaign) -> list[dict[str, Any]]:
    """How many people pressed each key of a campaign's menu, in the menu's order."""
    pressed: Any = (
        KeyPress.select(KeyPress.key, fn.COUNT(KeyPress.recipient_id))
        .where(KeyPress.campaign_id == campaign.id)
        .group_by(KeyPress.key)
        .tuples()
    )
    counted: dict[str, int] = dict(pressed)
    return [
        {
            "key": one.key,
            "action": one.action,
            "label": voice_menu.label(campaign.keypad, one),
            "people": int(counted.get(one.key, 0)),
        }
        for one in voice_menu.choices(campaign.keypad)
    ]


_calls: Costly[dict[str, int]] = Costly()


def calls(campaign_id: int) -> dict[str, int]:
    """How many calls were made, how many were taken, and how long people listened in all."""
    return _calls.get(campaign_id, lambda: _count_calls(campaign_id))


def _count_calls(campaign_id: int) -> dict[str, int]:
    made, taken, seconds = db.execute_sql(
        "SELECT count(*), count(answered_at), coalesce(sum(duration), 0) FROM voice_call "
        f"WHERE campaign_id = {int(campaign_id)}"
    ).fetchone()
    return {"made": int(made), "answered": int(taken), "seconds": int(seconds)}


def of_recipients(recipient_ids: list[int]) -> dict[int, dict[str, Any]]:
    """The keys each of these people pressed, and how long their longest call was."""
    found: dict[int, dict[str, Any]] = {}
    for row in KeyPress.select().where(KeyPress.recipient_id.in_(recipient_ids)):
        entry = found.setdefault(row.recipient_id, {"keys": "", "duration": None})
        entry["keys"] = "".join(sorted(entry["keys"] + row.key))
    ended = VoiceCall.recipient_id.in_(recipient_ids) & VoiceCall.duration.is_null(False)
    for call in VoiceCall.select().where(ended):
        entry = found.setdefault(call.recipient_id, {"keys": "", "duration": None})
        entry["duration"] = max(entry["duration"] or 0, int(call.duration or 0))
    return found
