"""A contact changed by hand: every field; what is set so, no later import changes."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import current_app
from peewee import fn

from obidient.accounts import audit
from obidient.areas import LGAS, STATES
from obidient.clock import utcnow
from obidient.contacts import fields, search
from obidient.contacts.export import tags_of
from obidient.contacts.further import carry_stops, note_numbers
from obidient.contacts.models import (
    LABELS,
    NAMES,
    OWN,
    PLACE,
    Contact,
    ContactTag,
    FormerNumber,
    Tag,
)
from obidient.contacts.numbers import read
from obidient.contacts.phones import normalise, textless
from obidient.contacts.places import Placer
from obidient.contacts.rows import Person, clean, read_tags
from obidient.database import db

LABELS_OF = {
    "first_name": "First name",
    "last_name": "Last name",
    "full_name": "Full name",
    "phone": "Phone number",
    "further": "Other numbers",
    "state": "State",
    "lga": "LGA",
    "ward": "Ward",
    "unit": "Polling unit",
    "tags": "Tags",
}
_NAMES = ("first_name", "last_name", "full_name")
_PLACE = (
    "state_code",
    "lga_code",
    "ward_code",
    "ward_name",
    "polling_unit_code",
    "polling_unit_name",
    "area_flag",
)
#: Before the name of a field of one's own, in a form.
_OWN = "own-"


def own_of(person: Contact) -> list[tuple[str, str, str]]:
    """(name, title, value) of all own fields, empty where the person has none."""
    have = person.fields or {}
    titles = fields.own() | {name: name for name in have if name not in fields.own()}
    return [(name, title, have.get(name, "")) for name, title in titles.items()]


def values_of(person: Contact) -> dict[str, str]:
    """A contact as the form shows it."""
    rows = FormerNumber.select().where(
        FormerNumber.contact_id == person.id, FormerNumber.kind == "further"
    )
    return {
        **{name: getattr(person, name) for name in _NAMES},
        "phone": person.phone,
        "further": ", ".join(row.phone for row in rows),
        "state": person.state_code or "",
        "lga": LGAS.get(person.lga_code or "", ""),
        "ward": person.ward_code or person.ward_name,
        "unit": person.polling_unit_code or person.polling_unit_name,
        "tags": ", ".join(tags_of([person.id]).get(person.id, [])),
        **{_OWN + name: value for name, _, value in own_of(person)},
    }


def change(person: Contact, given: Mapping[str, str]) -> dict[str, str]:
    """Change a contact as a form says. Returns what is wrong, by field; then nothing is changed."""
    wrong: dict[str, str] = {}
    before = values_of(person)
    place = _place(given, before, wrong)
    phone = _phone(person, given, wrong)
    further = _further(given, before, wrong)
    if wrong:
        return wrong
    with db.atomic():
        changed = _set(person, given, before, place)
        if phone != person.phone:
            _move(person, phone)
            changed.append("phone number")
        if further is not None:
            _set_further(person, further)
            changed.append("other numbers")
        if given["tags"] != before["tags"]:
            _set_tags(person, read_tags(given["tags"]))
            changed.append("tags")
        if changed:
            person.updated_at = utcnow()
            person.save()
            sentence = f"Changed the {', '.join(changed)} of a contact"
            audit.record("contact.changed", sentence, "contact", person.id)
    search.Words().learn([person.full_name])
    return {}


def _place(
    given: Mapping[str, str], before: Mapping[str, str], wrong: dict[str, str]
) -> Person | None:
    """The place that the form names; None when it is not changed."""
    names = ("state", "lga", "ward", "unit")
    if all(given[name] == before[name] for name in names):
        return None
    found = Person("")
    state = STATES.get(given["state"], "")
    Placer().place(found, state, *(clean(given[name]) for name in names[1:]))
    if found.warnings:
        words = {"ward": "ward", "unit": "polling unit"}
        field = next((n for n, w in words.items() if f"{w} " in found.warnings[0]), "lga")
        wrong[field] = " ".join(found.warnings)
    elif given["state"] and found.state_code != given["state"]:
        wrong["state"] = "That ward, unit or LGA is in another state."
    return found


def _phone(person: Contact, given: Mapping[str, str], wrong: dict[str, str]) -> str:
    try:
        phone = normalise(given["phone"])
    except ValueError as error:
        wrong["phone"] = str(error)
        return str(person.phone)
    other = Contact.get_or_none(Contact.phone == phone)
    if other is not None and other.id != person.id:
        wrong["phone"] = f"{other.display_name} has this number: merge the two contacts instead."
    return phone


def _further(
    given: Mapping[str, str], before: Mapping[str, str], wrong: dict[str, str]
) -> list[str] | None:
    """The other numbers that the form names; None when they are not changed."""
    text = given["further"].strip()
    if text == before["further"]:
        return None
    try:
        return read(text) if text else []
    except ValueError as error:
        wrong["further"] = str(error)
        return None


def _set(
    person: Contact, given: Mapping[str, str], before: Mapping[str, str], place: Person | None
) -> list[str]:
    """Set names, place and own fields; returns what was changed."""
    changed, edited = [], person.edited or 0
    if any(given[name] != before[name] for name in _NAMES):
        for name in _NAMES:
            setattr(person, name, clean(given[name]))
        if given["full_name"] == before["full_name"]:
            # The two others were corrected: the whole follows.
            person.full_name = f"{person.first_name} {person.last_name}".strip()
        edited |= NAMES
        changed.append("name")
    if place is not None:
        for name in _PLACE:
            setattr(person, name, getattr(place, name))
        edited |= PLACE
        changed.append("place")
    own = {name: clean(given.get(_OWN + name, ""), 200) for name, _, _ in own_of(person)}
    if {name: text for name, text in own.items() if text} != (person.fields or {}):
        person.fields = {name: text for name, text in own.items() if text} or None
        edited |= OWN
        changed.append("own fields")
    person.edited = edited or None
    return changed


def _move(person: Contact, phone: str) -> None:
    """Give a contact another number; the one before leads to it, and waiting messages follow."""
    before = person.phone
    FormerNumber.delete().where(FormerNumber.phone == phone).execute()
    move: Any = current_app.extensions["obidient.merge_messages"]
    move(before, phone, person.id, True)
    person.phone, person.textless, person.phone_invalid = phone, textless(phone), False
    person.edited = (person.edited or 0) | NAMES
    person.save()
    FormerNumber.insert(phone=before, contact_id=person.id, kind="former").on_conflict(
        conflict_target=[FormerNumber.phone], update={FormerNumber.contact_id: person.id}
    ).execute()
    carry_stops([(before, phone)])


def _set_further(person: Contact, further: Sequence[str]) -> None:
    FormerNumber.delete().where(
        FormerNumber.contact_id == person.id, FormerNumber.kind == "further"
    ).execute()
    pairs = [(number, person.phone) for number in further if number != person.phone]
    if pairs:
        note_numbers(pairs, None)


def _set_tags(person: Contact, wanted: frozenset[str]) -> None:
    ContactTag.delete().where(ContactTag.contact_id == person.id).execute()
    for name in sorted(wanted):
        Tag.insert(name=name).on_conflict(conflict_target=[Tag.name], action="IGNORE").execute()
        ContactTag.insert(contact_id=person.id, tag_id=Tag.get(Tag.name == name).id).execute()
    person.edited = (person.edited or 0) | LABELS


def mark_labels(ids: Sequence[int]) -> None:
    """Note that tags or lists of contacts were set by hand: undoing an import keeps them."""
    Contact.update(edited=fn.COALESCE(Contact.edited, 0).bin_or(LABELS)).where(
        Contact.id.in_(list(ids))
    ).execute()
