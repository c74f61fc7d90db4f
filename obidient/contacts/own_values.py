"""Contacts chosen by fields of one's own: `occupation` is `trader` or `tailor`.

Capitals, marks and further spaces make no difference. The full-text index of own fields, which is
there for searching, leads to everybody with the words of a value in any field; whoever has that
very value in that very field is told by looking at the row.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from obidient.contacts import fields
from obidient.contacts.rows import clean
from obidient.database import db, is_postgres, mark
from obidient.errors import Invalid
from obidient.letters import ONE_SPELLING, one_spelling, one_spelling_sql

#: Field's name -> values of which a person has one; a person has one of each field.
Wanted = Mapping[str, Sequence[str]]
#: An SQL condition and its parameters.
Condition = tuple[str, tuple[Any, ...]]

MOST_FIELDS, MOST_VALUES, LONGEST = 20, 200, 200
#: People looked at for the values that are suggested: so many in each of so many parts of all.
STRETCHES, EACH = 8, 400
#: Words that every index has as they are.
_PLAIN = re.compile(r"[a-z0-9]{1,64}")


def validate(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """The fields by their names, each with its values; raises Invalid saying what to change."""
    known = fields.own()
    by_title = {one_spelling(title): name for name, title in known.items()}
    found: dict[str, list[str]] = {}
    for asked, values in given.items():
        name = asked if asked in known else by_title.get(one_spelling(asked), "")
        if not name:
            raise Invalid(f"There is no field of your own {asked[:80]!r}. Check the spelling.")
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise Invalid(f"{asked} must be a list, such as [{str(values)[:40]!r}].")
        found[name] = _each_once([*found.get(name, ()), *values])
        if not found[name]:
            raise Invalid(f'Write a value of {known[name]}, such as ["Trader"].')
        if len(found[name]) > MOST_VALUES:
            raise Invalid(f"Choose at most {MOST_VALUES} values of {known[name]}.")
    if len(found) > MOST_FIELDS:
        raise Invalid(f"Choose by at most {MOST_FIELDS} fields of your own.")
    return found


def _each_once(values: Sequence[Any]) -> list[str]:
    """The values as they are kept, one spelling of each."""
    kept = (clean(str(value), LONGEST) for value in values)
    return list({one_spelling(value): value for value in kept if one_spelling(value)}.values())


def conditions(wanted: Wanted, row: str, among: range | None) -> list[Condition]:
    """What chooses these contacts `row`; `among` these ids, if given, with help of the index."""
    if not wanted:
        return []
    exact = condition(wanted, row)
    return [exact] if among is None else [exact, sieve(wanted, row, among)]


def condition(wanted: Wanted, row: str) -> Condition:
    """True of a contact `row` that has one of the values of each field; looks at the row alone.

    Values are kept with single spaces. Those in plain letters, nearly all, are cheap to compare.
    """
    parts: list[str] = []
    params: list[Any] = []
    more: tuple[str, ...] = ONE_SPELLING if is_postgres() else ()
    for name, values in wanted.items():
        wished = list(dict.fromkeys(map(one_spelling, values)))
        parts.append(_test(f"({row}.fields ->> {mark()})", ", ".join([mark()] * len(wished))))
        params += [name, *wished, name, name, name, *more, *wished]
    return " AND ".join(parts), tuple(params)


def _test(value: str, wished: str) -> str:
    if is_postgres():
        plain, spelt = f'lower({value} COLLATE "C")', one_spelling_sql(value)
        size = f"octet_length({value})"
    else:
        plain, spelt = f"lower({value})", f"one_spelling({value})"
        size = f"length(CAST({value} AS BLOB))"
    has_other_letters = f"length({value}) <> {size}"
    return f"({plain} IN ({wished}) OR ({has_other_letters} AND {spelt} IN ({wished})))"


def sieve(wanted: Wanted, row: str, among: range | None = None) -> Condition:
    """True of all contacts `row` that `condition` can be true of, and of few others; by index.

    `among` are the only ids that matter.
    """
    groups = [[_words(value) for value in values] for values in wanted.values()]
    useful = [group for group in groups if all(group)]
    if not useful:
        return f"{row}.fields IS NOT NULL", ()
    if is_postgres():
        text = _query(useful, "'", " & ", " | ")
        return (
            f"({row}.fields IS NOT NULL AND own_words({row}.fields) @@ to_tsquery('simple', %s))",
            (text,),
        )
    between = "AND rowid >= ? AND rowid < ? " if among is not None else ""
    params = (among.start, among.stop) if among is not None else ()
    return (
        f"{row}.id IN (SELECT rowid FROM own_words WHERE own_words MATCH ? {between})",
        (_query(useful, '"', " AND ", " OR "), *params),
    )


def _words(value: str) -> list[str]:
    return [word for word in one_spelling(value).split(" ") if _PLAIN.fullmatch(word)]


def _query(groups: list[list[list[str]]], quote: str, both: str, either: str) -> str:
    def one(words: list[str]) -> str:
        return "(" + both.join(f"{quote}{word}{quote}" for word in words) + ")"

    return both.join("(" + either.join(map(one, group)) + ")" for group in groups)


# ---- what there is to choose from ---------------------------------------------------------------


def frequent(name: str, most: int = 30) -> list[str]:
    """The most frequent values of a field, as they are mostly spelt, among some thousand people.

    A value that only one of them has is no group, and may be a secret: it is not suggested.
    """
    spellings = Counter(one[name] for one in _some() if one.get(name))
    groups: dict[str, Counter[str]] = {}
    for spelling, number in spellings.items():
        groups.setdefault(one_spelling(spelling), Counter())[spelling] += number
    common = Counter({key: count.total() for key, count in groups.items()}).most_common(most)
    return [groups[key].most_common(1)[0][0] for key, number in common if key and number > 1]


def _some() -> list[dict[str, str]]:
    """Own fields of people from all over the table, old and new."""
    index = "" if is_postgres() else "INDEXED BY contact_with_own"
    known = f"FROM contact {index} WHERE fields IS NOT NULL"
    ends = f"SELECT (SELECT min(id) {known}), (SELECT max(id) {known})"
    first, last = db.execute_sql(ends).fetchone()
    if first is None:
        return []
    width = -(-(last + 1 - first) // STRETCHES)
    sql = f"SELECT fields {known} AND id >= {mark()} AND id < {mark()} ORDER BY id LIMIT {EACH}"
    rows = [
        row[0]
        for low in range(first, last + 1, width)
        for row in db.execute_sql(sql, (low, low + width)).fetchall()
    ]
    return [orjson.loads(one) if isinstance(one, str | bytes) else one for one in rows]
