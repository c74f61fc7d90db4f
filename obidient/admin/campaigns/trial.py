"""A test: what a draft says, sent to one phone or played to it before it goes to thousands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import session

from obidient.accounts import actor, audit
from obidient.admin import formats
from obidient.admin.campaigns import draft as drafts
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.models.voice import TrialCall
from obidient.campaigns.split import terms
from obidient.campaigns.texts import answers
from obidient.campaigns.voice import trials
from obidient.clock import utcnow
from obidient.contacts.phones import mask
from obidient.database import db
from obidient.errors import Conflict
from obidient.providers import registry

REMEMBERED = "trial_phone"
#: Each state of a test call: how it is coloured, and in words.
_CALLS = {
    "queued": ("queued", "Waits for its turn"),
    "calling": ("sending", "Calling"),
    "ringing": ("sending", "Ringing"),
    "answered": ("sending", "Answered"),
    "delivered": ("delivered", "Answered"),
    "undelivered": ("undelivered", "Not answered"),
    "failed": ("failed", "Not called"),
}
_OPEN = ("queued", "sending", "sent", *trials.OPEN)


@dataclass(frozen=True)
class Trial:
    """A test as its page shows it; `said` are sentences about what came of it."""

    state: str
    word: str
    phone: str
    created_at: datetime
    is_open: bool
    said: tuple[str, ...] = ()


def phone() -> str:
    """The number this person tried last, or else the one that their account has."""
    user = actor()
    return str(session.get(REMEMBERED) or (user.phone if user else "") or "")


def send(found: drafts.Draft, given: str, variant: str = "") -> str:
    """Queue the message as its first reader or listener gets it; both texts of a split test.

    A phone takes one call at a time: `variant` says which of a split test, A unless it is B. It
    stays outside of any campaign's counts. Returns the number, masked.
    """
    campaign = found.campaign
    spoken = registry.current().is_spoken(campaign.channel)
    if campaign.channel not in ("sms", "voice"):
        raise Conflict("Only text messages and calls can be tried out this way.")
    for name in ("message_template", "split"):
        if name in found.problems:
            raise Conflict(found.problems[name])
    letters = list(terms.texts_of(campaign)) or [""]
    if spoken and campaign.split:
        letters = [terms.B if variant == terms.B else terms.A]
    with db.atomic():
        for letter in letters:
            bubble, _ = drafts.preview(found, 0, letter)
            made = (
                trials.ask(campaign, given, bubble, letter)
                if spoken
                else answers.send_one(answers.TRIAL, given, bubble, campaign.id)
            )
        summary = f"Sent a test of {campaign.title!r} to {mask(made.phone)}"
        if spoken:
            summary = f"Called {mask(made.phone)} to try {campaign.title!r} out"
        audit.record("campaign.tried", summary, "campaign", campaign.id)
    session[REMEMBERED] = made.phone
    return mask(made.phone)


def latest(campaign: Campaign) -> list[Trial]:
    """The last tests of a draft, newest first."""
    if registry.current().is_spoken(campaign.channel):
        return [_call(row, campaign) for row in trials.of_campaign(campaign.id)]
    return [of_text(row) for row in answers.sent_for(answers.TRIAL, campaign.id)]


def of_text(row: TextAnswer) -> Trial:
    """A text as a test."""
    word, said = formats.status_word(row.state), (row.error,) if row.error else ()
    return Trial(row.state, word, row.phone, row.created_at, row.state in _OPEN, said)


def _call(row: TrialCall, campaign: Campaign) -> Trial:
    state, word = _CALLS.get(row.state, (row.state, formats.status_word(row.state)))
    said = [f"Call {row.variant}"] if row.variant else []
    said += [row.error] if row.error else []
    if row.state == "delivered" and row.duration:
        said.append(f"Listened for {formats.plural(row.duration, 'second')}")
    said += [one[0].upper() + one[1:] for one in trials.pressed(row, campaign)]
    if row.state == "delivered" and campaign.keypad and not row.keys:
        said.append("No key pressed")
    return Trial(state, word, row.phone, row.created_at, row.state in _OPEN, tuple(said))


def is_settled(rows: Iterable[Trial]) -> bool:
    """Whether nothing more is to be expected soon."""
    recent = utcnow() - timedelta(minutes=5)
    return not any(row.is_open and row.created_at > recent for row in rows)
