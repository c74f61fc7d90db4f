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
#: What a quarter is taken of: valid votes, or all that were cast, rejected ones included.
QUARTER_OF = ("valid", "cast")


class Election(BaseModel):
    """`area_code` limits it: NG for a national one, else a state, LGA or ward."""

    id = CharField(primary_key=True, max_length=64)
    name = CharField()
    type = CharField()
    state = CharField(default="National")
    area_code = CharField(max_length=12, default="NG")
    status = CharField(default="scheduled")
    is_demo = BooleanField(default=False)
    #: Days of voting as 2027-02-20; empty when nobody has said so.
    start_date = CharField(max_length=10, default="")
    end_date = CharField(max_length=10, default="")
    #: Who publishes this count; empty: the movement.
    issuer = CharField(default="")
    issuer_short = CharField(max_length=32, default="")
    #: In how many states a president needs a quarter, and of which votes (QUARTER_OF).
    quarter_states = IntegerField(default=25)
    quarter_of = CharField(max_length=5, default="valid")
    #: When it last began and last ceased to be ongoing: a sheet that was received before it closed
    #: counts, whenever it is decided.
    opened_at = UtcDateTimeField(null=True)
    closed_at = UtcDateTimeField(null=True)
    created_at = UtcDateTimeField(default=utcnow)
    #: The last change of the election itself; what is counted in it has times of its own.
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
    revision = BigIntegerField(default=1)
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


class FormerVerdict(BaseModel):
    """What a sheet was refused for before it was decided again."""

    id = BigAutoField()
    submission = BigIntegerField(index=True)
    reason = CharField(max_length=40)
    message = TextField(default="")
    decided_at = UtcDateTimeField(null=True)
    at = UtcDateTimeField(default=utcnow)


class Redecision(BaseModel):
    """Sheets refused for a reason that are to be decided again, since our records have changed.

    A row lives until all of them were looked at; `cursor` is the last one's row.
    """

    id = None
    election_id = CharField(max_length=64)
    reason = CharField(max_length=40)
    cursor = BigIntegerField(default=0)
    made_at = UtcDateTimeField(default=utcnow)

    class Meta:
        primary_key = CompositeKey("election_id", "reason")


class AgentSheet(BaseModel):
    """Each agent's newest accepted sheet of a polling unit."""

    id = None
    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=12)
    agent = CharField(max_length=120)
    submission = BigIntegerField()
    revision = BigIntegerField()
    submission_id = CharField(max_length=100)
    #: The figures, in one canonical form: two sheets agree when these are equal.
    figures = TextField()
    #: The row of the first sheet from this agent that was taken. Of several agents the one who was
    #: first counts, in whatever order their sheets are decided. Null: `submission`.
    first_id = BigIntegerField(null=True)

    @property
    def first(self) -> int:
        return int(self.first_id or self.submission)

    class Meta:
        primary_key = CompositeKey("election_id", "unit_code", "agent")


class UnitResult(BaseModel):
    """What counts for one polling unit, and whether people still have to look at it.

    The totals of every area are the sums of these rows and of nothing else.
    """

    id = None
    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=12)
    #: Whose sheet counts: that of the agent who was first, or whom a reviewer chose.
    agent = CharField(max_length=120, default="")
    submission = BigIntegerField(null=True)
    #: As in AgentSheet; empty when nothing counts.
    figures = TextField(default="")
    #: The register's voters; a new register changes them until the election is certified.
    listed_voters = IntegerField(null=True)
    #: A fingerprint of the votes, to find the same ones elsewhere; empty for small units.
    pattern = CharField(max_length=16, default="")
    #: A turnout that would stand out in an ordinary ward.
    high = BooleanField(default=False)
    #: A reviewer has decided: newer sheets reopen the review and change no total.
    settled = BooleanField(default=False)
    in_review = BooleanField(default=False)
    #: The most votes that the review could make count, while `in_review`.
    votes_at_stake = IntegerField(default=0)
    updated_at = UtcDateTimeField(default=utcnow)

    class Meta:
        primary_key = CompositeKey("election_id", "unit_code")
        indexes = ((("election_id", "pattern", "unit_code"), False),)


class Tally(BaseModel):
    """The totals of one area: nation, state, LGA or ward."""

    id = None
    election_id = CharField(max_length=64)
    area_code = CharField(max_length=12)
    parent = CharField(max_length=12, null=True)
    units = IntegerField(default=0)
    registered = BigIntegerField(default=0)
    accredited = BigIntegerField(default=0)
    #: Accredited voters of the units whose registered voters are known: turnout is of these.
    known = BigIntegerField(default=0)
    valid = BigIntegerField(default=0)
    rejected = BigIntegerField(default=0)
    #: The register's voters of the units that reported, and how many of those it has no figure for.
    listed = BigIntegerField(default=0)
    unlisted = IntegerField(default=0)
    review_units = IntegerField(default=0)
    review_votes = BigIntegerField(default=0)
    #: Party code to votes, as JSON text.
    votes = TextField(default="{}")
    updated_at = UtcDateTimeField(default=utcnow)

    class Meta:
        primary_key = CompositeKey("election_id", "area_code")
        indexes = ((("election_id", "parent"), False),)


class RegisterTotal(BaseModel):
    """How many units and voters the register has in an area, from ward to nation."""

    id = None
    area_code = CharField(max_length=12, primary_key=True)
    units = IntegerField()
    voters = BigIntegerField()
    #: Units of which the register does not know the voters.
    unlisted = IntegerField()
    #: When the register last changed, the same in every row; null: before this was noted.
    made_at = UtcDateTimeField(null=True)


class ReviewFlag(BaseModel):
    """Something for the results room to look at, with the evidence; closed by a decision."""

    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=12)
    kind = CharField(max_length=40)
    evidence = JSONField(default=dict)
    opened_at = UtcDateTimeField(default=utcnow)
    closed_at = UtcDateTimeField(null=True)

    class Meta:
        indexes = ((("election_id", "unit_code"), False),)


class Decision(BaseModel):
    """A reviewer's word on a polling unit; never changed, the last one that is not undone holds."""

    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=12)
    at = UtcDateTimeField(default=utcnow)
    #: Email of the reviewer, or "command line".
    by = CharField()
    reason = TextField()
    #: The submission chosen; null with `figures`: corrected by hand; both empty: nothing counts.
    submission = BigIntegerField(null=True)
    figures = TextField(default="")
    #: The decision that this one takes back; it decides nothing else.
    undoes = BigIntegerField(null=True)
    #: The second reviewer, where it took one.
    confirmed_by = CharField(null=True)

    class Meta:
        indexes = ((("election_id", "unit_code"), False),)


class Proposal(BaseModel):
    """A decision of so much effect that a second reviewer has to confirm it before it counts."""

    id = BigAutoField()
    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=12)
    at = UtcDateTimeField(default=utcnow)
    by = CharField()
    user_id = IntegerField(null=True)
    reason = TextField()
    #: As in Decision; `agent` is whose figures they are, `doubt` why they can't be right.
    submission = BigIntegerField(null=True)
    figures = TextField(default="")
    agent = CharField(max_length=120, default="")
    doubt = TextField(default="")
    #: The decision that it takes back; null where it is one of its own.
    undoes = BigIntegerField(null=True)
    #: What counted when it was made: confirmed, it may replace nothing else.
    counted = TextField(default="")
    #: Votes that it moves, over all parties.
    moved = IntegerField(default=0)
    #: open, confirmed or declined.
    state = CharField(max_length=10, default="open")
    closed_at = UtcDateTimeField(null=True)
    closed_by = CharField(default="")
    closed_why = TextField(default="")

    class Meta:
        indexes = ((("election_id", "unit_code"), False),)


class UnitClaim(BaseModel):
    """Who is looking at a unit in doubt, so that nobody else begins with it."""

    id = None
    election_id = CharField(max_length=64)
    unit_code = CharField(max_length=12)
    user_id = IntegerField()
    name = CharField()
    until = UtcDateTimeField()

    class Meta:
        primary_key = CompositeKey("election_id", "unit_code")
