"""Tags and lists: what people are sorted by."""

from collections.abc import Sequence
from typing import Any

from peewee import fn
from wtforms.validators import InputRequired, Length

from obidient.accounts import audit
from obidient.admin import formats
from obidient.admin.base import CONTACTS, SecureModelView
from obidient.campaigns.models.campaign import Campaign
from obidient.contacts.models import ContactListMember, ContactTag
from obidient.errors import Conflict


class Groups(SecureModelView):
    """Tags and lists: a name, and how many people carry it."""

    scopes = (CONTACTS,)
    icon = "tag"
    can_create = True
    can_edit = True
    can_delete = True
    list_template = "admin/contacts/groups.html"
    column_list = ("name",)
    column_sortable_list = ("name",)
    column_default_sort = "name"
    column_searchable_list = ("name",)
    form_columns = ("name",)
    form_args = {"name": {"validators": [InputRequired("Write a name."), Length(max=100)]}}
    link: Any
    key: Any
    kind = "tag"

    def row_title(self, row: Any) -> str:
        return f"“{row.name}”"

    def delete_consequence(self, row: Any) -> str:
        number = self.numbers([row.id]).get(row.id, 0)
        return (
            f"{formats.plural(number, 'person keeps', 'people keep')} their place among your "
            f"contacts and only lose this {self.kind}. Campaigns that were sent stay as they are."
        )

    def numbers(self, ids: Sequence[int]) -> dict[int, int]:
        """How many people each of these has; counted along the primary key."""
        rows = (
            self.link.select(self.key, fn.COUNT(self.link.contact_id))
            .where(self.key.in_(list(ids)))
            .group_by(self.key)
            .tuples()
        )
        return dict(rows)

    def render(self, template: str, **more: Any) -> Any:
        if template == self.list_template:
            more["numbers"] = self.numbers([row.id for row in more["data"]])
        return super().render(template, **more)

    def on_model_change(self, form: Any, model: Any, is_created: bool) -> None:
        model.name = model.name.strip()
        if self.kind == "tag":
            model.name = model.name.lower()
        before = form.name.object_data
        if not is_created and before and before != model.name:
            self._refuse_while_used(before)
        verb = "Made" if is_created else "Renamed"
        audit.record(f"{self.kind}.changed", f"{verb} the {self.kind} {model.name!r}", self.kind)

    def on_model_delete(self, model: Any) -> None:
        self._refuse_while_used(model.name)
        self.link.delete().where(self.key == model.id).execute()
        audit.record(f"{self.kind}.deleted", f"Deleted the {self.kind} {model.name!r}", self.kind)

    def _refuse_while_used(self, name: str) -> None:
        """A campaign that still has to gather its audience must find it."""
        open_ones = Campaign.select().where(
            Campaign.status.in_(["scheduled", "sending", "paused"]), ~Campaign.staged
        )
        for campaign in open_ones:
            if name in (campaign.audience.get(f"{self.kind}s") or []):
                raise Conflict(
                    f"The campaign “{campaign.title}” is about to use this {self.kind}: cancel it "
                    "or wait until it has gathered its audience."
                )


class Tags(Groups):
    lead = "Short words for what people do or care about; a person can carry many."
    noun = ("tag", "tags")
    create_label = "Add a tag"
    empty_title = "No tags yet"
    empty_text = "They come with an import (a column named tags), or you add one here."
    link, key = ContactTag, ContactTag.tag_id


class Lists(Groups):
    icon = "list"
    lead = "Groups of people kept together, such as everyone of one import."
    noun = ("list", "lists")
    create_label = "Add a list"
    empty_title = "No lists yet"
    empty_text = "Name a list when you import, or add one here."
    link, key = ContactListMember, ContactListMember.list_id
    kind = "list"
