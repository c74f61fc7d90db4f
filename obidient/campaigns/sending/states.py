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

from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import again, notes, statements
from obidient.campaigns.sending.counters import count
from obidient.campaigns.sending.outcomes import Answered, Claimed, Result
from obidient.clock import utcnow
from obidient.database import db, locked, mark

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


# ---- claiming and recording, by `statements` -----------------------------------------------------


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
    with db.atomic() as transaction:
        claimed, moves = statements.take(campaign_id, batch, limit, lease, channel, provider, avoid)
        if not count(campaign_id, moves, guard="sending"):
            transaction.rollback()
            return []
    return claimed


def record(
    campaign_id: int, results: Sequence[Result], lease_until: datetime, provider: str = ""
) -> None:
    """Write the outcomes of one provider call, of what was claimed until `lease_until`.

    Safe to repeat when the database's answer was lost, even if another worker has claimed since.
    """
    if not results:
        return
    with db.atomic():
        written = statements.write(results, lease_until)
        count(campaign_id, written.moves, "", written.currency, **written.more)
        written.note(campaign_id, provider)


def record_and_claim(
    done: Answered,
    campaign_id: int,
    batch: int,
    limit: int,
    lease: timedelta,
    channel: str,
    provider: str,
    avoid: Sequence[str] = (),
) -> list[Claimed]:
    """`record` what came of the last call and `claim` for the next, in one transaction.

    Half the commits, and the campaign's row is moved once. What was done is recorded in any case.
    """
    with db.atomic() as transaction:
        written = statements.write(done.results, done.lease_until)
        claimed, moves = statements.take(campaign_id, batch, limit, lease, channel, provider, avoid)
        written.moves.update(moves)
        if count(campaign_id, written.moves, "sending", written.currency, **written.more):
            written.note(campaign_id, done.provider.name)
            return claimed
        transaction.rollback()
    record(campaign_id, done.results, done.lease_until, done.provider.name)
    return []


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
