"""What the doctor says of workers, providers, the machine, and how it says it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from doctors import PRODUCTION, SECRET, TOKEN, at, named
from doctors import durable as durable
from flask import Flask
from operators import Cli
from servers import PostgresServer
from standin_africastalking import API_KEY, StandIn

from obidient import __version__, queues
from obidient.admin import checkup
from obidient.campaigns.models.campaign import Campaign
from obidient.clock import utcnow
from obidient.operations import doctor
from obidient.operations.doctor import host, providers, workers
from obidient.operations.doctor.report import Line
from obidient.operations.models import Backup
from obidient.workers.models import SweepRun, WorkerProcess

# ---- workers, queues, backups -------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.slow
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


def test_the_cure_of_a_missing_folder_touches_that_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above it may lie what belongs to everybody, such as PostgreSQL's own folder."""
    monkeypatch.setattr(host.os, "access", lambda *_: False)
    (line,) = host._rights(tmp_path / "obidient")
    assert line.state == "error"
    assert f" {tmp_path / 'obidient'}," in line.cure and "chown" not in line.cure


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
    chosen = {
        "PLUGINS": "simulator",
        "SMS_PROVIDER": "simulator-sms",
        "VOICE_PROVIDER": "simulator-voice",
    }
    with at(environ, **chosen, **PRODUCTION):
        found = named(providers.lines)
    assert found["sms-provider"].state == "error"
    assert found["voice-provider"].state == "error"
    with at(environ, **chosen):
        assert named(providers.lines)["sms-provider"].state == "ok"


def test_a_channel_that_nobody_uses_need_not_be_set_up(environ: dict[str, str]) -> None:
    with at(environ, PLUGINS="africastalking,telegram", **PRODUCTION):
        found = named(providers.lines)
        assert {name: line.state for name, line in found.items()} == {
            "sms-provider": "error",
            "voice-provider": "ok",
            "telegram-provider": "ok",
        }
        Campaign.create(title="Calls", channel="voice", status="paused")
        assert named(providers.lines)["voice-provider"].state == "error"
        home = {line.name: line.state for line in checkup.lines()}
        assert (home["SMS"], home["Voice"], home["Telegram"]) == ("warning", "warning", "ok")
    with at(environ, PLUGINS="telegram", TELEGRAM_PROVIDER="telegram-bot", **PRODUCTION):
        assert named(providers.lines)["telegram-provider"].state == "error"


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


def test_a_log_file_that_is_not_ours_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "server.log"
    assert not list(host._log_file(path))
    path.touch()
    assert not list(host._log_file(path))
    monkeypatch.setattr(host.os, "access", lambda *_: False)
    (line,) = host._log_file(path)
    assert line.state == "error" and f"chown obidient: {path}" in line.cure


def test_a_folder_that_is_not_ours_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_text("a file stands where the folder should be")
    with at(environ, DATA_DIR=str(locked)):
        assert named(host.lines)["folders"].state == "error"
        locked.unlink()
        assert named(host.lines)["folders"].state == "ok"


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_no_line_holds_a_secret(environ: dict[str, str], durable: PostgresServer) -> None:
    url = f"postgresql://postgres:hunter2@127.0.0.1:{durable.port}/postgres"
    with at(environ, DATABASE_URL=url, REDIS_URL="redis://:hunter2@127.0.0.1:1/0", **PRODUCTION):
        text = json.dumps([line.as_json() for lines in doctor.examine().values() for line in lines])
    assert "hunter2" not in text and SECRET not in text and TOKEN not in text
