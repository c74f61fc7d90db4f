"""The two statements of a call: one takes its people, one writes what came of them.

Both are for the caller's transaction, and `states` says when to use which. In plain SQL, since this
is most of what sending costs the database.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from obidient.bulk import rows_sql
from obidient.campaigns.models.campaign import Recipient, RecipientStatus
from obidient.campaigns.sending import notes, operators
from obidient.campaigns.sending.outcomes import Claimed, Result
from obidient.clock import utcnow
from obidient.contacts.suppression import suppressed
from obidient.database import db, is_postgres, mark

QUEUED, SENDING = RecipientStatus.QUEUED, RecipientStatus.SENDING
UNCONFIRMED, FAILED = RecipientStatus.UNCONFIRMED, RecipientStatus.FAILED
SENT, SKIPPED = RecipientStatus.SENT, RecipientStatus.SKIPPED

Moves = Counter[RecipientStatus]

# ---- claiming -----------------------------------------------------------------------------------


def take(
    campaign_id: int,
    batch: int,
    limit: int,
    lease: timedelta,
    channel: str,
    provider: str | None,
    avoid: Sequence[str],
) -> tuple[list[Claimed], Moves]:
    """Who is to be sent to now, as `states.claim` has it, and what is to be counted of it."""
    now = utcnow()
    mine = (provider, provider, channel, provider)
    params = (campaign_id, batch, now, *mine[:2], *avoid, *avoid, *mine[2:], now + lease, now)
    rows = db.execute_sql(_claim_sql(limit, avoid), params).fetchall()
    claimed = [
        Claimed(row_id, phone, contact_id, attempt, now + lease)
        for row_id, phone, contact_id, attempt in sorted(rows)
    ]
    out = suppressed([one.phone for one in claimed], channel) if claimed else set()
    if out:
        _skip_opted_out([one.id for one in claimed if one.phone in out])
        claimed = [one for one in claimed if one.phone not in out]
    left_out = len(rows) - len(claimed)
    return claimed, Counter({QUEUED: -len(rows), SENDING: len(claimed), SKIPPED: left_out})


def _claim_sql(limit: int, avoid: Sequence[str] = ()) -> str:
    m = mark()
    marks = ", ".join([m] * len(avoid))
    short, long = (f"substr(r.phone, 1, {size})" for size in (operators.SHORT, operators.LONG))
    begins = f"{short} IN ({marks}) OR {long} IN ({marks})"
    others = f"AND (r.provider IS NOT NULL OR NOT ({begins})) " if avoid else ""
    lock = "FOR UPDATE OF r SKIP LOCKED" if is_postgres() else ""
    # MATERIALIZED: PostgreSQL may otherwise run the locking subquery more than once, and so
    # claim more than the limit.
    return (
        "WITH due AS MATERIALIZED (SELECT r.id FROM recipient r "
        f"WHERE r.campaign_id = {m} AND r.status = {QUEUED:d} AND r.batch = {m} "
        f"AND (r.next_attempt_at IS NULL OR r.next_attempt_at <= {m}) "
        f"AND (CAST({m} AS text) IS NULL OR r.provider IS NULL OR r.provider = {m}) "
        f"{others}"
        f"AND NOT EXISTS (SELECT 1 FROM channel_state c WHERE c.channel = {m} AND c.paused) "
        f"ORDER BY r.id LIMIT {int(limit)} {lock}) "
        f"UPDATE recipient SET status = {SENDING:d}, attempts = attempts + 1, provider_id = NULL, "
        f"provider = coalesce({m}, provider), "
        f"lease_until = {m}, updated_at = {m} "
        f"WHERE status = {QUEUED:d} AND id IN (SELECT id FROM due) "
        "RETURNING id, phone, contact_id, attempts"
    )


def _skip_opted_out(ids: list[int]) -> None:
    Recipient.update(
        status=SKIPPED,
        lease_until=None,
        attempts=Recipient.attempts - 1,
        error_code="opted-out",
        error_reason="Asked for no more messages",
    ).where(Recipient.id.in_(ids)).execute()


# ---- recording ----------------------------------------------------------------------------------

_COLUMNS = {
    "id": "bigint",
    "attempt": "smallint",
    "status": "smallint",
    "provider_id": "text",
    "code": "text",
    "reason": "text",
    "cost": "bigint",
    "parts": "smallint",
    "due": "timestamp",
    "free": "smallint",
}


def _row_of(result: Result) -> tuple[Any, ...]:
    return (
        result.id,
        result.attempt,
        int(result.status),
        result.provider_id,
        result.code,
        result.reason,
        result.cost_e4,
        result.parts,
        result.next_attempt_at,
        int(result.free),
    )


@dataclass
class Written:
    """What recording a call has changed, to be counted and noted."""

    results: list[Result]
    moves: Moves
    cost: int
    currency: str
    at: datetime

    @property
    def sent(self) -> int:
        return sum(result.status == SENT for result in self.results)

    @property
    def failed(self) -> int:
        return sum(result.status in (FAILED, UNCONFIRMED) for result in self.results)

    @property
    def more(self) -> dict[str, int]:
        """What moves besides the counters of recipients."""
        tried = self.sent + self.failed
        return {"cost_e4": self.cost, "recent_bad": self.failed, "recent_tried": tried}

    def note(self, campaign_id: int, provider: str) -> None:
        """Errors, tries, throughput, and what its provider was handed, if that is known."""
        notes.note_errors(
            campaign_id,
            [(r.code, r.reason) for r in self.results if r.code and r.status != QUEUED],
        )
        notes.note_tries(self.results, self.at)
        notes.note_throughput(campaign_id, self.at, self.sent, self.failed)
        if provider:
            notes.note_provider(campaign_id, provider, self.results, self.cost)


def write(results: Sequence[Result], lease_until: datetime) -> Written:
    """Write the outcomes of one call to the rows that are still its own, or that they raise."""
    now = utcnow()
    m = mark()
    given, params = rows_sql(_COLUMNS, [_row_of(result) for result in results])
    sql = (
        f"WITH {given} "
        "UPDATE recipient SET status = v.status, provider_id = coalesce(v.provider_id, "
        "recipient.provider_id), error_code = v.code, error_reason = v.reason, cost_e4 = "
        "coalesce(v.cost, recipient.cost_e4), parts = coalesce(v.parts, recipient.parts), "
        "next_attempt_at = v.due, attempts = recipient.attempts - v.free, lease_until = NULL, "
        f"sent_at = CASE WHEN v.status = {SENT:d} THEN {m} ELSE recipient.sent_at END, "
        # Surely not sent, now or before: the next try may be another network's.
        f"provider = CASE WHEN v.status = {QUEUED:d} AND NOT recipient.doubted THEN NULL "
        f"ELSE recipient.provider END, doubted = recipient.doubted OR v.status = {UNCONFIRMED:d}, "
        f"updated_at = {m} FROM v WHERE recipient.id = v.id AND recipient.status = {SENDING:d} "
        f"AND recipient.attempts = v.attempt AND recipient.lease_until = {m} RETURNING recipient.id"
    )
    done = {row[0] for row in db.execute_sql(sql, (*params, now, now, lease_until)).fetchall()}
    moves: Moves = Counter()
    applied = [result for result in results if result.id in done]
    for status, number in Counter(result.status for result in applied).items():
        moves[SENDING] -= number
        moves[status] += number
    cost = sum(result.cost_e4 or 0 for result in applied if result.status == SENT)
    for result in results:
        if result.id not in done:
            raised, late_cost = _raise_late(result, moves)
            applied += [result] if raised else []
            cost += late_cost
    currency = next((result.currency for result in results if result.currency), "")
    return Written(applied, moves, cost, currency, now)


def _raise_late(result: Result, moves: Moves) -> tuple[bool, int]:
    """An outcome whose recipient has moved on: its lease ran out, or a report came first.

    Raises it or leaves it. Returns whether it did, and what the message cost if that is news.
    """
    if result.status not in (SENT, FAILED):
        return False, 0
    row = Recipient.get_or_none(Recipient.id == result.id)
    if row is None:
        return False, 0
    old = RecipientStatus(row.status)
    changes: dict[str, Any] = {"updated_at": utcnow()}
    if row.provider_id is None and result.provider_id is not None:
        changes["provider_id"] = result.provider_id
    cost = (result.cost_e4 or 0) if row.cost_e4 is None else 0
    if cost:
        changes["cost_e4"] = cost
    raised = old < result.status
    if raised:
        changes |= {
            "status": result.status,
            "next_attempt_at": None,
            "lease_until": None,
            "error_code": result.code,
            "error_reason": result.reason,
            "parts": result.parts,
        }
        if result.status == SENT:
            changes["sent_at"] = utcnow()
    changed = (
        Recipient.update(**changes)
        .where(Recipient.id == result.id, Recipient.status == row.status)
        .execute()
    )
    if not changed:
        return False, 0
    if raised:
        moves[old] -= 1
        moves[result.status] += 1
    return raised, cost
