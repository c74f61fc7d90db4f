"""Delivery reports raise the recipients they are about; used by the receipts worker."""

from collections.abc import Mapping, Sequence
from typing import Any

from peewee import SQL

from obidient.bulk import rows_sql
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.sending.counters import Counts
from obidient.clock import utcnow
from obidient.contacts.phones import normalise
from obidient.database import db, is_postgres, mark
from obidient.plugin import DeliveryReport
from obidient.providers import registry

#: What a report is about: the message id, and the phone where it names one.
Key = tuple[str, str]
Pair = tuple[Recipient, DeliveryReport]

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

    A report finds its recipient by the provider's message id, and by the phone as well where one
    id is that of several people. Else by phone alone when exactly one is open and that one is
    unconfirmed, or awaits a retry that success makes needless. It only ever raises. Who has more to
    do in the transaction gives `counts`, and writes them at its end.
    """
    mine = counts or Counts()
    strongest: dict[Key, DeliveryReport] = {}
    for report in reports:
        known = strongest.get(_key(report))
        if known is None or _TARGETS[report.status] > _TARGETS[known.status]:
            strongest[_key(report)] = report
    with db.atomic():
        open_reports, unmatched = strongest, set(strongest)
        for _ in range(_ROUNDS):
            found = _find(provider, list(open_reports.values()))
            unmatched -= set(found)
            wanted = _strongest_of_each(found, open_reports)
            changed = _raise(wanted, mine)
            open_reports = {
                key: report
                for key, report in open_reports.items()
                if key in wanted and key not in changed and _would_raise(wanted[key][0], report)
            }
            if not open_reports:
                break
        if counts is None:
            mine.write()
    return [report for report in reports if _key(report) in unmatched]


def _key(report: DeliveryReport) -> Key:
    return report.provider_id, report.phone or ""


def _strongest_of_each(
    found: Mapping[Key, Recipient], reports: Mapping[Key, DeliveryReport]
) -> dict[Key, Pair]:
    """One report a recipient, even where one names the phone and another does not."""
    best: dict[int, Key] = {}
    for key, row in found.items():
        known = best.get(row.id)
        if known is None or _TARGETS[reports[key].status] > _TARGETS[reports[known].status]:
            best[row.id] = key
    return {key: (found[key], reports[key]) for key in best.values()}


def _would_raise(row: Recipient, report: DeliveryReport) -> bool:
    if row.status == RecipientStatus.QUEUED and report.status == "undelivered":
        # What is to be tried again is, whatever became of the last try.
        return False
    return row.status < _TARGETS[report.status]


def _find(provider: str, reports: list[DeliveryReport]) -> dict[Key, Recipient]:
    """The recipient that each report is about, by the message id, else by phone.

    Which campaigns are the provider's is asked afterwards: in a join, a planner that has no
    figures yet of a new campaign walks through all its recipients.
    """
    ids = [report.provider_id for report in reports if report.provider_id]
    rows = list(Recipient.select().where(Recipient.provider_id.in_(ids)).order_by(Recipient.id))
    named: dict[str, list[Recipient]] = {}
    for row in of_provider(provider, rows):
        named.setdefault(str(row.provider_id), []).append(row)
    shared = _shares_ids(provider)
    found: dict[Key, Recipient] = {}
    for report in reports:
        match = the_one(named.get(report.provider_id, []), report.phone, shared)
        if match is not None:
            found[_key(report)] = match
    others = [one for one in reports if _key(one) not in found and one.phone]
    open_rows = _only_open(provider, others)
    for report in others:
        open_row = open_rows.get(str(report.phone))
        if open_row is not None and (
            open_row.status == RecipientStatus.UNCONFIRMED or report.status == "delivered"
        ):
            found[_key(report)] = open_row
    return found


def _shares_ids(provider: str) -> bool:
    found = registry.current().find(provider)
    return found is not None and found.shared_ids


def the_one(rows: list[Recipient], phone: str | None, shared: bool) -> Recipient | None:
    """Which of the recipients under one id a report is about; None when that can't be told.

    `shared` says that the id is that of a whole request: then the phone has to agree even where
    only one is left under it.
    """
    if len(rows) == 1 and not (shared and phone):
        return rows[0]
    same = [row for row in rows if _is_same(row.phone, phone)]
    return same[0] if len(same) == 1 else None


def _is_same(ours: str, theirs: str | None) -> bool:
    """Whether two numbers are the same, however the network writes it."""
    if not theirs or ours == theirs:
        return bool(theirs)
    try:
        return normalise(theirs) == ours
    except ValueError:
        return False


def of_provider(provider: str, rows: list[Recipient]) -> list[Recipient]:
    """Those of the rows that a provider has, or had last."""
    campaigns = list({row.campaign_id for row in rows})
    query = Campaign.select(Campaign.id).where(
        Campaign.id.in_(campaigns), Campaign.provider == provider
    )
    ours = {row.id for row in query}
    return [
        row
        for row in rows
        if row.provider == provider or (row.provider is None and row.campaign_id in ours)
    ]


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
    by_phone: dict[str, list[Recipient]] = {}
    for row in of_provider(provider, rows):
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
    # Whichever network they were first launched through: `of_provider` looks at each.
    campaigns = Campaign.select(Campaign.id).where(Campaign.status.in_(["sending", "paused"]))
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


def _raise(found: Mapping[Key, Pair], counts: Counts) -> set[Key]:
    """Raise what is still as it was read; returns the keys of what was raised."""
    wanted = [
        (row, report)
        for row, report in found.values()
        if row.status != RecipientStatus.SKIPPED and _would_raise(row, report)
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
        counts.note(report)
    return {_key(report) for _, report in raised}


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
