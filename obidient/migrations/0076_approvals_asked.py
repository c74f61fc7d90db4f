"""A writer asks for an approval, and a second person may send the draft back with a reason."""

from peewee import CharField, DateTimeField, IntegerField, Model, TextField


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class ApprovalRequest(Base):
        campaign_id = IntegerField(primary_key=True)
        digest = CharField(max_length=64)
        user_id = IntegerField(null=True)
        at = DateTimeField()
        people = IntegerField()
        note = TextField()
        returned_by_id = IntegerField(null=True)
        returned_at = DateTimeField(null=True)
        returned_why = TextField()

    db.create_tables([ApprovalRequest])


def down(migrator, db):
    db.execute_sql('DROP TABLE "approval_request"')
