"""Agents are listed, searched and counted from one narrow index, not from their long rows."""


def up(migrator, db):
    db.execute_sql(
        'CREATE INDEX user_agent_list ON "user" '
        "(polling_unit_code, id, active, name, phone, last_login_at) WHERE role = 'agent'"
    )


def down(migrator, db):
    db.execute_sql('DROP INDEX "user_agent_list"')
