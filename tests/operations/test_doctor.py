"""The doctor: each line made true on purpose, then cured."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from click.testing import Result
from conftest import missing
from flask import Flask
from playhouse.migrations import Runner
from servers import Missing, PostgresServer, RedisServer
from standin_africastalking import API_KEY, StandIn

from obidient import __version__, create_app, database, queues
from obidient.campaigns.models.campaign import Campaign
from obidient.clock import utcnow
from obidient.operations import doctor
from obidient.operations.doctor import host, postgres, providers, redis, settings, workers
from obidient.operations.doctor.report import Line, clock_line
from obidient.operations.models import Backup
from obidient.workers.models import SweepRun, WorkerProcess

Cli = Callable[..., Result]
Look = Callable[[], Iterator[Line]]
SECRET = "x7Kd93hQpLm2Vb8Rt5Yw1Zc6Nf4Gs0Aj"
TOKEN = "q8Wn35eRtYu1Io7Pa9Sd2Fg"


def named(look: Look) -> dict[str, Line]:
    """Lines by name; of several under one name the gravest."""
    order = ("ok", "warning", "error")
    return {line.name: line for line in sorted(look(), key=lambda line: order.index(line.state))}


@contextmanager
def at(environ: dict[str, str], **more: str) -> Iterator[None]:
    """An app with other settings."""
    with create_app(environ | more).app_context():
        try:
            yield
        finally:
            database.db.close()


@contextmanager
def running(*options: str) -> Iterator[RedisServer]:
    try:
        server = RedisServer(*options)
    except Missing as reason:
        missing(str(reason))
        return
    server.start()
    try:
        yield server
    finally:
        server.stop()


PRODUCTION = {
    "OBIDIENT_ENV": "production",
    "SECRET_KEY": SECRET,
    "COMMUNICATIONS_WEBHOOK_TOKEN": TOKEN,
    "PUBLIC_URL": "https://obidient.example.org",
    "TRUSTED_PROXIES": "1",
}


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


@pytest.fixture(scope="module")
def durable() -> Iterator[PostgresServer]:
    """A PostgreSQL of its own, set up as Debian's."""
    try:
        server = PostgresServer(durable=True)
    except Missing as reason:
        missing(str(reason))
        return
    server.start()
    yield server
    server.destroy()


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
    with at(environ, DATABASE_URL=url, WEB_CONCURRENCY="64", WEB_THREADS="16"):
        line = named(postgres.lines)["database-connections"]
    assert line.state == "error"
    assert str(64 * 17 + 4 + 2 + 5) in line.text
    with at(environ, DATABASE_URL=url):
        assert named(postgres.lines)["database-connections"].state == "ok"


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
    assert line.state == "error" and "90 seconds ahead" in line.text


# ---- settings -----------------------------------------------------------------------------------


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
        ({"BIND": "0.0.0.0:5000"}, "proxies", "warning"),
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


# ---- workers, queues, backups -------------------------------------------------------------------


@pytest.mark.both
def test_workers_are_seen_with_their_version(app: Flask) -> None:
    assert named(workers.lines)["workers"].state == "warning"
    WorkerProcess.create(name="a", host="north", pid=1, version=__version__)
    assert named(workers.lines)["workers"].state == "ok"
    assert "worker-version" not in named(workers.lines)
    WorkerProcess.create(name="b", host="south", pid=2, version="0.0.1")
    line = named(workers.lines)["worker-version"]
    assert line.state == "warning" and "0.0.1" in line.text


@pytest.mark.both
def test_a_late_or_failing_sweeper_is_an_error(app: Flask) -> None:
    assert named(workers.lines)["sweeper"].state == "warning"
    SweepRun.create(name="leases", ran_at=utcnow())
    assert named(workers.lines)["sweeper"].state == "ok"
    SweepRun.update(error="ValueError: no").execute()
    assert "ValueError" in named(workers.lines)["sweeper"].text
    SweepRun.update(error="", ran_at=utcnow() - timedelta(minutes=5)).execute()
    line = named(workers.lines)["sweeper"]
    assert line.state == "error" and "5 minutes" in line.text


def test_work_that_nothing_consumes_is_an_error(app: Flask) -> None:
    queues.current().enqueue("sms", "send_batch", campaignId=1, batchId=1)
    assert named(workers.lines)["queues"].state == "error"
    WorkerProcess.create(name="a", host="north", pid=1, queues=["sms-broadcast"])
    assert named(workers.lines)["queues"].state == "ok"


def test_a_backups_age_is_told(environ: dict[str, str]) -> None:
    with at(environ, **PRODUCTION):
        assert named(workers.lines)["backup"].state == "error"
        row = Backup.create(host="north", path="/backups/a", at=utcnow() - timedelta(days=4))
        assert named(workers.lines)["backup"].state == "error"
        Backup.update(at=utcnow() - timedelta(hours=30)).where(Backup.id == row.id).execute()
        assert named(workers.lines)["backup"].state == "warning"
        Backup.create(host="north", path="/backups/b")
        assert named(workers.lines)["backup"].state == "ok"
        Backup.create(host="north", path="/backups/c", error="the disk is full.")
        assert "the disk is full" in named(workers.lines)["backup"].text


# ---- providers ----------------------------------------------------------------------------------


def test_a_provider_is_asked_whether_it_takes_our_key(environ: dict[str, str]) -> None:
    with StandIn() as network:
        keys = {
            "PLUGINS": "africastalking",
            "AT_USERNAME": "obidient",
            "AT_BASE_URL": network.url,
            "AT_SMS_SENDER_ID": "OBIDIENT",
        }
        with at(environ, AT_API_KEY=API_KEY, **keys, **PRODUCTION):
            good = named(providers.lines)["sms-provider"]
        network.behave(status=401, body="The supplied authentication is invalid")
        with at(environ, AT_API_KEY="wrong", **keys, **PRODUCTION):
            bad = named(providers.lines)["sms-provider"]
    assert good.state == "ok", good
    assert bad.state == "error", bad


def test_a_simulator_in_production_is_an_error(environ: dict[str, str]) -> None:
    chosen = {"PLUGINS": "simulator", "SMS_PROVIDER": "simulator-sms"}
    with at(environ, **chosen, **PRODUCTION):
        found = named(providers.lines)
    assert found["sms-provider"].state == "error"
    assert found["voice-provider"].state == "error"
    with at(environ, **chosen):
        assert named(providers.lines)["sms-provider"].state == "ok"


def test_a_broken_plugin_is_an_error(environ: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "bad.py").write_text("raise ValueError('no such thing')\n")
    with at(environ, PLUGINS_DIR=str(folder), PLUGINS="bad"):
        line = named(providers.lines)["plugin"]
    assert line.state == "error" and "no such thing" in line.text


def test_an_account_has_to_last_another_day_like_the_last(app: Flask) -> None:
    assert providers.balance_line("at", Decimal(5000), "NGN").state == "ok"
    assert providers.balance_line("at", Decimal(500), "NGN").state == "warning"
    assert providers.balance_line("at", Decimal(0), "NGN").state == "error"
    Campaign.create(title="a", cost_e4=90_000_000, currency="NGN", started_at=utcnow())
    line = providers.balance_line("at", Decimal(5000), "NGN")
    assert line.state == "warning" and "9,000.00" in line.text


# ---- this machine -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [(1e12, 5e11, "ok"), (1e12, 5e10, "warning"), (1e12, 1e10, "error"), (1e9, 2e8, "error")],
)
def test_a_disk_that_fills_is_told(total: float, free: float, state: str) -> None:
    assert host.disk_line(Path("/srv"), int(total), 0, int(free)).state == state


def test_little_memory_is_told() -> None:
    assert host.memory_line(10**9, 5 * 10**8).state == "ok"
    assert host.memory_line(10**9, 10**7).state == "warning"


def test_a_folder_that_is_not_ours_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_text("a file stands where the folder should be")
    with at(environ, DATA_DIR=str(locked)):
        assert named(host.lines)["folders"].state == "error"
        locked.unlink()
        assert named(host.lines)["folders"].state == "ok"


def test_secrets_that_others_may_read_are_told(environ: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("SECRET_KEY=x")
    with at(environ, **PRODUCTION):
        path.chmod(0o644)
        assert [line.state for line in host._secrets_file(path)] == ["error"]
        path.chmod(0o600)
        assert [line.state for line in host._secrets_file(path)] == ["ok"]


def test_time_zones_are_checked_against_lagos(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with at(environ, TIMEZONE="Europe/London"):
        assert named(host.lines)["time-zone"].state == "warning"
    with at(environ):
        assert named(host.lines)["time-zone"].state == "ok"
        monkeypatch.setattr(host, "ZoneInfo", lambda _name: ZoneInfo("UTC"))
        assert named(host.lines)["time-zone"].state == "error"


def test_few_open_files_are_told(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with at(environ):
        monkeypatch.setattr(host.resource, "getrlimit", lambda _what: (256, 4096))
        assert named(host.lines)["open-files"].state == "warning"


# ---- the command and the page -------------------------------------------------------------------


def test_the_command_is_a_line_each_and_ends_with_1_at_an_error(
    cli: Cli, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = cli("doctor")
    assert well.exit_code == 0, well.output
    assert all(line.split()[0] in ("ok", "warning") for line in well.output.splitlines())
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    badly = cli("doctor")
    assert badly.exit_code == 1
    assert any(line.startswith("error    redis: ") for line in badly.output.splitlines())


def test_the_command_speaks_to_programs(cli: Cli, app: Flask) -> None:
    body = json.loads(cli("doctor", "--json").output)
    assert body["status"] == "warning"
    assert {"state", "name", "text", "cure"} == set(body["lines"][0])


def test_a_check_that_fails_itself_is_an_error_and_hides_no_other(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble() -> Iterator[Line]:
        yield Line("ok", "first", "Fine.")
        raise ZeroDivisionError("by zero")

    monkeypatch.setitem(doctor.SUBJECTS, "Redis", stumble)
    found = doctor.examine()
    assert [line.state for line in found["Redis"]] == ["ok", "error"]
    assert found["This machine"]


def test_no_line_holds_a_secret(environ: dict[str, str], durable: PostgresServer) -> None:
    url = f"postgresql://postgres:hunter2@127.0.0.1:{durable.port}/postgres"
    with at(environ, DATABASE_URL=url, REDIS_URL="redis://:hunter2@127.0.0.1:1/0", **PRODUCTION):
        text = json.dumps([line.as_json() for lines in doctor.examine().values() for line in lines])
    assert "hunter2" not in text and SECRET not in text and TOKEN not in text
