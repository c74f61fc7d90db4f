"""Which photos of sheets the public may see."""

from peewee import BigAutoField, BigIntegerField, CharField

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField


class ReleasedPhoto(BaseModel):
    """A photo that an admin released, until it is withdrawn; its number is its public name."""

    id = BigAutoField()
    photo_id = CharField(max_length=64, unique=True)
    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=12)
    #: The row of the sheet that it shows.
    submission = BigIntegerField()
    released_at = UtcDateTimeField(default=utcnow)
    released_by = CharField(default="")

    class Meta:
        indexes = ((("election_id", "unit_code"), False),)
