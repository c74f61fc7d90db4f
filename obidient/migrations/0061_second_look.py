"""Decisions that wait for a second reviewer, decisions undone, and who is looking at a unit."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    DateTimeField,
    IntegerField,
    Model,
    TextField,
)
from playhouse.migrate import migrate


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Proposal(Base):
        id = BigAutoField()
        election_id = CharField(max_length=64)
        unit_code = CharField(max_length=12)
        at = DateTimeField()
        by = CharField()
        user_id = IntegerField(null=True)
        reason = TextField()
        submission = BigIntegerField(null=True)
        figures = TextField()
        agent = CharField(max_length=120)
        doubt = TextField()
        counted = TextField()
        moved = IntegerField()
        state = CharField(max_length=10)
        closed_at = DateTimeField(null=True)
        closed_by = CharField()
        closed_why = TextField()

        class Meta:
            indexes = ((("election_id", "unit_code"), False),)

    class UnitClaim(Base):
        election_id = CharField(max_length=64)
        unit_code = CharField(max_length=12)
        user_id = IntegerField()
        name = CharField()
        until = DateTimeField()

        class Meta:
            primary_key = CompositeKey("election_id", "unit_code")

    db.create_tables([Proposal, UnitClaim])
    migrate(
        migrator.add_column("decision", "undoes", BigIntegerField(null=True)),
        migrator.add_column("decision", "confirmed_by", CharField(null=True)),
    )
    db.execute_sql("CREATE INDEX proposal_open ON proposal (election_id, id) WHERE state = 'open'")


def down(migrator, db):
    migrate(
        migrator.drop_column("decision", "undoes"),
        migrator.drop_column("decision", "confirmed_by"),
    )
    for table in ("unit_claim", "proposal"):
        db.execute_sql(f'DROP TABLE "{table}"')
