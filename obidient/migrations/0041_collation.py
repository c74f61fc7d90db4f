"""Declared figures of wards, LGAs, states and the nation, in revisions; nothing is written over."""

from peewee import AutoField, BooleanField, CharField, DateTimeField, IntegerField, Model, TextField


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class CollationRevision(Base):
        id = AutoField()
        election_id = CharField(max_length=64)
        at = DateTimeField()
        by = CharField()
        source = CharField()
        areas = IntegerField()

    class DeclaredFigure(Base):
        id = AutoField()
        election_id = CharField(max_length=64)
        area_code = CharField(max_length=12)
        revision = IntegerField()
        is_current = BooleanField()
        registered = IntegerField(null=True)
        accredited = IntegerField(null=True)
        valid = IntegerField(null=True)
        rejected = IntegerField(null=True)
        votes = TextField()
        source = CharField()

        class Meta:
            indexes = ((("election_id", "area_code"), False),)

    db.create_tables([CollationRevision, DeclaredFigure])


def down(migrator, db):
    for table in ("declared_figure", "collation_revision"):
        db.execute_sql(f'DROP TABLE "{table}"')
