"""Small indexes for the pages that count: sheets that are not simply accepted, failed jobs open."""


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


def down(migrator, db):
    db.execute_sql("DROP INDEX submission_unusual")
    db.execute_sql("DROP INDEX failed_job_open")
