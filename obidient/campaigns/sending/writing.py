"""What each claimed recipient gets to read, and who gets nothing since it would be too long."""

from obidient.campaigns import lengths
from obidient.campaigns.fields import field_values
from obidient.campaigns.models.campaign import Campaign, RecipientStatus
from obidient.campaigns.sending import channels
from obidient.campaigns.sending.outcomes import Claimed, Result, message_of
from obidient.campaigns.split import terms
from obidient.campaigns.text import MOST_PARTS, is_personalised, render, segments
from obidient.campaigns.translations import template_for
from obidient.contacts.models import Contact
from obidient.plugin import Message

TOO_LONG = "too-long"


def messages(
    campaign: Campaign, claimed: list[Claimed], variant: str = ""
) -> tuple[list[Message], list[Result]]:
    """The messages of the claimed, fields filled in from their contacts as they are now.

    `variant` is their batch's text in a split test. Whose text would have more parts than networks
    take is not in it: what to record of them is second.
    """
    sound = channels.of(campaign.channel).sound(campaign, variant)
    made, too_long = [], []
    found = _texts(campaign, claimed, terms.text_for(campaign, variant))
    # Many have the same text: each is measured once.
    texts = {text for _, text in found}
    long = {text for text in texts if lengths.is_too_long(campaign.channel, text)}
    for one, text in found:
        if text in long:
            too_long.append(_left_out(one, text))
        else:
            made.append(message_of(one, text, campaign, sound))
    return made, too_long


def _texts(campaign: Campaign, claimed: list[Claimed], template: str) -> list[tuple[Claimed, str]]:
    keep, others = campaign.keep_spelling, campaign.translations
    if not others and not is_personalised(template):
        text = render(template, {}, keep)
        return [(one, text) for one in claimed]
    ids = [one.contact_id for one in claimed if one.contact_id is not None]
    people = {row.id: row for row in Contact.select().where(Contact.id.in_(ids))}
    found = []
    for one in claimed:
        values = field_values(people.get(one.contact_id or 0))
        found.append((one, render(template_for(template, others, values), values, keep)))
    return found


def _left_out(one: Claimed, text: str) -> Result:
    """Never handed over, so it costs nothing and no try is counted."""
    parts = segments(text).parts
    reason = f"Their text would have {parts} parts; networks take {MOST_PARTS}"
    return Result(
        one.id, one.attempt, RecipientStatus.SKIPPED, code=TOO_LONG, reason=reason, free=True
    )
