"""Approvals of large campaigns by a second person."""

from peewee import CharField, DateTimeField, IntegerField, Model


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class CampaignApproval(Base):
        campaign_id = IntegerField(primary_key=True)
        digest = CharField(max_length=64)
        user_id = IntegerField()
        at = DateTimeField()

    db.create_tables([CampaignApproval])


def down(migrator, db):
    db.execute_sql('DROP TABLE "campaign_approval"')
