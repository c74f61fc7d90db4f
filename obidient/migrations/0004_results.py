"""Elections, submissions, unit results, running totals, review flags."""

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


def up(migrator, db):
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Election(Base):
        id = CharField(primary_key=True, max_length=64)
        name = CharField()
        type = CharField()
        state = CharField()
        area_code = CharField(max_length=12)
        status = CharField()
        is_demo = BooleanField()
        created_at = DateTimeField()
        updated_at = DateTimeField()

    class Party(Base):
        election_id = CharField(max_length=64)
        code = CharField(max_length=20)
        name = CharField()
        display_name = CharField()
        color = CharField()
        position = IntegerField()
        aliases = JSONField()

        class Meta:
            primary_key = CompositeKey("election_id", "code")

    class Submission(Base):
        id = BigAutoField()
        submission_id = CharField(max_length=100)
        repeat = BigIntegerField()
        election_id = CharField(max_length=64)
        unit_code = CharField(max_length=64)
        agent = CharField(max_length=120)
        revision = BigIntegerField()
        payload = TextField()
        digest = CharField(max_length=64)
        own_unit = CharField(max_length=12, null=True)
        status = CharField(max_length=10)
        reason = CharField(max_length=40)
        message = TextField()
        received_at = DateTimeField()
        processed_at = DateTimeField(null=True)

        class Meta:
            indexes = (
                (("submission_id", "repeat"), True),
                (("election_id", "unit_code"), False),
            )

    class AgentSheet(Base):
        election_id = CharField(max_length=64)
        unit_code = CharField(max_length=12)
        agent = CharField(max_length=120)
        submission = BigIntegerField()
        revision = BigIntegerField()
        submission_id = CharField(max_length=100)
        figures = TextField()

        class Meta:
            primary_key = CompositeKey("election_id", "unit_code", "agent")

    class UnitResult(Base):
        election_id = CharField(max_length=64)
        unit_code = CharField(max_length=12)
        agent = CharField(max_length=120)
        submission = BigIntegerField(null=True)
        figures = TextField()
        listed_voters = IntegerField(null=True)
        pattern = CharField(max_length=16)
        high = BooleanField()
        settled = BooleanField()
        in_review = BooleanField()
        votes_at_stake = IntegerField()
        updated_at = DateTimeField()

        class Meta:
            primary_key = CompositeKey("election_id", "unit_code")
            indexes = ((("election_id", "pattern"), False),)

    class Tally(Base):
        election_id = CharField(max_length=64)
        area_code = CharField(max_length=12)
        parent = CharField(max_length=12, null=True)
        units = IntegerField()
        registered = BigIntegerField()
        accredited = BigIntegerField()
        known = BigIntegerField()
        valid = BigIntegerField()
        rejected = BigIntegerField()
        listed = BigIntegerField()
        unlisted = IntegerField()
        review_units = IntegerField()
        review_votes = BigIntegerField()
        votes = TextField()
        updated_at = DateTimeField()

        class Meta:
            primary_key = CompositeKey("election_id", "area_code")
            indexes = ((("election_id", "parent"), False),)

    class RegisterTotal(Base):
        area_code = CharField(max_length=12, primary_key=True)
        units = IntegerField()
        voters = BigIntegerField()
        unlisted = IntegerField()

    class ReviewFlag(Base):
        election_id = CharField(max_length=64)
        unit_code = CharField(max_length=12)
        kind = CharField(max_length=40)
        evidence = JSONField()
        opened_at = DateTimeField()
        closed_at = DateTimeField(null=True)

        class Meta:
            indexes = ((("election_id", "unit_code"), False),)

    class Decision(Base):
        election_id = CharField(max_length=64)
        unit_code = CharField(max_length=12)
        at = DateTimeField()
        by = CharField()
        reason = TextField()
        submission = BigIntegerField(null=True)
        figures = TextField()

        class Meta:
            indexes = ((("election_id", "unit_code"), False),)

    db.create_tables(
        [
            Election,
            Party,
            Submission,
            AgentSheet,
            UnitResult,
            Tally,
            RegisterTotal,
            ReviewFlag,
            Decision,
        ]
    )
    # The lists that people and workers ask for again and again, however long the tables.
    db.execute_sql("CREATE INDEX submission_waiting ON submission (id) WHERE status = 'received'")
    db.execute_sql(
        "CREATE INDEX unit_result_in_review ON unit_result (election_id, unit_code) WHERE in_review"
    )
    db.execute_sql(
        "CREATE INDEX unit_result_high ON unit_result (election_id, (SUBSTR(unit_code, 1, 8)))"
        " WHERE high"
    )
    db.execute_sql(
        "CREATE INDEX review_flag_open ON review_flag (election_id, id) WHERE closed_at IS NULL"
    )


def down(migrator, db):
    for table in (
        "decision",
        "review_flag",
        "register_total",
        "tally",
        "unit_result",
        "agent_sheet",
        "submission",
        "party",
        "election",
    ):
        db.execute_sql(f'DROP TABLE "{table}"')
