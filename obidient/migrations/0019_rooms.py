"""Small indexes for pages that count or list: unusual sheets, open failed jobs, people by role."""


def up(migrator, db):
    # Partial, since nearly all sheets are accepted and taking those in must cost nothing.
    db.execute_sql(
        "CREATE INDEX submission_unusual ON submission (election_id, status, reason) "
        "WHERE status NOT IN ('received', 'accepted')"
    )
    # Rows are long with their tracebacks; to count them they need not be read.
    db.execute_sql(
        "CREATE INDEX failed_job_open ON failed_job (queue, id) WHERE dealt_with_at IS NULL"
    )
    # There is an agent to every polling unit: the team is a handful among them.
    db.execute_sql("""CREATE INDEX user_staff ON "user" (email) WHERE role <> 'agent'""")
    db.execute_sql(
        """CREATE INDEX user_agent ON "user" (polling_unit_code, active) WHERE role = 'agent'"""
    )


def down(migrator, db):
    db.execute_sql("DROP INDEX submission_unusual")
    db.execute_sql("DROP INDEX failed_job_open")
    db.execute_sql("DROP INDEX user_staff")
    db.execute_sql("DROP INDEX user_agent")
