"""Quick counts: which polling units were drawn, from which seed, and what was released."""

from peewee import (
    AutoField,
    CharField,
    CompositeKey,
    DateTimeField,
    FloatField,
    IntegerField,
    Model,
    TextField,
)


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class QuickCount(Base):
        id = AutoField()
        election_id = CharField(max_length=64, index=True)
        seed = CharField()
        strata = CharField(max_length=10)
        allocation = CharField(max_length=12)
        size = IntegerField()
        design = TextField()
        drawn_at = DateTimeField()
        drawn_by = CharField()
        released = TextField(null=True)
        released_at = DateTimeField(null=True)
        released_by = CharField()

    class QuickCountUnit(Base):
        quick_count = IntegerField()
        unit_code = CharField(max_length=12)
        stratum = CharField(max_length=12)
        voters = FloatField()
        ward_units = IntegerField()

        class Meta:
            primary_key = CompositeKey("quick_count", "unit_code")

    db.create_tables([QuickCount, QuickCountUnit])


def down(migrator, db):
    for table in ("quick_count_unit", "quick_count"):
        db.execute_sql(f'DROP TABLE "{table}"')
