"""What operators rely on: health to the letter, workers that stop, upgrades, quiet logs."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from playhouse.migrations import Runner
from servers import RedisServer, free_port, wait_for
from test_results_outages import BlackHole

from obidient import breaker, create_app, database, queue_storage, queues
from obidient.campaigns import control
from obidient.contacts.models import Contact
from obidient.operations import setup
from obidient.operations.logging import OneLine

ROOT = Path(__file__).parents[2]
Cli = Callable[..., Result]
IDLE = "SMS queue is empty.\nVoice queue is empty.\n"


@pytest.mark.usefixtures("no_connections")
def test_building_the_app_opens_no_connection(tmp_path: Path) -> None:
    environ = {
        "OBIDIENT_ENV": "development",
        "DATABASE_URL": "postgresql://nobody@192.0.2.1/none",
        "REDIS_URL": "redis://192.0.2.1:6379/0",
        "LOG_DIR": str(tmp_path),
    }
    assert create_app(environ).name == "obidient"


def test_idle_embedded_queues_are_three_lines(cli: Cli, app: Flask) -> None:
    result = cli("queue", "health")
    path = queue_storage.queue_file(app.extensions["obidient.settings"])
    assert result.output == f"Queue file OK ({path}) using prefix: bulk-communications\n{IDLE}"
    assert result.exit_code == 0


def test_a_silent_redis_is_asked_once_and_holds_up_nobody_after_that(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hole = BlackHole()
    monkeypatch.setattr(queues, "AWAY", 600)
    monkeypatch.setattr(breaker, "LOOK_AGAIN", 600)
    with create_app(environ | {"REDIS_URL": hole.url}).app_context():
        told = [queues.current().enqueue(queues.MAINTENANCE, "apply_receipts") for _ in range(50)]
    hole.close()
    assert not any(told)
    # By the first to enqueue, and by the thread that looks after it.
    assert hole.connections <= 2


@pytest.mark.both
def test_idle_redis_queues_are_three_lines(cli: Cli, app: Flask, backend: str) -> None:
    if backend == "sqlite":
        pytest.skip("the embedded form has a test of its own")
    result = cli("queue", "health")
    first = "Redis connection OK (ping: PONG) using prefix: bulk-communications\n"
    assert result.output == first + IDLE
    assert result.exit_code == 0


@pytest.mark.both
def test_work_without_a_worker_is_an_error_in_words(cli: Cli, app: Flask) -> None:
    registered = queues.current()
    for number in range(3):
        registered.enqueue("sms", "send_batch", campaignId=1, batchId=number)
    registered.enqueue("sms", "send_batch", delay=600, campaignId=1, batchId=9)
    result = cli("queue", "health")
    assert "SMS queue: 3 waiting, 0 active, 0 failed, 1 scheduled." in result.output
    assert "Nothing is consuming the SMS queue" in result.output
    assert result.exit_code == 1


@pytest.mark.both
def test_jobs_that_no_worker_can_read_are_counted_and_can_be_cleared(cli: Cli, app: Flask) -> None:
    queues.current().storage("sms").enqueue(b'{"campaignId": 7, "batchId": 8}')
    result = cli("queue", "health")
    assert "SMS queue: 1 waiting, 0 active, 0 failed, 0 scheduled." in result.output
    assert "Traceback" not in result.output
    assert result.exit_code == 1
    assert cli("queue", "clear", "sms").output == "Queues cleared\n"
    assert cli("queue", "health").output.endswith(IDLE)


@pytest.mark.both
def test_clearing_empties_waiting_and_scheduled(cli: Cli, app: Flask) -> None:
    registered = queues.current()
    registered.enqueue("sms", "send_batch", campaignId=1, batchId=1)
    registered.enqueue("voice", "send_batch", delay=600, campaignId=1, batchId=2)
    assert cli("queue", "clear").output == "Queues cleared\n"
    assert cli("queue", "health").output.endswith(IDLE)


def test_an_unreachable_redis_is_an_error_in_words(
    cli: Cli, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:secret@127.0.0.1:{free_port()}/0")
    result = cli("queue", "health")
    assert "Redis can't be reached" in result.output
    assert "secret" not in result.output
    assert result.exit_code == 1


@pytest.mark.both
def test_jobs_are_readable_json_under_the_operators_names(
    app: Flask, backend: str, environ: dict[str, str]
) -> None:
    if backend == "sqlite":
        pytest.skip("only Redis has keys")
    queues.current().enqueue("sms", "send_batch", campaignId=7, batchId=8)
    connection = redis.Redis.from_url(environ["REDIS_URL"], decode_responses=True)
    keys = set(connection.scan_iter("bulk-communications:*"))
    assert "bulk-communications:sms-broadcast:wait" in keys
    (job,) = connection.lrange("bulk-communications:sms-broadcast:wait", 0, -1)
    assert '"campaignId":7' in job
    assert '"batchId":8' in job


@pytest.mark.parametrize("channel", ["sms", "voice"])
def test_pausing_a_channel_is_a_database_fact(cli: Cli, app: Flask, channel: str) -> None:
    assert cli("queue", "pause", channel).exit_code == 0
    assert control.ChannelState.get_by_id(channel).paused
    assert cli("queue", "resume", channel).exit_code == 0
    assert not control.ChannelState.get_by_id(channel).paused


def test_an_unknown_channel_is_refused_with_the_known_ones(cli: Cli, app: Flask) -> None:
    result = cli("queue", "pause", "pigeon")
    assert result.exit_code == 1
    assert "sms, voice" in result.output


@pytest.mark.both
@pytest.mark.slow
def test_a_worker_told_to_stop_leaves_quickly_and_cleanly(
    worker: Callable[..., subprocess.Popen[bytes]], app: Flask
) -> None:
    running = worker()
    from obidient.workers.living import living_workers

    wait_for(living_workers, what="the worker's heartbeat")
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 0
    assert living_workers() == []


@pytest.mark.slow
def test_plain_huey_consumer_works_for_a_queue(environ: dict[str, str], app: Flask) -> None:
    command = Path(sys.executable).parent / "huey_consumer"
    if not command.exists():
        command = command.with_name("huey_consumer.py")
    with subprocess.Popen(
        [str(command), "obidient.queues.sms", "-g", "TERM"],
        env=dict(os.environ) | environ,
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    ) as running:
        from obidient.workers.living import living_workers

        wait_for(living_workers, what="the consumer's heartbeat")
        assert living_workers()[0].queues == ["sms-broadcast"]
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0


@pytest.mark.both
@pytest.mark.slow
def test_redis_may_go_away_and_come_back_under_a_running_worker(
    backend: str,
    app: Flask,
    redis_server: RedisServer,
    worker: Callable[..., object],
    cli: Cli,
    environ: dict[str, str],
) -> None:
    if backend == "sqlite":
        pytest.skip("there is no Redis")
    worker("sms")
    from obidient.workers.living import living_workers

    wait_for(living_workers, what="the worker")
    redis_server.stop()
    time.sleep(2)
    assert not queues.current().enqueue("sms", "send_batch", campaignId=1, batchId=1)
    redis_server.start()

    def drained() -> bool:
        queues.current().enqueue("sms", "send_batch", campaignId=1, batchId=1)
        time.sleep(0.5)
        return queues.current()["sms"].pending_count() == 0

    wait_for(drained, 30, "the worker to take jobs again")
    log = (Path(environ["LOG_DIR"]) / "server.log").read_text()
    assert "waiting for it to come back" in log
    assert "Traceback" not in log
    assert len([line for line in log.splitlines() if "huey" in line]) < 5


def test_liveness_needs_nothing_and_readiness_the_database(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ready", "problems": []}


def test_a_server_without_redis_still_takes_requests_and_says_so(environ: dict[str, str]) -> None:
    away = create_app(environ | {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    answer = away.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json["status"] == "degraded"
    assert "Redis can't be reached" in answer.json["problems"][0]


def test_readiness_names_a_missing_upgrade(tmp_path: Path) -> None:
    environ = {
        "OBIDIENT_ENV": "development",
        "DATABASE_URL": f"sqlite:///{tmp_path}/new.db",
        "LOG_DIR": str(tmp_path),
    }
    answer = create_app(environ).test_client().get("/readyz")
    assert answer.status_code == 503
    assert "obidient db upgrade" in answer.text


@pytest.mark.both
def test_models_and_migrations_agree(app: Flask) -> None:
    from obidient.database import BaseModel

    models = [model for model in _subclasses(BaseModel) if model.__module__.startswith("obidient")]
    assert len(models) > 20
    tables = set(database.db.get_tables())
    for model in models:
        name = model._meta.table_name
        assert name in tables, name
        columns = {column.name: column for column in database.db.get_columns(name)}
        fields = {field.column_name: field for field in model._meta.sorted_fields}
        assert set(columns) == set(fields), name
        for column, found in columns.items():
            assert found.null == fields[column].null, f"{name}.{column}"


def _subclasses(model: type) -> list[type]:
    found = []
    for child in model.__subclasses__():
        found += [child, *_subclasses(child)]
    return found


@pytest.mark.both
def test_migrations_go_down_and_up_again(app: Flask) -> None:
    runner = Runner(database.db.obj, str(database.MIGRATIONS))
    names = [migration.name for migration in runner.status()]
    runner.down(names[0])
    assert database.pending_migrations() == names
    assert database.upgrade() == names


@pytest.mark.both
def test_a_command_on_a_database_that_is_not_upgraded_says_so(app: Flask, cli: Cli) -> None:
    runner = Runner(database.db.obj, str(database.MIGRATIONS))
    runner.down(next(migration.name for migration in runner.status()))
    answer = cli("user", "create", "ada@example.org", "--role", "admin")
    assert answer.exit_code == 1
    assert answer.output == "Error: The database is not up to date. Run `obidient db upgrade`.\n"


def test_a_command_without_a_database_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:secret@127.0.0.1:{free_port()}/o")
    answer = cli("election", "list")
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: The database can't be reached at postgresql://me:…@")


def test_a_request_that_finds_no_database_may_come_again(environ: dict[str, str]) -> None:
    away = f"postgresql://u:secret@127.0.0.1:{free_port()}/x"
    client = create_app(environ | {"DATABASE_URL": away}).test_client()
    told = client.get(
        "/api/communications/campaigns", headers={"Authorization": "Bearer obi_something"}
    )
    assert (told.status_code, told.content_type) == (503, "application/problem+json")
    assert told.headers["Retry-After"] == "5"
    assert told.json["detail"] == "The database does not answer just now. Try again in a minute."
    with client.session_transaction() as session:
        session["_user_id"] = "1"
    page = client.get("/admin/")
    assert page.status_code == 503
    assert "Try again in a minute" in page.text


@pytest.mark.slow
@pytest.mark.both
def test_two_upgrades_at_once_are_safe(
    backend: str, environ: dict[str, str], app: Flask, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    if backend == "postgres":
        name = environ["DATABASE_URL"].rpartition("/")[2]
        database.db.connection().autocommit = True
        database.db.connection().execute(f"CREATE DATABASE {name}_new")
        url = f"{environ['DATABASE_URL']}_new"
    command = [sys.executable, "-m", "obidient", "db", "upgrade"]
    surroundings = dict(os.environ) | environ | {"DATABASE_URL": url}
    running = [
        subprocess.Popen(command, env=surroundings, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [child.communicate(timeout=120)[0] for child in running]
    assert [child.returncode for child in running] == [0, 0, 0]
    # One of them did it all, the others waited.
    assert sum("Applied 0001" in text for text in said) == 1
    assert all("The database is up to date." in text for text in said)


@pytest.mark.slow
def test_up_names_the_setting_when_its_port_is_taken(environ: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "obidient", "up"],
            env=dict(os.environ) | environ | {"PORT": str(taken.getsockname()[1])},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert "PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_up_serves_refuses_a_second_one_and_stops_within_ten_seconds(
    environ: dict[str, str],
) -> None:
    command = [sys.executable, "-m", "obidient", "up"]
    settings = dict(os.environ) | environ
    with subprocess.Popen(command, env=settings, cwd=ROOT, stdout=subprocess.DEVNULL) as running:
        try:
            port = int(environ["PORT"])

            def answers() -> bool:
                with socket.create_connection(("127.0.0.1", port), 1) as connection:
                    connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                    return b"200" in connection.recv(100)

            wait_for(answers, 30, "the web server")
            second = subprocess.run(
                command, env=settings, cwd=ROOT, capture_output=True, text=True, timeout=30
            )
            assert second.returncode == 1
            assert "running here already" in second.stderr
        finally:
            running.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(10)
            stopped = running.poll() is not None
            running.kill()
    assert stopped


@pytest.mark.parametrize(("env", "people"), [("production", 0), ("development", 400)])
def test_setup_invents_people_in_development_only(
    cli: Cli, app: Flask, monkeypatch: pytest.MonkeyPatch, env: str, people: int
) -> None:
    monkeypatch.setattr(setup, "ROOT", Path(os.environ["LOG_DIR"]))
    monkeypatch.setenv("OBIDIENT_ENV", env)
    result = cli("setup")
    assert result.exit_code == 0
    assert "admin@example.org" in result.output
    assert Contact.select().count() == people


def test_a_log_line_holds_no_phone_number() -> None:
    record = logging.LogRecord(
        "obidient.x", logging.INFO, "", 1, "sent to %s\nand 08035550001", ("+2348035550001",), None
    )
    line = OneLine().format(record)
    assert "5550001" not in line
    assert "\n" not in line


def test_a_log_line_cannot_write_to_a_terminal() -> None:
    text = "GET /results/\x1b[2J\x00\x9b31mẹ\tx"
    record = logging.LogRecord("obidient.x", logging.INFO, "", 1, text, None, None)
    assert OneLine().format(record).endswith("GET /results/?[2J??31mẹ\tx")


def test_queue_health_says_that_the_database_is_away(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:secret@127.0.0.1:{free_port()}/x")
    result = cli("queue", "health")
    assert result.exit_code == 1
    assert "The database can't be reached at postgresql://u:…@127.0.0.1" in result.output
    assert "is empty" not in result.output


@pytest.mark.parametrize(
    "command",
    [
        ("user", "list"),
        ("token", "create", "--user", "a@example.org", "--name", "x"),
        ("queue", "pause", "sms"),
        ("contacts", "suppress", "08035550001"),
        ("campaign", "list"),
        ("results", "verify", "x"),
        ("up",),
    ],
    ids=" ".join,
)
def test_a_command_on_an_old_or_lost_database_says_what_to_do(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    garbage = tmp_path / "no-database.db"
    garbage.write_text("nothing that SQLite could read " * 40)
    for url, said in [
        (f"sqlite:///{tmp_path}/new.db", "Run `obidient db upgrade`."),
        (f"sqlite:///{garbage}", "file is not a database"),
        (f"postgresql://u:secret@127.0.0.1:{free_port()}/x", "Connection refused"),
    ]:
        monkeypatch.setenv("DATABASE_URL", url)
        result = cli(*command)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert said in result.output
        assert "secret" not in result.output
