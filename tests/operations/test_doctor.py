"""The doctor: each line made true on purpose, then cured."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from doctors import PRODUCTION, SECRET, at, named, running
from doctors import durable as durable
from flask import Flask
from playhouse.migrations import Runner
from servers import PostgresServer

from obidient import database
from obidient.config import ROOT
from obidient.operations import doctor
from obidient.operations.doctor import postgres, redis, report, settings
from obidient.operations.doctor.report import clock_line

Cli = Callable[..., Result]


# ---- Redis --------------------------------------------------------------------------------------


def test_a_redis_as_the_manual_sets_it_up_has_nothing_to_mend(
    environ: dict[str, str], tmp_path: Path
) -> None:
    options = ("--requirepass", "secret", "--maxmemory", "64mb", "--dir", str(tmp_path))
    with running(*options, "--appendonly", "yes") as server:
        url = f"redis://:secret@127.0.0.1:{server.port}/0"
        with at(environ, REDIS_URL=url, **PRODUCTION):
            found = named(redis.lines)
    assert {line.name: line.text for line in found.values() if line.state != "ok"} == {}
    assert "redis-password" in found and "redis-latency" in found
    assert "secret" not in " ".join(line.text for line in found.values())


@pytest.mark.slow
def test_a_bare_redis_is_told_what_it_lacks(environ: dict[str, str]) -> None:
    with running() as server, at(environ, REDIS_URL=server.url, **PRODUCTION):
        found = named(redis.lines)
    wrong = {name: line.state for name, line in found.items() if line.state != "ok"}
    assert wrong == {
        "redis-password": "warning",
        "redis-memory": "warning",
        "redis-persistence": "warning",
    }
    assert "requirepass" in found["redis-password"].cure
    assert "appendonly yes" in found["redis-persistence"].cure


@pytest.mark.slow
def test_a_redis_that_throws_jobs_away_is_an_error_with_the_way_to_split(
    environ: dict[str, str],
) -> None:
    options = ("--maxmemory", "64mb", "--maxmemory-policy")
    with (
        running(*options, "allkeys-lru") as server,
        at(environ, REDIS_URL=server.url),
    ):
        line = named(redis.lines)["redis-policy"]
    assert line.state == "error"
    assert "noeviction" in line.cure and "CACHE_REDIS_URL" in line.cure
    with running(*options, "volatile-ttl") as server, at(environ, REDIS_URL=server.url):
        assert named(redis.lines)["redis-policy"].state == "ok"


def test_a_full_redis_is_an_error_though_it_answers(environ: dict[str, str]) -> None:
    with running("--maxmemory", "100kb") as server, at(environ, REDIS_URL=server.url):
        found = named(redis.lines)
    assert found["redis-writes"].state == "error"
    assert found["redis-memory"].state == "error"


def test_a_redis_that_is_away_is_one_error(environ: dict[str, str]) -> None:
    with at(environ, REDIS_URL="redis://127.0.0.1:1/0"):
        found = list(redis.lines())
    assert [line.state for line in found] == ["error"]
    assert "REDIS_URL" in found[0].cure


def test_a_password_that_redis_no_longer_has_is_told_as_such(
    environ: dict[str, str],
) -> None:
    with running("--requirepass", "another") as server, at(environ, REDIS_URL=server.url):
        assert "wants another password" in next(iter(redis.lines())).text


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("redis://10.0.0.5:6379/0", "error"),
        ("rediss://10.0.0.5:6379/0", "ok"),
        ("redis://127.0.0.1:6379/0", "ok"),
        ("redis+sentinel://10.0.0.5:26379,10.0.0.6:26379/master/0", "error"),
        ("rediss+sentinel://10.0.0.5:26379/master/0", "ok"),
        ("unix:///run/redis.sock", "ok"),
    ],
)
def test_another_machine_takes_tls(environ: dict[str, str], url: str, state: str) -> None:
    with at(environ, REDIS_URL=url, **PRODUCTION):
        assert [line.state for line in redis._tls(url)] == [state]


def test_what_redis_says_of_itself_is_read(environ: dict[str, str], redis_server: Any) -> None:
    """A failed save and an old version, which no test can wait for."""
    with at(environ, REDIS_URL=redis_server.url):
        connection = redis.redis_client.asking(redis_server.url)
        told: dict[str, Any] = dict(connection.info())
        old = next(redis._look(connection, told | {"redis_version": "5.0.9"}, redis_server.url))
        kept = next(redis._kept(connection, told | {"rdb_last_bgsave_status": "err"}))
        connection.close()
    assert (old.state, kept.state) == ("error", "error")
    assert "Redis 6" in old.cure


def test_a_setting_whose_name_is_misspelt_is_told(environ: dict[str, str]) -> None:
    with at(environ):
        wrong = ["WEB_CONCURENCY", "SECRET_KEYS", "SMS_RATE_LIMIT_PER_SECONDS"]
        found = [line.text for line in settings.misspelt(wrong)]
        assert len(found) == 3 and "WEB_CONCURRENCY is meant" in found[0]
        example = (ROOT / ".env.example").read_text()
        right = re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE)
        assert len(right) > 60
        others = ["TELEGRAM_RATE_LIMIT_PER_SECOND", "TZ", "HTTPS_PROXY", "MAIL_BATCH_SIZE"]
        assert not list(settings.misspelt(right + others))


# ---- the database -------------------------------------------------------------------------------


def test_a_sqlite_file_is_read_through(app: Flask, tmp_path: Path) -> None:
    found = named(postgres.lines)
    assert {line.state for line in found.values()} == {"ok"}
    path = Path(database.db.obj.database)
    database.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.db.close()
    data = bytearray(path.read_bytes())
    for page in range(8, 24):
        data[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(bytes(data))
    damaged = named(postgres.lines)
    assert "error" in {line.state for line in damaged.values()}


@pytest.mark.both
def test_a_missing_upgrade_is_an_error_until_it_is_done(app: Flask) -> None:
    runner = Runner(database.db.obj, str(database.MIGRATIONS))
    last = [migration.name for migration in runner.status()][-1]
    runner.down(last)
    line = named(postgres.lines)["database-upgrades"]
    assert (line.state, last in line.text) == ("error", True)
    assert "obidient db upgrade" in line.cure
    database.upgrade()
    assert named(postgres.lines)["database-upgrades"].state == "ok"


def test_what_a_crash_of_postgresql_would_forget(
    environ: dict[str, str], durable: PostgresServer
) -> None:
    url = durable.url("postgres")
    with at(environ, DATABASE_URL=url, **PRODUCTION):
        assert named(postgres.lines)["database-durability"].state == "ok"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET full_page_writes = off")
        admin.execute("ALTER SYSTEM SET autovacuum = off")
        admin.execute("SELECT pg_reload_conf()")
    with at(environ, DATABASE_URL=url, **PRODUCTION):
        found = named(postgres.lines)
        assert found["database-durability"].state == "error"
        assert "full_page_writes = on" in found["database-durability"].cure
        assert found["database-vacuum"].state == "error"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM RESET ALL")
        admin.execute("SELECT pg_reload_conf()")
    with at(environ, DATABASE_URL=url, **PRODUCTION):
        assert named(postgres.lines)["database-durability"].state == "ok"


@pytest.mark.slow
def test_a_session_that_does_not_wait_for_the_disk_is_seen(
    environ: dict[str, str], durable: PostgresServer
) -> None:
    """As behind a PgBouncer, which drops what we ask for when we connect."""
    with at(environ, DATABASE_URL=durable.url("postgres"), **PRODUCTION):
        database.db.execute_sql("SET synchronous_commit = off")
        assert "synchronous_commit" in named(postgres.lines)["database-durability"].text


def test_too_many_connections_are_reckoned(
    environ: dict[str, str], durable: PostgresServer
) -> None:
    url = durable.url("postgres")
    with at(environ, DATABASE_URL=url, WEB_CONCURRENCY="64", WEB_THREADS="16", PLUGINS=""):
        line = named(postgres.lines)["database-connections"]
    assert line.state == "error"
    assert str(64 * 18 + 4 + 2 + 5) in line.text
    with at(environ, DATABASE_URL=url):
        assert named(postgres.lines)["database-connections"].state == "ok"


def test_a_database_that_answers_late_is_told_with_the_cure(
    environ: dict[str, str], durable: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    never, always = 1e9, 0.0
    with at(environ, DATABASE_URL=durable.url("postgres")):
        for slow, very_slow, state in (
            (never, never, "ok"),
            (always, never, "warning"),
            (always, always, "error"),
        ):
            monkeypatch.setattr(report, "SLOW", slow)
            monkeypatch.setattr(report, "VERY_SLOW", very_slow)
            line = named(postgres.lines)["database-latency"]
            assert line.state == state
            assert ("pg_stat_activity" in line.cure) == (state != "ok")


@pytest.mark.slow
def test_dead_rows_and_idle_transactions_are_told(
    environ: dict[str, str], durable: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = durable.url("postgres")
    monkeypatch.setattr(postgres, "MANY", 100)
    monkeypatch.setattr(postgres, "IDLE", 0)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE TABLE recipient (id int) WITH (autovacuum_enabled = off)")
        admin.execute("INSERT INTO recipient SELECT generate_series(1, 1000)")
        admin.execute("DELETE FROM recipient WHERE id > 300")
        admin.execute("SELECT pg_stat_force_next_flush()")
    idle = psycopg.connect(url)
    idle.execute("SELECT 1")
    with at(environ, DATABASE_URL=url):
        found = named(postgres.lines)
        assert found["database-vacuum"].state == "warning"
        assert "700 dead rows" in found["database-vacuum"].text
        assert found["database-idle"].state == "warning"
    idle.close()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("VACUUM recipient")
    with at(environ, DATABASE_URL=url):
        found = named(postgres.lines)
        assert found["database-vacuum"].state == "ok"
        assert "database-idle" not in found
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("DROP TABLE recipient")


def test_a_database_that_is_away_is_one_error_and_hides_nothing_else(
    environ: dict[str, str],
) -> None:
    with at(environ, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"):
        found = doctor.examine()
    assert [line.state for line in found["Database"]] == ["error"]
    assert any(line.name == "disk" for line in found["This machine"])
    assert any(line.name == "secret-key" for line in found["Settings"])


@pytest.mark.parametrize(("ahead", "state"), [(0.4, "ok"), (-5, "warning"), (300, "error")])
def test_clocks_that_differ_are_told(ahead: float, state: str) -> None:
    (line,) = clock_line("redis-clock", "Redis", ahead)
    assert line.state == state


def test_a_clock_that_is_wrong_is_seen(
    environ: dict[str, str], redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(redis.time, "time", lambda: real() + 90)
    with at(environ, REDIS_URL=redis_server.url):
        line = named(redis.lines)["redis-clock"]
    # Some seconds may pass between the two clocks' answers.
    assert line.state == "error" and re.search(r"\b9\d seconds ahead", line.text)


# ---- settings -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_settings_as_the_manual_has_them_need_nothing(environ: dict[str, str]) -> None:
    with at(environ, **PRODUCTION):
        found = named(settings.lines)
    assert {line.state for line in found.values()} == {"ok"}


@pytest.mark.parametrize(
    ("wrong", "name", "state"),
    [
        ({"OBIDIENT_ENV": "development"}, "environment", "warning"),
        ({"COMMUNICATIONS_WEBHOOK_TOKEN": ""}, "webhook-token", "error"),
        ({"COMMUNICATIONS_WEBHOOK_TOKEN": "short"}, "webhook-token", "error"),
        ({"COMMUNICATIONS_WEBHOOK_TOKEN": SECRET}, "secrets-equal", "error"),
        ({"ERASURE_KEY": SECRET}, "secrets-equal", "error"),
        ({"OBIDIENT_ENV": "development", "SECRET_KEY": "a"}, "secret-key", "warning"),
        ({"PUBLIC_URL": ""}, "public-url", "error"),
        ({"PUBLIC_URL": "http://obidient.example.org"}, "public-url", "error"),
        ({"BIND": "0.0.0.0"}, "proxies", "warning"),
        ({"TRUSTED_PROXIES": "0"}, "proxies", "warning"),
    ],
)
def test_a_wrong_setting_is_told(
    environ: dict[str, str], wrong: dict[str, str], name: str, state: str
) -> None:
    with at(environ, **(PRODUCTION | wrong)):
        line = named(settings.lines)[name]
    assert line.state == state
    assert line.cure
    assert SECRET not in line.text
