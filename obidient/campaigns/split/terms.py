"""What a writer sets for a split test, the two texts, and what the rest of the people wait for.

Kept in `Campaign.split`: text (B; A is the message itself), share (per cent of the people, of each
text), decide_by (replies or hand) and after_minutes (from the last message of the trial on).
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
REPLIES, HAND = "replies", "hand"
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
    if decide_by not in (REPLIES, HAND):
        raise Invalid("A split test is decided by replies or by hand.")
    return {"text": second, "share": share, "decide_by": decide_by, "after_minutes": after}


def check(campaign: Campaign | Mapping[str, Any]) -> None:
    """Raises Invalid for a split test that goes with nothing else that the campaign says."""
    values = campaign if isinstance(campaign, Mapping) else campaign.__data__
    if not values.get("split"):
        return
    if registry.current().is_spoken(str(values.get("channel") or "sms")):
        raise Invalid("A split test compares two texts: calls have none. Leave out the split test.")
    if values.get("translations"):
        raise Invalid(
            "A campaign has either a split test or texts in other languages, since a test compares "
            "two texts: leave out one of the two."
        )


def check_written(campaign: Campaign) -> None:
    """Before a launch: raises Invalid while text B is missing, or says the same as A."""
    check(campaign)
    if campaign.split and not campaign.split["text"]:
        raise Invalid("Write text B of the split test.")
    if campaign.split and campaign.split["text"] == campaign.message_template:
        raise Invalid("Texts A and B are the same: there is nothing to compare.")


def text_for(campaign: Campaign, variant: str) -> str:
    """The template that people of a batch of this variant get."""
    if variant == B and campaign.split:
        return str(campaign.split["text"])
    return campaign.message_template


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
    """When replies decide, naive UTC; None where a person does, or the trial still runs."""
    if not waits(campaign) or asks(campaign):
        return None
    ended: datetime = campaign.trial_ended_at
    return ended + timedelta(minutes=campaign.split["after_minutes"])


def words(campaign: Campaign) -> str:
    """What the rest wait for, in a sentence; empty while they don't."""
    if not waits(campaign):
        return ""
    if campaign.winner_asked:
        return f"{campaign.winner_asked} Choose the text for the rest."
    moment = due_at(campaign)
    if moment is None:
        return "The trial of texts A and B is over. Choose the text for the rest."
    when = clock_words(moment, settings().timezone)
    return f"The rest wait for the winner of texts A and B; replies decide on {when}."
