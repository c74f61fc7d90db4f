"""Alerts leave the machine once, are repeated, and end with an all-clear, by each way out."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from flask import Flask
from servers import free_port, wait_for
from standin_africastalking import API_KEY, StandIn

from obidient import create_app, database, queues
from obidient.campaigns import control
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import lifecycle
from obidient.clock import utcnow
from obidient.config import ConfigError, Settings
from obidient.operations import heart
from obidient.operations.alerts import conditions, database_away, watching
from obidient.operations.doctor import host, providers
from obidient.operations.doctor.report import Line
from obidient.operations.models import Alert, Backup, WebProcess
from obidient.workers.models import SweepRun, TickerLease, WorkerProcess


class Hook:
    """A webhook that remembers what it got."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.got.append(json.loads(self.rfile.read(length)))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/secret"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def subjects(self) -> list[str]:
        return [one["subject"] for one in self.got]


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def environ(environ: dict[str, str], hook: Hook) -> dict[str, str]:
    return environ | {"ALERT_TO": hook.url}


def look(later: timedelta = timedelta()) -> None:
    """The next round, as if time had passed."""
    TickerLease.update(until=None).execute()
    for field in (Alert.since, Alert.said_at):
        for row in Alert.select().where(field.is_null(False)):
            moved = getattr(row, field.name) - later
            Alert.update({field: moved}).where(Alert.name == row.name).execute()
    watching.check()


MINUTE = timedelta(seconds=61)


@pytest.mark.both
@pytest.mark.slow
def test_what_lasts_is_told_once_repeated_and_cleared(app: Flask, hook: Hook) -> None:
    queues.current().enqueue("sms", "send_batch", campaignId=1, batchId=1)
    SweepRun.create(name="x", ran_at=utcnow())
    look()
    assert hook.got == []
    look(MINUTE)
    assert hook.subjects == ["Needs you"]
    assert "Nothing is consuming the SMS queue" in hook.got[0]["text"]
    look(MINUTE)
    look(MINUTE)
    assert len(hook.got) == 1
    look(watching.REMIND)
    assert hook.subjects[-1].startswith("Still, after 4 hours")
    WorkerProcess.create(name="w", host="h", pid=1, queues=["sms-broadcast"])
    look()
    assert hook.subjects[2:] == ["All clear"]
    look(MINUTE)
    assert len(hook.got) == 3
    assert watching.open_alerts() == []


def test_a_campaign_that_paused_itself_is_told_of_until_somebody_acts(
    app: Flask, hook: Hook
) -> None:
    SweepRun.create(name="x", ran_at=utcnow())
    going = {"status": "sending", "staged": True, "queued": 1_200, "total": 2_000}
    rally, drive = (Campaign.create(title=title, **going) for title in ("Rally", "Drive"))
    lifecycle.pause_with_reason(rally.id, "40% of its messages failed")
    control.pause(drive.id)
    for later in (timedelta(), MINUTE, MINUTE):
        look(later)
    # A person's own pause is no news.
    assert hook.subjects == ["Needs you"]
    said = "“Rally” paused itself: 40% of its messages failed. 1,200 people wait."
    assert said in hook.got[0]["text"] and f"/campaigns/{rally.id}/" in hook.got[0]["text"]
    # Resumed, and stopped again by hand: nothing of the first pause is left.
    control.resume(rally.id)
    control.pause(rally.id)
    look(MINUTE)
    assert hook.subjects[1:] == ["All clear"] and watching.open_alerts() == []


def test_a_blip_is_nobodys_worry(app: Flask, hook: Hook) -> None:
    SweepRun.create(name="x", ran_at=utcnow() - timedelta(minutes=5))
    look()
    SweepRun.update(ran_at=utcnow()).execute()
    look(MINUTE)
    look(MINUTE)
    assert hook.got == []


@pytest.mark.slow
def test_nobody_reached_is_tried_again(app: Flask, hook: Hook) -> None:
    SweepRun.create(name="x", ran_at=utcnow() - timedelta(days=1))
    hook.status = 500
    look()
    look(MINUTE)
    assert len(hook.got) == 1 and Alert.get().said_at is None
    hook.status = 200
    look()
    assert len(hook.got) == 2 and Alert.get().said_at is not None


def test_two_that_look_at_once_tell_once(app: Flask, hook: Hook) -> None:
    SweepRun.create(name="x", ran_at=utcnow() - timedelta(days=1))
    look()
    Alert.update(since=utcnow() - MINUTE).execute()
    TickerLease.update(until=None).execute()
    watching.check()
    watching.check()
    assert len(hook.got) == 1


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("callbacks", lambda: RawCallback.create(**callback())),
        ("sweeper", lambda: SweepRun.create(name="x", ran_at=utcnow(), error="ValueError: no")),
    ],
)
def test_each_condition_is_seen_and_gone(app: Flask, name: str, make: Callable[[], Any]) -> None:
    before = dict(conditions.everywhere())
    row = make()
    assert name in dict(conditions.everywhere()) and name not in before
    row.delete_instance()
    assert name not in dict(conditions.everywhere())


def callback() -> dict[str, Any]:
    columns = {column.name: column for column in database.db.get_columns("raw_callback")}
    values: dict[str, Any] = {"provider": "p", "event": "delivery", "state": "failed"}
    fields = RawCallback._meta.fields
    for field in fields.values():
        if field.name in values or field.default is not None or field.null:
            continue
        if field.name != "id" and not columns[field.column_name].null:
            values[field.name] = {} if "JSON" in type(field).__name__ else b""
    return values


def test_a_filling_disk_is_told_by_its_machine(
    app: Flask, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Line("warning", "disk", "1 GB (4%) are free.", "Free some.")
    monkeypatch.setattr(host, "disks", lambda: iter([full]))
    look()
    look(MINUTE)
    assert any("1 GB (4%)" in one["text"] for one in hook.got)
    monkeypatch.setattr(host, "disks", lambda: iter([]))
    look()
    assert "All clear" in hook.subjects


def test_a_refused_key_is_told(environ: dict[str, str]) -> None:
    with StandIn() as network:
        keys = {
            "PLUGINS": "africastalking",
            "AT_USERNAME": "obidient",
            "AT_BASE_URL": network.url,
            "AT_SMS_SENDER_ID": "OBIDIENT",
        }
        for key, told in (("wrong", True), (API_KEY, False)):
            with create_app(environ | keys | {"AT_API_KEY": key}).app_context():
                assert ("sms-provider" in dict(conditions.everywhere())) is told
                database.db.close()


def test_the_bar_is_shown_to_those_who_can_act(app: Flask, make_user: Callable[..., Any]) -> None:
    from signed_in import sign_in

    Alert.create(name="a", sentence="The disk is filling.", said_at=utcnow())
    for role, shown in (("admin", True), ("organiser", False)):
        client = app.test_client()
        sign_in(client, make_user(role))
        page = client.get("/admin/").get_data(as_text=True)
        assert ("The disk is filling." in page) is shown


# ---- the ways out -------------------------------------------------------------------------------


class Mailbox:
    """A mail server on a free port, as much of SMTP as a letter needs."""

    def __init__(self) -> None:
        self.letters, self.port = list[bytes](), 0
        ready = threading.Event()

        async def serve() -> None:
            self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
            async with await asyncio.start_server(self._talk, "127.0.0.1", 0) as server:
                self.port = server.sockets[0].getsockname()[1]
                ready.set()
                await self._ended.wait()

        self._thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
        self._thread.start()
        assert ready.wait(60)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                self.letters.append(await reader.readuntil(b"\r\n.\r\n"))
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            writer.write(b"250 fine\r\n")
        writer.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(5)


def test_mail_sms_and_webhook_all_get_it(environ: dict[str, str], hook: Hook) -> None:
    mailbox = Mailbox()
    try:
        with StandIn() as network:
            more = {
                "ALERT_TO": f"mailto:ops@example.org, {hook.url}, sms:+2348035550001",
                "SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}?from=watch@example.org",
                "PLUGINS": "africastalking",
                "AT_USERNAME": "obidient",
                "AT_API_KEY": API_KEY,
                "AT_BASE_URL": network.url,
                "AT_SMS_SENDER_ID": "OBIDIENT",
            }
            with create_app(environ | more).app_context():
                assert watching.telling.tell("Needs you", "The disk is filling.") == 3
                database.db.close()
            assert [number for number, *_ in network.accepted] == ["+2348035550001"]
        letter = message_from_bytes(mailbox.letters[0])
        assert letter["To"] == "ops@example.org" and letter["From"] == "watch@example.org"
        assert letter["Subject"] == "[Obidient] Needs you"
        assert "The disk is filling." in letter.get_payload()
        assert hook.got[0]["text"] == "Needs you: The disk is filling."
    finally:
        mailbox.close()


def test_one_way_that_is_shut_does_not_shut_the_others(
    environ: dict[str, str], hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    more = {
        "ALERT_TO": f"telegram:12345,mailto:ops@example.org,{hook.url}",
        "SMTP_URL": "smtp://user:hunter2@127.0.0.1:1",
        "PLUGINS": "",
    }
    with create_app(environ | more).app_context():
        assert watching.telling.tell("Needs you", "x") == 1
        database.db.close()
    assert "telegram" in caplog.text and "mailto" in caplog.text
    assert "hunter2" not in caplog.text and "ops@example.org" not in caplog.text


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"ALERT_TO": "ops@example.org"}, "ALERT_TO"),
        ({"ALERT_TO": "sms:0803"}, "ALERT_TO"),
        ({"ALERT_TO": "mailto:ops@example.org"}, "SMTP_URL"),
        ({"SMTP_URL": "mail.example.org"}, "SMTP_URL"),
    ],
)
def test_a_wrong_setting_refuses_to_start_in_a_sentence(wrong: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Settings.load({"OBIDIENT_ENV": "development"} | wrong)


@pytest.mark.both
def test_a_web_process_says_that_it_lives_and_leaves(app: Flask) -> None:
    heart.beat()
    heart.beat()
    assert WebProcess.get().memory > 1_000_000
    heart.leave()
    assert WebProcess.select().count() == 0


@pytest.mark.slow
def test_a_redis_that_is_away_is_told_until_it_is_back(
    environ: dict[str, str], redis_server: Any
) -> None:
    for url, told in (("redis://127.0.0.1:1/0", True), (redis_server.url, False)):
        with create_app(environ | {"REDIS_URL": url}).app_context():
            assert ("redis" in dict(conditions.everywhere())) is told
            database.db.close()


def test_a_failed_backup_is_told_until_one_goes_well(app: Flask) -> None:
    Backup.create(host="north", path="/b", error="the disk is full.")
    assert "the disk is full" in dict(conditions.everywhere())["backup"]
    Backup.create(host="north", path="/b")
    assert "backup" not in dict(conditions.everywhere())


def test_a_low_balance_is_told_until_it_is_topped_up(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for amount, told in ((Decimal(10), True), (Decimal(90_000), False)):
        line = providers.balance_line("africastalking-sms", amount, "NGN")
        monkeypatch.setattr(providers, "lines", lambda line=line: iter([line]))
        assert ("balance" in dict(conditions.everywhere())) is told


def test_a_slow_network_holds_no_sweep_up(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go = threading.Semaphore(0), threading.Event()

    def slow() -> None:
        began.release()
        assert go.wait(60)

    monkeypatch.setattr(watching, "check", slow)
    watching.look_aside()
    assert began.acquire(timeout=60)
    watching.look_aside()
    assert not began.acquire(timeout=0.2)
    go.set()
    wait_for(lambda: not watching._looking.locked(), what="the end of the look")
    watching.look_aside()
    assert began.acquire(timeout=60)
    wait_for(lambda: not watching._looking.locked(), what="the end of the look")


@pytest.mark.slow
def test_a_database_that_is_away_is_told_once_and_so_is_its_return(
    app: Flask, environ: dict[str, str], hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "check", lambda: None)
    away = create_app(
        environ | {"DATABASE_URL": f"postgresql://u:secret@127.0.0.1:{free_port()}/x"}
    )
    clock = [1_000_000.0]
    monkeypatch.setattr(database_away.time, "time", lambda: clock[0])
    with away.app_context():
        heart.beat_once(True)
        assert hook.got == []
        for _ in range(3):
            clock[0] += 61
            heart.beat_once(True)
        assert hook.subjects == ["Needs you"]
        assert "The database can't be reached" in hook.got[0]["text"]
        assert "secret" not in hook.got[0]["text"]
        clock[0] += 4 * 3600
        heart.beat_once(True)
        assert hook.subjects == ["Needs you"] * 2
    back = create_app(environ)
    with back.app_context():
        heart.beat_once(True)
        heart.beat_once(True)
    assert hook.subjects == ["Needs you", "Needs you", "All clear"]
