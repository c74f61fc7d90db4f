"""Contacts that have fields of one's own are found, so that their values can be suggested."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX contact_with_own ON contact (id) WHERE fields IS NOT NULL")


def down(migrator, db):
    db.execute_sql('DROP INDEX "contact_with_own"')
