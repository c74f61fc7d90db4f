"""Who a campaign is for: checked, resolved to codes, and turned into SQL over `contact`.

Areas (states, LGAs, wards, polling units) are united, tags united, lists united, and so are the
values of each field of one's own; all these groups intersect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from obidient.areas import resolve_audience_area
from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.clock import utcnow
from obidient.contacts import own_values
from obidient.contacts.models import EVERY_CHANNEL, Contact, ContactList, Tag
from obidient.database import db, is_postgres, mark
from obidient.errors import Invalid
from obidient.providers import registry

_AREAS = {
    "states": ("state", "state_code"),
    "lgas": ("lga", "lga_code"),
    "wards": ("ward", "ward_code"),
    "pollingUnits": ("unit", "polling_unit_code"),
}
_LISTED = (*_AREAS, "tags", "lists")
_KEYS = ("everyone", *_LISTED, "fields")
MOST = 2_000
#: All ids of contacts.
EVERYBODY = range(2**62)
#: So many contacts are looked at one by one.
NEAR = 4_000
#: A sample is taken from so many parts of all contacts.
STRETCHES = 8


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
    #: Landlines and the like, which get no texts.
    textless: int = 0


def empty() -> dict[str, Any]:
    return {"everyone": False} | {key: [] for key in _LISTED} | {"fields": {}}


def validate(audience: Mapping[str, Any]) -> dict[str, Any]:
    """The audience with official codes and known names; raises Invalid saying what to change."""
    found = empty()
    unknown = sorted(set(audience) - set(_KEYS))
    if unknown:
        raise Invalid(f"An audience has no {unknown[0]!r}. It has: {', '.join(_KEYS)}.")
    found["everyone"] = audience.get("everyone") is True
    for key in _LISTED:
        given = audience.get(key) or []
        if isinstance(given, str):
            raise Invalid(f"{key} must be a list, such as [{given[:40]!r}].")
        values = list(dict.fromkeys(str(v).strip() for v in given if str(v).strip()))
        if len(values) > MOST:
            raise Invalid(f"Choose at most {MOST:,} {key}; a larger area holds them all.")
        if key in _AREAS:
            level = _AREAS[key][0]
            values = list(dict.fromkeys(resolve_audience_area(v, level) for v in values))
        elif values:
            values = _known(Tag if key == "tags" else ContactList, values, key)
        found[key] = values
    own = audience.get("fields") or {}
    if not isinstance(own, Mapping):
        raise Invalid('fields must lead from names to lists, such as {"occupation": ["trader"]}.')
    found["fields"] = own_values.validate(own)
    if not found["everyone"] and not any(found[key] for key in _KEYS[1:]):
        raise Invalid(
            'Choose who to send to: an area, a tag, a list or a field of your own, or "everyone".'
        )
    return found


def _known(table: Any, names: list[str], key: str) -> list[str]:
    """The names as they are stored; raises Invalid naming one that nobody has."""
    rows = _named(table, names)
    missing = [name for name in names if name not in rows]
    if missing:
        word = "tag" if key == "tags" else "list"
        raise Invalid(f"There is no {word} {missing[0][:80]!r}. Check the spelling.")
    return list(dict.fromkeys(rows[name].name for name in names))


def _named(table: Any, names: list[str]) -> dict[str, Any]:
    """The row of each name, capitals overlooked where need be; tags and lists are few."""
    rows = list(table.select())
    exact = {row.name: row for row in rows}
    folded = {row.name.casefold(): row for row in rows}
    found = {name: exact.get(name) or folded.get(name.casefold()) for name in names}
    return {name: row for name, row in found.items() if row is not None}


def selection(audience: Mapping[str, Any], among: range | None = None) -> Selection:
    """The condition that a validated audience puts on `contact c`.

    Tags and lists are looked up by id for each contact, in the order of their primary keys: in a
    chunk of contacts the work is that of the chunk, however many people carry the tag. Own fields
    are looked at in each contact; `among` these ids, if given, they are led to by their index,
    which is for ranges of so many that looking at each would take long.
    """
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
    for key, table, link, column in (
        ("tags", Tag, "contact_tag", "tag_id"),
        ("lists", ContactList, "contact_list_member", "list_id"),
    ):
        if audience.get(key):
            ids = [row.id for row in _named(table, audience[key]).values()]
            # All of them deleted since: an empty IN () is not SQL, and nobody is meant.
            conditions.append(
                f"EXISTS (SELECT 1 FROM {link} l WHERE l.contact_id = c.id "
                f"AND l.{column} IN ({marks(ids)}))"
                if ids
                else "1 = 0"
            )
    for condition, values in own_values.conditions(audience.get("fields") or {}, "c", among):
        conditions.append(condition)
        params.extend(values)
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


def unfit_sql(channel: str) -> str:
    """True of a contact `c` whose number can't receive what a channel sends."""
    invalid = "c.phone_invalid"
    return (
        invalid
        if registry.current().is_spoken(channel)
        else f"({invalid} OR c.textless IS NOT NULL)"
    )


def left_out_sql(channel: str) -> str:
    """Sums for a SELECT over `contact c`: invalid numbers, ones that get no texts, opted out.

    Its parameters are those of `suppressed_sql`.
    """
    invalid = "c.phone_invalid"
    unfit = unfit_sql(channel)
    return (
        f"sum(CASE WHEN {invalid} THEN 1 ELSE 0 END), "
        f"sum(CASE WHEN {unfit} AND NOT ({invalid}) THEN 1 ELSE 0 END), "
        f"sum(CASE WHEN NOT ({unfit}) AND {suppressed_sql()} THEN 1 ELSE 0 END)"
    )


def count(audience: Mapping[str, Any], channel: str) -> Counts:
    """Count a validated audience as staging would find it now."""
    chosen = selection(audience, EVERYBODY)
    row = db.execute_sql(
        f"SELECT count(*), {left_out_sql(channel)} FROM contact c WHERE {chosen.condition}",
        (channel, EVERY_CHANNEL, *chosen.params),
    ).fetchone()
    everybody, bad, textless, opted_out = (int(value or 0) for value in row)
    return Counts(everybody - bad - textless - opted_out, opted_out, bad, textless=textless)


def sample(audience: Mapping[str, Any], channel: str, number: int = 200) -> list[Contact]:
    """Some people of a validated audience, from its beginning to its end, for previews and
    estimates: those who joined last year may have other names than those who joined today."""
    ids: list[int] = []
    cut = False
    each = -(-number // STRETCHES)
    # Both in one would scan the table on SQLite.
    ends = "SELECT (SELECT min(id) FROM contact), (SELECT max(id) FROM contact)"
    first, last = db.execute_sql(ends).fetchone()
    if first is None:
        return []
    width = -(-(last + 1 - first) // STRETCHES)
    for low in range(first, last + 1, width):
        found = _some(audience, channel, range(low, low + width), each)
        cut = cut or len(found) == each
        ids += found
    if cut and len(ids) < number:
        # Most of them lie in few of the stretches.
        everywhere = _some(audience, channel, range(first, last + 1), number)
        ids = list(dict.fromkeys(ids + everywhere))[:number]
    return list(Contact.select().where(Contact.id.in_(ids)).order_by(Contact.id)) if ids else []


def _some(audience: Mapping[str, Any], channel: str, among: range, most: int) -> list[int]:
    """Ids of people of an audience who can be written to, up to `most`."""
    is_far = len(among) > NEAR
    if is_far and audience.get("fields"):
        # What many have is found sooner by looking at each than by an index that leads to them all.
        found = _some(audience, channel, among[:NEAR], most)
        if len(found) == most:
            return found
    chosen = selection(audience, among if is_far else None)
    # SQLite would walk the ids; where areas are chosen their index leads to fewer people.
    by_area = not is_postgres() and any(audience.get(key) for key in _AREAS)
    key = "+c.id" if by_area else "c.id"
    rows = db.execute_sql(
        f"SELECT c.id FROM contact c WHERE {chosen.condition} "
        f"AND NOT ({unfit_sql(channel)}) "
        f"AND NOT {suppressed_sql()} AND {key} >= {mark()} AND {key} < {mark()} LIMIT {int(most)}",
        (*chosen.params, channel, EVERY_CHANNEL, among.start, among.stop),
    ).fetchall()
    return [row[0] for row in rows]


def written_lately(campaign: Campaign, phones: Sequence[str]) -> tuple[Campaign, int] | None:
    """The latest campaign of a day that went to a tenth of `phones` or more, and to how many."""
    if not phones:
        return None
    recent = (
        Campaign.select()
        .where(
            Campaign.started_at > utcnow() - timedelta(days=1),
            Campaign.channel == campaign.channel,
            Campaign.id != campaign.id,
        )
        .order_by(Campaign.id.desc())
        .limit(5)
    )
    for other in recent:
        both = Recipient.select().where(
            Recipient.campaign_id == other.id, Recipient.phone.in_(list(phones))
        )
        number = both.count()
        if number >= max(1, len(phones) / 10):
            return other, number
    return None
