"""A campaign may have its message in several languages."""

from peewee import SqliteDatabase


def up(migrator, db):
    kind = "JSON" if isinstance(db, SqliteDatabase) else "jsonb"
    db.execute_sql(f"ALTER TABLE campaign ADD COLUMN translations {kind}")


def down(migrator, db):
    db.execute_sql("ALTER TABLE campaign DROP COLUMN translations")
