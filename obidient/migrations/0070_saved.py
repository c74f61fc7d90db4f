"""Message templates and audiences that organisers keep for the next campaign."""

from peewee import CharField, DateTimeField, IntegerField, JSONField, Model, TextField


def up(migrator, db):
    class Saved(Model):
        kind = CharField(max_length=8)
        name = CharField(max_length=100)
        text = TextField(default="")
        audience = JSONField(null=True)
        created_by_id = IntegerField(null=True)
        created_at = DateTimeField()

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("kind", "name"), True),)

    db.create_tables([Saved])


def down(migrator, db):
    db.execute_sql('DROP TABLE "saved"')
