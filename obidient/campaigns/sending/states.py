"""How campaigns, batches and recipients change state: guarded single-statement updates.

What comes of a worker's call, of time and of people's decisions is here; what networks report later
is in `reports`, how calls end in `voice/calls`. A campaign's counters move in the transaction of
the rows they count, by what a statement really changed. Rank rule: no machine event moves a
recipient to a lower status, but for a call that nobody took and that is made again; only people do.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from peewee import Case

from obidient.bulk import rows_sql
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import again, notes, operators
from obidient.campaigns.sending.counters import count
from obidient.campaigns.sending.outcomes import Claimed, Result
from obidient.clock import utcnow
from obidient.contacts.suppression import suppressed
from obidient.database import db, is_postgres, locked, mark

QUEUED, SENDING = RecipientStatus.QUEUED, RecipientStatus.SENDING
UNCONFIRMED, FAILED = RecipientStatus.UNCONFIRMED, RecipientStatus.FAILED
SENT, SKIPPED = RecipientStatus.SENT, RecipientStatus.SKIPPED
#: `completed` becomes `sending`, everything else stays.
CAMPAIGN_REOPENED = Case(Campaign.status, (("completed", "sending"),), Campaign.status)
#: Refused for good, and never in doubt: who is tried again may go by another network.
SURELY_NOT_SENT = (
    (Recipient.status == FAILED) & ~Recipient.doubted & Recipient.error_code.not_in(again.IN_DOUBT)
)
#: The error threshold looks at what comes from now on: a person has seen what came before.
ERRORS_SEEN = {"recent_bad": 0, "recent_tried": 0}


def move_campaign(
    campaign_id: int, frm: Sequence[str], to: str, *conditions: Any, **changes: Any
) -> bool:
    """Move a campaign if it is in one of `frm` and `conditions` hold; False when they did not.

    Whoever pauses it in the engine's name says so with `paused_itself`.
    """
    moved = {"paused_itself": False, "updated_at": utcnow()} | changes
    return bool(
        Campaign.update(status=to, **moved)
        .where(Campaign.id == campaign_id, Campaign.status.in_(list(frm)), *conditions)
        .execute()
    )


# ---- claiming -----------------------------------------------------------------------------------


def claim(
    campaign_id: int,
    batch: int,
    limit: int,
    lease: timedelta,
    channel: str,
    provider: str | None = None,
    avoid: Sequence[str] = (),
) -> list[Claimed]:
    """Take up to `limit` due recipients of a batch for one provider call.

    Nothing is claimed once the campaign is not sending any more: the check locks its row, so a
    pause that has been answered holds. Nor is anything while the channel is paused. Numbers that
    have opted out meanwhile are skipped here. From here on they are `provider`'s, unless it surely
    did not send; who is another's already is not taken, nor is a number that begins like one of
    `avoid` and is nobody's yet.
    """
    now = utcnow()
    with db.atomic() as transaction:
        mine = (provider, provider, channel, provider)
        params = (campaign_id, batch, now, *mine[:2], *avoid, *avoid, *mine[2:], now + lease, now)
        rows = db.execute_sql(_claim_sql(limit, avoid), params).fetchall()
        if not rows:
            return []
        claimed = [
            Claimed(row_id, phone, contact_id, attempt, now + lease)
            for row_id, phone, contact_id, attempt in sorted(rows)
        ]
        out = suppressed([one.phone for one in claimed], channel)
        if out:
            _skip_opted_out([one.id for one in claimed if one.phone in out])
            claimed = [one for one in claimed if one.phone not in out]
        moves = {QUEUED: -len(rows), SENDING: len(claimed), SKIPPED: len(rows) - len(claimed)}
        if not count(campaign_id, moves, guard="sending"):
            transaction.rollback()
            return []
    return claimed


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

_RECORD_COLUMNS = {
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


def record(
    campaign_id: int, results: Sequence[Result], lease_until: datetime, provider: str = ""
) -> None:
    """Write the outcomes of one provider call, of what was claimed until `lease_until`.

    Safe to repeat when the database's answer was lost, even if another worker has claimed since.
    """
    if not results:
        return
    now = utcnow()
    m = mark()
    given, params = rows_sql(_RECORD_COLUMNS, [_row_of(result) for result in results])
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
    with db.atomic():
        done = {row[0] for row in db.execute_sql(sql, (*params, now, now, lease_until)).fetchall()}
        moves: Counter[RecipientStatus] = Counter()
        applied = [r for r in results if r.id in done]
        for result in applied:
            moves[SENDING] -= 1
            moves[result.status] += 1
        cost = sum(r.cost_e4 or 0 for r in applied if r.status == SENT)
        for result in results:
            if result.id not in done:
                raised, late_cost = _raise_late(result, moves)
                applied += [result] if raised else []
                cost += late_cost
        currency = next((r.currency for r in results if r.currency), "")
        _note(campaign_id, applied, moves, (cost, currency), now)
        if provider:
            notes.note_provider(campaign_id, provider, applied, cost)


def _raise_late(result: Result, moves: Counter[RecipientStatus]) -> tuple[bool, int]:
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


def _note(
    campaign_id: int,
    results: list[Result],
    moves: Counter[RecipientStatus],
    spent: tuple[int, str],
    now: datetime,
) -> None:
    """Counters, cost, error counts and throughput of what was just recorded."""
    cost, currency = spent
    sent = sum(r.status == SENT for r in results)
    failed = sum(r.status in (FAILED, UNCONFIRMED) for r in results)
    count(
        campaign_id,
        moves,
        currency=currency,
        cost_e4=cost,
        recent_bad=failed,
        recent_tried=sent + failed,
    )
    notes.note_errors(
        campaign_id, [(r.code, r.reason) for r in results if r.code and r.status != QUEUED]
    )
    notes.note_tries(results, now)
    notes.note_throughput(campaign_id, now, sent, failed)


# ---- what time and people do --------------------------------------------------------------------


def expire_leases(now: datetime | None = None) -> int:
    """Recipients whose worker died in mid-call: unconfirmed, never sent again by themselves."""
    now = now or utcnow()
    with db.atomic():
        rows = db.execute_sql(
            f"UPDATE recipient SET status = {UNCONFIRMED:d}, lease_until = NULL, "
            f"doubted = true, error_code = 'no-answer', error_reason = {mark()}, "
            f"updated_at = {mark()} "
            f"WHERE status = {SENDING:d} AND lease_until < {mark()} RETURNING campaign_id",
            ("The worker stopped before it had the network's answer", now, now),
        ).fetchall()
        for campaign_id, number in sorted(Counter(row[0] for row in rows).items()):
            # Not among the recent errors: a worker's death says nothing against the campaign.
            count(campaign_id, {SENDING: -number, UNCONFIRMED: number})
            notes.note_errors(campaign_id, [("no-answer", "No answer from the network")] * number)
    return len(rows)


def skip_queued(campaign_id: int, limit: int = 5_000) -> int:
    """What a cancelled campaign will not send: skipped, a chunk at a time."""
    with db.atomic():
        waiting = Recipient.select(Recipient.id).where(
            Recipient.campaign_id == campaign_id, Recipient.status == QUEUED
        )
        # In one order: the click and a worker skip at the same time.
        chosen = locked(waiting.order_by(Recipient.id).limit(limit))
        number = (
            Recipient.update(
                status=SKIPPED, error_code="cancelled", error_reason="The campaign was cancelled"
            )
            .where(Recipient.id.in_([row.id for row in chosen]), Recipient.status == QUEUED)
            .execute()
        )
        count(campaign_id, {QUEUED: -number, SKIPPED: number})
    return int(number)


def skip_rest(campaign_id: int) -> None:
    """The worker's part of a cancellation."""
    while skip_queued(campaign_id):
        pass


def decide(
    campaign_id: int,
    decision: str,
    frm: Sequence[str],
    about: Sequence[again.Reason] | None = None,
) -> bool:
    """Note what a person has decided about those not reached or unconfirmed, for `carry_out`.

    A completed campaign goes back to sending unless they are given up. False when the campaign is
    not in one of `frm`, or an earlier decision is still being carried out.
    """
    now = utcnow()
    changes: dict[str, Any] = {"decision": decision, "decided_at": now, "updated_at": now}
    changes["decided_about"] = None if about is None else [list(one) for one in about]
    if decision != "give-up":
        changes |= {"status": CAMPAIGN_REOPENED, **ERRORS_SEEN}
    return bool(
        Campaign.update(**changes)
        .where(Campaign.id == campaign_id, Campaign.status.in_(list(frm)), Campaign.decision == "")
        .execute()
    )


def carry_out(campaign_id: int, limit: int = 5_000) -> bool:
    """One chunk of what was decided; False when nothing is left of it to do.

    It moves only recipients that were in that state at the time of the decision: one who fails anew
    meanwhile is not tried for ever.
    """
    with db.atomic():
        campaign = Campaign.get_or_none(Campaign.id == campaign_id, Campaign.decision != "")
        if campaign is None:
            return False
        decision = campaign.decision
        to = FAILED if decision == "give-up" else QUEUED
        if campaign.status in ("sending", "paused") or to == FAILED:
            left = False
            for status in again.MEANT[decision]:
                meant = again.meant(campaign, decision, status, campaign.decided_about)
                meant = meant.where(Recipient.updated_at <= campaign.decided_at)
                number = _move_decided(meant.limit(limit), status, to)
                count(campaign_id, {status: -number, to: number})
                # None although there are some: another worker has just moved the same chunk.
                left = left or bool(number) or meant.exists()
            if left:
                return True
        if to == QUEUED:
            reopen_batches(campaign_id)
        Campaign.update(decision="").where(Campaign.id == campaign_id).execute()
    return False


def _move_decided(meant: Any, status: RecipientStatus, to: RecipientStatus) -> int:
    changes: dict[str, Any] = {"status": to, "updated_at": utcnow()}
    if to == QUEUED:
        # The network's id stays until the next try: its word that the message came cancels that.
        changes |= {
            "attempts": 0,
            "next_attempt_at": None,
            "error_code": "",
            "error_reason": "",
            "provider": Case(None, ((SURELY_NOT_SENT, None),), Recipient.provider),
        }
    return int(
        Recipient.update(**changes)
        .where(Recipient.id.in_(meant), Recipient.status == status)
        .execute()
    )


def reopen_batches(campaign_id: int) -> None:
    """Batches that hold queued recipients are worked on (again), and now; held ones stay so."""
    Batch.update(state="ready", next_at=None, hinted_until=None).where(
        Batch.campaign_id == campaign_id,
        (Batch.state == "done") | ((Batch.state == "ready") & Batch.next_at.is_null(False)),
        Batch.number.in_(
            Recipient.select(Recipient.batch)
            .where(Recipient.campaign_id == campaign_id, Recipient.status == QUEUED)
            .distinct()
        ),
    ).execute()
