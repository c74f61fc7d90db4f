"""Networks that can be asked settle what nobody knows, before a person has to; nothing is sent.

A recipient in doubt is asked about a minute later, then after twice as long each time, for a day.
What is left after that is a person's to decide, as with networks that can't be asked.
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from obidient import queues
from obidient.campaigns.models.campaign import (
    Campaign,
    CampaignProvider,
    Recipient,
    RecipientStatus,
)
from obidient.campaigns.sending import notes
from obidient.campaigns.sending.counters import count
from obidient.campaigns.sending.outcomes import Claimed, Result, Retries, collect
from obidient.campaigns.sending.reports import of_provider
from obidient.clock import utcnow
from obidient.database import db
from obidient.plugin import Accepted, Message, Outcome, Provider, Rejected
from obidient.providers import registry

logger = logging.getLogger(__name__)

TASK = "ask_network"
#: First asked about after this, and no more after that.
FIRST, LAST = timedelta(minutes=1), timedelta(days=1)
#: People of one question.
MOST = 100
#: Seconds between two looks for somebody to ask about.
EVERY = 15.0
_looked_at = float("-inf")
UNCONFIRMED, SENT, FAILED = (
    RecipientStatus.UNCONFIRMED,
    RecipientStatus.SENT,
    RecipientStatus.FAILED,
)


def can_be_asked(provider: Provider) -> bool:
    return type(provider).ask is not Provider.ask


def sweep() -> None:
    """Queue a question to each network that has somebody to be asked about; now and then."""
    global _looked_at
    if time.monotonic() - _looked_at < EVERY:
        return
    _looked_at = time.monotonic()
    for provider in registry.current().providers():
        if can_be_asked(provider) and _due(provider):
            queue = queues.Queues.of_channel(provider.channel)
            queues.current().enqueue(queue, TASK, provider=provider.name)


def ask(provider: str) -> None:
    """The job: one question to one network."""
    found = registry.current().find(provider)
    if found is None or found.ready() is not None:
        return
    rows = [row for row in _due(found) if _put_off(row)]
    if not rows:
        return
    messages = [
        Message(row.id, row.phone, "", row.campaign_id, row.attempts, provider_id=row.provider_id)
        for row in rows
    ]
    of_id = {row.id: row for row in rows}
    for outcome in _said(found, messages):
        if isinstance(outcome, Accepted | Rejected) and outcome.message.id in of_id:
            _settle(found, of_id.pop(outcome.message.id), outcome)


def _said(provider: Provider, messages: list[Message]) -> Iterator[Outcome]:
    """What the network says, as it comes: if its answers break off, the first ones count."""
    try:
        yield from provider.ask(messages) or ()
    except Exception:
        logger.exception("%s could not say what became of all it was asked about", provider.name)


def _due(provider: Provider) -> list[Recipient]:
    """Recipients in doubt to ask this network about now, the latest campaigns' first."""
    now = utcnow()
    doubtful = (
        Campaign.select(Campaign.id)
        .where(Campaign.channel == provider.channel, Campaign.unconfirmed > 0)
        .order_by(Campaign.id.desc())
        .limit(50)
    )
    rows = Recipient.select().where(
        Recipient.campaign_id.in_([row.id for row in doubtful]),
        Recipient.status == UNCONFIRMED,
        Recipient.updated_at <= now - FIRST,
        Recipient.updated_at > now - LAST,
        Recipient.next_attempt_at.is_null() | (Recipient.next_attempt_at <= now),
        Recipient.provider.is_null() | (Recipient.provider == provider.name),
    )
    return of_provider(provider.name, list(rows.order_by(Recipient.id).limit(MOST)))


def _put_off(row: Recipient) -> bool:
    """Note when to ask again, if nobody else is asking about this person now."""
    now: datetime = utcnow()
    again = now + max(FIRST, now - row.updated_at)
    unchanged = (
        Recipient.next_attempt_at.is_null()
        if row.next_attempt_at is None
        else Recipient.next_attempt_at == row.next_attempt_at
    )
    return bool(
        Recipient.update(next_attempt_at=again)
        .where(Recipient.id == row.id, Recipient.status == UNCONFIRMED, unchanged)
        .execute()
    )


def _settle(provider: Provider, row: Recipient, outcome: Accepted | Rejected) -> None:
    """Raise somebody who is still in doubt about the same try; a decision made meanwhile stands."""
    one = Claimed(row.id, row.phone, row.contact_id, row.attempts, utcnow())
    found = collect([one], [outcome], Retries(1, 1.0))
    (result,) = found.results
    with db.atomic():
        if not _raise(row, result):
            return
        _count(provider, row, result)
    notes.note_numbers(provider.channel, {row.id: row.phone}, found)


def _raise(row: Recipient, result: Result) -> bool:
    changes: dict[str, Any] = {
        "status": result.status,
        "provider_id": result.provider_id or row.provider_id,
        "error_code": result.code,
        "error_reason": result.reason,
        "next_attempt_at": None,
        "updated_at": utcnow(),
    }
    if result.status == SENT:
        changes |= {"sent_at": row.sent_at or utcnow(), "cost_e4": row.cost_e4 or result.cost_e4}
    return bool(
        Recipient.update(**changes)
        .where(
            Recipient.id == row.id,
            Recipient.status == UNCONFIRMED,
            Recipient.attempts == row.attempts,
        )
        .execute()
    )


def _count(provider: Provider, row: Recipient, result: Result) -> None:
    cost = (result.cost_e4 or 0) if row.cost_e4 is None and result.status == SENT else 0
    if result.status == FAILED:
        notes.note_errors(row.campaign_id, [(result.code, result.reason)])
    column = "sent" if result.status == SENT else "failed"
    mine = (CampaignProvider.campaign_id == row.campaign_id) & (
        CampaignProvider.provider == provider.name
    )
    CampaignProvider.update(
        unconfirmed=CampaignProvider.unconfirmed - 1,
        cost_e4=CampaignProvider.cost_e4 + cost,
        **{column: getattr(CampaignProvider, column) + 1},
    ).where(mine).execute()
    count(
        row.campaign_id,
        {UNCONFIRMED: -1, result.status: 1},
        currency=result.currency,
        cost_e4=cost,
    )
