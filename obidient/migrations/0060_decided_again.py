"""When elections opened and closed; sheets that are decided again when our records change."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    DateTimeField,
    Model,
    TextField,
)
from playhouse.migrate import migrate


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Redecision(Base):
        election_id = CharField(max_length=64)
        reason = CharField(max_length=40)
        cursor = BigIntegerField()
        made_at = DateTimeField()

        class Meta:
            primary_key = CompositeKey("election_id", "reason")

    class FormerVerdict(Base):
        id = BigAutoField()
        submission = BigIntegerField(index=True)
        reason = CharField(max_length=40)
        message = TextField()
        decided_at = DateTimeField(null=True)
        at = DateTimeField()

    db.create_tables([Redecision, FormerVerdict])
    migrate(
        migrator.add_column("election", "opened_at", DateTimeField(null=True)),
        migrator.add_column("election", "closed_at", DateTimeField(null=True)),
        migrator.add_column("agent_sheet", "first_id", BigIntegerField(null=True)),
    )
    db.execute_sql("UPDATE election SET opened_at = created_at WHERE status <> 'scheduled'")
    # The closest that is known: nothing but its name is changed once an election is over.
    db.execute_sql(
        "UPDATE election SET closed_at = updated_at WHERE status IN ('ended', 'certified')"
    )
    db.execute_sql(
        "UPDATE agent_sheet SET first_id = (SELECT MIN(s.id) FROM submission s "
        "WHERE s.election_id = agent_sheet.election_id AND s.unit_code = agent_sheet.unit_code "
        "AND s.agent = agent_sheet.agent AND s.status IN ('accepted', 'superseded'))"
    )
    db.execute_sql(
        "CREATE INDEX submission_rejected ON submission (election_id, reason, id) "
        "WHERE status = 'rejected'"
    )


def down(migrator, db):
    db.execute_sql("DROP INDEX submission_rejected")
    migrate(
        migrator.drop_column("agent_sheet", "first_id"),
        migrator.drop_column("election", "closed_at"),
        migrator.drop_column("election", "opened_at"),
    )
    for table in ("former_verdict", "redecision"):
        db.execute_sql(f'DROP TABLE "{table}"')
