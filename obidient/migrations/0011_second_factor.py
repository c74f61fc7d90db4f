"""Sign-ins one by one, and recovery codes for a lost second factor."""

from peewee import CharField, DateTimeField, IntegerField, Model


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class SignIn(Base):
        user_id = IntegerField(index=True)
        key = CharField(max_length=32, unique=True)
        address = CharField(max_length=64)
        browser = CharField()
        began_at = DateTimeField()
        seen_at = DateTimeField()

    class RecoveryCode(Base):
        user_id = IntegerField()
        digest = CharField(max_length=64)
        used_at = DateTimeField(null=True)

        class Meta:
            indexes = ((("user_id", "digest"), True),)

    db.create_tables([SignIn, RecoveryCode])


def down(migrator, db):
    for table in ("recovery_code", "sign_in"):
        db.execute_sql(f'DROP TABLE "{table}"')
