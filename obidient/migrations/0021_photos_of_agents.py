"""An agent's photos of a day are counted with each that is announced, among those of a nation."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX photo_agent ON photo (user_id, created_at)")


def down(migrator, db):
    db.execute_sql("DROP INDEX photo_agent")
