"""Contacts that may be the same person, side by side, to be made one."""

from typing import Any

from flask import flash, redirect, request

from obidient.admin import formats
from obidient.admin.base import CONTACTS, SecureView, expose
from obidient.areas import area_name
from obidient.contacts import merge
from obidient.contacts.models import Contact
from obidient.errors import Problem

FIELDS = {
    "phone": "Phone number to write to",
    "first_name": "First name",
    "last_name": "Last name",
    "full_name": "Full name",
    "place": "Place",
}


class Duplicates(SecureView):
    scopes = (CONTACTS,)
    icon = "copy"
    lead = "Contacts of the same name in the same ward. Look at them side by side, then merge them."

    @expose("/")
    def index(self) -> Any:
        after = request.args.get("after", "")
        groups, rest = merge.duplicates(after)
        return self.render(
            "admin/contacts/duplicates.html", groups=groups, after=after, rest=rest, place=place
        )

    @expose("/compare", methods=("GET", "POST"))
    def compare(self) -> Any:
        """Side by side: whose value is kept of each field. POST shows what would follow."""
        try:
            contacts = merge.load(request.values.getlist("id", type=int))
            chosen = merge.suggest(contacts) | _choices()
            found = merge.preview(contacts, chosen["phone"])
        except Problem as error:
            flash(error.detail, "error")
            return redirect(self.get_url(".index"))
        return self.render(
            "admin/contacts/compare.html",
            contacts=contacts,
            chosen=chosen,
            found=found,
            fields=FIELDS,
            value=value,
        )

    @expose("/merge", methods=("POST",))
    def merge(self) -> Any:
        try:
            ids = request.form.getlist("id", type=int)
            kept = merge.merge(ids, _choices())
        except Problem as error:
            flash(error.detail, "error")
            return redirect(self.get_url(".index"))
        flash(f"{formats.plural(len(set(ids)), 'contact')} are one now.", "success")
        return redirect(self.get_url("admin_contacts.person", contact_id=kept.id))


def _choices() -> dict[str, int]:
    found = {name: request.form.get(f"keep-{name}", type=int) for name in FIELDS}
    return {name: contact_id for name, contact_id in found.items() if contact_id}


def place(contact: Contact) -> str:
    """From the smallest area up: unit, ward, LGA, state."""
    names = (
        contact.polling_unit_name or _area(contact.polling_unit_code),
        contact.ward_name or _area(contact.ward_code),
        _area(contact.lga_code),
        _area(contact.state_code),
    )
    return ", ".join(name for name in names if name)


def _area(code: str | None) -> str:
    return area_name(code) if code else ""


def value(contact: Contact, field: str) -> str:
    return place(contact) if field == "place" else str(getattr(contact, field))
