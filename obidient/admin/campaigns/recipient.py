"""One recipient of a campaign: every try, what the network said, and what was written to them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from obidient.admin import formats
from obidient.campaigns import fields
from obidient.campaigns.error_words import explain
from obidient.campaigns.models.callbacks import CALLBACK_STATES, RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.voice import KeyPress, VoiceCall
from obidient.campaigns.receipts.applying import as_text
from obidient.campaigns.sending import notes
from obidient.campaigns.split import results, terms
from obidient.campaigns.text import is_personalised, render
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.database import db, is_postgres, mark
from obidient.errors import NotFound
from obidient.plugin import Explanation
from obidient.redact import redact

#: Reports are looked for this long before and after what the recipient's row says.
AROUND = timedelta(minutes=1)
#: Reports looked through at each end; more come in only during the largest campaigns.
LOOKED_THROUGH = 20_000
#: Of a person, the latest campaigns shown, and how many are looked into.
OTHERS, LOOKED_INTO = 8, 200

#: What a status means for the person who sent it, and whether it costs.
MEANINGS = {
    "queued": "Not written to yet. Nothing has been paid.",
    "sending": "With the network right now; its answer comes within seconds.",
    "unconfirmed": "The network’s answer was lost: the message may or may not have arrived, and "
    "may be charged. A delivery report can still settle it, or you decide on the campaign’s page.",
    "failed": "Not sent. Nothing is charged for a message that the network refused.",
    "sent": "The network took it and charges for it; the phone has not confirmed it yet.",
    "undelivered": "The network took it and could not deliver it. It is usually charged.",
    "delivered": "Arrived on the phone.",
    "not-sent": "The campaign was cancelled before their turn. Nothing has been paid.",
    "skipped": "Left out on purpose; not sent and not charged.",
}


@dataclass(frozen=True)
class Try:
    """One attempt: when, how it ended, and why."""

    number: int
    at: datetime | None
    state: str
    word: str
    why: str
    details: str = ""


@dataclass(frozen=True)
class Receipt:
    """A callback of the network that names this message; phone numbers in it are masked."""

    at: datetime
    event: str
    state: str
    body: str


def get(campaign: Campaign, recipient_id: int) -> Recipient:
    row: Recipient | None = Recipient.get_or_none(
        Recipient.id == recipient_id, Recipient.campaign_id == campaign.id
    )
    if row is None:
        raise NotFound("This campaign has no such recipient.")
    return row


def page(campaign: Campaign, row: Recipient) -> dict[str, Any]:
    """Everything that the page shows."""
    person = Contact.get_or_none(Contact.id == row.contact_id) if row.contact_id else None
    variant = results.variants(campaign, [row.batch]).get(row.batch, "")
    template, state = terms.text_for(campaign, variant), RecipientStatus(row.status).column
    if campaign.split and not variant:
        # Which text it will be is not chosen yet.
        template = ""
    shown = formats.outcome(state, row.error_code, campaign.status)
    return {
        "row": row,
        "person": person,
        "state": shown,
        "meaning": MEANINGS[shown if shown in MEANINGS else state],
        "known": _explained(campaign, row) if row.error_code else None,
        "tries": _tries(campaign, row),
        "keys": list(KeyPress.select().where(KeyPress.recipient_id == row.id)),
        "receipts": receipts(campaign, row),
        "text": render(template, fields.field_values(person), campaign.keep_spelling)
        if template
        else "",
        "variant": variant,
        "word": terms.word(campaign),
        "played": _played(campaign, variant),
        "is_personalised": is_personalised(template),
        "others": _others(campaign, row),
        "status_of": lambda one, other: formats.outcome(
            RecipientStatus(one.status).column, one.error_code, other.status
        ),
    }


def _played(campaign: Campaign, variant: str) -> str:
    """The title of the recording they hear; empty where a text is spoken, or not yet chosen."""
    if (campaign.split and not variant) or terms.audio_for(campaign, variant) is None:
        return ""
    return results.said(campaign, variant)


def carrier_of(campaign: Campaign, row: Recipient) -> str | None:
    """Who has this person's message, or would have had it."""
    return row.provider or campaign.provider


def _explained(campaign: Campaign, row: Recipient) -> Explanation:
    return explain(row.error_code, row.error_reason, carrier_of(campaign, row))


def _tries(campaign: Campaign, row: Recipient) -> list[Try]:
    """The latest last. Calls are all kept; of texts those that failed, and the last one."""
    if campaign.channel == "voice":
        calls = VoiceCall.select().where(VoiceCall.recipient_id == row.id)
        return [_call(one) for one in calls.order_by(VoiceCall.id)]
    found = [
        Try(one.attempt, one.at, "unreached", "Refused for now", one.reason)
        for one in notes.tries_of(row.id)
    ]
    state = RecipientStatus(row.status)
    # The last try is in the row itself, unless it is among those already.
    if row.attempts and row.error_code not in notes.CODES and state is not RecipientStatus.QUEUED:
        why = _explained(campaign, row).meaning if row.error_code else ""
        at = row.sent_at or row.updated_at
        found.append(Try(row.attempts, at, formats.outcome(state.column), "", why))
    return found


def _call(call: VoiceCall) -> Try:
    """A call: answered, not answered, or still going on."""
    if call.ended_at is None and call.until > utcnow():
        state, word = "sending", "In progress"
    elif call.answered_at or call.duration:
        state, word = "delivered", "Answered"
    else:
        state, word = "undelivered", "Not answered"
    lasted = f"{call.duration} s" if call.duration else ""
    return Try(call.attempt, call.opened_at, state, word, call.cause, lasted)


# ---- what came back -----------------------------------------------------------------------------


def receipts(campaign: Campaign, row: Recipient) -> list[Receipt]:
    """Callbacks that name this message, the first one first.

    Nothing but their text says whom they are about, so they are looked for around the times at
    which the row was sent and last changed.
    """
    if not row.provider_id or row.sent_at is None:
        return []
    low, high = _id_at(row.sent_at - AROUND), _id_at(row.updated_at + AROUND)
    spans = [(low, high)]
    if high - low > 2 * LOOKED_THROUGH:
        spans = [(low, low + LOOKED_THROUGH), (high - LOOKED_THROUGH, high)]
    found = [
        one
        for begin, end in spans
        for one in _naming(carrier_of(campaign, row), row.provider_id, begin, end)
    ]
    return [
        Receipt(
            one.received_at,
            one.event,
            CALLBACK_STATES.get(one.state, one.state),
            redact(as_text(one)[:2_000]),
        )
        for one in found
    ]


def _id_at(moment: datetime) -> int:
    """The first callback's id at or after a moment; ids grow with time, so halving finds it."""
    low, high = 0, _number("SELECT coalesce(max(id), 0) + 1 FROM raw_callback")
    while low < high:
        middle = (low + high) // 2
        row = RawCallback.select().where(RawCallback.id >= middle).order_by(RawCallback.id).first()
        if row is None or row.received_at >= moment:
            high = middle
        else:
            low = row.id + 1
    return low


def _number(sql: str) -> int:
    return int(db.execute_sql(sql).fetchone()[0])


def _naming(provider: str | None, provider_id: str, begin: int, end: int) -> list[RawCallback]:
    m = mark()
    named = f"position({m} in body) > 0" if is_postgres() else f"instr(body, {m}) > 0"
    rows = db.execute_sql(
        f"SELECT id FROM raw_callback WHERE id >= {m} AND id < {m} AND provider = {m} AND {named} "
        "ORDER BY id LIMIT 20",
        (begin, end, provider, provider_id.encode()),
    ).fetchall()
    ids = [found[0] for found in rows]
    return list(RawCallback.select().where(RawCallback.id.in_(ids)).order_by(RawCallback.id))


def _others(campaign: Campaign, row: Recipient) -> list[tuple[Campaign, Recipient]]:
    """The same number in other campaigns of late."""
    latest = Campaign.select().where(Campaign.id != campaign.id, Campaign.total > 0)
    known = {one.id: one for one in latest.order_by(Campaign.id.desc()).limit(LOOKED_INTO)}
    rows = Recipient.select().where(
        Recipient.campaign_id.in_(list(known)), Recipient.phone == row.phone
    )
    found = rows.order_by(Recipient.campaign_id.desc()).limit(OTHERS)
    return [(known[one.campaign_id], one) for one in found]
