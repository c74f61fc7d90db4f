"""The first units with equal votes are read in the order of their codes."""


def up(migrator, db):
    db.execute_sql(
        "CREATE INDEX unit_result_election_id_pattern_unit_code "
        "ON unit_result (election_id, pattern, unit_code)"
    )
    db.execute_sql("DROP INDEX IF EXISTS unit_result_election_id_pattern")


def down(migrator, db):
    db.execute_sql(
        "CREATE INDEX unit_result_election_id_pattern ON unit_result (election_id, pattern)"
    )
    db.execute_sql("DROP INDEX unit_result_election_id_pattern_unit_code")
