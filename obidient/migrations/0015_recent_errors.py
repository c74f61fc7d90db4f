"""What the error threshold looks at has columns of its own, in place of differences of counters."""

from peewee import IntegerField
from playhouse.migrate import migrate

BAD = "failed + unconfirmed"
TRIED = f"{BAD} + sent + undelivered + delivered"
COLUMNS = (("recent_bad", "baseline_bad", BAD), ("recent_tried", "baseline_tried", TRIED))


def _exchange(migrator, db, pairs):
    """Each new column becomes its sum less the old column, for campaigns that are not over."""
    for new, old, total in pairs:
        migrate(migrator.add_column("campaign", new, IntegerField(default=0)))
        db.execute_sql(
            f"UPDATE campaign SET {new} = {total} - {old} "
            f"WHERE {total} > {old} AND status IN ('sending', 'paused')"
        )
        migrate(migrator.drop_column("campaign", old))


def up(migrator, db):
    _exchange(migrator, db, COLUMNS)


def down(migrator, db):
    _exchange(migrator, db, [(old, new, total) for new, old, total in COLUMNS])
