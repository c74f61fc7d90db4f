"""A proposal may be to take a decision back."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE proposal ADD COLUMN undoes BIGINT")


def down(migrator, db):
    db.execute_sql("ALTER TABLE proposal DROP COLUMN undoes")
