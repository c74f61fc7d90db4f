"""Supporters, their tags and lists, and the numbers that must not be written to."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    IntegerField,
    TextField,
)

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField

#: Suppression.channel of a number that wants no message of any kind.
EVERY_CHANNEL = "*"


class Contact(BaseModel):
    """A supporter; one row per phone number (E.164).

    Areas are codes. A ward or unit that no register knows keeps its name, and `area_flag` asks
    somebody to look at it.
    """

    id = BigAutoField()
    phone = CharField(max_length=16, unique=True)
    phone_invalid = BooleanField(default=False)
    first_name = CharField(default="")
    last_name = CharField(default="")
    full_name = CharField(default="")
    state_code = CharField(max_length=2, null=True, index=True)
    lga_code = CharField(max_length=5, null=True, index=True)
    ward_code = CharField(max_length=8, null=True, index=True)
    ward_name = CharField(default="")
    polling_unit_code = CharField(max_length=12, null=True, index=True)
    polling_unit_name = CharField(default="")
    area_flag = BooleanField(default=False)
    created_at = UtcDateTimeField(default=utcnow)
    updated_at = UtcDateTimeField(default=utcnow)

    @property
    def display_name(self) -> str:
        return self.full_name or f"{self.first_name} {self.last_name}".strip() or "No name"


class FormerNumber(BaseModel):
    """A number that a contact had before it was merged into another; nothing is sent to it."""

    id = None
    phone = CharField(max_length=16, primary_key=True)
    contact_id = BigIntegerField(index=True)
    noted_at = UtcDateTimeField(default=utcnow)


class Tag(BaseModel):
    name = CharField(unique=True)


class ContactTag(BaseModel):
    id = None
    contact_id = BigIntegerField(index=True)
    tag_id = IntegerField()

    class Meta:
        primary_key = CompositeKey("tag_id", "contact_id")


class ContactList(BaseModel):
    name = CharField(unique=True)
    created_at = UtcDateTimeField(default=utcnow)


class ContactListMember(BaseModel):
    id = None
    list_id = IntegerField()
    contact_id = BigIntegerField(index=True)

    class Meta:
        primary_key = CompositeKey("list_id", "contact_id")


class Suppression(BaseModel):
    """A number that must not be messaged, on one channel or all; `lifted_at` ends it."""

    phone = CharField(max_length=16)
    channel = CharField(default=EVERY_CHANNEL)
    #: stop-reply, provider, network, manual or import
    source = CharField()
    note = TextField(default="")
    created_at = UtcDateTimeField(default=utcnow)
    created_by_id = IntegerField(null=True)
    lifted_at = UtcDateTimeField(null=True)

    class Meta:
        indexes = ((("phone", "channel"), True),)
