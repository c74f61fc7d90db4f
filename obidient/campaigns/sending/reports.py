"""Delivery reports raise the recipients they are about; used by the receipts worker."""

from collections.abc import Sequence
from typing import Any

from peewee import SQL

from obidient.bulk import rows_sql
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.sending.counters import Counts
from obidient.clock import utcnow
from obidient.database import db, is_postgres, mark
from obidient.plugin import DeliveryReport

_TARGETS = {
    "sent": RecipientStatus.SENT,
    "undelivered": RecipientStatus.UNDELIVERED,
    "delivered": RecipientStatus.DELIVERED,
}
_COLUMNS = {
    "id": "bigint",
    "old": "smallint",
    "status": "smallint",
    "provider_id": "text",
    "network": "text",
    "cost": "bigint",
}
#: Rounds of "somebody else changed it meanwhile" before the rest waits for the next run.
_ROUNDS = 4


def apply_reports(
    provider: str, reports: Sequence[DeliveryReport], counts: Counts | None = None
) -> list[DeliveryReport]:
    """Apply reports of one provider in one transaction; returns those that match nobody (yet).

    A report finds its recipient by the provider's message id, else by phone when exactly one is
    open and that one is unconfirmed, or awaits a retry that success makes needless. It only ever
    raises. Who has more to do in the transaction gives `counts`, and writes them at its end.
    """
    mine = counts or Counts()
    strongest: dict[str, DeliveryReport] = {}
    for report in reports:
        known = strongest.get(report.provider_id)
        if known is None or _TARGETS[report.status] > _TARGETS[known.status]:
            strongest[report.provider_id] = report
    with db.atomic():
        open_reports, unmatched = strongest, set(strongest)
        for _ in range(_ROUNDS):
            found = _find(provider, list(open_reports.values()))
            unmatched -= set(found)
            changed = _raise(found, open_reports, mine)
            open_reports = {
                key: report
                for key, report in open_reports.items()
                if key in found and key not in changed and _would_raise(found[key], report)
            }
            if not open_reports:
                break
        if counts is None:
            mine.write()
    return [report for report in reports if report.provider_id in unmatched]


def _would_raise(row: Recipient, report: DeliveryReport) -> bool:
    if row.status == RecipientStatus.QUEUED and report.status == "undelivered":
        # What is to be tried again is, whatever became of the last try.
        return False
    return row.status < _TARGETS[report.status]


def _find(provider: str, reports: list[DeliveryReport]) -> dict[str, Recipient]:
    """The recipient of each message id, by that id, else by phone.

    Which campaigns are the provider's is asked afterwards: in a join, a planner that has no
    figures yet of a new campaign walks through all its recipients.
    """
    ids = [report.provider_id for report in reports if report.provider_id]
    rows = list(Recipient.select().where(Recipient.provider_id.in_(ids)).order_by(Recipient.id))
    ours = _of_provider(provider, rows)
    found = {str(row.provider_id): row for row in rows if row.campaign_id in ours}
    others = [one for one in reports if one.provider_id not in found and one.phone]
    open_rows = _only_open(provider, others)
    for report in others:
        row = open_rows.get(str(report.phone))
        if row is not None and (
            row.status == RecipientStatus.UNCONFIRMED or report.status == "delivered"
        ):
            found[report.provider_id] = row
    return found


def _of_provider(provider: str, rows: list[Recipient]) -> set[int]:
    """Those of the rows' campaigns that a provider carries."""
    campaigns = list({row.campaign_id for row in rows})
    query = Campaign.select(Campaign.id).where(
        Campaign.id.in_(campaigns), Campaign.provider == provider
    )
    return {row.id for row in query}


def _only_open(provider: str, reports: list[DeliveryReport]) -> dict[str, Recipient]:
    """By phone, the one recipient in doubt or awaiting a retry, where nothing else is in flight.

    The statuses stand in the SQL as they do in the partial indexes: bound as parameters, SQLite
    would not use those, and read the whole table for each report that came early.
    """
    phones = sorted({str(one.phone) for one in reports})
    unconfirmed = SQL(f"status = {RecipientStatus.UNCONFIRMED:d}")
    rows = list(Recipient.select().where(unconfirmed, Recipient.phone.in_(phones)))
    rows += _awaiting_retry(provider, [one for one in reports if one.status == "delivered"])
    if not rows:
        return {}
    in_flight = SQL(f"status = {RecipientStatus.SENDING:d}")
    named = sorted({row.phone for row in rows})
    # Peewee's queries answer to `+` themselves, hence extend.
    rows.extend(Recipient.select().where(in_flight, Recipient.phone.in_(named)))
    ours = _of_provider(provider, rows)
    by_phone: dict[str, list[Recipient]] = {}
    for row in rows:
        if row.campaign_id in ours:
            by_phone.setdefault(row.phone, []).append(row)
    answered = _being_answered(provider, named)
    return {
        phone: found[0]
        for phone, found in by_phone.items()
        if len(found) == 1
        and found[0].status != RecipientStatus.SENDING
        and found[0].provider_id is None
        and phone not in answered
    }


def _awaiting_retry(provider: str, reports: list[DeliveryReport]) -> list[Recipient]:
    """Recipients to be tried again, of campaigns under way, that reports may be about."""
    phones = sorted({str(one.phone) for one in reports})
    if not phones:
        return []
    campaigns = Campaign.select(Campaign.id).where(
        Campaign.provider == provider, Campaign.status.in_(["sending", "paused"])
    )
    return list(
        Recipient.select().where(
            Recipient.campaign_id.in_([row.id for row in campaigns]),
            Recipient.phone.in_(phones),
            Recipient.status == RecipientStatus.QUEUED,
            Recipient.attempts > 0,
        )
    )


def _being_answered(provider: str, phones: list[str]) -> set[str]:
    """Those to whom a single answer is on its way, which a report may be about as well."""
    rows = TextAnswer.select(TextAnswer.phone).where(
        TextAnswer.provider == provider,
        SQL("state IN ('queued', 'sending')"),
        TextAnswer.phone.in_(phones),
    )
    return {row.phone for row in rows}


def _raise(
    found: dict[str, Recipient], reports: dict[str, DeliveryReport], counts: Counts
) -> set[str]:
    """Raise what is still as it was read; returns the message ids of what was raised."""
    wanted = [
        (row, reports[key])
        for key, row in found.items()
        if row.status != RecipientStatus.SKIPPED and _would_raise(row, reports[key])
    ]
    if not wanted:
        return set()
    wanted.sort(key=lambda pair: int(pair[0].id))
    values: list[tuple[Any, ...]] = []
    for row, report in wanted:
        cost = int(report.cost.amount * 10_000) if report.cost else None
        target = int(_TARGETS[report.status])
        values.append((row.id, row.status, target, report.provider_id, report.network, cost))
    now = utcnow()
    cast = "::timestamp" if is_postgres() else ""
    given, params = rows_sql(_COLUMNS, values)
    sql = (
        f"WITH {given} UPDATE recipient SET status = v.status, "
        "provider_id = v.provider_id, network = coalesce(nullif(v.network, ''), "
        "recipient.network), cost_e4 = coalesce(recipient.cost_e4, v.cost), next_attempt_at = "
        f"NULL, lease_until = NULL, sent_at = coalesce(recipient.sent_at, {mark()}{cast}), "
        f"updated_at = {mark()} FROM v WHERE recipient.id = v.id AND recipient.status = v.old "
        "RETURNING recipient.id"
    )
    done = {row[0] for row in db.execute_sql(sql, (*params, now, now)).fetchall()}
    raised = [(row, report) for row, report in wanted if row.id in done]
    _note_reasons(raised)
    for row, report in raised:
        old, new = RecipientStatus(row.status), _TARGETS[report.status]
        counts.move(row.campaign_id, {old: -1, new: 1})
        if report.cost and row.cost_e4 is None:
            counts.spend(row.campaign_id, int(report.cost.amount * 10_000), report.cost.currency)
    return {report.provider_id for _, report in raised}


def _note_reasons(raised: list[tuple[Recipient, DeliveryReport]]) -> None:
    """Why not delivered, for the few that were not; what was delivered loses its old error."""
    cleared = [row.id for row, report in raised if report.status != "undelivered"]
    if cleared:
        Recipient.update(error_code="", error_reason="").where(
            Recipient.id.in_(cleared), Recipient.error_code != ""
        ).execute()
    for row, report in raised:
        if report.status == "undelivered":
            Recipient.update(
                error_code=(report.code or report.reason or "undelivered")[:100],
                error_reason=report.reason or "The network could not deliver it",
            ).where(Recipient.id == row.id).execute()
