"""What a writer sets for a split test, texts or calls A and B, and what the rest wait for.

Kept in `Campaign.split`: text (B; A is the message itself), share (per cent of the people, of each
text), decide_by (replies, keys or hand) and after_minutes (from the last message of the trial on);
of calls besides audio_asset_id (the recording B plays, in place of the text) and keys (those that
count as a yes, of the one menu that both calls have).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from obidient.campaigns import text
from obidient.campaigns.models.campaign import Campaign
from obidient.clock import clock_words
from obidient.config import settings
from obidient.contacts import fields
from obidient.errors import Invalid
from obidient.providers import registry

A, B = "A", "B"
REPLIES, KEYS, HAND = "replies", "keys", "hand"
#: As on a phone.
_DIGITS = "1234567890"
#: What keys may do that says nothing for a call: they opt out, or play it again.
_NO_ANSWERS = ("stop", "repeat")
#: Per cent of the people that get each text in the trial.
LEAST_SHARE, MOST_SHARE, USUAL_SHARE = 5, 50, 10
#: Minutes from the last message of the trial to the decision.
SOONEST, LATEST, USUAL_AFTER = 10, 7 * 24 * 60, 120


def validate(given: Mapping[str, Any]) -> dict[str, Any]:
    """The terms as they are stored; raises Invalid. An empty text B is still to be written."""
    second = str(given.get("text", ""))
    if second.strip():
        try:
            second = text.validate(second, fields.own())
        except Invalid as error:
            raise Invalid(f"Text B: {error.detail}") from None
    share, after = given.get("share", USUAL_SHARE), given.get("after_minutes", USUAL_AFTER)
    decide_by = given.get("decide_by", REPLIES)
    if not isinstance(share, int) or not LEAST_SHARE <= share <= MOST_SHARE:
        raise Invalid(f"Let each text be tried on {LEAST_SHARE} to {MOST_SHARE} per cent.")
    if not isinstance(after, int) or not SOONEST <= after <= LATEST:
        raise Invalid("Decide 10 minutes to 7 days after the last message of the trial.")
    if decide_by not in (REPLIES, KEYS, HAND):
        raise Invalid("A split test is decided by replies, by keys or by hand.")
    found = {"text": second, "share": share, "decide_by": decide_by, "after_minutes": after}
    if given.get("audio_asset_id"):
        found["audio_asset_id"] = int(given["audio_asset_id"])
    if given.get("keys"):
        found["keys"] = [key for key in _DIGITS if key in given["keys"]]
    return found


def check(campaign: Campaign | Mapping[str, Any]) -> None:
    """Raises Invalid for a split test that goes with nothing else that the campaign says."""
    values = campaign if isinstance(campaign, Mapping) else campaign.__data__
    if not values.get("split"):
        return
    split = values["split"]
    if registry.current().is_spoken(str(values.get("channel") or "sms")):
        if split["decide_by"] == REPLIES:
            raise Invalid(
                "Calls get no replies: let keys decide a split test of calls, or a person."
            )
    elif split["decide_by"] == KEYS or split.get("audio_asset_id") or split.get("keys"):
        raise Invalid("Texts have no keys and no recordings: let replies decide, or a person.")
    if values.get("translations"):
        raise Invalid(
            "A campaign has either a split test or texts in other languages, since a test compares "
            "two texts: leave out one of the two."
        )


def check_written(campaign: Campaign) -> None:
    """Before a launch: raises Invalid while B is missing or as A, or no key could decide."""
    check(campaign)
    if not campaign.split:
        return
    a, b = (audio_for(campaign, one) or text_for(campaign, one) for one in (A, B))
    if not b:
        what = (
            "Choose a recording or write a text for" if word(campaign) == "call" else "Write text"
        )
        raise Invalid(f"{what} B of the split test.")
    if a == b:
        both = f"{word(campaign).capitalize()}s A and B"
        raise Invalid(f"{both} are the same: there is nothing to compare.")
    named = campaign.split.get("keys") or []
    if campaign.split["decide_by"] == KEYS and not named:
        raise Invalid("Say which keys decide the split test.")
    actions = _actions(campaign)
    for key in named:
        if key not in actions:
            raise Invalid(f"Key {key} decides the split test, but the menu has no such key.")
        if actions[key] == "stop":
            raise Invalid(f"Key {key} opts people out: it can't decide the split test.")


def text_for(campaign: Campaign, variant: str) -> str:
    """The template that people of a batch of this variant get."""
    if variant == B and campaign.split:
        return str(campaign.split["text"])
    return campaign.message_template


def audio_for(campaign: Campaign, variant: str = "") -> int | None:
    """The id of the recording that people of a batch of this variant hear; None for none."""
    if variant == B and campaign.split:
        second: int | None = campaign.split.get("audio_asset_id")
        return second
    return campaign.audio_asset_id


def word(campaign: Campaign) -> str:
    """What A and B are: `text`, or `call`."""
    return "call" if registry.current().is_spoken(campaign.channel) else "text"


def keys_of(campaign: Campaign) -> list[str]:
    """The keys that count for a call: those that were named, or all by which people answer."""
    named = list(campaign.split.get("keys") or []) if campaign.split else []
    return named or [key for key, does in _actions(campaign).items() if does not in _NO_ANSWERS]


def _actions(campaign: Campaign) -> dict[str, str]:
    """What each key of the menu does, in the order of a phone's."""
    found = campaign.keypad["keys"] if campaign.keypad else {}
    return {key: found[key]["action"] for key in _DIGITS if key in found}


def keys_words(campaign: Campaign) -> str:
    """`key 1`, `key 1 or 3`; `a key` where the menu has none that counts."""
    found = keys_of(campaign)
    return f"key {' or '.join(found)}" if found else "a key"


def texts_of(campaign: Campaign) -> dict[str, str]:
    """Both templates by their letter; empty where there is no split test."""
    return {one: text_for(campaign, one) for one in (A, B)} if campaign.split else {}


def is_open(campaign: Campaign) -> bool:
    """Whether a text for the rest is still to be chosen."""
    return bool(campaign.split) and not campaign.winner


def waits(campaign: Campaign) -> bool:
    """Whether the trial is over and the rest wait for the winner."""
    return is_open(campaign) and campaign.trial_ended_at is not None and campaign.queued > 0


def asks(campaign: Campaign) -> bool:
    """Whether they wait for a person."""
    return waits(campaign) and (bool(campaign.winner_asked) or campaign.split["decide_by"] == HAND)


def due_at(campaign: Campaign) -> datetime | None:
    """When replies or keys decide, naive UTC; None where a person does, or the trial still runs."""
    if not waits(campaign) or asks(campaign):
        return None
    ended: datetime = campaign.trial_ended_at
    return ended + timedelta(minutes=campaign.split["after_minutes"])


def words(campaign: Campaign) -> str:
    """What the rest wait for, in a sentence; empty while they don't."""
    if not waits(campaign):
        return ""
    if campaign.winner_asked:
        return f"{campaign.winner_asked} Choose the {word(campaign)} for the rest."
    moment = due_at(campaign)
    if moment is None:
        return (
            f"The trial of {word(campaign)}s A and B is over. Choose the {word(campaign)} for the "
            "rest."
        )
    when = clock_words(moment, settings().timezone)
    who = campaign.split["decide_by"]
    return f"The rest wait for the winner of {word(campaign)}s A and B; {who} decide on {when}."
