"""Areas, contacts, tags, lists, suppressions, and long jobs."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    DateTimeField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)

from obidient.areas import seed_static

TABLES = (
    "job",
    "suppression",
    "contact_list_member",
    "contact_list",
    "contact_tag",
    "tag",
    "contact",
    "area",
)


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Area(Base):
        code = CharField(primary_key=True, max_length=12)
        parent = CharField(max_length=12, null=True, index=True)
        level = CharField(max_length=6)
        name = CharField()
        registered_voters = IntegerField(null=True)

    class Contact(Base):
        id = BigAutoField()
        phone = CharField(max_length=16, unique=True)
        phone_invalid = BooleanField()
        first_name = CharField()
        last_name = CharField()
        full_name = CharField()
        state_code = CharField(max_length=2, null=True, index=True)
        lga_code = CharField(max_length=5, null=True, index=True)
        ward_code = CharField(max_length=8, null=True, index=True)
        ward_name = CharField()
        polling_unit_code = CharField(max_length=12, null=True, index=True)
        polling_unit_name = CharField()
        area_flag = BooleanField()
        created_at = DateTimeField()
        updated_at = DateTimeField()

    class Tag(Base):
        name = CharField(unique=True)

    class ContactTag(Base):
        contact_id = BigIntegerField(index=True)
        tag_id = IntegerField()

        class Meta:
            primary_key = CompositeKey("tag_id", "contact_id")

    class ContactList(Base):
        name = CharField(unique=True)
        created_at = DateTimeField()

    class ContactListMember(Base):
        list_id = IntegerField()
        contact_id = BigIntegerField(index=True)

        class Meta:
            primary_key = CompositeKey("list_id", "contact_id")

    class Suppression(Base):
        phone = CharField(max_length=16)
        channel = CharField()
        source = CharField()
        note = TextField()
        created_at = DateTimeField()
        created_by_id = IntegerField(null=True)
        lifted_at = DateTimeField(null=True)

        class Meta:
            indexes = ((("phone", "channel"), True),)

    class Job(Base):
        kind = CharField()
        status = CharField()
        total = BigIntegerField()
        processed = BigIntegerField()
        params = JSONField()
        report = JSONField()
        error = TextField()
        created_by_id = IntegerField(null=True)
        created_at = DateTimeField()
        started_at = DateTimeField(null=True)
        finished_at = DateTimeField(null=True)
        heartbeat_at = DateTimeField(null=True)

        class Meta:
            indexes = ((("status", "heartbeat_at"), False),)

    db.create_tables(
        [Area, Contact, Tag, ContactTag, ContactList, ContactListMember, Suppression, Job]
    )
    seed_static(db, Area)


def down(migrator, db):
    for table in TABLES:
        db.execute_sql(f'DROP TABLE "{table}"')
