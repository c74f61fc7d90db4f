"""The roll call of very many agents, counted in the background and kept by day."""

from peewee import CharField, DateTimeField, Model, TextField


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class RollCallCount(Base):
        day = CharField(max_length=10, primary_key=True)
        counts = TextField()
        counted_at = DateTimeField()
        asked_at = DateTimeField()

    db.create_tables([RollCallCount])


def down(migrator, db):
    db.execute_sql('DROP TABLE "roll_call_count"')
