"""A single text says what it is for, instead of by a zero or negative id of the text it answers."""

from peewee import CharField
from playhouse.migrate import migrate


def up(migrator, db):
    migrate(
        migrator.add_column("text_answer", "purpose", CharField(max_length=8, default="answer")),
    )
    db.execute_sql("ALTER TABLE text_answer RENAME COLUMN inbound_id TO subject_id")
    db.execute_sql("UPDATE text_answer SET purpose = 'test' WHERE subject_id = 0")
    db.execute_sql(
        "UPDATE text_answer SET purpose = 'trial', subject_id = -subject_id WHERE subject_id < 0"
    )


def down(migrator, db):
    db.execute_sql("UPDATE text_answer SET subject_id = -subject_id WHERE purpose = 'trial'")
    db.execute_sql("ALTER TABLE text_answer RENAME COLUMN subject_id TO inbound_id")
    migrate(migrator.drop_column("text_answer", "purpose"))
