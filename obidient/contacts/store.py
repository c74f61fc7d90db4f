"""Writes a batch of people: one temporary table, then the same statements on both databases."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from obidient.clock import utcnow
from obidient.contacts import search
from obidient.contacts.further import Lead, leads, note_numbers
from obidient.contacts.models import NAMES, OWN, PLACE, Contact, ContactList, Tag
from obidient.contacts.rows import Person
from obidient.contacts.seen import Seen
from obidient.database import db, is_postgres, mark

_NAMES = ("first_name", "last_name", "full_name")
_PLACE_TEXTS = ("ward_name", "polling_unit_name")
_CODES = ("state_code", "lga_code", "ward_code", "polling_unit_code")
_TEXTS = (*_NAMES, *_PLACE_TEXTS)
_COLUMNS = ("phone", *_NAMES, *_CODES, *_PLACE_TEXTS, "area_flag", "textless", "fields")
#: What `contact_before` keeps of a contact.
KEPT = (*_NAMES, *_CODES, *_PLACE_TEXTS, "area_flag", "fields")

_ON_COMMIT = "ON COMMIT DELETE ROWS"
#: Contacts that a batch (p) is about. CROSS: SQLite then looks up each of the batch, where it would
#: otherwise read all contacts there are for every batch.
_KNOWN = "CROSS JOIN contact c WHERE c.phone = p.phone"

#: (line, line of the earlier row or 0, number, name kept, name given)
Met = Callable[[int, int, str, str, str], None]


def _merge_sql() -> str:
    """The upsert: what the file says wins, what it leaves out stays, and so does what a person has
    set by hand."""

    def unless_edited(bit: int, column: str, value: str) -> str:
        return (
            f"{column} = CASE WHEN (contact.edited & {bit}) <> 0 "
            f"THEN contact.{column} ELSE {value} END"
        )

    def filled(column: str) -> str:
        return f"coalesce(nullif(excluded.{column}, ''), contact.{column})"

    updates = [unless_edited(NAMES, c, filled(c)) for c in _NAMES]
    updates += [unless_edited(PLACE, c, filled(c)) for c in _PLACE_TEXTS]
    updates += [unless_edited(PLACE, c, f"coalesce(excluded.{c}, contact.{c})") for c in _CODES]
    updates.append(
        unless_edited(
            PLACE,
            "area_flag",
            "CASE WHEN excluded.state_code IS NULL AND NOT excluded.area_flag "
            "THEN contact.area_flag ELSE excluded.area_flag END",
        )
    )
    both = (
        "(contact.fields || excluded.fields)"
        if is_postgres()
        else ("json_patch(contact.fields, excluded.fields)")
    )
    mine = both.replace("contact.fields", "x").replace("excluded.fields", "contact.fields")
    mine = mine.replace("x", "excluded.fields", 1)
    updates += [
        "fields = CASE WHEN excluded.fields IS NULL THEN contact.fields "
        "WHEN contact.fields IS NULL THEN excluded.fields "
        f"WHEN (contact.edited & {OWN}) <> 0 THEN {mine} ELSE {both} END",
        "updated_at = excluded.updated_at",
    ]
    columns, m = ", ".join(_COLUMNS), mark()
    # Sorted by phone, two imports at once take their row locks in the same order.
    return (
        f"INSERT INTO contact ({columns}, phone_invalid, import_id, created_at, updated_at) "
        f"SELECT {columns}, {'false' if is_postgres() else '0'}, {m}, {m}, {m} FROM import_person "
        f"WHERE true ORDER BY phone ON CONFLICT (phone) DO UPDATE SET {', '.join(updates)}"
    )


class BatchWriter:
    """Holds up to a batch of people, merged by phone, and writes them in one transaction.

    `import_id` is the job under which the changes are kept, so that they can be undone; without
    one they can't. `met` is told of rows that came to the same person by different names.
    """

    def __init__(
        self,
        tags: Iterable[str] = (),
        list_name: str = "",
        import_id: int | None = None,
        met: Met = lambda *_: None,
    ) -> None:
        self._people: dict[str, Person] = {}
        self._leads: dict[str, str] = {}
        self._tags = frozenset(tags)
        self._tag_ids: dict[str, int] = {}
        self._list_id = _list_id(list_name) if list_name else None
        self._import_id = import_id
        self._met = met
        self._seen = Seen()
        self._words = search.Words()
        self._sql = _merge_sql()
        self._is_trial = False
        self.new = self.updated = self.duplicates = 0
        self._make_tables()

    def __len__(self) -> int:
        return len(self._people)

    def add(self, person: Person) -> None:
        """Take a person in; a second row of the same number is merged into the first."""
        if self._tags:
            person.tags |= self._tags
        earlier = self._people.get(person.phone)
        if earlier is None and person.phone in self._leads:
            # Another number of somebody in this batch: a person of the same name, or a new one.
            main = self._people[self._leads[person.phone]]
            if _alike(person.full_name, main.full_name):
                self._join(person, main)
                return
            main.further = tuple(one for one in main.further if one != person.phone)
            del self._leads[person.phone]
        for number in person.further:
            if number not in self._people:
                self._leads.setdefault(number, person.phone)
        if earlier is not None:
            self.duplicates += 1
            self._tell(
                person, earlier.line, person.full_name or earlier.full_name, earlier.full_name
            )
            _merge(person, earlier)
        self._people[person.phone] = person

    def _join(self, person: Person, main: Person) -> None:
        """A row that came by another number of a person: fills what is open, changes nothing."""
        self.duplicates += 1
        self._tell(person, main.line, main.full_name, person.full_name)
        main.tags |= person.tags
        for column in (*_TEXTS, *_CODES):
            if not getattr(main, column):
                setattr(main, column, getattr(person, column))
        main.own = {**(person.own or {}), **(main.own or {})} or None
        main.further = tuple(dict.fromkeys([*main.further, *person.further]))

    def _tell(self, person: Person, line: int, kept: str, dropped: str) -> None:
        if kept and dropped and kept != dropped:
            self._met(person.line, line, person.phone, kept, dropped)

    @staticmethod
    def _make_tables() -> None:
        codes = "".join(f", {column} varchar(12)" for column in _CODES)
        texts = "".join(f", {column} text" for column in (*_TEXTS, "textless"))
        own = ", fields jsonb" if is_postgres() else ", fields text"
        tail = _ON_COMMIT if is_postgres() else ""
        db.execute_sql(
            "CREATE TEMPORARY TABLE IF NOT EXISTS import_person "
            f"(phone varchar(16) PRIMARY KEY, area_flag boolean{codes}{texts}{own}) {tail}"
        )
        db.execute_sql(
            "CREATE TEMPORARY TABLE IF NOT EXISTS import_tag "
            f"(phone varchar(16), tag_id integer) {tail}"
        )

    def prepare(self) -> None:
        """Write the tags and words that `flush` will name, before and outside its transaction.

        Two imports may want the same ones, and would wait for each other inside it.
        """
        self._words.learn(
            name for one in self._people.values() for name in (one.first_name, one.last_name)
        )
        self._words.learn(
            one.full_name
            for one in self._people.values()
            if len(one.full_name) != len(one.first_name) + len(one.last_name) + 1
        )
        for person in self._people.values():
            for tag in person.tags:
                if tag not in self._tag_ids:
                    self._tag_ids[tag] = _tag_id(tag)

    def flush(self) -> None:
        """Write what is held, in one transaction; `prepare` comes first."""
        if not self._people:
            return
        with db.atomic():
            if is_postgres():
                # Nobody has told the planner how small our tables are: it would read all contacts
                # for each batch.
                db.execute_sql("SET LOCAL enable_hashjoin = off")
                db.execute_sql("SET LOCAL enable_mergejoin = off")
            self._follow_leads(really=True)
            self._fill()
            known = self._known()
            if known:
                self._keep_former_values()
            now = utcnow()
            db.execute_sql(self._sql, (self._import_id, now, now))
            self._link(bool(known))
            further = [
                (number, one.phone) for one in self._people.values() for number in one.further
            ]
            if further:
                note_numbers(further, self._import_id)
        self._people.clear()
        self._leads.clear()

    def _known(self) -> int:
        """Count what is new and what is known; rows that this import met before are duplicates."""
        rows = db.execute_sql(
            f"SELECT p.phone, c.full_name, c.import_id FROM import_person p {_KNOWN}"
        ).fetchall()
        self._count({phone: (name, owner) for phone, name, owner in rows})
        return len(rows)

    def _count(self, known: dict[str, tuple[str, int | None]]) -> None:
        mine, fresh = self._import_id, []
        for phone, person in self._people.items():
            # What this run has written is known to the database; a trial run writes nothing.
            line = self._seen.line_of(phone) if phone in known or self._is_trial else 0
            if line:
                self.duplicates += 1
                name = known[phone][0] if phone in known else ""
                self._tell(person, line, person.full_name or name, name)
                continue
            fresh.append((phone, person.line))
            # What a killed run of this import has brought is new, as it was then.
            if phone in known and (mine is None or known[phone][1] != mine):
                self.updated += 1
            else:
                self.new += 1
        self._seen.add(fresh)

    def forget(self, new: int, updated: int, duplicates: int) -> None:
        """Drop what is held: it was written before, and counted like this."""
        self._people.clear()
        self.new, self.updated, self.duplicates = new, updated, duplicates

    def count_only(self) -> None:
        """As `flush`, but only finds out what would be new: for a dry run."""
        self._is_trial = True
        self._follow_leads(really=False)
        phones = list(self._people)
        rows: Any = Contact.select(Contact.phone, Contact.full_name, Contact.import_id)
        found = rows.where(Contact.phone.in_(phones)).tuples() if phones else ()
        self._count({phone: (name, owner) for phone, name, owner in found})
        self._people.clear()
        self._leads.clear()

    def _follow_leads(self, really: bool) -> None:
        """Rows by another number of a known person go to that person, and change nothing there."""
        for phone, lead in leads(list(self._people)).items():
            person = self._people[phone]
            if lead.kind == "further" and not _alike(person.full_name, lead.contact.full_name):
                # Noted as another number of somebody, but the list says whose it is.
                if really:
                    lead.forget(phone)
                continue
            del self._people[phone]
            self._tell(person, 0, lead.contact.full_name, person.full_name)
            self._fill_open(person, lead)

    def _fill_open(self, person: Person, lead: Lead) -> None:
        contact = lead.contact
        main = self._people.get(contact.phone)
        person.phone = contact.phone
        person.textless = contact.textless
        person.further = tuple(one for one in person.further if one != contact.phone)
        if main is not None:
            self._join(person, main)
            return
        if contact.full_name:
            person.first_name = person.last_name = person.full_name = ""
        if contact.state_code:
            for column in _CODES:
                setattr(person, column, None)
            person.ward_name = person.polling_unit_name = ""
            person.area_flag = False
        person.own = {
            k: v for k, v in (person.own or {}).items() if k not in (contact.fields or {})
        }
        person.own = person.own or None
        self._people[contact.phone] = person

    def _fill(self) -> None:
        people = [
            (
                p.phone, p.first_name, p.last_name, p.full_name, p.state_code, p.lga_code,
                p.ward_code, p.polling_unit_code, p.ward_name, p.polling_unit_name, p.area_flag,
                p.textless, orjson.dumps(p.own).decode() if p.own else None,
            )
            for p in self._people.values()
        ]  # fmt: skip
        tags = [
            (person.phone, self._tag_ids[tag])
            for person in self._people.values()
            for tag in person.tags
        ]
        _bulk("import_person", _COLUMNS, people)
        _bulk("import_tag", ("phone", "tag_id"), tags)

    def _keep_former_values(self) -> None:
        """What known contacts were before this import, and which tags and lists they had not."""
        if self._import_id is None:
            return
        mine, columns = int(self._import_id), ", ".join(KEPT)
        others = f"c.import_id IS {'DISTINCT FROM' if is_postgres() else 'NOT'} {mine}"
        known = f"{_KNOWN} AND {others}"
        db.execute_sql(
            f"INSERT INTO contact_before (import_id, contact_id, {columns}) "
            f"SELECT {mine}, c.id, {', '.join(f'c.{one}' for one in KEPT)} "
            f"FROM import_person p {known} ORDER BY 2 "
            "ON CONFLICT (import_id, contact_id) DO NOTHING"
        )
        db.execute_sql(
            "INSERT INTO import_link (import_id, contact_id, tag_id) "
            f"SELECT DISTINCT {mine}, c.id, p.tag_id FROM import_tag p {known} AND NOT EXISTS "
            "(SELECT 1 FROM contact_tag t WHERE t.tag_id = p.tag_id AND t.contact_id = c.id)"
        )
        if self._list_id is not None:
            db.execute_sql(
                "INSERT INTO import_link (import_id, contact_id, list_id) "
                f"SELECT {mine}, c.id, {self._list_id} FROM import_person p {known} AND NOT EXISTS "
                f"(SELECT 1 FROM contact_list_member m WHERE m.list_id = {self._list_id} "
                "AND m.contact_id = c.id)"
            )

    def _link(self, any_known: bool) -> None:
        db.execute_sql(
            "INSERT INTO contact_tag (contact_id, tag_id) SELECT c.id, p.tag_id FROM import_tag p "
            f"{_KNOWN} ORDER BY 2, 1 ON CONFLICT (tag_id, contact_id) DO NOTHING"
        )
        if self._list_id is not None:
            db.execute_sql(
                "INSERT INTO contact_list_member (list_id, contact_id) "
                f"SELECT {int(self._list_id)}, c.id FROM import_person p {_KNOWN} ORDER BY 2 "
                "ON CONFLICT (list_id, contact_id) DO NOTHING"
            )


def _alike(one: str, other: str) -> bool:
    """Whether two names may be the same person's: a word in common, or one that nobody gave."""
    if not one or not other:
        return True
    return not set(search.words(one)).isdisjoint(search.words(other))


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
    """Fill what the newer row leaves open from the older one; tags and numbers of both."""
    newer.tags |= older.tags
    for column in (*_TEXTS, *_CODES):
        if not getattr(newer, column):
            setattr(newer, column, getattr(older, column))
    newer.own = {**(older.own or {}), **(newer.own or {})} or None
    newer.further = tuple(dict.fromkeys([*older.further, *newer.further]))


def _tag_id(name: str) -> int:
    Tag.insert(name=name).on_conflict(conflict_target=[Tag.name], action="IGNORE").execute()
    return int(Tag.get(Tag.name == name).id)


def _list_id(name: str) -> int:
    name = name.strip()
    ContactList.insert(name=name).on_conflict(
        conflict_target=[ContactList.name], action="IGNORE"
    ).execute()
    return int(ContactList.get(ContactList.name == name).id)
