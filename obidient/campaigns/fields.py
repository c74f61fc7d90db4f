"""A contact as the fields of a template."""

from collections.abc import Sequence

from obidient.areas import area_name
from obidient.campaigns.text import without_default
from obidient.contacts.models import Contact


def field_values(contact: Contact | None) -> dict[str, str]:
    """What a template's fields stand for; nothing of a contact that has been deleted since."""
    if contact is None:
        return {}
    ward, unit = contact.ward_name, contact.polling_unit_name
    return (contact.fields or {}) | {
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "full_name": contact.full_name,
        "lga": area_name(contact.lga_code) if contact.lga_code else "",
        "ward": ward or (area_name(contact.ward_code) if contact.ward_code else ""),
        "polling_unit": unit
        or (area_name(contact.polling_unit_code) if contact.polling_unit_code else ""),
    }


def gaps(template: str, people: Sequence[Contact]) -> dict[str, int]:
    """Fields without a default -> of how many of these people nothing is known for it."""
    readers = [field_values(person) for person in people]
    empty = {
        name: sum(not reader.get(name) for reader in readers) for name in without_default(template)
    }
    return {name: number for name, number in empty.items() if number}
