"""Contacts as a CSV that an import reads again, and that no spreadsheet runs as formulas."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from obidient.areas import area_name
from obidient.contacts import fields
from obidient.contacts.columns import FIELDS
from obidient.contacts.imports import safe_cell
from obidient.contacts.models import Contact, ContactTag, FormerNumber, Tag
from obidient.contacts.search import find

CHUNK = 2_000
#: A search exports this many at most; filters alone, all.
MOST_FOUND = 20_000


def tags_of(ids: Sequence[int]) -> dict[int, list[str]]:
    """Names of the tags of each of these contacts."""
    found: dict[int, list[str]] = {}
    if ids:
        rows: Any = (
            ContactTag.select(ContactTag.contact_id, Tag.name)
            .join(Tag, on=(Tag.id == ContactTag.tag_id))
            .where(ContactTag.contact_id.in_(list(ids)))
            .order_by(Tag.name)
            .tuples()
        )
        for contact_id, name in rows:
            found.setdefault(contact_id, []).append(name)
    return found


def as_csv(query: Any, search: str) -> Iterator[str]:
    """Everybody who fits, newest first, a chunk at a time."""
    own = list(fields.own())
    yield "\ufeff" + _lines([[*FIELDS, "phone 2", *own]])
    if search.strip():
        found = find(query, search, MOST_FOUND)
        for start in range(0, len(found), CHUNK):
            yield _chunk(found[start : start + CHUNK], own)
        return
    rows = list(query.order_by(Contact.id.desc()).limit(CHUNK))
    while rows:
        yield _chunk(rows, own)
        older = query.where(Contact.id < rows[-1].id)
        rows = list(older.order_by(Contact.id.desc()).limit(CHUNK))


def _further(ids: Sequence[int]) -> dict[int, list[str]]:
    """Further numbers of each of these contacts."""
    found: dict[int, list[str]] = {}
    for row in FormerNumber.select().where(
        FormerNumber.contact_id.in_(list(ids)), FormerNumber.kind == "further"
    ):
        found.setdefault(row.contact_id, []).append(row.phone)
    return found


def _chunk(rows: Sequence[Contact], own: Sequence[str]) -> str:
    ids = [row.id for row in rows]
    tags, further = tags_of(ids), _further(ids)
    return _lines(
        [
            row.phone,
            *map(safe_cell, (row.first_name, row.last_name, row.full_name)),
            area_name(row.state_code) if row.state_code else "",
            area_name(row.lga_code) if row.lga_code else "",
            safe_cell(row.ward_code or row.ward_name),
            safe_cell(row.polling_unit_code or row.polling_unit_name),
            safe_cell("; ".join(tags.get(row.id, []))),
            # As Google writes several; an import takes them apart again.
            " ::: ".join(further.get(row.id, [])),
            *(safe_cell((row.fields or {}).get(name, "")) for name in own),
        ]
        for row in rows
    )


def _lines(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
