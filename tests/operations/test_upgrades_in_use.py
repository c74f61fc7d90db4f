"""An upgrade of a database in use: nobody is kept waiting, and long steps are told."""

import threading

import psycopg
import pytest
from flask import Flask
from playhouse.migrations import Runner

from obidient import database, upgrading


@pytest.mark.both
@pytest.mark.slow
def test_an_upgrade_keeps_nobody_waiting_and_tells_its_long_steps(
    app: Flask, environ: dict[str, str], backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(database.db.obj, str(database.MIGRATIONS))
    names = [migration.name for migration in runner.status()]
    first = next(name for name in names if name.startswith("0058"))
    undone = names[names.index(first) :]
    runner.down(first)
    monkeypatch.setattr(upgrading, "MANY", 0)
    monkeypatch.setattr(upgrading, "SAY_EVERY", 0.0)
    told: list[str] = []
    if backend != "postgres":
        assert database.upgrade(told.append) == undone
        assert any("building the index submission_rejected of submission" in one for one in told)
        return
    waits, others = threading.Event(), []
    with (
        psycopg.connect(environ["DATABASE_URL"]) as busy,
        psycopg.connect(environ["DATABASE_URL"], autocommit=True) as other,
    ):
        # A batch that is being recorded: campaign and recipients are held until it commits.
        busy.execute("UPDATE campaign SET sent = sent")
        busy.execute("UPDATE recipient SET status = status")
        other.execute("SET statement_timeout = '1s'")

        def tell(sentence: str) -> None:
            told.append(sentence)
            if "waiting for a quiet moment" in sentence and not waits.is_set():
                others.append(other.execute("UPDATE campaign SET failed = failed"))
                busy.commit()
                waits.set()

        assert database.upgrade(tell) == undone
    assert waits.is_set()
    assert others
    assert any("building the index submission_rejected of submission" in one for one in told)
    assert database.pending_migrations() == []


@pytest.mark.both
def test_an_upgrade_that_was_stopped_half_way_is_done_again(app: Flask, backend: str) -> None:
    if backend != "postgres":
        pytest.skip("SQLite undoes the whole upgrade by itself")
    runner = Runner(database.db.obj, str(database.MIGRATIONS))
    runner.down(next(one.name for one in runner.status() if one.name.startswith("0060")))
    run = database.db.execute_sql
    run("ALTER TABLE election ADD COLUMN opened_at TIMESTAMP")
    run("CREATE INDEX submission_rejected ON submission (election_id)")
    run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'submission_rejected'::regclass")
    assert database.upgrade()
    found = run("SELECT indexdef FROM pg_indexes WHERE indexname = 'submission_rejected'")
    assert "reason" in found.fetchone()[0]


def test_statements_that_may_be_done_again() -> None:
    gentle = upgrading.gentle
    assert gentle("CREATE UNIQUE INDEX a ON b (c)") == (
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c)"
    )
    assert gentle('ALTER TABLE "a" ADD COLUMN "b" INT') == (
        'ALTER TABLE "a" ADD COLUMN IF NOT EXISTS "b" INT'
    )
    again = "CREATE TABLE IF NOT EXISTS a (b INT)"
    assert gentle(again) == gentle("CREATE TABLE a (b INT)") == again
    told = upgrading.step_of("CREATE INDEX a ON recipient (b)", lambda _: 10_000_000)
    assert told is not None
    assert told.sentence() == "building the index a of recipient: 10,000,000 rows, about 25 s"
