"""Photos of sheets that the public may see, and when the register last changed."""

from peewee import BigAutoField, BigIntegerField, CharField, DateTimeField, Model
from playhouse.migrate import migrate


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class ReleasedPhoto(Base):
        id = BigAutoField()
        photo_id = CharField(max_length=64, unique=True)
        election_id = CharField(max_length=64)
        unit_code = CharField(max_length=12)
        submission = BigIntegerField()
        released_at = DateTimeField()
        released_by = CharField()

        class Meta:
            indexes = ((("election_id", "unit_code"), False),)

    db.create_tables([ReleasedPhoto])
    migrate(migrator.add_column("register_total", "made_at", DateTimeField(null=True)))


def down(migrator, db):
    migrate(migrator.drop_column("register_total", "made_at"))
    db.execute_sql('DROP TABLE "released_photo"')
