"""The recipients of a campaign: found, paged by an index, and exported without an end.

A filter with an index is exact however many recipients there are. The others look through a part
of the campaign at a time, and a page says how far it has looked.
"""

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from peewee import SQL, Tuple, fn

from obidient.admin.base import PAGE
from obidient.areas import LGAS, STATES, area_name
from obidient.campaigns.models.campaign import (
    Campaign,
    CampaignError,
    Recipient,
    RecipientStatus,
)
from obidient.campaigns.networks import NETWORKS, UNKNOWN
from obidient.contacts.imports import safe_cell
from obidient.contacts.models import Contact
from obidient.contacts.phones import normalise

EXPORT_CHUNK = 2_000
EXPORTED = (
    "phone name state lga status attempts sent_at network cost currency error_code error_reason"
).split()
#: Recipients looked through by one statement, and seconds that a page may go on with that.
WINDOW = 10_000
PATIENCE = 0.04
#: Counted exactly up to here.
MOST_COUNTED = 10_000
#: As an address has it: recipients of whose network nothing was reported.
NO_NETWORK = "none"


@dataclass(frozen=True)
class Filter:
    """What is asked for; empty fields ask for nothing."""

    status: str = ""
    code: str = ""
    network: str = ""
    state: str = ""
    lga: str = ""
    phone: str = ""

    @classmethod
    def of(cls, given: Any, by_number: bool) -> "Filter":
        """From an address; what does not exist is left out.

        A number is looked for only for those who may see numbers: to others, each answer would
        tell whether they have guessed one.
        """
        text = {name: given.get(name, "").strip() for name in cls.__dataclass_fields__}
        if not by_number:
            text["phone"] = ""
        if text["status"] not in {one.column for one in RecipientStatus}:
            text["status"] = ""
        if text["network"] not in {*NETWORKS, NO_NETWORK}:
            text["network"] = ""
        if text["state"] not in STATES:
            text["state"] = ""
        if text["lga"] not in LGAS or not text["lga"].startswith(text["state"]):
            text["lga"] = ""
        return cls(**text)

    @property
    def chosen(self) -> dict[str, str]:
        """The fields that ask for something, as an address has them."""
        return {name: value for name, value in vars(self).items() if value}

    @property
    def is_indexed(self) -> bool:
        """Whether an index leads to just those that fit."""
        if self.phone:
            return True
        return not (self.network or self.state or self.lga or (self.status and self.code))

    @property
    def by_batch(self) -> bool:
        """Whether they come in the order of the index of statuses."""
        return bool(self.status) and not self.code

    def words(self) -> str:
        """For the audit trail, without a number."""
        shown = dict(self.chosen)
        if "phone" in shown:
            shown["phone"] = "one number"
        return ", ".join(shown.values()) or "all"

    def lgas(self) -> dict[str, str]:
        """The LGAs of the state chosen."""
        return {code: name for code, name in LGAS.items() if self.state and code[:2] == self.state}


@dataclass(frozen=True)
class Page:
    """Some recipients; `more` is where the next page begins, `looked` how many were looked at."""

    rows: list[Recipient]
    more: str = ""
    looked: int = 0


def query_of(campaign: Campaign, wanted: Filter) -> tuple[Any, str]:
    """The query for what is asked for, and what is wrong with the number searched for."""
    query = Recipient.select().where(Recipient.campaign_id == campaign.id)
    if wanted.phone:
        try:
            query = query.where(Recipient.phone == normalise(wanted.phone))
        except ValueError as error:
            return query.where(Recipient.id.is_null()), str(error)
    if wanted.status:
        query = query.where(Recipient.status == RecipientStatus[wanted.status.upper()])
    if wanted.code:
        # Word for word what the partial index says, or it would not be used.
        query = query.where(Recipient.error_code == wanted.code, SQL("error_code <> ''"))
    if wanted.network:
        code = "" if wanted.network == NO_NETWORK else wanted.network
        query = query.where(Recipient.network == code)
    return _where_they_live(query, wanted), ""


def _where_they_live(query: Any, wanted: Filter) -> Any:
    if not (wanted.state or wanted.lga):
        return query
    place = Contact.lga_code == wanted.lga if wanted.lga else Contact.state_code == wanted.state
    theirs = Contact.select(SQL("1")).where(Contact.id == Recipient.contact_id, place)
    return query.where(fn.EXISTS(theirs))


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
    leading = Filter(code=wanted.code) if wanted.code else Filter(status=wanted.status)
    query, _ = query_of(campaign, leading)
    row: Recipient | None = _from(query, wanted, after).offset(WINDOW - 1).limit(1).first()
    return row


def count(campaign: Campaign, wanted: Filter) -> int | None:
    """How many fit, up to MOST_COUNTED; None where counting would take long."""
    if not wanted.chosen:
        return int(campaign.total)
    if wanted.chosen.keys() == {"status"}:
        return int(getattr(campaign, wanted.status))
    if not wanted.is_indexed:
        return None
    query, _ = query_of(campaign, wanted)
    some = query.select(Recipient.id).limit(MOST_COUNTED)
    return int(Recipient.select(fn.COUNT(1)).from_(some).scalar())


def counted(campaign: Campaign, wanted: Filter) -> dict[str, Any]:
    """The number for the page, and whether there may be more."""
    number = count(campaign, wanted)
    exact = wanted.chosen.keys() <= {"status"}
    return {"number": number, "is_least": number == MOST_COUNTED and not exact}


def codes(campaign: Campaign) -> list[CampaignError]:
    """Error codes that came up, the most frequent first."""
    rows = CampaignError.select().where(CampaignError.campaign_id == campaign.id)
    return list(rows.order_by(CampaignError.count.desc()).limit(50))


def networks() -> dict[str, str]:
    return NETWORKS | {NO_NETWORK: UNKNOWN}


# ---- export -------------------------------------------------------------------------------------


def as_csv(campaign: Campaign, wanted: Filter) -> Iterator[str]:
    """Everybody who fits, a chunk at a time."""
    yield "\ufeff" + _csv_lines([EXPORTED])
    query, _ = query_of(campaign, wanted)
    after = ""
    while True:
        last = _end_of_window(campaign, wanted, after) if not wanted.is_indexed else None
        here = _from(query, wanted, after)
        rows = list((_until(here, wanted, last) if last else here).limit(EXPORT_CHUNK))
        if rows:
            ids = [row.contact_id for row in rows if row.contact_id]
            people = {row.id: row for row in Contact.select().where(Contact.id.in_(ids))}
            yield _csv_lines(
                [_csv_row(campaign, row, people.get(row.contact_id or 0)) for row in rows]
            )
        if len(rows) == EXPORT_CHUNK:
            after = cursor(rows[-1])
        elif last:
            after = cursor(last)
        else:
            return


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
