"""What was drawn and from which seed; never changed, so that anybody can draw it again."""

from peewee import CharField, CompositeKey, FloatField, IntegerField, TextField

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField


class QuickCount(BaseModel):
    """One draw. The newest of an election is the one that is followed."""

    election_id = CharField(max_length=64, index=True)
    seed = CharField()
    strata = CharField(max_length=10)
    allocation = CharField(max_length=12)
    size = IntegerField()
    #: The strata as JSON: name, units, voters, and how many were drawn.
    design = TextField()
    drawn_at = UtcDateTimeField(default=utcnow)
    drawn_by = CharField()
    #: The document that the public sees, as JSON, as it was when an admin released it.
    released = TextField(null=True)
    released_at = UtcDateTimeField(null=True)
    released_by = CharField(default="")


class QuickCountUnit(BaseModel):
    """One polling unit that was drawn."""

    id = None
    quick_count = IntegerField()
    unit_code = CharField(max_length=12)
    stratum = CharField(max_length=12)
    #: The register's, or its stratum's mean where the register has none.
    voters = FloatField()
    #: How many units its ward has: many in towns, few in the country.
    ward_units = IntegerField()

    class Meta:
        primary_key = CompositeKey("quick_count", "unit_code")
