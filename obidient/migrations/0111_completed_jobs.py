"""The last jobs of a minute that ended well are kept by name, for the list of completed jobs."""

from peewee import SqliteDatabase


def up(migrator, db):
    kind = "JSON" if isinstance(db, SqliteDatabase) else "jsonb"
    db.execute_sql(f"ALTER TABLE queue_minute ADD COLUMN completed {kind} NOT NULL DEFAULT '[]'")


def down(migrator, db):
    db.execute_sql("ALTER TABLE queue_minute DROP COLUMN completed")
