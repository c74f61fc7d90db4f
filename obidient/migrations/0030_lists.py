"""Lists of people: numbers beside the first, fields of one's own, what an import changed."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    DateTimeField,
    IntegerField,
    JSONField,
    Model,
    SqliteDatabase,
)

NEW = ("import_link", "contact_before", "name_word", "place_alias", "own_field")
CONTACT = ("textless", "fields", "edited", "import_id")
FORMER = ("kind", "import_id")

#: Words of the values of own fields; there is a row for contacts that have any.
_VALUES = "(SELECT group_concat(value, ' ') FROM json_each({0}.fields))"
_LEARN = f"INSERT INTO own_words (rowid, words) VALUES (new.id, {_VALUES.format('new')});"
_FORGET = "DELETE FROM own_words WHERE rowid = old.id;"
SQLITE = (
    "CREATE VIRTUAL TABLE own_words USING fts5(words, detail='none', columnsize=0, "
    "tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER own_words_new AFTER INSERT ON contact WHEN new.fields IS NOT NULL "
    f"BEGIN {_LEARN} END",
    "CREATE TRIGGER own_words_gone AFTER DELETE ON contact WHEN old.fields IS NOT NULL "
    f"BEGIN {_FORGET} END",
    "CREATE TRIGGER own_words_first AFTER UPDATE OF fields ON contact "
    f"WHEN old.fields IS NULL AND new.fields IS NOT NULL BEGIN {_LEARN} END",
    "CREATE TRIGGER own_words_changed AFTER UPDATE OF fields ON contact "
    f"WHEN old.fields IS NOT new.fields AND old.fields IS NOT NULL BEGIN {_FORGET} {_LEARN} END",
    # The terms of the index of names, to begin with.
    "CREATE VIRTUAL TABLE name_terms USING fts5vocab('contact_words', 'row')",
    "INSERT INTO name_word (word) SELECT term FROM name_terms WHERE length(term) <= 64",
    "DROP TABLE name_terms",
)
POSTGRES = (
    # As contact_words of 0013: without marks and capitals.
    """
    CREATE FUNCTION own_words(fields jsonb)
    RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', translate(lower(regexp_replace(normalize(
      coalesce(string_agg(value, ' '), ''), NFD), '[\u0300-\u036f]', '', 'g')),
      'ƁƊƘƳɓɗƙƴ-_.,/''’@:;&()+*"', 'bdkybdky                 ')) FROM jsonb_each_text(fields) $$
    """,
    "CREATE INDEX contact_own_words ON contact USING gin (own_words(fields)) "
    "WHERE fields IS NOT NULL",
    "INSERT INTO name_word (word) SELECT word FROM "
    "ts_stat('SELECT contact_words(first_name, last_name, full_name) FROM contact') "
    "WHERE length(word) <= 64",
)


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class OwnField(Base):
        name = CharField(max_length=40, primary_key=True)
        title = CharField(max_length=120)
        created_at = DateTimeField()

    class PlaceAlias(Base):
        level = CharField(max_length=6)
        parent = CharField(max_length=12)
        word = CharField(max_length=120)
        code = CharField(max_length=12)

        class Meta:
            primary_key = CompositeKey("level", "parent", "word")

    class NameWord(Base):
        word = CharField(max_length=64, primary_key=True)

    class ContactBefore(Base):
        import_id = IntegerField()
        contact_id = BigIntegerField(index=True)
        first_name = CharField()
        last_name = CharField()
        full_name = CharField()
        state_code = CharField(max_length=2, null=True)
        lga_code = CharField(max_length=5, null=True)
        ward_code = CharField(max_length=8, null=True)
        ward_name = CharField()
        polling_unit_code = CharField(max_length=12, null=True)
        polling_unit_name = CharField()
        area_flag = BooleanField()
        fields = JSONField(null=True)

        class Meta:
            primary_key = CompositeKey("import_id", "contact_id")

    class ImportLink(Base):
        import_id = IntegerField()
        contact_id = BigIntegerField(index=True)
        tag_id = IntegerField(null=True)
        list_id = IntegerField(null=True)

    is_sqlite = isinstance(db, SqliteDatabase)
    db.create_tables([OwnField, PlaceAlias, NameWord, ContactBefore, ImportLink])
    db.execute_sql("ALTER TABLE contact ADD COLUMN textless varchar(40)")
    db.execute_sql(f"ALTER TABLE contact ADD COLUMN fields {'JSON' if is_sqlite else 'jsonb'}")
    db.execute_sql("ALTER TABLE contact ADD COLUMN edited smallint")
    db.execute_sql("ALTER TABLE contact ADD COLUMN import_id integer")
    db.execute_sql("ALTER TABLE former_number ADD COLUMN kind varchar(8) NOT NULL DEFAULT 'former'")
    db.execute_sql("ALTER TABLE former_number ADD COLUMN import_id integer")
    db.execute_sql("ALTER TABLE campaign ADD COLUMN excluded_textless integer NOT NULL DEFAULT 0")
    for statement in SQLITE if is_sqlite else POSTGRES:
        db.execute_sql(statement)


def down(migrator, db):
    if isinstance(db, SqliteDatabase):
        for name in ("new", "gone", "first", "changed"):
            db.execute_sql(f"DROP TRIGGER own_words_{name}")
        db.execute_sql("DROP TABLE own_words")
    else:
        db.execute_sql("DROP INDEX contact_own_words")
        db.execute_sql("DROP FUNCTION own_words")
    for table in NEW:
        db.execute_sql(f'DROP TABLE "{table}"')
    for column in CONTACT:
        db.execute_sql(f"ALTER TABLE contact DROP COLUMN {column}")
    for column in FORMER:
        db.execute_sql(f"ALTER TABLE former_number DROP COLUMN {column}")
    db.execute_sql("ALTER TABLE campaign DROP COLUMN excluded_textless")
