"""Message templates and audiences that are kept for the next campaign, by name.

They are copied into a campaign: to change one later changes no campaign.
"""

from collections.abc import Mapping
from typing import Any

from peewee import CharField, IntegerField, IntegrityError, JSONField, TextField

from obidient.accounts import actor, audit
from obidient.campaigns import audience as audiences
from obidient.campaigns import text as texts
from obidient.clock import utcnow
from obidient.contacts import fields
from obidient.database import BaseModel, UtcDateTimeField, db
from obidient.errors import Conflict, Invalid, NotFound

TEMPLATE, AUDIENCE = "template", "audience"
WORDS = {TEMPLATE: "message template", AUDIENCE: "saved audience"}
LONGEST_NAME = 100
#: More than that nobody finds again.
MOST = 500


class Saved(BaseModel):
    """`text` of a template, `audience` of an audience."""

    kind = CharField(max_length=8)
    name = CharField(max_length=LONGEST_NAME)
    text = TextField(default="")
    audience = JSONField(null=True)
    created_by_id = IntegerField(null=True)
    created_at = UtcDateTimeField(default=utcnow)

    class Meta:
        indexes = ((("kind", "name"), True),)


def all_of(kind: str) -> list[Saved]:
    """Every template or audience, by name."""
    return list(Saved.select().where(Saved.kind == kind).order_by(Saved.name))


def get(kind: str, saved_id: int) -> Saved:
    found: Saved | None = Saved.get_or_none(Saved.id == saved_id, Saved.kind == kind)
    if found is None:
        raise NotFound(f"There is no such {WORDS[kind]}.")
    return found


def keep_template(name: str, text: str) -> Saved:
    """Raises Invalid for a text that no campaign could have, Conflict for a name that is taken."""
    return _keep(TEMPLATE, name, text=texts.validate(text, fields.own()))


def keep_audience(name: str, audience: Mapping[str, Any]) -> Saved:
    """Raises Invalid for an audience that reaches nobody, Conflict for a name that is taken."""
    return _keep(AUDIENCE, name, audience=audiences.validate(audience))


def _keep(kind: str, name: str, **values: Any) -> Saved:
    name = _name(name)
    if Saved.select().where(Saved.kind == kind).count() >= MOST:
        raise Conflict(f"There are {MOST} of these already: delete some that nobody uses.")
    user = actor()
    with db.atomic():
        try:
            made: Saved = Saved.create(
                kind=kind, name=name, created_by_id=user.id if user else None, **values
            )
        except IntegrityError:
            raise _taken(kind, name) from None
        _note(kind, "kept", "Kept", name, made.id)
    return made


def rename(kind: str, saved_id: int, name: str) -> None:
    name = _name(name)
    with db.atomic():
        found = get(kind, saved_id)
        try:
            Saved.update(name=name).where(Saved.id == found.id).execute()
        except IntegrityError:
            raise _taken(kind, name) from None
        _note(kind, "renamed", f"Renamed {found.name!r}, now", name, saved_id)


def delete(kind: str, saved_id: int) -> None:
    with db.atomic():
        found = get(kind, saved_id)
        Saved.delete().where(Saved.id == found.id).execute()
        _note(kind, "deleted", "Deleted", found.name, saved_id)


def _name(given: str) -> str:
    name = " ".join(given.split())
    if not name or len(name) > LONGEST_NAME:
        raise Invalid(f"Write a name of 1 to {LONGEST_NAME} characters.")
    return name


def _taken(kind: str, name: str) -> Conflict:
    return Conflict(f"There is a {WORDS[kind]} called {name!r} already: choose another name.")


def _note(kind: str, action: str, verb: str, name: str, saved_id: int) -> None:
    audit.record(f"{kind}.{action}", f"{verb} the {WORDS[kind]} {name!r}", kind, saved_id)
