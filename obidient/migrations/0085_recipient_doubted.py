"""Whether a recipient was ever in doubt: then no other network than theirs may have them."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE recipient ADD COLUMN doubted BOOLEAN NOT NULL DEFAULT false")
    # Status 2 is unconfirmed; an index leads to these alone.
    db.execute_sql("UPDATE recipient SET doubted = true WHERE status = 2")


def down(migrator, db):
    db.execute_sql("ALTER TABLE recipient DROP COLUMN doubted")
