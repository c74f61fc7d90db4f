"""Recordings elsewhere that nobody has looked at yet are told from those that are well."""

from peewee import DateTimeField
from playhouse.migrate import migrate


def up(migrator, db):
    migrate(migrator.add_column("audio_asset", "looked_at", DateTimeField(null=True)))
    # Those without a type and without a problem may never have been looked at.
    db.execute_sql(
        "UPDATE audio_asset SET looked_at = created_at WHERE content_type <> '' OR problem <> ''"
    )


def down(migrator, db):
    migrate(migrator.drop_column("audio_asset", "looked_at"))
