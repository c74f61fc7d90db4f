"""Opt-outs that a network tells in its answer are called `network`, whichever network it was."""


def up(migrator, db):
    db.execute_sql("UPDATE suppression SET source = 'network' WHERE source = 'code-406'")


def down(migrator, db):
    db.execute_sql("UPDATE suppression SET source = 'code-406' WHERE source = 'network'")
