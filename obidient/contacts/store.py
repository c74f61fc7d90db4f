"""Writes a batch of people: one temporary table, then the same statements on both databases."""

from collections.abc import Iterable
from typing import Any

from obidient.clock import utcnow
from obidient.contacts.models import Contact, ContactList, Tag
from obidient.contacts.rows import Person
from obidient.database import db, is_postgres, mark

_COLUMNS = (
    "phone",
    "first_name",
    "last_name",
    "full_name",
    "state_code",
    "lga_code",
    "ward_code",
    "ward_name",
    "polling_unit_code",
    "polling_unit_name",
    "area_flag",
)
_TEXTS = ("first_name", "last_name", "full_name", "ward_name", "polling_unit_name")
_CODES = ("state_code", "lga_code", "ward_code", "polling_unit_code")

_ON_COMMIT = "ON COMMIT DELETE ROWS"


def _merge_sql() -> str:
    """The upsert: what the file says wins, what it leaves out stays."""
    updates = [f"{c} = coalesce(nullif(excluded.{c}, ''), contact.{c})" for c in _TEXTS]
    updates += [f"{c} = coalesce(excluded.{c}, contact.{c})" for c in _CODES]
    updates += [
        "area_flag = CASE WHEN excluded.state_code IS NULL AND NOT excluded.area_flag "
        "THEN contact.area_flag ELSE excluded.area_flag END",
        "updated_at = excluded.updated_at",
    ]
    columns = ", ".join(_COLUMNS)
    # Sorted by phone, two imports at once take their row locks in the same order.
    return (
        f"INSERT INTO contact ({columns}, phone_invalid, created_at, updated_at) "
        f"SELECT {columns}, {'false' if is_postgres() else '0'}, {mark()}, {mark()} "
        "FROM import_person "
        f"WHERE true ORDER BY phone ON CONFLICT (phone) DO UPDATE SET {', '.join(updates)}"
    )


class BatchWriter:
    """Holds up to a batch of people, merged by phone, and writes them in one transaction."""

    def __init__(self, tags: Iterable[str] = (), list_name: str = "") -> None:
        self._people: dict[str, Person] = {}
        self._tags = frozenset(tags)
        self._tag_ids: dict[str, int] = {}
        self._list_id = _list_id(list_name) if list_name else None
        self.new = self.updated = self.duplicates = 0
        self._make_tables()

    def __len__(self) -> int:
        return len(self._people)

    def add(self, person: Person) -> None:
        """Take a person in; a second row of the same number is merged into the first."""
        if self._tags:
            person.tags |= self._tags
        earlier = self._people.get(person.phone)
        if earlier is not None:
            self.duplicates += 1
            _merge(person, earlier)
        self._people[person.phone] = person

    @staticmethod
    def _make_tables() -> None:
        codes = "".join(f", {column} varchar(12)" for column in _CODES)
        texts = "".join(f", {column} text" for column in _TEXTS)
        tail = _ON_COMMIT if is_postgres() else ""
        db.execute_sql(
            "CREATE TEMPORARY TABLE IF NOT EXISTS import_person "
            f"(phone varchar(16) PRIMARY KEY, area_flag boolean{codes}{texts}) {tail}"
        )
        db.execute_sql(
            "CREATE TEMPORARY TABLE IF NOT EXISTS import_tag "
            f"(phone varchar(16), tag_id integer) {tail}"
        )

    def flush(self) -> None:
        """Write what is held, in one transaction."""
        if not self._people:
            return
        for person in self._people.values():
            for tag in person.tags:
                if tag not in self._tag_ids:
                    self._tag_ids[tag] = _tag_id(tag)
        with db.atomic():
            if is_postgres():
                # Nobody has told the planner how small our tables are: it would read all contacts
                # for each batch.
                db.execute_sql("SET LOCAL enable_hashjoin = off")
                db.execute_sql("SET LOCAL enable_mergejoin = off")
            self._fill()
            (known,) = db.execute_sql(
                "SELECT count(*) FROM import_person p JOIN contact c ON c.phone = p.phone"
            ).fetchone()
            now = utcnow()
            db.execute_sql(_merge_sql(), (now, now))
            self._link()
        self.updated += known
        self.new += len(self._people) - known
        self._people.clear()

    def count_only(self) -> None:
        """As `flush`, but only finds out what would be new: for a dry run."""
        phones = list(self._people)
        known = Contact.select().where(Contact.phone.in_(phones)).count() if phones else 0
        self.updated += known
        self.new += len(phones) - known
        self._people.clear()

    def _fill(self) -> None:
        people = [
            tuple(getattr(person, column) for column in _COLUMNS)
            for person in self._people.values()
        ]
        tags = [
            (person.phone, self._tag_ids[tag])
            for person in self._people.values()
            for tag in person.tags
        ]
        _bulk("import_person", _COLUMNS, people)
        _bulk("import_tag", ("phone", "tag_id"), tags)

    def _link(self) -> None:
        db.execute_sql(
            "INSERT INTO contact_tag (contact_id, tag_id) SELECT c.id, t.tag_id FROM import_tag t "
            "JOIN contact c ON c.phone = t.phone WHERE true ORDER BY 2, 1 "
            "ON CONFLICT (tag_id, contact_id) DO NOTHING"
        )
        if self._list_id is not None:
            db.execute_sql(
                "INSERT INTO contact_list_member (list_id, contact_id) "
                f"SELECT {int(self._list_id)}, c.id FROM import_person p "
                "JOIN contact c ON c.phone = p.phone WHERE true ORDER BY 2 "
                "ON CONFLICT (list_id, contact_id) DO NOTHING"
            )


def _bulk(table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """COPY on PostgreSQL, executemany on SQLite; replaces what the table held."""
    names = ", ".join(columns)
    if is_postgres():
        if rows:
            cursor: Any = db.connection().cursor()
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        return
    db.execute_sql(f"DELETE FROM {table}")
    marks = ", ".join("?" * len(columns))
    connection: Any = db.connection()
    connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def _merge(newer: Person, older: Person) -> None:
    """Fill what the newer row leaves open from the older one; tags of both."""
    newer.tags |= older.tags
    for column in (*_TEXTS, *_CODES):
        if not getattr(newer, column):
            setattr(newer, column, getattr(older, column))


def _tag_id(name: str) -> int:
    Tag.insert(name=name).on_conflict(conflict_target=[Tag.name], action="IGNORE").execute()
    return int(Tag.get(Tag.name == name).id)


def _list_id(name: str) -> int:
    name = name.strip()
    ContactList.insert(name=name).on_conflict(
        conflict_target=[ContactList.name], action="IGNORE"
    ).execute()
    return int(ContactList.get(ContactList.name == name).id)
