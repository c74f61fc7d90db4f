"""Supporters: found, looked at, tagged, and deleted when they ask for it."""

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request, stream_with_context
from flask_admin.actions import action
from markupsafe import Markup
from werkzeug.wrappers import Response

from obidient.accounts import audit
from obidient.admin import formats
from obidient.admin.base import CONTACTS, PAGE, SecureModelView, done, expose
from obidient.admin.people import own_filter
from obidient.areas import LGAS, STATES, area_name
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.contacts import editing, erasure, merge, suppression
from obidient.contacts.export import as_csv, tags_of
from obidient.contacts.models import (
    EVERY_CHANNEL,
    Contact,
    ContactList,
    ContactListMember,
    ContactTag,
    FormerNumber,
    Suppression,
    Tag,
)
from obidient.contacts.phones import mask
from obidient.database import db
from obidient.errors import NotFound
from obidient.queues import current as queues


class Contacts(SecureModelView):
    """The list is Flask-Admin's; search and filters are ours, since a million rows need indexes."""

    scopes = (CONTACTS,)
    icon = "people"
    lead = "Supporters who can be written to, one for each phone number."
    noun = ("contact", "contacts")
    empty_title = "No contacts yet"
    empty_text = "Import a list of your supporters; you see what would happen before it does."
    search_hint = "Part of a name, or four digits of a number"
    list_template = "admin/contacts/list.html"
    can_delete = True
    column_display_actions = False
    column_list = ("full_name", "phone", "state_code", "lga_code", "created_at")
    column_labels = {
        "full_name": "Name",
        "first_name": "First name",
        "last_name": "Last name",
        "state_code": "State",
        "lga_code": "LGA",
        "created_at": "Since",
    }
    column_searchable_list = ("full_name",)
    column_sortable_list = ()
    column_default_sort = ("id", True)
    column_formatters = {
        "full_name": lambda view, _context, row, _name: view.link(row),
        "phone": lambda _view, _context, row, _name: mask(row.phone),
        "state_code": lambda _view, _context, row, _name: _area(row.state_code),
        "lga_code": lambda _view, _context, row, _name: _area(row.lga_code),
        "created_at": lambda _view, _context, row, _name: formats.when(row.created_at),
    }
    # -- the list --

    def link(self, row: Contact) -> Markup:
        url = self.get_url(".person", contact_id=row.id)
        name = Markup('<a class="row-link" href="{}">{}</a>').format(url, row.display_name)
        flag = "number can’t receive messages" if row.phone_invalid else row.textless
        return (
            name + Markup(' <span class="sub warning-text">{}</span>').format(flag)
            if flag
            else name
        )

    def row_title(self, row: Contact) -> str:
        return row.display_name

    def get_query(self) -> Any:
        """Contacts as the filters above the list say; each filter has its index."""
        query = Contact.select()
        for name, column in (("state", Contact.state_code), ("lga", Contact.lga_code)):
            if request.args.get(name):
                query = query.where(column == request.args[name])
        for name, table, link, key in (
            ("tag", Tag, ContactTag, ContactTag.tag_id),
            ("list", ContactList, ContactListMember, ContactListMember.list_id),
        ):
            if request.args.get(name):
                row = table.get_or_none(table.name == request.args[name])
                people = link.select(link.contact_id).where(key == (row.id if row else 0))
                query = query.where(Contact.id.in_(people))
        if request.args.get("look") == "flagged":
            query = query.where(Contact.area_flag)
        if request.args.get("look") == "invalid":
            query = query.where(Contact.phone_invalid)
        if request.args.get("look") == "textless":
            query = query.where(Contact.textless.is_null(False))
        return own_filter.narrowed(query)

    def _get_list_extra_args(self) -> Any:
        """As the list keeps them in its links, of `own` all and not the first."""
        found = super()._get_list_extra_args()
        if "own" in request.args:
            found.extra_args["own"] = request.args.getlist("own")
        return found

    def get_list(
        self,
        page: int | None,
        sort_column: str | None,
        sort_desc: bool | None,
        search: str | None,
        filters: Any,
        execute: bool = True,
        page_size: int | None = None,
    ) -> Any:
        """By number when it looks like one, by parts of names and by own fields otherwise."""
        size = page_size or PAGE
        return None, own_filter.find(self.get_query(), search or "", size, (page or 0) * size)

    def render(self, template: str, **more: Any) -> Any:
        if template == self.list_template:
            more |= {
                "states": STATES,
                "lgas": {c: n for c, n in LGAS.items() if c[:2] == request.args.get("state")},
                "tag_names": [row.name for row in Tag.select().order_by(Tag.name).limit(500)],
                "list_names": [
                    row.name for row in ContactList.select().order_by(ContactList.name).limit(500)
                ],
                "tags_of": tags_of([row.id for row in more["data"]]),
                **own_filter.for_page(),
            }
        return super().render(template, **more)

    @expose("/contacts.csv")
    def export_csv(self) -> Response:
        """Those the list shows, all pages of them, as an import reads them again."""
        audit.record("contacts.exported", "Exported contacts", "contact", "", **self._asked_for())
        parts = as_csv(self.get_query(), request.args.get("search", ""))
        return Response(
            stream_with_context(parts),
            mimetype="text/csv",
            headers={"Content-Disposition": 'attachment; filename="contacts.csv"'},
        )

    @staticmethod
    def _asked_for() -> dict[str, str]:
        """The filters, for the audit trail; what was searched for may be a number, and the value
        of a field somebody's secret."""
        names = ("state", "lga", "tag", "list", "look")
        asked = {name: request.args[name] for name in names if request.args.get(name)}
        if own := sorted({name for name, _ in own_filter.asked()}):
            asked["fields"] = ", ".join(own)
        return asked | ({"search": "yes"} if request.args.get("search") else {})

    # -- one person --

    @expose("/<int:contact_id>/")
    def person(self, contact_id: int) -> Any:
        """Who somebody is, and what they have been sent."""
        person = _get(contact_id)
        former = merge.former(contact_id)
        further = FormerNumber.select().where(
            FormerNumber.contact_id == contact_id, FormerNumber.kind == "further"
        )
        lists = (
            ContactList.select()
            .join(ContactListMember, on=(ContactListMember.list_id == ContactList.id))
            .where(ContactListMember.contact_id == contact_id)
        )
        return self.render(
            "admin/contacts/person.html",
            person=person,
            page_title=person.display_name,
            state=_area(person.state_code),
            lga=_area(person.lga_code),
            ward=person.ward_name or _area(person.ward_code),
            unit=person.polling_unit_name or _area(person.polling_unit_code),
            tags=tags_of([contact_id]).get(contact_id, []),
            lists=[row.name for row in lists],
            former=former,
            further=[row.phone for row in further],
            own=editing.own_of(person),
            stops=_stops(person.phone),
            received=_received([person.phone, *former]),
            channels=queues().channels,
            sources=suppression.SOURCES,
        )

    @expose("/<int:contact_id>/stop", methods=("POST",))
    def stop(self, contact_id: int) -> Response:
        person = _get(contact_id)
        return done(
            lambda: suppression.suppress(
                person.phone, note=request.form.get("note", "").strip()[:500]
            ),
            f"{person.display_name} gets no more messages.",
            self.get_url(".person", contact_id=contact_id),
        )

    @expose("/<int:contact_id>/allow", methods=("POST",))
    def allow(self, contact_id: int) -> Response:
        person = _get(contact_id)
        return done(
            lambda: suppression.lift(person.phone, request.form.get("channel", EVERY_CHANNEL)),
            f"{person.display_name} may be written to again.",
            self.get_url(".person", contact_id=contact_id),
        )

    # -- changes, all audited --

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        """The same under Flask-Admin's own address."""
        return self.change(request.args.get("id", type=int) or 0)

    @expose("/<int:contact_id>/change", methods=("GET", "POST"))
    def change(self, contact_id: int) -> Any:
        """Every field of a contact; what is set by hand survives the next import."""
        person = _get(contact_id)
        given, wrong = editing.values_of(person), {}
        if request.method == "POST":
            given |= {name: request.form[name] for name in given if name in request.form}
            wrong = editing.change(person, given)
            if not wrong:
                flash("Saved.", "success")
                return redirect(self.get_url(".person", contact_id=contact_id))
        return self.render(
            "admin/contacts/change.html",
            person=person,
            given=given,
            wrong=wrong,
            states=STATES,
            own=editing.own_of(person),
            labels=editing.LABELS_OF,
        )

    def delete_model(self, model: Contact) -> bool:
        _forget([model.id])
        return True

    @action("tag", "Add a tag")  # type: ignore[untyped-decorator]
    def add_tag(self, ids: Sequence[str]) -> None:
        name = request.form.get("tag", "").strip().lower()
        if not name:
            flash("Write the tag in the box beside the button first.", "error")
            return
        with db.atomic():
            Tag.insert(name=name).on_conflict(conflict_target=[Tag.name], action="IGNORE").execute()
            tag = Tag.get(Tag.name == name)
            rows = [{"tag_id": tag.id, "contact_id": int(one)} for one in ids]
            ContactTag.insert_many(rows).on_conflict(
                conflict_target=[ContactTag.tag_id, ContactTag.contact_id], action="IGNORE"
            ).execute()
            editing.mark_labels([int(one) for one in ids])
            sentence = f"Tagged {self.count_selected(ids)} {name!r}"
            audit.record("contacts.tagged", sentence, "tag", tag.id)
        flash(f"{sentence}.", "success")

    @action("untag", "Remove a tag")  # type: ignore[untyped-decorator]
    def remove_tag(self, ids: Sequence[str]) -> None:
        name = request.form.get("tag", "").strip().lower()
        tag = Tag.get_or_none(Tag.name == name)
        if tag is None:
            flash(
                f"There is no tag {name!r}." if name else "Write the tag in the box first.", "error"
            )
            return
        chosen = ContactTag.contact_id.in_([int(one) for one in ids])
        with db.atomic():
            gone = ContactTag.delete().where(ContactTag.tag_id == tag.id, chosen).execute()
            editing.mark_labels([int(one) for one in ids])
            sentence = f"Took the tag {name!r} from {formats.plural(gone, 'contact')}"
            audit.record("contacts.untagged", sentence, "tag", tag.id)
        flash(f"{sentence}.", "success")

    @action("merge", "Merge")  # type: ignore[untyped-decorator]
    def merge_several(self, ids: Sequence[str]) -> Response:
        return redirect(self.get_url("admin_duplicates.compare", id=list(ids)))

    @action(  # type: ignore[untyped-decorator]
        "delete",
        "Delete",
        "They are removed with their tags and lists. What they were sent stays on record, "
        "without their names. Opt-outs stay. This can’t be undone.",
    )
    def delete_several(self, ids: Sequence[str]) -> None:
        _forget([int(one) for one in ids])
        flash(f"Deleted {self.count_selected(ids)}.", "success")


def _area(code: str | None) -> str:
    return area_name(code) if code else ""


def _get(contact_id: int) -> Contact:
    person: Contact | None = Contact.get_or_none(Contact.id == contact_id)
    if person is None:
        raise NotFound("There is no such contact; it may have been deleted.")
    return person


def _stops(phone: str) -> list[Suppression]:
    query = Suppression.select().where(Suppression.phone == phone, Suppression.lifted_at.is_null())
    return list(query.order_by(Suppression.id))


def _received(phones: list[str], most: int = 20) -> list[tuple[Campaign, Recipient, str]]:
    """The latest campaigns that wrote to a person; each is one look-up in an index."""
    campaigns = Campaign.select().where(Campaign.status != "draft")
    found = []
    for campaign in campaigns.order_by(Campaign.id.desc()).limit(200):
        for row in Recipient.select().where(
            Recipient.campaign_id == campaign.id, Recipient.phone.in_(phones)
        ):
            state = RecipientStatus(row.status).column
            found.append((campaign, row, formats.outcome(state, row.error_code, campaign.status)))
        if len(found) >= most:
            break
    return found


def _forget(ids: list[int]) -> None:
    """Remove people with their tags and lists; opt-outs stay, so that a new import honours them."""
    with db.atomic():
        gone = erasure.remove(ids)
        audit.record("contacts.deleted", f"Deleted {formats.plural(gone, 'contact')}", "contact")
