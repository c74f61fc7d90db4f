"""A campaign may try two texts on a part of its people; the rest wait in held batches."""

from peewee import SqliteDatabase


def up(migrator, db):
    kind = "JSON" if isinstance(db, SqliteDatabase) else "jsonb"
    db.execute_sql(f"ALTER TABLE campaign ADD COLUMN split {kind}")
    db.execute_sql("ALTER TABLE campaign ADD COLUMN winner VARCHAR(1) NOT NULL DEFAULT ''")
    db.execute_sql("ALTER TABLE campaign ADD COLUMN winner_asked TEXT NOT NULL DEFAULT ''")
    db.execute_sql("ALTER TABLE campaign ADD COLUMN trial_ended_at TIMESTAMP")
    db.execute_sql("ALTER TABLE batch ADD COLUMN variant VARCHAR(1) NOT NULL DEFAULT ''")
    db.execute_sql("ALTER TABLE batch ADD COLUMN trial BOOLEAN NOT NULL DEFAULT false")


def down(migrator, db):
    for column in ("trial", "variant"):
        db.execute_sql(f"ALTER TABLE batch DROP COLUMN {column}")
    for column in ("trial_ended_at", "winner_asked", "winner", "split"):
        db.execute_sql(f"ALTER TABLE campaign DROP COLUMN {column}")
