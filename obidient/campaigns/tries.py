"""Tries that did not work and were made again: a small row each, for the recipient's page.

Most recipients are reached at the first try and have none; the last try stands in their own row.
"""

from collections.abc import Sequence
from datetime import datetime

from peewee import BigAutoField, BigIntegerField, CharField, SmallIntegerField, TextField

from obidient.campaigns.outcomes import Result
from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField

#: What `outcomes` calls a try that is made again.
CODES = ("retry", "retries-used-up")


class FailedTry(BaseModel):
    """One try of one recipient that the network refused for the moment."""

    id = BigAutoField()
    recipient_id = BigIntegerField(index=True)
    attempt = SmallIntegerField()
    at = UtcDateTimeField(default=utcnow)
    code = CharField(default="")
    reason = TextField(default="")


def note(results: Sequence[Result], at: datetime) -> None:
    """Keep the tries among `results` that failed; in the caller's transaction."""
    rows = [
        {
            "recipient_id": one.id,
            "attempt": one.attempt,
            "at": at,
            "code": one.code,
            "reason": one.reason,
        }
        for one in results
        if one.code in CODES
    ]
    if rows:
        FailedTry.insert_many(rows).execute()


def of(recipient_id: int) -> list[FailedTry]:
    """A recipient's failed tries, the first one first."""
    rows = FailedTry.select().where(FailedTry.recipient_id == recipient_id)
    return list(rows.order_by(FailedTry.id))
