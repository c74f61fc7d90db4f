"""Contacts found by the beginnings of their names or numbers, fast among a million.

Names are indexed by word: FTS5 on SQLite, a text-search index on PostgreSQL, both kept by the
database itself. A common name would make the index return a tenth of the table, so the newest
contacts are looked at first: common names are among them.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from obidient.contacts.models import Contact, FormerNumber
from obidient.contacts.phones import normalise
from obidient.database import db, is_postgres

#: Contacts looked at one by one before the index is asked.
WINDOW = 1_000
_MARKS = re.compile("[\u0300-\u036f]")
_HOOKED = str.maketrans("ɓɗƙƴ", "bdky")
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Its words without capitals and marks: `Ṣọlá O'Neil` is sola, o, neil."""
    if not text.isascii():
        text = _MARKS.sub("", unicodedata.normalize("NFD", text))
    text = text.lower()
    return _WORD.findall(text.translate(_HOOKED) if is_postgres() else text)


def is_number(search: str) -> bool:
    digits = sum(character.isdigit() for character in search)
    return digits >= 4 and not any(character.isalpha() for character in search)


def find(query: Any, search: str, size: int, offset: int = 0) -> list[Contact]:
    """Of a query for contacts, those that fit what somebody typed, newest first."""
    newest = Contact.id.desc()
    if not search.strip():
        return list(query.order_by(newest).limit(size).offset(offset))
    if is_number(search):
        ids = _by_number(query, search, size, offset)
    else:
        wanted = words(search)
        ids = _by_name(query, wanted, size, offset) if wanted else []
    return list(Contact.select().where(Contact.id.in_(ids)).order_by(newest)) if ids else []


def _by_number(query: Any, search: str, size: int, offset: int) -> list[int]:
    """A whole number, also one a contact had before a merge; or the beginning of one."""
    try:
        ids = holders(normalise(search))
    except ValueError:
        start = _beginning(search)
        found = Contact.phone.between(start, start + "9" * (16 - len(start)))
    else:
        found = Contact.id.in_(ids)
    # In the order of the index: half of all numbers may begin like this.
    rows = query.where(found).select(Contact.id).order_by(Contact.phone)
    return [row for (row,) in rows.limit(size).offset(offset).tuples()]


def holders(phone: str) -> list[int]:
    """Ids of the contacts that have a number, or had it before a merge."""
    now = Contact.select(Contact.id).where(Contact.phone == phone)
    before = FormerNumber.select(FormerNumber.contact_id).where(FormerNumber.phone == phone)
    return [row.id for row in now] + [row.contact_id for row in before]


def _beginning(search: str) -> str:
    """0803 and 803 as +234803; what has a plus or the country's code stays."""
    digits = re.sub(r"\D", "", search)[:15]
    if search.strip().startswith("+") or digits.startswith("234"):
        return "+" + digits
    return ("+234" + digits.removeprefix("0"))[:16]


def _by_name(query: Any, wanted: list[str], size: int, offset: int) -> list[int]:
    fits = _fits(wanted)
    columns = (Contact.id, Contact.first_name, Contact.last_name, Contact.full_name)
    newest = list(query.select(*columns).order_by(Contact.id.desc()).limit(WINDOW).tuples())
    found = [row_id for row_id, *names in newest if fits(names)]
    if len(found) >= offset + size or len(newest) < WINDOW:
        return found[offset : offset + size]
    return _by_index(query, wanted, size, offset)


def _fits(wanted: list[str]) -> Callable[[Iterable[str]], bool]:
    def fits(names: Iterable[str]) -> bool:
        have = words(" ".join(names))
        return all(any(word.startswith(start) for word in have) for start in wanted)

    return fits


def _by_index(query: Any, wanted: list[str], size: int, offset: int) -> list[int]:
    if is_postgres():
        fits = "contact_words(t1.first_name, t1.last_name, t1.full_name)"
        text, params = _sql(query.select(Contact.id))
        joined = "AND" if " WHERE " in text else "WHERE"
        # Materialized: the planner must not walk the table backwards for a rare name.
        sql = (
            f"WITH found AS MATERIALIZED ({text} {joined} {fits} @@ to_tsquery('simple', %s)) "
            "SELECT id FROM found ORDER BY id DESC LIMIT %s OFFSET %s"
        )
        wished = " & ".join(f"{word}:*" for word in wanted)
        rows = db.execute_sql(sql, (*params, wished, size, offset))
        return [row[0] for row in rows.fetchall()]
    wished = " AND ".join(f'"{word}"*' for word in wanted)
    text, params = _sql(query.select(Contact.id))
    # Without filters the index has the order; the plus keeps it from asking per contact.
    narrowed = f"AND +rowid IN ({text}) " if " WHERE " in text else ""
    rows = db.execute_sql(
        f"SELECT rowid FROM contact_words WHERE contact_words MATCH ? {narrowed}"
        "ORDER BY rowid DESC LIMIT ? OFFSET ?",
        (wished, *(params if narrowed else ()), size, offset),
    )
    return [row[0] for row in rows.fetchall()]


def _sql(query: Any) -> tuple[str, tuple[Any, ...]]:
    text, params = query.sql()
    return text, tuple(params)
