"""A person's decision to try people again says which: those not reached for certain reasons."""

from peewee import JSONField
from playhouse.migrate import migrate


def up(migrator, db):
    migrate(migrator.add_column("campaign", "decided_about", JSONField(null=True)))


def down(migrator, db):
    migrate(migrator.drop_column("campaign", "decided_about"))
