"""Elections, what agents sent in, what counts for each polling unit, and the running totals."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    IntegerField,
    JSONField,
    TextField,
)

from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField

ELECTION_TYPES = (
    "presidential",
    "governorship",
    "senatorial",
    "house",
    "state-assembly",
    "chairmanship",
    "councillorship",
)
ELECTION_STATUSES = ("scheduled", "ongoing", "ended", "certified")


class Election(BaseModel):
    """`area_code` limits it: NG for a national one, else a state, LGA or ward."""

    id = CharField(primary_key=True, max_length=64)
    name = CharField()
    type = CharField()
    state = CharField(default="National")
    area_code = CharField(max_length=12, default="NG")
    status = CharField(default="scheduled")
    is_demo = BooleanField(default=False)
    created_at = UtcDateTimeField(default=utcnow)
    #: The last change of the election or of anything counted in it.
    updated_at = UtcDateTimeField(default=utcnow)


class Party(BaseModel):
    id = None
    election_id = CharField(max_length=64)
    code = CharField(max_length=20)
    name = CharField()
    display_name = CharField()
    color = CharField(default="")
    position = IntegerField(default=0)
    aliases = JSONField(default=list)

    class Meta:
        primary_key = CompositeKey("election_id", "code")


class Submission(BaseModel):
    """One sheet as received. `status`: received, accepted, superseded, duplicate or rejected.

    `repeat` is 0 for the first with its submission id; what comes again under the same id is kept
    with a number of its own.
    """

    id = BigAutoField()
    submission_id = CharField(max_length=100)
    repeat = BigIntegerField(default=0)
    election_id = CharField(max_length=64, default="")
    unit_code = CharField(max_length=64, default="")
    #: user:7 or device:DEV-1: revisions are compared within one of these.
    agent = CharField(max_length=120, default="")
    revision = IntegerField(default=1)
    payload = TextField()
    digest = CharField(max_length=64)
    #: The polling unit the sender may speak for; null: any.
    own_unit = CharField(max_length=12, null=True)
    status = CharField(max_length=10, default="received")
    reason = CharField(max_length=40, default="")
    message = TextField(default="")
    received_at = UtcDateTimeField(default=utcnow)
    processed_at = UtcDateTimeField(null=True)

    class Meta:
        indexes = (
            (("submission_id", "repeat"), True),
            (("election_id", "unit_code"), False),
        )


class AgentSheet(BaseModel):
    """Each agent's newest accepted sheet of a polling unit."""

    id = None
    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=12)
    agent = CharField(max_length=120)
    submission = BigIntegerField()
    revision = IntegerField()
    submission_id = CharField(max_length=100)
    #: The figures, in one canonical form: two sheets agree when these are equal.
    figures = TextField()

    class Meta:
        primary_key = CompositeKey("election_id", "unit_code", "agent")


class UnitResult(BaseModel):
    """What counts for one polling unit, and whether people still have to look at it."""

    id = None
    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=12)
    agent = CharField(max_length=120)
    submission = BigIntegerField()
    figures = TextField()
    disputed = BooleanField(default=False)
    settled = BooleanField(default=False)

    class Meta:
        primary_key = CompositeKey("election_id", "unit_code")
        indexes = ((("election_id", "disputed"), False),)


class Tally(BaseModel):
    """The totals of one area: nation, state, LGA or ward. `votes` maps party code to votes."""

    id = None
    election_id = CharField(max_length=64)
    area_code = CharField(max_length=12)
    parent = CharField(max_length=12, null=True)
    units = IntegerField(default=0)
    registered = BigIntegerField(default=0)
    accredited = BigIntegerField(default=0)
    valid = BigIntegerField(default=0)
    rejected = BigIntegerField(default=0)
    disputed = IntegerField(default=0)
    votes = JSONField(default=dict)

    class Meta:
        primary_key = CompositeKey("election_id", "area_code")
        indexes = ((("election_id", "parent"), False),)


class ReviewFlag(BaseModel):
    """Something for the results room to look at; `closed_at` when somebody has."""

    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=64)
    kind = CharField()
    evidence = JSONField(default=dict)
    opened_at = UtcDateTimeField(default=utcnow)
    closed_at = UtcDateTimeField(null=True)
    closed_by = CharField(default="")
    decision = TextField(default="")

    class Meta:
        indexes = ((("election_id", "unit_code", "kind"), False),)
