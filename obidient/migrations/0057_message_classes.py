"""Campaigns have a message class; a single text says when it is due again."""


def up(migrator, db):
    # With a default of the database's own: a worker of the version before does not name it.
    db.execute_sql(
        "ALTER TABLE campaign ADD COLUMN message_class VARCHAR(13) NOT NULL DEFAULT 'promotional'"
    )
    db.execute_sql("ALTER TABLE text_answer ADD COLUMN due_at TIMESTAMP")


def down(migrator, db):
    db.execute_sql("ALTER TABLE campaign DROP COLUMN message_class")
    db.execute_sql("ALTER TABLE text_answer DROP COLUMN due_at")
