"""A test call of a split test knows which of the two it plays."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE trial_call ADD COLUMN variant VARCHAR(1) NOT NULL DEFAULT ''")


def down(migrator, db):
    db.execute_sql("ALTER TABLE trial_call DROP COLUMN variant")
