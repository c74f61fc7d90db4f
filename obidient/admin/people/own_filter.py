"""The list of contacts by fields of one's own, as its address says: `own=occupation:trader`."""

from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from peewee import SQL, fn

from obidient.contacts import fields, own_values, search
from obidient.contacts.models import Contact
from obidient.contacts.rows import clean
from obidient.letters import one_spelling

#: Contacts that are looked at one by one before an index is asked.
RECENT = 20_000


@dataclass(frozen=True)
class Chosen:
    """One value of a field that is filtered by, and the address of the list without it."""

    title: str
    value: str
    asked: str
    without: str


def asked() -> list[tuple[str, str]]:
    """(field, value) of the address: those chosen before, and the one just written."""
    before = [one.partition(":")[::2] for one in request.args.getlist("own")]
    now = (request.args.get("field", ""), request.args.get("value", ""))
    cleaned = [(name, clean(value, own_values.LONGEST)) for name, value in [*before, now]]
    found = {(name, one_spelling(value)): (name, value) for name, value in cleaned}
    return [pair for (_, plain), pair in found.items() if plain]


def wanted() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in asked():
        found.setdefault(name, []).append(value)
    return found


def narrowed(query: Any) -> Any:
    """The query, only of people who have what is asked for: each is looked at."""
    chosen = wanted()
    return query.where(_sql(own_values.condition(chosen, "t1"))) if chosen else query


def find(query: Any, words: str, size: int, offset: int) -> list[Contact]:
    """Of a query that is narrowed, those who fit what was typed, newest first.

    What many have is found among the newest; what few have, by its index.
    """
    chosen = wanted()
    if not chosen:
        return search.find(query, words, size, offset)
    if not search.is_number(words):
        last = Contact.select(fn.MAX(Contact.id)).scalar() or 0
        found = search.find(query.where(Contact.id > last - RECENT), words, size, offset)
        if len(found) == size:
            return found
    by_index = query.where(_sql(own_values.sieve(chosen, "t1")))
    return search.find(by_index, words, size, offset, newest=False)


def _sql(condition: own_values.Condition) -> Any:
    text, params = condition
    return SQL(text, params)


def for_page() -> dict[str, Any]:
    """What the page offers and shows."""
    known, field = fields.own(), request.args.get("field", "")
    return {
        "own_fields": known,
        "own_chosen": [
            Chosen(known.get(name, name), value, f"{name}:{value}", _without(name, value))
            for name, value in asked()
        ],
        "own_values": own_values.frequent(field) if field in known else [],
        "here": request.args.to_dict(flat=False),
    }


def _without(name: str, value: str) -> str:
    args = request.args.to_dict(flat=False)
    left = [f"{one}:{other}" for one, other in asked() if (one, other) != (name, value)]
    kept = {key: args[key] for key in args if key not in ("own", "field", "value", "page")}
    more: dict[str, Any] = kept | {"own": left}
    return url_for(".index_view", **more)
