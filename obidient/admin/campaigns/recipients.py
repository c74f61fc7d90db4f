"""The recipients of a campaign: paged by an index, counted, and exported without an end.

A filter with an index is exact however many recipients there are. The others look through a part
of the campaign at a time, and a page says how far it has looked.
"""

import csv
import functools
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from peewee import Tuple, fn

from obidient.admin import formats
from obidient.admin.base import PAGE
from obidient.areas import area_name
from obidient.campaigns.followup import reasons
from obidient.campaigns.followup.chosen import GROUPS, NO_NETWORK, Filter, batches_of, query_of
from obidient.campaigns.followup.networks import NETWORKS, UNKNOWN
from obidient.campaigns.models.campaign import (
    Batch,
    Campaign,
    CampaignError,
    Recipient,
    RecipientStatus,
)
from obidient.campaigns.split import results
from obidient.campaigns.voice import keys
from obidient.contacts.imports import safe_cell
from obidient.contacts.models import Contact
from obidient.plugin import Explanation

EXPORT_CHUNK = 2_000
EXPORTED = (
    "phone name state lga status outcome attempts sent_at network cost currency error_code "
    "error_reason keys variant"
).split()
#: Recipients looked through by one statement, and seconds that a page may go on with that.
WINDOW = 10_000
PATIENCE = 0.04
#: Counted exactly up to here.
MOST_COUNTED = 10_000


Explain = Callable[[str, str], Explanation]


@dataclass(frozen=True)
class Page:
    """Some recipients; `more` is where the next page begins, `looked` how many were looked at."""

    rows: list[Recipient]
    more: str = ""
    looked: int = 0


def page_of(campaign: Campaign, wanted: Filter, after: str) -> tuple[Page, str]:
    """A page from a cursor on, and what is wrong with the number searched for."""
    query, wrong = query_of(campaign, wanted)
    if wanted.is_indexed:
        rows = list(_from(query, wanted, after).limit(PAGE + 1))
        more = cursor(rows[PAGE - 1]) if len(rows) > PAGE else ""
        return Page(rows[:PAGE], more), wrong
    found: list[Recipient] = []
    end, looked = time.monotonic() + PATIENCE, 0
    while True:
        last = _end_of_window(campaign, wanted, after)
        here = _from(query, wanted, after)
        here = _until(here, wanted, last) if last else here
        found.extend(here.limit(PAGE + 1 - len(found)))
        looked += WINDOW
        if len(found) > PAGE:
            return Page(found[:PAGE], cursor(found[PAGE - 1]), looked), wrong
        if not last:
            return Page(found, "", looked), wrong
        after = cursor(last)
        if time.monotonic() > end:
            return Page(found, after, looked), wrong


def cursor(row: Recipient) -> str:
    return f"{row.batch}-{row.id}"


def _place(after: str) -> tuple[int, int]:
    batch, _, last = after.partition("-")
    return (int(batch), int(last)) if batch.isdecimal() and last.isdecimal() else (-1, 0)


def _from(query: Any, wanted: Filter, after: str) -> Any:
    """In the order of an index, from a cursor on."""
    place = _place(after)
    if wanted.by_batch:
        both = Tuple(Recipient.batch, Recipient.id)
        return query.where(both > Tuple(*place)).order_by(Recipient.batch, Recipient.id)
    return query.where(Recipient.id > place[1]).order_by(Recipient.id)


def _until(query: Any, wanted: Filter, last: Recipient) -> Any:
    if wanted.by_batch:
        return query.where(Tuple(Recipient.batch, Recipient.id) <= Tuple(last.batch, last.id))
    return query.where(Recipient.id <= last.id)


def _end_of_window(campaign: Campaign, wanted: Filter, after: str) -> Recipient | None:
    """The last one of the next WINDOW that an index leads to; None when there are fewer."""
    query, _ = query_of(campaign, wanted.leading)
    row: Recipient | None = _from(query, wanted, after).offset(WINDOW - 1).limit(1).first()
    return row


def count(campaign: Campaign, wanted: Filter) -> int | None:
    """How many fit, up to MOST_COUNTED; None where counting would take long."""
    if not wanted.chosen:
        return int(campaign.total)
    if wanted.chosen.keys() == {"status"}:
        statuses = GROUPS.get(wanted.status)
        columns = [one.column for one in statuses] if statuses else [wanted.status]
        return sum(int(getattr(campaign, column)) for column in columns)
    if wanted.chosen.keys() == {"variant"}:
        theirs = Batch.number.in_(batches_of(campaign, wanted.variant))
        mine = (Batch.campaign_id == campaign.id) & theirs
        return int(Batch.select(fn.SUM(Batch.size)).where(mine).scalar() or 0)
    if not wanted.is_indexed:
        return None
    query, _ = query_of(campaign, wanted)
    some = query.select(Recipient.id).limit(MOST_COUNTED)
    return int(Recipient.select(fn.COUNT(1)).from_(some).scalar())


def counted(campaign: Campaign, wanted: Filter) -> dict[str, Any]:
    """The number for the page, and whether there may be more."""
    number = count(campaign, wanted)
    exact = len(wanted.chosen) <= 1 and wanted.chosen.keys() <= {"status", "variant"}
    return {"number": number, "is_least": number == MOST_COUNTED and not exact}


def codes(campaign: Campaign) -> dict[str, str]:
    """Error codes that came up and what was said, those of people not reached first."""
    found = {one.code: one.said for one in reasons.reasons(campaign) if one.code}
    rows = CampaignError.select().where(CampaignError.campaign_id == campaign.id)
    for row in rows.order_by(CampaignError.count.desc()).limit(50):
        found.setdefault(row.code, row.reason)
    return found


def networks() -> dict[str, str]:
    return NETWORKS | {NO_NETWORK: UNKNOWN}


# ---- export -------------------------------------------------------------------------------------


def as_csv(campaign: Campaign, wanted: Filter) -> Iterator[str]:
    """Everybody who fits, a chunk at a time."""
    yield "\ufeff" + _csv_lines([EXPORTED])
    query, _ = query_of(campaign, wanted)
    # A sentence is the same for thousands of rows.
    explain = functools.lru_cache(1_000)(functools.partial(reasons.words, campaign))
    after = ""
    while True:
        last = _end_of_window(campaign, wanted, after) if not wanted.is_indexed else None
        here = _from(query, wanted, after)
        rows = list((_until(here, wanted, last) if last else here).limit(EXPORT_CHUNK))
        if rows:
            ids = [row.contact_id for row in rows if row.contact_id]
            people = {row.id: row for row in Contact.select().where(Contact.id.in_(ids))}
            pressed = keys.of_recipients([row.id for row in rows]) if campaign.keypad else {}
            variants = results.variants(campaign, {row.batch for row in rows})
            yield _csv_lines(
                [
                    [
                        *_csv_row(campaign, row, people.get(row.contact_id or 0), explain),
                        str(pressed.get(row.id, {}).get("keys", "")),
                        variants.get(row.batch, ""),
                    ]
                    for row in rows
                ]
            )
        if len(rows) == EXPORT_CHUNK:
            after = cursor(rows[-1])
        elif last:
            after = cursor(last)
        else:
            return


def _csv_row(
    campaign: Campaign, row: Recipient, person: Contact | None, explain: Explain
) -> list[str]:
    """As the screen has it: local time with its offset, and the reason as a sentence."""
    status = RecipientStatus(row.status).column
    state, lga = (person.state_code, person.lga_code) if person else (None, None)
    return [
        row.phone,
        safe_cell(person.display_name if person else ""),
        area_name(state) if state else "",
        area_name(lga) if lga else "",
        status,
        formats.status_word(formats.outcome(status, row.error_code, campaign.status)),
        str(row.attempts),
        formats.with_offset(row.sent_at),
        NETWORKS.get(row.network, safe_cell(row.network)),
        f"{row.cost_e4 / 10_000:.4f}" if row.cost_e4 is not None else "",
        safe_cell(campaign.currency),
        safe_cell(row.error_code),
        safe_cell(explain(row.error_code, row.error_reason).meaning) if row.error_code else "",
    ]


def _csv_lines(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
