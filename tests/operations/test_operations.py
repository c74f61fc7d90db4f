"""What operators rely on: health to the letter, queues that are seen and cleared, quiet logs."""

import logging
import os
from pathlib import Path

import pytest
import redis
from black_hole import BlackHole
from flask import Flask
from flask.testing import FlaskClient
from operators import Cli
from servers import free_port

from obidient import breaker, create_app, queue_storage, queues
from obidient.campaigns import control
from obidient.contacts.models import Contact
from obidient.operations import setup
from obidient.operations.logging import LogFile, OneLine
from obidient.operations.supervisor import Supervisor

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


@pytest.mark.slow
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
@pytest.mark.slow
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
@pytest.mark.slow
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
@pytest.mark.slow
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


@pytest.mark.slow
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


def test_liveness_needs_nothing_and_readiness_the_database(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ready", "problems": []}


def test_a_server_without_redis_still_takes_requests_and_says_so(environ: dict[str, str]) -> None:
    away = create_app(environ | {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    answer = away.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json["status"] == "degraded"
    assert "Redis can't be reached" in answer.json["problems"][0]


@pytest.mark.slow
@pytest.mark.parametrize(("env", "people"), [("production", 0), ("development", 400)])
@pytest.mark.parametrize("command", ["setup", "up --prepare"])
def test_a_new_folder_is_prepared_with_people_invented_in_development_only(
    cli: Cli, app: Flask, monkeypatch: pytest.MonkeyPatch, command: str, env: str, people: int
) -> None:
    monkeypatch.setattr(setup, "ROOT", Path(os.environ["LOG_DIR"]))
    monkeypatch.setenv("OBIDIENT_ENV", env)
    # The servers have tests of their own; what is before them is what counts here.
    monkeypatch.setattr(Supervisor, "run", lambda self: None)
    result = cli(*command.split())
    assert result.exit_code == 0, result.output
    assert "admin@example.org" in result.output
    assert (Path(os.environ["LOG_DIR"]) / ".env").exists()
    assert Contact.select().count() == people
    assert "admin@example.org" not in cli(*command.split()).output


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


def test_a_log_file_that_cannot_be_opened_stops_nobodys_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "server.log"
    path.mkdir()
    log = LogFile(path, delay=True)
    record = logging.LogRecord("obidient.x", logging.INFO, "", 1, "sent", None, None)
    log.emit(record)
    log.emit(record)
    told = capsys.readouterr().err
    assert told.count("The log file can't be written to") == 1 and str(path) in told
    path.rmdir()
    log.emit(record)
    log.close()
    assert path.read_text() == "sent\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root begins a file for another user")
def test_a_log_that_roots_command_begins_belongs_to_the_service(tmp_path: Path) -> None:
    service = 65534
    os.chown(tmp_path, service, service)
    log = LogFile(tmp_path / "server.log", delay=True)
    log.emit(logging.LogRecord("obidient.x", logging.INFO, "", 1, "sent", None, None))
    log.close()
    assert (tmp_path / "server.log").stat().st_uid == service


@pytest.mark.slow
def test_queue_health_says_that_the_database_is_away(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:secret@127.0.0.1:{free_port()}/x")
    result = cli("queue", "health")
    assert result.exit_code == 1
    assert "The database can't be reached at postgresql://u:…@127.0.0.1" in result.output
    assert "is empty" not in result.output
