"""Who can't get a message because it is too long once their own fields are filled in.

Networks take ten parts. A name of other letters makes a long text cost twice as many parts, so
it is a matter of each person.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, cast

import orjson

from obidient.campaigns import audience as audiences
from obidient.campaigns import text, translations
from obidient.campaigns.fields import field_values
from obidient.contacts.models import EVERY_CHANNEL, Contact
from obidient.database import db

#: Field of a text -> the columns of a contact that it stands for; own fields are in `fields`.
COLUMNS = {
    "first_name": ("first_name",),
    "last_name": ("last_name",),
    "full_name": ("full_name",),
    "lga": ("lga_code",),
    "ward": ("ward_name", "ward_code"),
    "polling_unit": ("polling_unit_name", "polling_unit_code"),
}
OWN = ("fields",)
_BLANK = {column: None for columns in (*COLUMNS.values(), OWN) for column in columns}


def is_too_long(channel: str, message: str) -> bool:
    """Whether networks would refuse a text, or worse: deliver part of it."""
    # Counting takes longer than sending otherwise: no character costs more than two units.
    if channel != "sms" or 2 * len(message) <= text.LEAST_UNITS:
        return False
    return text.has_more_parts(message)


def fitting(channel: str, texts: list[str], keep_spelling: bool) -> list[str]:
    """Those of the texts that networks take."""
    spelt = text.normal if keep_spelling else text.plain_spelling
    return [one for one in texts if not is_too_long(channel, spelt(one))]


def too_long(
    template: str,
    keep_spelling: bool,
    audience: Mapping[str, Any],
    channel: str,
    others: Mapping[str, str] | None = None,
    second: str = "",
) -> int:
    """How many people of a validated audience would get more parts than networks take.

    `others` are the texts of other languages; `second` is text B of a split test, and whoever could
    not get one of its two texts counts, since lots are drawn later. People are grouped by what the
    texts say of them, and a text is counted only where it might be too long: a million people with
    a text of usual length cost nothing.
    """
    templates = [template, *(others or {}).values(), *([second] if second else [])]
    names = list(dict.fromkeys(name for one in templates for name in text.fields(one)))
    if channel != "sms" or not names or all(map(_always_fits, templates)):
        return 0
    longest = _longest_value(names, audience, channel)
    if all(
        2 * (len(one) + len(text.occurrences(one)) * longest) <= text.LEAST_UNITS
        for one in templates
    ):
        return 0
    # Any name that is no column of a contact brings the own fields, the language among them.
    names += [translations.FIELDS[0]] if others else []
    number = 0
    for values, people in _groups(names, audience, channel):
        theirs = [translations.template_for(template, others, values)]
        theirs += [second] if second else []
        if any(_is_long(one, values, keep_spelling, channel) for one in theirs):
            number += people
    return number


def _is_long(template: str, values: Mapping[str, str], keep_spelling: bool, channel: str) -> bool:
    if not _may_be_long(template, values, keep_spelling):
        return False
    return is_too_long(channel, text.render(template, values, keep_spelling))


#: Longer than any value of a field: what columns hold, and what own fields are cut to.
_LONGEST_VALUE = 255


def _always_fits(template: str) -> bool:
    occurrences = len(text.occurrences(template))
    return 2 * (len(template) + occurrences * _LONGEST_VALUE) <= text.LEAST_UNITS


@lru_cache(maxsize=64)
def _shape(template: str, keep_spelling: bool) -> tuple[list[str], bool]:
    """Its fields as often as they come, and whether it needs the wide alphabet by itself."""
    names = [name for name, _ in text.occurrences(template)]
    return names, not text.is_gsm(template if keep_spelling else text.plain_spelling(template))


def _may_be_long(template: str, values: Mapping[str, str], keep_spelling: bool) -> bool:
    """False only when it surely fits: a quick look, for a million people."""
    names, wide = _shape(template, keep_spelling)
    filled = [values.get(name) or "" for name in names]
    units = 2 * (len(template) + sum(map(len, filled)))
    if units <= text.LEAST_UNITS:
        return False
    # A plain sign costs two units at most, and a part loses one where a pair does not fit.
    return wide or not all(map(str.isascii, filled)) or units > text.MOST_PARTS * 152


def _columns(names: list[str]) -> list[str]:
    """The columns of a contact that fields stand for, each once."""
    return list(dict.fromkeys(column for name in names for column in COLUMNS.get(name, OWN)))


def _longest_value(names: list[str], audience: Mapping[str, Any], channel: str) -> int:
    """No value of these fields is longer, of anybody in an audience: one look at the table."""
    columns = _columns(names)
    if any(column.endswith("_code") for column in columns):
        return _LONGEST_VALUE
    chosen = audiences.selection(audience, audiences.EVERYBODY)
    shown = ", ".join(f"max(length(CAST(c.{column} AS text)))" for column in columns)
    row = db.execute_sql(
        f"SELECT {shown} FROM contact c WHERE {chosen.condition}", chosen.params
    ).fetchone()
    return max(int(one or 0) for one in row)


def _groups(
    names: list[str], audience: Mapping[str, Any], channel: str
) -> Iterator[tuple[dict[str, str], int]]:
    """(field values, people) of everybody who would be written to."""
    columns = _columns(names)
    chosen = audiences.selection(audience, audiences.EVERYBODY)
    shown = ", ".join(f"c.{column}" for column in columns)
    cursor = db.execute_sql(
        f"SELECT count(*), {shown} FROM contact c WHERE {chosen.condition} "
        f"AND NOT ({audiences.unfit_sql(channel)}) AND NOT {audiences.suppressed_sql()} "
        f"GROUP BY {shown}",
        (*chosen.params, channel, EVERY_CHANNEL),
    )
    for people, *row in cursor:
        found = dict(zip(columns, row, strict=True))
        if isinstance(found.get("fields"), str | bytes):
            found["fields"] = orjson.loads(found["fields"])
        yield field_values(cast("Contact", SimpleNamespace(**_BLANK | found))), people
