"""An election's dates, who publishes its count, and its rule of a quarter in enough states."""

#: With defaults, so that a process of the release before can go on making elections.
COLUMNS = (
    ("start_date", "VARCHAR(10) NOT NULL DEFAULT ''"),
    ("end_date", "VARCHAR(10) NOT NULL DEFAULT ''"),
    ("issuer", "VARCHAR(255) NOT NULL DEFAULT ''"),
    ("issuer_short", "VARCHAR(32) NOT NULL DEFAULT ''"),
    ("quarter_states", "INTEGER NOT NULL DEFAULT 25"),
    ("quarter_of", "VARCHAR(5) NOT NULL DEFAULT 'valid'"),
)


def up(migrator, db):
    for name, kind in COLUMNS:
        db.execute_sql(f"ALTER TABLE election ADD COLUMN {name} {kind}")


def down(migrator, db):
    for name, _ in reversed(COLUMNS):
        db.execute_sql(f"ALTER TABLE election DROP COLUMN {name}")
