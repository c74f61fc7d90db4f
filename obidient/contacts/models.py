"""Supporters, their tags and lists, and the numbers that must not be written to."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    IntegerField,
    JSONField,
    SmallIntegerField,
    TextField,
)

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField

#: Suppression.channel of a number that wants no message of any kind.
EVERY_CHANNEL = "*"
#: Bits of Contact.edited: what a person has set by hand, so that no import changes it.
NAMES, PLACE, OWN, LABELS = 1, 2, 4, 8


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
    #: What keeps texts from the number, e.g. "a landline"; null for nearly all.
    textless = CharField(max_length=40, null=True)
    #: Fields of the organisation's own, name -> text; null where there are none.
    fields = JSONField(null=True)
    #: What a person has set by hand (NAMES | PLACE | OWN | LABELS); null for nothing.
    edited = SmallIntegerField(null=True)
    #: The import that brought the contact, a job's id.
    import_id = IntegerField(null=True)
    created_at = UtcDateTimeField(default=utcnow)
    updated_at = UtcDateTimeField(default=utcnow)

    @property
    def display_name(self) -> str:
        return self.full_name or f"{self.first_name} {self.last_name}".strip() or "No name"


class FormerNumber(BaseModel):
    """Another number of a person; nothing is sent to it, and it leads to the contact.

    `kind`: former, of a contact that was merged into this one or whose number was changed; or
    further, beside the first in a list.
    """

    id = None
    phone = CharField(max_length=16, primary_key=True)
    contact_id = BigIntegerField(index=True)
    noted_at = UtcDateTimeField(default=utcnow)
    kind = CharField(max_length=8, default="former")
    #: The import that brought a further number, a job's id.
    import_id = IntegerField(null=True)


class OwnField(BaseModel):
    """A field of the organisation's own; `name` is what texts call it, `title` what lists do."""

    id = None
    name = CharField(max_length=40, primary_key=True)
    title = CharField(max_length=120)
    created_at = UtcDateTimeField(default=utcnow)


class PlaceAlias(BaseModel):
    """What a word in lists of people means, as somebody has said; `word` is squeezed."""

    id = None
    level = CharField(max_length=6)
    parent = CharField(max_length=12)
    word = CharField(max_length=120)
    code = CharField(max_length=12)

    class Meta:
        primary_key = CompositeKey("level", "parent", "word")


class NameWord(BaseModel):
    """A word that occurs in names, for finding names by any part of a word."""

    id = None
    word = CharField(max_length=64, primary_key=True)


class ContactBefore(BaseModel):
    """What a known contact was before an import changed it, so that the import can be undone."""

    id = None
    import_id = IntegerField()
    contact_id = BigIntegerField(index=True)
    first_name = CharField()
    last_name = CharField()
    full_name = CharField()
    state_code = CharField(max_length=2, null=True)
    lga_code = CharField(max_length=5, null=True)
    ward_code = CharField(max_length=8, null=True)
    ward_name = CharField()
    polling_unit_code = CharField(max_length=12, null=True)
    polling_unit_name = CharField()
    area_flag = BooleanField()
    fields = JSONField(null=True)

    class Meta:
        primary_key = CompositeKey("import_id", "contact_id")


class ImportLink(BaseModel):
    """A tag or list that an import gave to a known contact."""

    import_id = IntegerField()
    contact_id = BigIntegerField(index=True)
    tag_id = IntegerField(null=True)
    list_id = IntegerField(null=True)


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
    #: A key of suppression.SOURCES.
    source = CharField()
    note = TextField(default="")
    created_at = UtcDateTimeField(default=utcnow)
    created_by_id = IntegerField(null=True)
    lifted_at = UtcDateTimeField(null=True)

    class Meta:
        indexes = ((("phone", "channel"), True),)
