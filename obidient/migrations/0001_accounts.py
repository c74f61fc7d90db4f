"""Users, API tokens, the audit trail, idempotency keys."""

from peewee import (
    BooleanField,
    CharField,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Base):
        email = CharField(unique=True)
        name = CharField()
        password_hash = CharField()
        role = CharField()
        active = BooleanField()
        session_key = CharField()
        totp_secret = CharField(null=True)
        totp_last_step = IntegerField()
        polling_unit_code = CharField(null=True)
        phone = CharField(null=True)
        created_at = DateTimeField()
        last_login_at = DateTimeField(null=True)

    class ApiToken(Base):
        user = ForeignKeyField(User, on_delete="CASCADE")
        name = CharField()
        prefix = CharField()
        digest = CharField(unique=True)
        scopes = TextField()
        created_at = DateTimeField()
        expires_at = DateTimeField(null=True)
        revoked_at = DateTimeField(null=True)
        last_used_at = DateTimeField(null=True)

    class AuditEntry(Base):
        at = DateTimeField(index=True)
        user_id = IntegerField(null=True, index=True)
        actor = CharField()
        action = CharField()
        subject_type = CharField()
        subject_id = CharField()
        summary = TextField()
        details = JSONField()

        class Meta:
            indexes = ((("subject_type", "subject_id"), False),)

    class IdempotencyKey(Base):
        token_id = IntegerField()
        key = CharField()
        request_digest = CharField()
        status = IntegerField()
        body = TextField()
        created_at = DateTimeField(index=True)

        class Meta:
            indexes = ((("token_id", "key"), True),)

    db.create_tables([User, ApiToken, AuditEntry, IdempotencyKey])


def down(migrator, db):
    for table in ("idempotency_key", "audit_entry", "api_token", "user"):
        db.execute_sql(f'DROP TABLE "{table}"')
