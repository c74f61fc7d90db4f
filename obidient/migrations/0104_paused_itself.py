"""A campaign knows whether it paused itself, so that operators are told of it."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE campaign ADD COLUMN paused_itself BOOLEAN NOT NULL DEFAULT false")


def down(migrator, db):
    db.execute_sql("ALTER TABLE campaign DROP COLUMN paused_itself")
