"""Contacts found by the beginnings of their names; numbers that merged contacts had before."""

from peewee import BigIntegerField, CharField, DateTimeField, Model, SqliteDatabase

#: Letters without their marks and case, so that Ṣọlá is found as sola; hooked ones have no marks
#: to take off. What PostgreSQL's parser would take for a host, a path or an e-mail is split.
POSTGRES = (
    """
    CREATE FUNCTION contact_words(first_name text, last_name text, full_name text)
    RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', translate(lower(regexp_replace(normalize(
      first_name || ' ' || last_name || ' ' || full_name, NFD), '[\u0300-\u036f]', '', 'g')),
      'ƁƊƘƳɓɗƙƴ-_.,/''’@:;&()+*"', 'bdkybdky                 ')) $$
    """,
    "CREATE INDEX contact_words ON contact "
    "USING gin (contact_words(first_name, last_name, full_name))",
)

_FORGET = (
    "INSERT INTO contact_words (contact_words, rowid, first_name, last_name, full_name) "
    "VALUES ('delete', old.id, old.first_name, old.last_name, old.full_name);"
)
_LEARN = (
    "INSERT INTO contact_words (rowid, first_name, last_name, full_name) "
    "VALUES (new.id, new.first_name, new.last_name, new.full_name);"
)
_CHANGED = " OR ".join(f"old.{c} <> new.{c}" for c in ("first_name", "last_name", "full_name"))
SQLITE = (
    "CREATE VIRTUAL TABLE contact_words USING fts5(first_name, last_name, full_name, "
    "content='contact', content_rowid='id', detail='none', columnsize=0, "
    "tokenize='unicode61 remove_diacritics 2')",
    f"CREATE TRIGGER contact_words_new AFTER INSERT ON contact BEGIN {_LEARN} END",
    f"CREATE TRIGGER contact_words_gone AFTER DELETE ON contact BEGIN {_FORGET} END",
    "CREATE TRIGGER contact_words_changed AFTER UPDATE OF first_name, last_name, full_name "
    f"ON contact WHEN {_CHANGED} BEGIN {_FORGET} {_LEARN} END",
    "INSERT INTO contact_words (contact_words) VALUES ('rebuild')",
)


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class FormerNumber(Base):
        phone = CharField(max_length=16, primary_key=True)
        contact_id = BigIntegerField(index=True)
        noted_at = DateTimeField()

    db.create_tables([FormerNumber])
    for statement in SQLITE if isinstance(db, SqliteDatabase) else POSTGRES:
        db.execute_sql(statement)


def down(migrator, db):
    if isinstance(db, SqliteDatabase):
        for name in ("new", "gone", "changed"):
            db.execute_sql(f"DROP TRIGGER contact_words_{name}")
        db.execute_sql("DROP TABLE contact_words")
    else:
        db.execute_sql("DROP INDEX contact_words")
        db.execute_sql("DROP FUNCTION contact_words")
    db.execute_sql('DROP TABLE "former_number"')
