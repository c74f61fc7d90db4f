"""Contacts of one person with several numbers become one; possible duplicates are found.

The row whose number is kept survives. The other numbers are noted with it: nothing is sent to
them, and past messages to them are its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from flask import Flask, current_app

from obidient.accounts import audit
from obidient.clock import utcnow
from obidient.contacts import erasure, suppression
from obidient.contacts.models import (
    NAMES,
    Contact,
    ContactList,
    ContactListMember,
    ContactTag,
    FormerNumber,
    Suppression,
    Tag,
)
from obidient.contacts.models import PLACE as PLACE_BIT
from obidient.contacts.search import words
from obidient.database import db
from obidient.errors import Conflict, Invalid, NotFound

MOST = 10
#: What is chosen as one: parts of two places make none.
PLACE = (
    "state_code",
    "lga_code",
    "ward_code",
    "ward_name",
    "polling_unit_code",
    "polling_unit_name",
    "area_flag",
)
CHOICES = {
    "phone": ("phone",),
    "first_name": ("first_name",),
    "last_name": ("last_name",),
    "full_name": ("full_name",),
    "place": PLACE,
}
#: Contacts read for one page of possible duplicates.
BUDGET = 5_000
GROUPS = 25


@dataclass(frozen=True)
class Messages:
    """What campaigns have for a number: sent ones, and waiting ones that change their number or
    are left out, since the person gets that campaign on the number kept."""

    past: int = 0
    moved: int = 0
    left_out: int = 0

    def __add__(self, other: "Messages") -> "Messages":
        return Messages(
            self.past + other.past, self.moved + other.moved, self.left_out + other.left_out
        )


#: (number, number kept, id of the contact kept, really?) -> what it does or would do
Move = Callable[[str, str, int, bool], Messages]


def register(app: Flask, move: Move) -> None:
    app.extensions["obidient.merge_messages"] = move


@dataclass(frozen=True)
class Preview:
    """What a merge would do."""

    tags: list[str]
    lists: list[str]
    stopped: bool
    messages: Messages


@dataclass
class Group:
    """Contacts of the same name in the same ward."""

    name: str
    lga_code: str
    contacts: list[Contact] = field(default_factory=list)


def load(ids: Iterable[int]) -> list[Contact]:
    """The contacts to merge, oldest first. Raises Invalid unless there are 2 to 10."""
    wanted = sorted(set(ids))
    if not 2 <= len(wanted) <= MOST:
        raise Invalid(f"Choose from 2 to {MOST} contacts of the same person.")
    found = list(Contact.select().where(Contact.id.in_(wanted)).order_by(Contact.id))
    if len(found) < len(wanted):
        raise NotFound("One of these contacts is gone; it may have been merged or deleted.")
    return found


def suggest(contacts: Sequence[Contact]) -> dict[str, int]:
    """A choice for each field: the fullest words and place, the number changed last that works."""
    best = max(contacts, key=lambda one: (not one.phone_invalid, one.updated_at, one.id))
    chosen = {"phone": int(best.id)}
    for name, columns in CHOICES.items():
        if name != "phone":
            fullest = max(
                contacts,
                key=lambda one: (_fullness(one, columns), one.id == best.id),
            )
            chosen[name] = int(fullest.id)
    return chosen


def _fullness(contact: Contact, columns: Sequence[str]) -> int:
    values = [getattr(contact, column) for column in columns if column != "area_flag"]
    return sum(1 if len(columns) > 1 else len(value) for value in values if value)


def preview(contacts: Sequence[Contact], keeper_id: int) -> Preview:
    ids = [one.id for one in contacts]
    tags = Tag.select(Tag.name).join(ContactTag, on=(ContactTag.tag_id == Tag.id))
    lists = ContactList.select(ContactList.name).join(
        ContactListMember, on=(ContactListMember.list_id == ContactList.id)
    )
    tag_rows = tags.where(ContactTag.contact_id.in_(ids)).distinct().order_by(Tag.name)
    list_rows = lists.where(ContactListMember.contact_id.in_(ids)).distinct()
    return Preview(
        [row.name for row in tag_rows],
        sorted(row.name for row in list_rows),
        any(suppression.channels(one.phone) for one in contacts),
        _messages(contacts, keeper_id, really=False),
    )


def merge(ids: Iterable[int], choices: Mapping[str, int]) -> Contact:
    """Make one contact of several; `choices` says whose value of each of CHOICES is kept.

    Safe to repeat after an interruption: messages are moved first, a step at a time, and the
    contacts become one in a single transaction at the end.
    """
    contacts = {int(one.id): one for one in load(ids)}
    if set(choices) != set(CHOICES) or not set(choices.values()) <= set(contacts):
        raise Invalid("Choose one value of each field.")
    keeper = contacts[choices["phone"]]
    for one in contacts.values():
        _carry_stops(one.phone, keeper.phone)
    messages = _messages(list(contacts.values()), int(keeper.id), really=True)
    gone = [contact_id for contact_id in contacts if contact_id != keeper.id]
    with db.atomic():
        for name, columns in CHOICES.items():
            for column in columns:
                setattr(keeper, column, getattr(contacts[choices[name]], column))
        keeper.fields = _fields(list(contacts.values()), keeper)
        # A person has chosen: no import changes it.
        keeper.edited = (keeper.edited or 0) | NAMES | PLACE_BIT
        keeper.updated_at = utcnow()
        keeper.save()
        _unite(ContactTag, ContactTag.tag_id, gone, keeper.id)
        _unite(ContactListMember, ContactListMember.list_id, gone, keeper.id)
        _note_numbers([contacts[one] for one in gone], keeper)
        if erasure.remove(gone) != len(gone):
            raise Conflict("Somebody else has just changed these contacts. Look at them again.")
        audit.record(
            "contacts.merged",
            f"Merged {len(contacts)} contacts into one",
            "contact",
            keeper.id,
            removed=gone,
            messages_moved=messages.moved,
            messages_left_out=messages.left_out,
        )
    return keeper


def _messages(contacts: Sequence[Contact], keeper_id: int, really: bool) -> Messages:
    move: Move = current_app.extensions["obidient.merge_messages"]
    kept = next(one.phone for one in contacts if one.id == keeper_id)
    total = Messages()
    for one in contacts:
        if one.id != keeper_id:
            for number in [one.phone, *former(one.id)]:
                total += move(number, kept, keeper_id, really)
    return total


def former(contact_id: int) -> list[str]:
    """Other numbers of a contact: of those merged into it, and those beside the first in lists."""
    rows = FormerNumber.select().where(FormerNumber.contact_id == contact_id)
    return [row.phone for row in rows.order_by(FormerNumber.noted_at)]


def _carry_stops(phone: str, kept: str) -> None:
    """An opt-out on one number holds for the other as well."""
    rows = Suppression.select().where(Suppression.phone == phone, Suppression.lifted_at.is_null())
    for row in list(rows):
        suppression.suppress(kept, row.channel, row.source, row.note)


def _fields(contacts: list[Contact], keeper: Contact) -> dict[str, str] | None:
    """The fields of all of them; where they differ, the one kept decides."""
    found: dict[str, str] = {}
    for one in sorted(contacts, key=lambda one: (one.id == keeper.id, one.updated_at)):
        found |= one.fields or {}
    return found or None


def _unite(link: Any, key: Any, gone: list[int], keeper_id: int) -> None:
    rows = list(link.select(key).where(link.contact_id.in_(gone)).distinct().tuples())
    if rows:
        values = [{key.name: value, "contact_id": keeper_id} for (value,) in rows]
        link.insert_many(values).on_conflict(
            conflict_target=[key, link.contact_id], action="IGNORE"
        ).execute()


def _note_numbers(gone: list[Contact], keeper: Contact) -> None:
    ids = [one.id for one in gone]
    FormerNumber.update(contact_id=keeper.id).where(FormerNumber.contact_id.in_(ids)).execute()
    for one in gone:
        FormerNumber.insert(phone=one.phone, contact_id=keeper.id).on_conflict(
            conflict_target=[FormerNumber.phone],
            update={
                FormerNumber.contact_id: keeper.id,
                FormerNumber.noted_at: utcnow(),
                FormerNumber.kind: "former",
            },
        ).execute()


# ---- possible duplicates ------------------------------------------------------------------------


def duplicates(after: str = "") -> tuple[list[Group], str]:
    """Groups of one name in one ward, LGA by LGA after a code, and the code to go on after.

    That is empty when all were looked at. Never reads more than a page may take.
    """
    found: list[Group] = []
    rows = _by_lga(Contact.lga_code > after, BUDGET + 1)
    is_all = len(rows) <= BUDGET
    lgas = {code: list(some) for code, some in groupby(rows, itemgetter(0))}
    if not is_all:
        # The last one is cut off: left for the next time, or read to its end.
        cut = next(reversed(lgas))
        if len(lgas) > 1:
            del lgas[cut]
        else:
            lgas[cut] = _by_lga(Contact.lga_code == cut)
    for code, people in lgas.items():
        found += _alike((person[1:] for person in people), code)
        after = code
        if len(found) >= GROUPS:
            return found, after
    return found, "" if is_all else after


def _by_lga(condition: Any, limit: int | None = None) -> list[tuple[str, int, str, str, str]]:
    """(LGA, id, name, ward's code and name) of contacts, along the index of LGAs."""
    rows: Any = Contact.select(
        Contact.lga_code, Contact.id, Contact.full_name, Contact.ward_code, Contact.ward_name
    ).where(condition)
    return list(rows.order_by(Contact.lga_code, Contact.id).limit(limit).tuples())


def _alike(rows: Iterable[tuple[int, str, str | None, str]], lga_code: str) -> list[Group]:
    """Groups among the people of one LGA, in the order they came."""
    alike: dict[tuple[str, str], list[int]] = {}
    for contact_id, name, ward_code, ward_name in rows:
        place = ward_code or " ".join(words(ward_name))
        key = (" ".join(words(name)), place)
        if all(key):
            alike.setdefault(key, []).append(contact_id)
    wanted = [ids for ids in alike.values() if len(ids) > 1]
    if not wanted:
        return []
    every = [one for ids in wanted for one in ids]
    people = {row.id: row for row in Contact.select().where(Contact.id.in_(every))}
    return [
        Group(people[ids[0]].full_name, lga_code, [people[one] for one in ids]) for ids in wanted
    ]
