"""What the engine notes beside a recipient's row: failed tries, throughput, errors by code.

Most recipients are reached at the first try and have no failed try; the last one stands in their
own row.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from peewee import BigAutoField, BigIntegerField, CharField, SmallIntegerField, TextField

from obidient.bulk import delete_oldest
from obidient.campaigns.models.campaign import CampaignError, CampaignProvider, RecipientStatus
from obidient.campaigns.sending.outcomes import CallResult, Result
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.contacts.suppression import suppress
from obidient.database import BaseModel, UtcDateTimeField, db, mark

#: Throughput is kept in slots of this many seconds; the rate is that of the last full slot and
#: the running one.
SLOT = 10
#: Failed tries explain a campaign while people look into it; the last one stays with its recipient.
TRIES_KEPT = timedelta(days=30)
#: They are deleted so many at a time, and for about so many seconds in a round: other sweeps wait.
CLEANED, CLEANING = 5_000, 0.5
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


def note_tries(results: Sequence[Result], at: datetime) -> None:
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


def tries_of(recipient_id: int) -> list[FailedTry]:
    """A recipient's failed tries, the first one first."""
    rows = FailedTry.select().where(FailedTry.recipient_id == recipient_id)
    return list(rows.order_by(FailedTry.id))


def forget_tries() -> None:
    """Delete failed tries of a month ago."""
    too_old = FailedTry.at < utcnow() - TRIES_KEPT
    delete_oldest(FailedTry.select(FailedTry.id), too_old, CLEANED, CLEANING)


def note_throughput(campaign_id: int, now: datetime, sent: int, failed: int) -> None:
    """Add what was just handed over, or failed, to the running slot."""
    if not (sent or failed):
        return
    slot = now.replace(second=now.second // SLOT * SLOT, microsecond=0)
    m = mark()
    db.execute_sql(
        f"INSERT INTO throughput (campaign_id, at, sent, failed) VALUES ({m}, {m}, {m}, {m}) "
        "ON CONFLICT (campaign_id, at) DO UPDATE SET sent = throughput.sent + excluded.sent, "
        "failed = throughput.failed + excluded.failed",
        (campaign_id, slot, sent, failed),
    )


def note_errors(campaign_id: int, found: Iterable[tuple[str, str]]) -> None:
    """Count error codes, each with a reason that came with it."""
    found = list(found)
    reasons = dict(found)
    for code, number in sorted(Counter(code for code, _ in found).items()):
        CampaignError.insert(
            campaign_id=campaign_id, code=code[:100], reason=reasons[code], count=number
        ).on_conflict(
            conflict_target=[CampaignError.campaign_id, CampaignError.code],
            update={CampaignError.count: CampaignError.count + number},
        ).execute()


def note_numbers(channel: str, phones: Mapping[int, str], result: CallResult) -> None:
    """Numbers that have opted out with the network, or can't be written to at all.

    `phones` is the number of each claimed recipient, by its id.
    """
    for one in result.suppress:
        suppress(phones[one], channel, "network", "Refused by the network")
    if result.invalid:
        bad = [phones[one] for one in result.invalid]
        Contact.update(phone_invalid=True).where(Contact.phone.in_(bad)).execute()


def note_provider(campaign_id: int, provider: str, results: Sequence[Result], cost_e4: int) -> None:
    """Add what one provider was handed, and how much of it surely did not leave."""
    fared = Counter(one.status for one in results)
    figures = (
        fared[RecipientStatus.SENT],
        fared[RecipientStatus.FAILED],
        fared[RecipientStatus.UNCONFIRMED],
        fared[RecipientStatus.QUEUED],
        cost_e4,
    )
    if not any(figures):
        return
    m = mark()
    names = ("sent", "failed", "unconfirmed", "returned", "cost_e4")
    sums = ", ".join(f"{name} = campaign_provider.{name} + excluded.{name}" for name in names)
    db.execute_sql(
        f"INSERT INTO campaign_provider (campaign_id, provider, {', '.join(names)}, reason) "
        f"VALUES ({', '.join([m] * 7)}, '') "
        f"ON CONFLICT (campaign_id, provider) DO UPDATE SET {sums}",
        (campaign_id, provider, *figures),
    )


def note_turned_away(campaign_id: int, provider: str, reason: str) -> None:
    """Keep why a campaign's messages went, or would rather go, another way."""
    CampaignProvider.insert(campaign_id=campaign_id, provider=provider, reason=reason).on_conflict(
        conflict_target=[CampaignProvider.campaign_id, CampaignProvider.provider],
        update={CampaignProvider.reason: reason},
    ).execute()
