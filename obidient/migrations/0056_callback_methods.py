"""Callbacks may come by GET as well: each says how it came."""


def up(migrator, db):
    # With a default of the database's own: a worker of the version before does not name it.
    db.execute_sql("ALTER TABLE raw_callback ADD COLUMN method VARCHAR(7) NOT NULL DEFAULT 'POST'")


def down(migrator, db):
    db.execute_sql("ALTER TABLE raw_callback DROP COLUMN method")
