"""A split test as pages show it: what is planned, and A and B side by side."""

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from obidient.admin import formats
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle
from obidient.campaigns.split import results, terms
from obidient.errors import Invalid

#: With fewer people a text, hardly any difference can be told from chance.
FEW = 200


def from_form(form: MultiDict[str, str]) -> dict[str, Any] | None:
    """What the composer's form says; None without a test. Raises Invalid."""
    if form.get("split") != "yes":
        return None
    share, hours = form.get("split_share", "").strip(), form.get("split_hours", "").strip()
    try:
        minutes = round(60 * float(hours.replace(",", ".")))
    except (ValueError, OverflowError):
        raise Invalid("Write after how many hours the answers decide, e.g. 2.") from None
    if not share.isdecimal():
        raise Invalid("Write the share of people who try each of them, e.g. 10.")
    audio = form.get("split_audio", "")
    return {
        "text": form.get("split_text", ""),
        "share": int(share),
        "decide_by": form.get("split_by", terms.REPLIES),
        "after_minutes": minutes,
        "audio_asset_id": int(audio) if audio.isdecimal() else None,
        "keys": form.getlist("split_keys"),
    }


def choices(campaign: Campaign) -> dict[str, Any]:
    """What the composer's fields hold."""
    known = campaign.split or {}
    minutes = known.get("after_minutes", terms.USUAL_AFTER)
    return {
        "split": known,
        "split_share": known.get("share", terms.USUAL_SHARE),
        "split_by": known.get("decide_by", ""),
        "split_keys": known.get("keys", []),
        "split_hours": f"{minutes / 60:g}",
        "least_share": terms.LEAST_SHARE,
        "most_share": terms.MOST_SHARE,
    }


def word_of(campaign_id: int) -> str:
    """What A and B of a campaign are: `text`, or `call`."""
    return terms.word(lifecycle.get(campaign_id))


def are_played(campaign: Campaign) -> bool:
    """Whether all that people hear of it are recordings."""
    letters = terms.texts_of(campaign) or ("",)
    return all(terms.audio_for(campaign, letter) is not None for letter in letters)


def some_wait(campaign: Campaign) -> bool:
    """Whether anybody of a campaign will wait for the winner."""
    return bool(campaign.split) and campaign.split["share"] < terms.MOST_SHARE


def plan(campaign: Campaign, people: int) -> str:
    """What will happen, in a sentence for whoever sends it; empty without a test."""
    if not campaign.split:
        return ""
    split: Mapping[str, Any] = campaign.split
    each = formats.plural(round(people * split["share"] / 100), "person", "people")
    word = terms.word(campaign)
    start = f"About {each} get {word} A and as many {word} B, drawn by lot."
    if not some_wait(campaign):
        return f"{start} Nobody waits for the winner."
    if split["decide_by"] == terms.HAND:
        return f"{start} The rest wait until somebody chooses."
    after = formats.duration(60 * split["after_minutes"])
    if split["decide_by"] == terms.KEYS:
        wins = (
            f"the call in which more people pressed {terms.keys_words(campaign)}. A tie or no key"
        )
    else:
        wins = "the text with more replies. A tie or no reply"
    last = "calls" if word == "call" else "messages"
    return (
        f"{start} The rest wait: {after} after the last of these {last} they get {wins} waits for "
        "a person."
    )


def few(campaign: Campaign, people: int) -> str:
    """Says so when the trial is too small to show much; empty otherwise."""
    if not campaign.split or not people:
        return ""
    each = round(people * campaign.split["share"] / 100)
    if each >= FEW:
        return ""
    word = terms.word(campaign)
    what = "replies" if word == "text" else "keys pressed"
    return (
        f"Each {word} is tried on about {formats.plural(each, 'person', 'people')}: only a very "
        f"large difference in {what} would be more than chance."
    )


def shown(campaign: Campaign) -> dict[str, Any]:
    """What a campaign's page shows of its test; empty without one."""
    arms = results.arms(campaign)
    if not arms:
        return {"arms": []}
    word = terms.word(campaign)
    # A campaign that is over has nobody left to choose for.
    may_choose = terms.is_open(campaign) and campaign.status in ("sending", "paused")
    held = results.held(campaign)
    return {
        "arms": arms,
        "verdict": results.verdict(arms),
        "split_word": word,
        "split_keys": terms.keys_words(campaign),
        "split_asks": terms.asks(campaign),
        "split_words": _state(campaign, held),
        "may_choose": may_choose and campaign.staged and held > 0,
        "held": held,
    }


def _state(campaign: Campaign, held: int) -> str:
    """What the rest get, or what decides that."""
    if campaign.winner:
        return f"The rest get {terms.word(campaign)} {campaign.winner}."
    if words := terms.words(campaign):
        return words
    if campaign.status in ("sending", "paused") and held:
        return "The trial is being sent; the rest wait."
    return "Nobody waits for the winner."
