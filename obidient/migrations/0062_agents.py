"""The roll call of agents, tries with wrong PINs at sign-in, PINs sent by SMS, agents by number."""

from peewee import CharField, CompositeKey, DateTimeField, IntegerField, Model, TextField
from playhouse.migrate import migrate


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class RollCall(Base):
        day = CharField(max_length=10)
        user_id = IntegerField()
        arrived_at = DateTimeField(null=True)
        opened_at = DateTimeField(null=True)
        closed_at = DateTimeField(null=True)

        class Meta:
            primary_key = CompositeKey("day", "user_id")

    class PinText(Base):
        user_id = IntegerField(primary_key=True)
        state = CharField(max_length=12)
        error = TextField()
        asked_at = DateTimeField()
        changed_at = DateTimeField()

    db.create_tables([RollCall, PinText])
    migrate(migrator.add_column("agent_pin", "sign_in_failures", IntegerField(null=True)))
    db.execute_sql("""CREATE INDEX user_agent_phone ON "user" (phone) WHERE role = 'agent'""")
    db.execute_sql(
        "CREATE INDEX pin_text_open ON pin_text (user_id) WHERE state IN ('queued', 'sending')"
    )


def down(migrator, db):
    db.execute_sql("DROP INDEX user_agent_phone")
    migrate(migrator.drop_column("agent_pin", "sign_in_failures"))
    for table in ("pin_text", "roll_call"):
        db.execute_sql(f'DROP TABLE "{table}"')
