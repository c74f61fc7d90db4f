"""Who a campaign is for: checked, resolved to codes, and turned into SQL over `contact`.

Areas (states, LGAs, wards, polling units) are united, tags united, lists united; the three groups
intersect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from obidient.areas import resolve_audience_area
from obidient.contacts.models import EVERY_CHANNEL, ContactList, Tag
from obidient.database import db, is_postgres, mark
from obidient.errors import Invalid

_AREAS = {
    "states": ("state", "state_code"),
    "lgas": ("lga", "lga_code"),
    "wards": ("ward", "ward_code"),
    "pollingUnits": ("unit", "polling_unit_code"),
}
_KEYS = ("everyone", *_AREAS, "tags", "lists")
MOST = 2_000


@dataclass(frozen=True)
class Selection:
    """An SQL condition on `contact c`, with its parameters (named as the database wants them)."""

    condition: str
    params: tuple[Any, ...]


@dataclass(frozen=True)
class Counts:
    """How many people an audience reaches, and how many it leaves out, by reason."""

    total: int
    opted_out: int
    invalid: int
    duplicate: int = 0


def empty() -> dict[str, Any]:
    return {"everyone": False} | {key: [] for key in _KEYS if key != "everyone"}


def validate(audience: Mapping[str, Any]) -> dict[str, Any]:
    """The audience with official codes and known names; raises Invalid saying what to change."""
    found = empty()
    found["everyone"] = bool(audience.get("everyone", False))
    for key in _KEYS[1:]:
        values = list(dict.fromkeys(str(v).strip() for v in audience.get(key) or [] if v))
        if len(values) > MOST:
            raise Invalid(f"Choose at most {MOST:,} {key}; a larger area holds them all.")
        if key in _AREAS:
            level = _AREAS[key][0]
            values = list(dict.fromkeys(resolve_audience_area(v, level) for v in values))
        elif values:
            values = _known(Tag if key == "tags" else ContactList, values, key)
        found[key] = values
    if not found["everyone"] and not any(found[key] for key in _KEYS[1:]):
        raise Invalid('Choose who to send to: an area, a tag or a list, or "everyone".')
    return found


def _known(table: Any, names: list[str], key: str) -> list[str]:
    wanted = [name.lower() for name in names] if table is Tag else names
    there = {row.name for row in table.select(table.name).where(table.name.in_(wanted))}
    missing = [name for name in wanted if name not in there]
    if missing:
        word = "tag" if key == "tags" else "list"
        raise Invalid(f"No contact has the {word} {missing[0]!r}. Check the spelling.")
    return list(dict.fromkeys(wanted))


def selection(audience: Mapping[str, Any]) -> Selection:
    """The condition that a validated audience puts on `contact c`."""
    conditions: list[str] = []
    params: list[Any] = []

    def marks(values: list[Any]) -> str:
        params.extend(values)
        return ", ".join([mark()] * len(values))

    areas = [
        f"c.{column} IN ({marks(audience[key])})"
        for key, (_, column) in _AREAS.items()
        if audience.get(key)
    ]
    if areas:
        conditions.append("(" + " OR ".join(areas) + ")")
    if audience.get("tags"):
        conditions.append(
            "EXISTS (SELECT 1 FROM contact_tag ct JOIN tag t ON t.id = ct.tag_id "
            f"WHERE ct.contact_id = c.id AND t.name IN ({marks(audience['tags'])}))"
        )
    if audience.get("lists"):
        conditions.append(
            "EXISTS (SELECT 1 FROM contact_list_member m JOIN contact_list l "
            f"ON l.id = m.list_id WHERE m.contact_id = c.id AND l.name IN "
            f"({marks(audience['lists'])}))"
        )
    if not conditions:
        # An audience that names nothing reaches nobody, whatever got it past validate().
        return Selection("1 = 1" if audience.get("everyone") else "1 = 0", ())
    return Selection(" AND ".join(conditions), tuple(params))


def suppressed_sql() -> str:
    """True of a contact `c` that must not be messaged on a channel (two parameters)."""
    return (
        "EXISTS (SELECT 1 FROM suppression s WHERE s.phone = c.phone "
        f"AND s.channel IN ({mark()}, {mark()}) AND s.lifted_at IS NULL)"
    )


def count(audience: Mapping[str, Any], channel: str) -> Counts:
    """Count a validated audience as staging would find it now."""
    chosen = selection(audience)
    invalid = "c.phone_invalid" if is_postgres() else "c.phone_invalid = 1"
    row = db.execute_sql(
        "SELECT count(*), "
        f"sum(CASE WHEN {invalid} THEN 1 ELSE 0 END), "
        f"sum(CASE WHEN NOT ({invalid}) AND {suppressed_sql()} THEN 1 ELSE 0 END) "
        f"FROM contact c WHERE {chosen.condition}",
        (channel, EVERY_CHANNEL, *chosen.params),
    ).fetchone()
    everybody, bad, opted_out = (int(value or 0) for value in row)
    return Counts(everybody - bad - opted_out, opted_out, bad)
