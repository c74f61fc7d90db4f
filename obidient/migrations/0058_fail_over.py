"""Several networks a campaign: its list, each recipient's, figures of each, and their health."""

from peewee import JSONField
from playhouse.migrate import migrate


def up(migrator, db):
    migrate(migrator.add_column("campaign", "route", JSONField(null=True)))
    db.execute_sql("ALTER TABLE recipient ADD COLUMN provider VARCHAR(255)")
    db.execute_sql("ALTER TABLE provider_state ADD COLUMN left_until TIMESTAMP")
    db.execute_sql("ALTER TABLE provider_state ADD COLUMN proofs INTEGER NOT NULL DEFAULT 0")
    db.execute_sql(
        "CREATE TABLE campaign_provider (campaign_id INTEGER NOT NULL, provider VARCHAR(255) "
        "NOT NULL, sent INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, "
        "unconfirmed INTEGER NOT NULL DEFAULT 0, returned INTEGER NOT NULL DEFAULT 0, "
        "cost_e4 BIGINT NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', "
        "PRIMARY KEY (campaign_id, provider))"
    )


def down(migrator, db):
    db.execute_sql("DROP TABLE campaign_provider")
    db.execute_sql("ALTER TABLE campaign DROP COLUMN route")
    db.execute_sql("ALTER TABLE recipient DROP COLUMN provider")
    db.execute_sql("ALTER TABLE provider_state DROP COLUMN left_until")
    db.execute_sql("ALTER TABLE provider_state DROP COLUMN proofs")
