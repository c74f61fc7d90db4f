"""What the person at the other end of a call is to hear."""

from obidient.campaigns.fields import field_values
from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.split import results, terms
from obidient.campaigns.text import render
from obidient.campaigns.voice import calls, recordings
from obidient.campaigns.voice import menu as voice_menu
from obidient.contacts.models import Contact
from obidient.plugin import Script
from obidient.providers import registry


def find(provider: str, session: str, phone: str | None, reference: str) -> Script | None:
    """The script of a call in progress; None when the call is no campaign's."""
    call = calls.find(provider, session, phone, reference)
    campaign = Campaign.get_or_none(Campaign.id == call.campaign_id) if call else None
    if call is None or campaign is None:
        return None
    return of(campaign, call.recipient_id)


def of(campaign: Campaign, recipient_id: int) -> Script:
    """A campaign's script for one recipient."""
    text, variant, row = "", "", None
    if campaign.message_template or campaign.split:
        row = Recipient.get_or_none(Recipient.id == recipient_id)
    if row and campaign.split:
        variant = results.variants(campaign, [row.batch]).get(row.batch, "")
    if template := terms.text_for(campaign, variant):
        contact_id = row.contact_id if row else None
        person = Contact.get_or_none(Contact.id == contact_id) if contact_id else None
        text = render(template, field_values(person))
    return for_text(campaign, text, variant)


def for_text(campaign: Campaign, text: str, variant: str = "") -> Script:
    """A campaign's script for somebody whose text is known; `variant` is call A or B of a test."""
    menu = campaign.keypad
    return Script(
        text=text,
        audio_url=audio_url(campaign, variant),
        prompt=voice_menu.prompt(menu) if menu else "",
        choices=voice_menu.choices(menu),
    )


def audio_url(campaign: Campaign, variant: str = "") -> str | None:
    """Where the network fetches the campaign's recording; None when its text is spoken."""
    spoken, played = (
        registry.current().is_spoken(campaign.channel),
        terms.audio_for(campaign, variant),
    )
    if not spoken or played is None:
        return None
    row = AudioAsset.get_or_none(AudioAsset.id == played)
    return recordings.address(row) if row else None
