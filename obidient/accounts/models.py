"""Users, API tokens, the audit trail, and the answers kept for repeated requests."""

from flask_login import UserMixin
from peewee import (
    BooleanField,
    CharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField


class User(UserMixin, BaseModel):  # type: ignore[misc]
    """A person who signs in. The mixin comes first: Peewee's own get_id would hide it."""

    email = CharField(unique=True)
    name = CharField(default="")
    password_hash = CharField()
    role = CharField()
    active = BooleanField(default=True)
    #: Part of every session cookie: a new one signs the person out everywhere.
    session_key = CharField()
    #: The second factor, if there is one, and the last step whose code was taken.
    totp_secret = CharField(null=True)
    totp_last_step = IntegerField(default=0)
    polling_unit_code = CharField(null=True)
    phone = CharField(null=True)
    created_at = UtcDateTimeField(default=utcnow)
    last_login_at = UtcDateTimeField(null=True)

    #: Which of the person's sign-ins this request belongs to; no column.
    sign_in_key = ""

    @property
    def is_active(self) -> bool:
        return bool(self.active)

    def get_id(self) -> str:
        return f"{self.id}:{self.session_key}:{self.sign_in_key}"


class SignIn(BaseModel):
    """One browser in which a person is signed in; gone when that ends."""

    user_id = IntegerField(index=True)
    key = CharField(max_length=32, unique=True)
    address = CharField(max_length=64, default="")
    #: What the browser calls itself.
    browser = CharField(default="")
    began_at = UtcDateTimeField(default=utcnow)
    seen_at = UtcDateTimeField(default=utcnow)


class RecoveryCode(BaseModel):
    """A code, hashed, that stands in once for a lost second factor."""

    user_id = IntegerField()
    digest = CharField(max_length=64)
    used_at = UtcDateTimeField(null=True)

    class Meta:
        indexes = ((("user_id", "digest"), True),)


class ApiToken(BaseModel):
    """A Bearer token, stored as its SHA-256; `prefix` is what people recognise it by."""

    user = ForeignKeyField(User, on_delete="CASCADE", backref="tokens")
    name = CharField()
    prefix = CharField()
    digest = CharField(unique=True)
    #: Space-separated; empty: whatever the user's role may do.
    scopes = TextField(default="")
    created_at = UtcDateTimeField(default=utcnow)
    expires_at = UtcDateTimeField(null=True)
    revoked_at = UtcDateTimeField(null=True)
    last_used_at = UtcDateTimeField(null=True)


class AuditEntry(BaseModel):
    """Who did what, in one sentence; never changed and never deleted."""

    at = UtcDateTimeField(default=utcnow, index=True)
    user_id = IntegerField(null=True, index=True)
    #: The person's email then, or "system", or "command line".
    actor = CharField()
    action = CharField()
    subject_type = CharField(default="")
    subject_id = CharField(default="")
    summary = TextField()
    details = JSONField(default=dict)

    class Meta:
        indexes = ((("subject_type", "subject_id"), False),)


class IdempotencyKey(BaseModel):
    """The answer once given under an Idempotency-Key, for 24 hours; status 0 while in work."""

    token_id = IntegerField()
    key = CharField()
    request_digest = CharField()
    status = IntegerField(default=0)
    body = TextField(default="")
    created_at = UtcDateTimeField(default=utcnow, index=True)

    class Meta:
        indexes = ((("token_id", "key"), True),)
