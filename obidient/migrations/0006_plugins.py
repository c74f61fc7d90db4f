"""Settings of providers, as saved in the admin."""

from peewee import CharField, DateTimeField, JSONField, Model


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class PluginSetting(Base):
        provider = CharField(primary_key=True)
        values = JSONField()
        updated_at = DateTimeField()

    db.create_tables([PluginSetting])


def down(migrator, db):
    for table in ("plugin_setting",):
        db.execute_sql(f'DROP TABLE "{table}"')
