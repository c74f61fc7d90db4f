"""The System and Doctor pages: what runs, how it is set up, what it says; no secret on any."""

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from operators import Cli
from signed_in import sign_in

from obidient import __version__, create_app, database
from obidient.accounts import users
from obidient.admin.operations import system
from obidient.config import documented_settings
from obidient.operations.models import Backup, Restart, WebProcess
from obidient.workers.models import WorkerProcess


@pytest.fixture
def admin(app: Flask, make_user: Callable[..., Any]) -> FlaskClient:
    client = app.test_client()
    sign_in(client, make_user("admin"))
    return client


def text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.get_data(as_text=True))


@pytest.mark.both
def test_processes_backups_and_restarts_are_shown(admin: FlaskClient) -> None:
    WorkerProcess.create(name="w", host="north", pid=11, version="0.0.9", memory=52_000_000, cpu=3)
    WebProcess.create(name="v", host="south", pid=12, version=__version__)
    Backup.create(host="north", path="/b/a.tar", size=5_000_000)
    Restart.create(name="r", host="north", process="worker", times=3, said="was killed (SIGKILL)")
    page = text(admin, "/admin/system/")
    for shown in ("Worker 11", "0.0.9", "52 MB", "Web 12", "/b/a.tar", "5.0 MB", "SIGKILL"):
        assert shown in page, shown


def test_every_setting_is_shown_with_its_source_and_no_secret(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "AT_API_KEY": "hunter-key",
        "METRICS_TOKEN": "hunter-token",
        "REDIS_URL": "",
        "SMTP_URL": "smtp://me:hunter-smtp@127.0.0.1:25",
        "ALERT_TO": "https://chat.example.org/hunter-hook,mailto:hunter@example.org",
        "PHOTO_STORAGE": "s3://key:hunter-s3@s3.example.org/bucket",
        "SMS_BATCH_SIZE": "321",
        "WEB_THREADS": "5",
    }
    monkeypatch.setenv("SMS_BATCH_SIZE", "321")
    app = create_app(environ | secrets)
    with app.app_context():
        person = users.create("a@example.org", "admin", "correct horse battery")
        client = app.test_client()
        sign_in(client, person)
        page = text(client, "/admin/system/settings")
        found = {one.variable: one for one in system.shown_settings()}
        database.db.close()
    for variable, _, _ in documented_settings():
        assert f">{variable}<" in page
    for secret in ("hunter", environ["SECRET_KEY"], environ["COMMUNICATIONS_WEBHOOK_TOKEN"]):
        assert secret not in page
    assert (found["SMS_BATCH_SIZE"].value, found["SMS_BATCH_SIZE"].source) == ("321", "environment")
    assert found["WEB_THREADS"].source == ".env"
    assert (found["VOICE_BATCH_SIZE"].value, found["VOICE_BATCH_SIZE"].source) == ("100", "default")


def test_settings_that_sound_secret_are_masked_and_addresses_lose_their_password() -> None:
    for variable, _, _ in documented_settings():
        if variable.endswith(("_KEY", "_TOKEN", "_PASSWORD", "_SECRET", "_DSN")):
            assert system.masked(variable, "hunter") == "•••", variable
        for address in ("scheme://me:hunter@host/db", "scheme://host/db?password=hunter"):
            assert "hunter" not in system.masked(variable, address), variable


def test_the_end_of_the_log_is_filtered(admin: FlaskClient, environ: dict[str, str]) -> None:
    log = Path(environ["LOG_DIR"]) / "server.log"
    log.write_text(
        "2027-02-25T15:30:45.123Z INFO obidient.x [-] Cache hit <b>bold</b> 08035550001\n"
        "2027-02-25T15:30:46.123Z WARNING obidient.y [sms-worker] a worker is late\n"
        '{"time":"2027-02-25T15:30:47Z","level":"error","message":"it broke"}\n'
    )
    every = text(admin, "/admin/system/log")
    assert every.index("it broke") < every.index("is late") < every.index("Cache hit")
    assert "<b>bold</b>" not in every and "08035550001" not in every
    warnings = text(admin, "/admin/system/log?level=WARNING")
    assert "is late" in warnings and "it broke" in warnings and "Cache hit" not in warnings
    only = text(admin, "/admin/system/log?level=ERROR&q=")
    assert "it broke" in only and "is late" not in only
    assert "is late" in text(admin, "/admin/system/log?q=LATE")
    assert "No such lines" in text(admin, "/admin/system/log?q=nothing-like-it")


@pytest.mark.slow
def test_a_large_log_is_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(b"old line\n" * 400_000 + b"the last one\n")
    lines = system.last_lines(log, "", "")
    assert lines[0] == "the last one" and len(lines) == system.SHOWN
    assert set(lines[1:]) == {"old line"}
    assert system.last_lines(tmp_path / "none", "", "") == []


def test_the_doctors_page_puts_the_worst_first(admin: FlaskClient) -> None:
    page = text(admin, "/admin/doctor/")
    assert "No worker is running" in page and "obidient worker" in page
    section = page[page.index(">Workers</h2>") : page.index(">Providers</h2>")]
    assert section.index("Warning") < section.index("Fine")


def test_the_doctors_page_and_command_say_the_same(admin: FlaskClient, cli: Cli) -> None:
    """Line by line, in words and for programs."""
    page = unescape(text(admin, "/admin/doctor/"))
    lines = json.loads(cli("doctor", "--json").output)["lines"]
    words = cli("doctor").output
    assert len(lines) > 15
    for line in lines:
        assert f"{line['state']:<8} {line['name']}: " in words
        for sentence in (line["text"], line["cure"]):
            # Figures that move between two looks are left out.
            if not any(sign.isdigit() for sign in sentence):
                assert sentence in page and sentence in words, line
