"""The recipients of a campaign: found, paged by an index, and exported without an end."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from obidient.admin.base import PAGE
from obidient.areas import area_name
from obidient.campaigns.by_network import NETWORKS
from obidient.campaigns.models import Campaign, Recipient, RecipientStatus
from obidient.contacts.imports import safe_cell
from obidient.contacts.models import Contact
from obidient.contacts.phones import normalise

EXPORT_CHUNK = 2_000
EXPORTED = (
    "phone name state lga status attempts sent_at network cost currency error_code error_reason"
).split()


def find(campaign: Campaign, status: str, phone: str) -> tuple[Any, str]:
    """The query for a page of recipients, and what is wrong with the number searched for."""
    query = Recipient.select().where(Recipient.campaign_id == campaign.id)
    if phone:
        try:
            return query.where(Recipient.phone == normalise(phone)), ""
        except ValueError as error:
            return query.where(Recipient.id.is_null()), str(error)
    if status in {one.column for one in RecipientStatus}:
        query = query.where(Recipient.status == RecipientStatus[status.upper()])
    return query, ""


def page_of(query: Any, status: str, after: str) -> tuple[list[Recipient], str]:
    """A page in the order of an index, from a cursor `batch-id` on, and the next cursor."""
    batch, _, last = after.partition("-")
    if batch.isdigit() and last.isdigit():
        place = (int(batch), int(last))
        if status:
            query = query.where(
                (Recipient.batch > place[0])
                | ((Recipient.batch == place[0]) & (Recipient.id > place[1]))
            )
        else:
            query = query.where(Recipient.id > place[1])
    order = (Recipient.batch, Recipient.id) if status else (Recipient.id,)
    rows = list(query.order_by(*order).limit(PAGE + 1))
    if len(rows) <= PAGE:
        return rows, ""
    rows = rows[:PAGE]
    return rows, f"{rows[-1].batch}-{rows[-1].id}"


def as_csv(campaign: Campaign, status: str) -> Iterator[str]:
    yield "\ufeff" + _csv_lines([EXPORTED])
    last = 0
    while True:
        query, _ = find(campaign, status, "")
        rows = list(query.where(Recipient.id > last).order_by(Recipient.id).limit(EXPORT_CHUNK))
        if not rows:
            return
        last = rows[-1].id
        ids = [row.contact_id for row in rows if row.contact_id]
        people = {row.id: row for row in Contact.select().where(Contact.id.in_(ids))}
        yield _csv_lines([_csv_row(campaign, row, people.get(row.contact_id or 0)) for row in rows])


def _csv_row(campaign: Campaign, row: Recipient, person: Contact | None) -> list[str]:
    state, lga = (person.state_code, person.lga_code) if person else (None, None)
    return [
        row.phone,
        safe_cell(person.display_name if person else ""),
        area_name(state) if state else "",
        area_name(lga) if lga else "",
        RecipientStatus(row.status).column,
        str(row.attempts),
        f"{row.sent_at:%Y-%m-%d %H:%M:%S}" if row.sent_at else "",
        NETWORKS.get(row.network, safe_cell(row.network)),
        f"{row.cost_e4 / 10_000:.4f}" if row.cost_e4 is not None else "",
        safe_cell(campaign.currency),
        safe_cell(row.error_code),
        safe_cell(row.error_reason),
    ]


def _csv_lines(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
