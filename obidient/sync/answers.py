"""Answers to agents' texts: each goes out once, or nobody knows whether it did and it is not sent
again.
"""

import logging
from datetime import timedelta

from obidient import registry
from obidient.campaigns import text as spelling
from obidient.clock import utcnow
from obidient.database import db, release
from obidient.plugin import Accepted, Message, Outcome, Provider, Rejected, RequestRetry, Unknown
from obidient.sync.models import TextReport

logger = logging.getLogger(__name__)

#: Told apart from the messages of campaigns, whose ids are those of their recipients.
FIRST_ID = 10**15
LEASE = timedelta(minutes=5)
WAIT = timedelta(minutes=1)
MOST_ATTEMPTS = 10
LONGEST = 450


def send_due(most: int = 50) -> None:
    """Send what is due; called by a worker."""
    _give_up_on_lost()
    due = TextReport.select().where(
        TextReport.reply_state == "due", TextReport.reply != "", TextReport.due_at <= utcnow()
    )
    for row in list(due.order_by(TextReport.id).limit(most)):
        provider = registry.current().for_channel("sms")
        if provider is None:
            return
        if _claim(row):
            _record(row, *_send(provider, row))


def _give_up_on_lost() -> None:
    """A worker died while it sent: the answer may have left."""
    TextReport.update(reply_state="unknown").where(
        TextReport.reply_state == "sending", TextReport.due_at <= utcnow()
    ).execute()


def _claim(row: TextReport) -> bool:
    with db.atomic():
        changed = (
            TextReport.update(reply_state="sending", due_at=utcnow() + LEASE)
            .where(TextReport.id == row.id, TextReport.reply_state == "due")
            .execute()
        )
    return bool(changed)


def _send(provider: Provider, row: TextReport) -> tuple[str, str]:
    """The state after it, and why if it did not go."""
    plain = spelling.plain_spelling(row.reply)[:LONGEST]
    message = Message(FIRST_ID + row.id, row.phone, plain)
    release()
    try:
        outcomes = list(provider.send([message]))
    except RequestRetry as error:
        return "due", error.reason
    except Exception as error:
        logger.exception("%s could not send an answer", provider.name)
        return "unknown", type(error).__name__
    return _state(outcomes[0] if outcomes else Unknown(message, "no outcome"))


def _state(outcome: Outcome) -> tuple[str, str]:
    if isinstance(outcome, Accepted):
        return "sent", ""
    kind = {Rejected: "failed", Unknown: "unknown"}.get(type(outcome), "due")
    return kind, str(getattr(outcome, "reason", ""))


def _record(row: TextReport, state: str, reason: str) -> None:
    if state == "due" and row.attempts + 1 >= MOST_ATTEMPTS:
        state = "failed"
    if reason:
        logger.warning("answer %s: %s (%s)", row.id, state, reason)
    TextReport.update(
        reply_state=state, attempts=TextReport.attempts + 1, due_at=utcnow() + WAIT
    ).where(TextReport.id == row.id, TextReport.reply_state == "sending").execute()
