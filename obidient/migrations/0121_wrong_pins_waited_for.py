"""When an agent's PIN was last wrong: the wait until the next try is told by it."""

from peewee import DateTimeField
from playhouse.migrate import migrate

_COLUMNS = (("failed_at", "failures"), ("sign_in_failed_at", "sign_in_failures"))


def up(migrator, db):
    for name, number in _COLUMNS:
        migrate(migrator.add_column("agent_pin", name, DateTimeField(null=True)))
        db.execute_sql(
            f"CREATE INDEX agent_pin_{name} ON agent_pin ({name}, {number}) "
            f"WHERE {name} IS NOT NULL"
        )


def down(migrator, db):
    for name, _ in reversed(_COLUMNS):
        db.execute_sql(f"DROP INDEX agent_pin_{name}")
        migrate(migrator.drop_column("agent_pin", name))
