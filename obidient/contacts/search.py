"""Contacts found by any part of their names or numbers, fast among a million.

Names are indexed by word: FTS5 on SQLite, a text-search index on PostgreSQL, both kept by the
database itself. The words themselves are in a table of their own, small enough to be looked
through for those that contain what was typed. A common name would make the index return a tenth of
the table, so the newest contacts are looked at first: whoever is common is among them.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from peewee import fn

from obidient.contacts.models import Contact, FormerNumber, NameWord
from obidient.contacts.phones import normalise
from obidient.database import contains, db, is_postgres

#: Contacts looked at one by one before the index is asked. PostgreSQL's has no order in which to
#: stop: there so many of the newest are asked for first.
WINDOW, NEWEST = 1_000, 100_000
#: From so many letters on, a part of a word is enough; from so many digits on, one of a number.
LEAST_LETTERS, LEAST_DIGITS = 3, 4
#: Words that contain what was typed; more of them make it a common part.
MOST_WORDS = 1_500
_LONGEST_WORD = 64
#: Numbers with the same digits in them that are looked at further.
MOST_INSIDE = 5_000
#: How Nigerian mobile numbers begin; all others are few.
_MOBILE = ("70", "80", "81", "90", "91")
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
    return digits >= LEAST_DIGITS and not any(character.isalpha() for character in search)


def find(query: Any, search: str, size: int, offset: int = 0, newest: bool = True) -> list[Contact]:
    """Of a query for contacts, those that fit what somebody typed, newest first.

    `newest` first looks at those that were added last; it is of no use to a query that they were
    found not to fit.
    """
    order = Contact.id.desc()
    if not search.strip():
        return list(query.order_by(order).limit(size).offset(offset))
    if is_number(search):
        ids = _by_number(query, search, size, offset)
    else:
        wanted = words(search)
        by = _by_name if newest else _by_index
        ids = by(query, wanted, size, offset) if wanted else []
    return list(Contact.select().where(Contact.id.in_(ids)).order_by(order)) if ids else []


# ---- numbers ------------------------------------------------------------------------------------


def _by_number(query: Any, search: str, size: int, offset: int) -> list[int]:
    """A whole number, also another one of the person; or any four digits and more of one."""
    try:
        ids = holders(normalise(search))
    except ValueError:
        digits = re.sub(r"\D", "", search)[:15]
        beginning = _beginning(search)
        told = Contact.phone.between(beginning, beginning + "9" * (16 - len(beginning)))
        ids = _page(query, told, size + offset)
        if len(ids) < size + offset:
            ids = list(dict.fromkeys(ids + _inside(query, digits, size + offset)))
        return ids[offset : offset + size]
    return _page(query, Contact.id.in_(ids), size, offset)


def _page(query: Any, condition: Any, size: int, offset: int = 0) -> list[int]:
    # In the order of the index: half of all numbers may begin like this.
    rows = query.where(condition).select(Contact.id).order_by(Contact.phone)
    return [row for (row,) in rows.limit(size).offset(offset).tuples()]


def _inside(query: Any, digits: str, most: int) -> list[int]:
    """Ids of contacts with these digits anywhere in a number of theirs."""
    others = FormerNumber.select(FormerNumber.contact_id).where(
        contains(FormerNumber.phone, digits)
    )
    found = [row.contact_id for row in others.limit(most)]
    if len(digits) == LEAST_DIGITS:
        # One in 1,400 has them: the index of numbers is walked until there are enough.
        ids = _walk(query, digits, most)
    else:
        mobiles = _among_mobiles(digits, MOST_INSIDE)
        ids = [row.id for row in query.where(Contact.id.in_(mobiles))]
        # One by one: of all in one condition both databases make a walk through every number.
        for there in _no_mobile():
            ids += _page(query, contains(Contact.phone, digits) & there, most)
    if found:
        ids += [row.id for row in query.where(Contact.id.in_(found))]
    return list(dict.fromkeys(ids))[:most]


def _walk(query: Any, digits: str, most: int) -> list[int]:
    """Ids of those whose number has these digits in it, in the order of numbers."""
    is_narrowed = query._where is not None
    if not is_postgres() or is_narrowed:
        return _page(query, contains(Contact.phone, digits), most)
    # OFFSET 0 keeps PostgreSQL from reading the whole table: it reads the index of numbers alone.
    rows = db.execute_sql(
        "SELECT phone FROM (SELECT phone FROM contact ORDER BY phone OFFSET 0) AS walked "
        "WHERE phone LIKE %s LIMIT %s",
        (f"%{digits}%", most),
    )
    return _page(query, Contact.phone.in_([phone for (phone,) in rows.fetchall()]), most)


def _no_mobile() -> list[Any]:
    """Conditions, one for each range of numbers between those of mobiles."""
    phone, found = Contact.phone, []
    starts = ["+", *(f"+234{one}" for one in _MOBILE)]
    for start, end in zip(starts, [*starts[1:], ""], strict=True):
        low = start if start == "+" else start[:-1] + chr(ord(start[-1]) + 1)
        found.append((phone >= low) & (phone < end) if end else phone >= low)
    return found


def _beginnings(length: int) -> list[str]:
    """All that a mobile number without its country's code may begin with, of this length."""
    if length <= 2:
        return sorted({network[:length] for network in _MOBILE})
    rest = length - 2
    return [f"{network}{n:0{rest}d}" for network in _MOBILE for n in range(10**rest)]


def _among_mobiles(digits: str, most: int) -> list[int]:
    """Nigerian mobile numbers with these digits, looked up by every beginning they may have."""
    starts = {begin + digits for before in range(11 - len(digits)) for begin in _beginnings(before)}
    ranges = [[f"+234{start}", f"+234{start:9<10}"] for start in sorted(starts)]
    sql = (
        "SELECT c.id FROM unnest(%s::text[], %s::text[]) AS v (low, high) "
        "JOIN contact c ON c.phone BETWEEN v.low AND v.high LIMIT %s"
        if is_postgres()
        else "SELECT c.id FROM json_each(?) v JOIN contact c ON c.phone "
        "BETWEEN json_extract(v.value, '$[0]') AND json_extract(v.value, '$[1]') LIMIT ?"
    )
    params: tuple[Any, ...] = (json.dumps(ranges),)
    if is_postgres():
        params = ([low for low, _ in ranges], [high for _, high in ranges])
    return [row[0] for row in db.execute_sql(sql, (*params, most)).fetchall()]


def holders(phone: str) -> list[int]:
    """Ids of the contacts that have a number, also beside their own or before a merge."""
    now = Contact.select(Contact.id).where(Contact.phone == phone)
    before = FormerNumber.select(FormerNumber.contact_id).where(FormerNumber.phone == phone)
    return [row.id for row in now] + [row.contact_id for row in before]


def _beginning(search: str) -> str:
    """0803 and 803 as +234803; what has a plus or the country's code stays."""
    digits = re.sub(r"\D", "", search)[:15]
    if search.strip().startswith("+") or digits.startswith("234"):
        return "+" + digits
    return ("+234" + digits.removeprefix("0"))[:16]


# ---- names --------------------------------------------------------------------------------------


class Words:
    """The words of names, kept for finding them by their parts."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._names: set[str] = set()

    def learn(self, names: Iterable[str]) -> None:
        """Keep the words of these names that are not kept yet."""
        fresh = set(names) - self._names
        if len(self._names) > 200_000:
            self._names.clear()
        self._names |= fresh
        found = {word for name in fresh for word in words(name)} - self._known
        rows = [{"word": word} for word in sorted(found) if len(word) <= _LONGEST_WORD]
        for start in range(0, len(rows), 500):
            NameWord.insert_many(rows[start : start + 500]).on_conflict(
                conflict_target=[NameWord.word], action="IGNORE"
            ).execute()
        if len(self._known) > 200_000:
            self._known.clear()
        self._known |= found


def forget_words(names: Iterable[str]) -> None:
    """Drop the words of these names that no contact has any more."""
    for word in {word for name in names for word in words(name)}:
        if not _ids_by_names(Contact.select(), f'"{word}"', f"'{word}'", 1):
            NameWord.delete().where(NameWord.word == word).execute()


def _by_name(query: Any, wanted: list[str], size: int, offset: int) -> list[int]:
    fits = _fits(wanted)
    columns = (
        Contact.id, Contact.first_name, Contact.last_name, Contact.full_name, Contact.fields,
    )  # fmt: skip
    newest = list(query.select(*columns).order_by(Contact.id.desc()).limit(WINDOW).tuples())
    found = [
        row_id
        for row_id, *names, own in newest
        if fits(names) or (own and _fits(wanted, False)(own.values()))
    ]
    if len(found) >= offset + size or len(newest) < WINDOW:
        return found[offset : offset + size]
    return _by_index(query, wanted, size, offset)


def _fits(wanted: list[str], parts: bool = True) -> Callable[[Iterable[str]], bool]:
    def is_in(part: str, word: str) -> bool:
        inside = parts and len(part) >= LEAST_LETTERS
        return part in word if inside else word.startswith(part)

    def fits(names: Iterable[str]) -> bool:
        have = words(" ".join(names))
        return all(any(is_in(part, word) for word in have) for part in wanted)

    return fits


def _by_index(query: Any, wanted: list[str], size: int, offset: int) -> list[int]:
    """By the indexes of names and of own fields, the newest of both."""
    most = offset + size
    containing = [_words_with(part) for part in wanted]
    by_name = (
        " AND ".join(
            "(" + " OR ".join([f'"{part}"*', *(f'"{word}"' for word in more)]) + ")"
            for part, more in zip(wanted, containing, strict=True)
        ),
        " & ".join(
            "(" + " | ".join([f"'{part}':*", *(f"'{word}'" for word in more)]) + ")"
            for part, more in zip(wanted, containing, strict=True)
        ),
    )
    ids = set(_ids_by_names(query, *by_name, most))
    ids |= set(_ids_by_own(query, wanted, most))
    return sorted(ids, reverse=True)[offset:most]


def _words_with(part: str) -> list[str]:
    """Words of names that contain a part, but don't begin with it."""
    if len(part) < LEAST_LETTERS:
        return []
    rows: Any = NameWord.select(NameWord.word).where(
        contains(NameWord.word, part) & ~NameWord.word.startswith(part)
    )
    return [word for (word,) in rows.limit(MOST_WORDS).tuples()]


def _ids_by_names(query: Any, fts5: str, tsquery: str, most: int) -> list[int]:
    if is_postgres():
        column = "contact_words(t1.first_name, t1.last_name, t1.full_name)"
        return _postgres(query, column, tsquery, most)
    return _sqlite(query, "contact_words", fts5, most)


def _ids_by_own(query: Any, wanted: list[str], most: int) -> list[int]:
    if is_postgres():
        tsquery = " & ".join(f"'{part}':*" for part in wanted)
        column = "t1.fields IS NOT NULL AND own_words(t1.fields)"
        return _postgres(query, column, tsquery, most)
    return _sqlite(query, "own_words", " AND ".join(f'"{part}"*' for part in wanted), most)


def _postgres(query: Any, column: str, tsquery: str, most: int) -> list[int]:
    """By an index of words. What many have, enough of the newest contacts have."""
    text, params = _sql(query.select(Contact.id))
    joined = "AND" if " WHERE " in text else "WHERE"
    # Materialized: the planner must not walk the table backwards for a rare name.
    sql = (
        f"WITH found AS MATERIALIZED ({text} {joined} t1.id > %s AND {column} "
        "@@ to_tsquery('simple', %s)) SELECT id FROM found ORDER BY id DESC LIMIT %s"
    )
    newest = Contact.select(fn.MAX(Contact.id)).scalar() or 0
    for above in dict.fromkeys((max(0, newest - NEWEST), 0)):
        rows = db.execute_sql(sql, (*params, above, tsquery, most)).fetchall()
        if len(rows) == most:
            break
    return [row_id for (row_id,) in rows]


def _sqlite(query: Any, table: str, wished: str, most: int) -> list[int]:
    text, params = _sql(query.select(Contact.id))
    # Without filters the index has the order; the plus keeps it from asking per contact.
    narrowed = f"AND +rowid IN ({text}) " if " WHERE " in text else ""
    rows = db.execute_sql(
        f"SELECT rowid FROM {table} WHERE {table} MATCH ? {narrowed}ORDER BY rowid DESC LIMIT ?",
        (wished, *(params if narrowed else ()), most),
    )
    return [row[0] for row in rows.fetchall()]


def _sql(query: Any) -> tuple[str, tuple[Any, ...]]:
    text, params = query.sql()
    return text, tuple(params)
