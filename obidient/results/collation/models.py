"""Declared figures as they were entered or imported, each time as a new revision."""

from peewee import BooleanField, CharField, IntegerField, TextField

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField


class CollationRevision(BaseModel):
    """One import or entry: who, when, from what, and of how many areas."""

    election_id = CharField(max_length=64)
    at = UtcDateTimeField(default=utcnow)
    #: Email of the person, or "command line".
    by = CharField()
    source = CharField(default="")
    areas = IntegerField(default=0)


class DeclaredFigure(BaseModel):
    """What was declared for an area. A null was not stated; the current one is the newest."""

    election_id = CharField(max_length=64)
    area_code = CharField(max_length=12)
    #: Its CollationRevision.
    revision = IntegerField()
    is_current = BooleanField(default=True)
    registered = IntegerField(null=True)
    accredited = IntegerField(null=True)
    valid = IntegerField(null=True)
    rejected = IntegerField(null=True)
    #: Party code to votes, as JSON text; a party that is not in it was not stated.
    votes = TextField(default="{}")
    #: The form, paper or address that the figures are from.
    source = CharField(default="")

    class Meta:
        indexes = ((("election_id", "area_code"), False),)
