"""Backups that restore: nobody lost, nobody written to twice, nothing broken put in place."""

import signal
import sqlite3
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from flask import Flask
from servers import PostgresServer, wait_for
from standin_africastalking import API_KEY, StandIn

from obidient import database
from obidient.campaigns import control
from obidient.campaigns.models.campaign import (
    Campaign,
    CampaignError,
    ChannelState,
    Recipient,
    RecipientStatus,
)
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.models.voice import TrialCall
from obidient.campaigns.sending import staging
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.operations.models import Backup, WebProcess
from obidient.workers.models import WorkerProcess

Cli = Callable[..., Result]


@pytest.fixture
def network() -> Iterator[StandIn]:
    with StandIn() as standing:
        yield standing


@pytest.fixture
def environ(environ: dict[str, str], network: StandIn) -> dict[str, str]:
    return environ | {
        "PLUGINS": "africastalking",
        "AT_USERNAME": "sandbox",
        "AT_API_KEY": API_KEY,
        "AT_SMS_SENDER_ID": "OBIDIENT",
        "AT_BASE_URL": network.url,
        "SMS_RATE_LIMIT_PER_SECOND": "60",
    }


def people(number: int) -> None:
    rows = [{"phone": f"+23480355{n:05d}", "first_name": f"Ada{n}"} for n in range(number)]
    Contact.insert_many(rows).execute()


def campaign(title: str = "Town hall", **more: Any) -> Campaign:
    values = {"title": title, "message_template": "Come", "audience": {"everyone": True}}
    return control.create(values | more)


def counters(campaign_id: int) -> dict[str, int]:
    """As the campaign's row has them, checked against its recipients."""
    row = Campaign.get_by_id(campaign_id)
    told = {status.column: getattr(row, status.column) for status in RecipientStatus}
    for status in RecipientStatus:
        mine = (Recipient.campaign_id == campaign_id) & (Recipient.status == status)
        assert told[status.column] == Recipient.select().where(mine).count(), status
    assert sum(told.values()) == row.total
    return {name: number for name, number in told.items() if number}


@pytest.mark.both
@pytest.mark.slow
def test_a_backup_of_a_running_campaign_restored_writes_to_nobody_twice(
    app: Flask,
    cli: Cli,
    network: StandIn,
    worker: Callable[..., subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    people(300)
    running = campaign()
    control.launch(running.id)
    first = worker("sms")
    wait_for(lambda: len(network.accepted) > 60, what="the first messages")
    made = cli("backup", str(tmp_path / "mid.tar"))
    assert made.exit_code == 0, made.output
    wait_for(lambda: len(network.accepted) > 150, what="more messages")
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    sent_before = len(network.accepted)
    done = cli("restore", str(tmp_path / "mid.tar"), "--yes")
    assert done.exit_code == 0, done.output
    assert Campaign.get_by_id(running.id).status == "paused"
    unsure = counters(running.id)
    assert set(unsure) <= {"sent", "unconfirmed"}
    assert cli("queue", "resume", "sms").exit_code == 0
    control.resume(running.id)
    database.release()
    worker("sms")
    wait_for(lambda: _is_over(running.id), what="the campaign's end")
    phones = [number for number, *_ in network.accepted]
    assert len(phones) == len(set(phones)) == sent_before
    assert counters(running.id) == unsure
    assert unsure["sent"] + unsure["unconfirmed"] == 300


def _is_over(campaign_id: int) -> bool:
    status = Campaign.get_by_id(campaign_id).status
    database.release()
    return bool(status == "completed")


@pytest.mark.both
@pytest.mark.slow
def test_what_could_send_by_itself_is_held_after_a_restore(
    app: Flask, cli: Cli, tmp_path: Path
) -> None:
    people(30)
    half = campaign("Half staged")
    control.launch(half.id)
    staging.stage_chunk(half.id, 10)
    due = campaign("Came due since")
    Campaign.update(status="scheduled", scheduled_at=utcnow()).where(
        Campaign.id == due.id
    ).execute()
    later = campaign("Tomorrow")
    Campaign.update(status="scheduled", scheduled_at=utcnow().replace(year=2090)).where(
        Campaign.id == later.id
    ).execute()
    draft = campaign("Draft")
    TextAnswer.create(inbound_id=1, phone="+2348035500001", text="Thanks")
    TrialCall.create(campaign_id=draft.id, phone="+2348035500001", state="ringing")
    database.release()
    assert cli("backup", str(tmp_path / "a.tar")).exit_code == 0
    result = cli("restore", str(tmp_path / "a.tar"), "--yes")
    assert result.exit_code == 0, result.output
    assert "2 campaigns" in result.output and "60 people" in result.output
    assert {row.channel for row in ChannelState.select().where(ChannelState.paused)} >= {
        "sms",
        "voice",
    }
    for one in (half, due):
        row = Campaign.get_by_id(one.id)
        assert (row.status, row.staged) == ("paused", True)
        assert "Restored" in row.status_reason
        assert counters(one.id) == {"unconfirmed": 30}
        assert CampaignError.get(CampaignError.campaign_id == one.id).count == 30
    assert Campaign.get_by_id(later.id).status == "scheduled"
    assert Campaign.get_by_id(draft.id).status == "draft"
    assert TextAnswer.get().state == TrialCall.get().state == "unconfirmed"


@pytest.mark.both
@pytest.mark.slow
def test_a_backup_brings_back_rows_and_files_as_they_were(
    app: Flask, cli: Cli, environ: dict[str, str], tmp_path: Path
) -> None:
    people(5)
    data = Path(environ["DATA_DIR"])
    for name in ("audio", "photos/ab"):
        (data / name).mkdir(parents=True)
    (data / "audio" / "a.mp3").write_bytes(b"sound")
    (data / "photos" / "ab" / "p.jpg").write_bytes(b"picture")
    database.release()
    path = tmp_path / "b.tar"
    made = cli("backup", str(path))
    assert made.exit_code == 0, made.output
    assert "2 files" in made.output and "every table has its rows" in made.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Backup.get().error == ""
    Contact.update(first_name="Changed").execute()
    Contact.delete().where(Contact.phone == "+2348035500000").execute()
    (data / "audio" / "a.mp3").unlink()
    database.release()
    assert cli("restore", str(path), "--yes").exit_code == 0
    assert sorted(row.first_name for row in Contact.select()) == [f"Ada{n}" for n in range(5)]
    assert (data / "audio" / "a.mp3").read_bytes() == b"sound"
    assert (data / "photos" / "ab" / "p.jpg").read_bytes() == b"picture"


def test_a_backup_is_tried_and_restored_by_the_python_of_debian_12(
    app: Flask, cli: Cli, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3.11.2, whose tarfile knows no filters; and without them nothing leads out of its folder."""

    def extract(tar: Any, member: Any, path: Any = "", set_attrs: bool = True) -> None:
        raise AssertionError("it writes wherever the archive says")

    monkeypatch.setattr(tarfile.TarFile, "extract", extract)
    monkeypatch.setattr(tarfile.TarFile, "extractall", extract)
    people(2)
    sound = Path(environ["DATA_DIR"]) / "audio" / "old" / "a.mp3"
    sound.parent.mkdir(parents=True)
    sound.write_bytes(b"sound")
    database.release()
    path = tmp_path / "b.tar"
    made = cli("backup", str(path))
    assert made.exit_code == 0, made.output
    sound.unlink()
    assert cli("restore", str(path), "--yes").exit_code == 0
    assert sound.read_bytes() == b"sound"
    with tarfile.open(path, "a") as tar:
        tar.add(sound, "files/audio/../../../outside.mp3")
    refused = cli("restore", str(path), "--yes")
    assert refused.exit_code == 1 and "leads out" in refused.output
    assert not list(tmp_path.rglob("outside.mp3"))


@pytest.mark.slow
def test_a_role_that_makes_no_databases_has_its_backup_read_through(
    cli: Cli, postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = postgres_server.url("postgres")
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute("CREATE ROLE bare LOGIN")
        server.execute("CREATE DATABASE bares OWNER bare")
    host = admin.partition("@")[2].partition("/")[0]
    monkeypatch.setenv("DATABASE_URL", f"postgresql://bare@{host}/bares")
    assert cli("db", "upgrade").exit_code == 0
    made = cli("backup", str(tmp_path / "b.tar"))
    assert made.exit_code == 0, made.output
    assert "read through, not restored on trial" in made.output
    database.release()


@pytest.mark.slow
def test_the_former_database_is_kept_aside(app: Flask, cli: Cli, tmp_path: Path) -> None:
    assert cli("backup", str(tmp_path / "a.tar")).exit_code == 0
    people(3)
    database.release()
    result = cli("restore", str(tmp_path / "a.tar"), "--yes")
    (kept,) = Path(database.db.obj.database).parent.glob("*.before-????????-??????")
    assert str(kept) in result.output
    with closing(sqlite3.connect(kept)) as old:
        assert old.execute("SELECT count(*) FROM contact").fetchone()[0] == 3
    assert Contact.select().count() == 0


@pytest.mark.both
@pytest.mark.slow
def test_a_damaged_backup_replaces_nothing(app: Flask, cli: Cli, tmp_path: Path) -> None:
    people(200)
    database.release()
    path = tmp_path / "a.tar"
    assert cli("backup", str(path)).exit_code == 0
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        entry = next(one for one in tar.getmembers() if one.name.startswith("database"))
    broken = bytearray(whole)
    middle = entry.offset_data + entry.size // 2
    broken[entry.offset_data + 100 : middle] = b"\xff" * (middle - entry.offset_data - 100)
    for number, data in enumerate([bytes(broken), whole[:5000], b"no tar at all"]):
        bad = tmp_path / f"bad-{number}.tar"
        bad.write_bytes(data)
        result = cli("restore", str(bad), "--yes")
        assert result.exit_code == 1, number
        assert "Traceback" not in result.output
        assert Contact.select().count() == 200
        database.release()
    missing = cli("restore", str(tmp_path / "none.tar"), "--yes")
    assert missing.exit_code == 1 and "no file" in missing.output


@pytest.mark.slow
def test_nothing_is_restored_under_a_running_system(app: Flask, cli: Cli, tmp_path: Path) -> None:
    assert cli("backup", str(tmp_path / "a.tar")).exit_code == 0
    WorkerProcess.create(name="w", host="north", pid=7)
    database.release()
    refused = cli("restore", str(tmp_path / "a.tar"), "--yes")
    assert refused.exit_code == 1 and "worker north 7" in refused.output
    WorkerProcess.delete().execute()
    WebProcess.create(name="v", host="north", pid=8, version="1")
    database.release()
    assert "web north 8" in cli("restore", str(tmp_path / "a.tar"), "--yes").output


@pytest.mark.slow
def test_a_backup_of_another_kind_of_database_is_refused(
    app: Flask,
    cli: Cli,
    tmp_path: Path,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert cli("backup", str(tmp_path / "a.tar")).exit_code == 0
    monkeypatch.setenv("DATABASE_URL", postgres_server.url("postgres"))
    result = cli("restore", str(tmp_path / "a.tar"), "--yes")
    assert result.exit_code == 1 and "sqlite" in result.output


def test_a_backup_without_room_fails_in_words_and_leaves_nothing(
    app: Flask, cli: Cli, tmp_path: Path
) -> None:
    for wrong in (tmp_path / "no-such-folder" / "a.tar", tmp_path):
        if wrong == tmp_path:
            (tmp_path / "taken.tar").write_bytes(b"mine")
            wrong = tmp_path / "taken.tar"
        result = cli("backup", str(wrong))
        assert result.exit_code == 1, result.output
    assert (tmp_path / "taken.tar").read_bytes() == b"mine"


def test_old_backups_go_and_other_files_stay(app: Flask, cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in range(1, 6):
        (folder / f"obidient-2024-02-{day:02d}-030000.tar").write_bytes(b"old")
    (folder / "notes.txt").write_text("mine")
    result = cli("backup", str(folder), "--keep", "3")
    assert result.exit_code == 0, result.output
    left = sorted(path.name for path in folder.iterdir())
    assert left[:1] == ["notes.txt"] and len(left) == 4
    assert not (folder / "obidient-2024-02-03-030000.tar").exists()


@pytest.mark.slow
def test_sqlite_is_backed_up_whole_while_it_is_written_to(
    app: Flask, cli: Cli, tmp_path: Path
) -> None:
    """Two rows that only ever move together are equal in every copy."""
    import threading

    database.db.execute_sql("CREATE TABLE pair (a int, b int)")
    database.db.execute_sql("INSERT INTO pair VALUES (0, 0)")
    people(3000)
    file = database.db.obj.database
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(file, timeout=15, isolation_level=None)) as other:
            while not stop.is_set():
                other.execute("BEGIN IMMEDIATE")
                other.execute("UPDATE pair SET a = a + 1")
                other.execute("UPDATE pair SET b = b + 1")
                other.execute("COMMIT")
                # SQLite's locks are not fair: without a rest nobody else gets a turn for long.
                stop.wait(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    database.release()
    try:
        results = [cli("backup", str(tmp_path / f"{n}.tar")) for n in range(3)]
    finally:
        stop.set()
        writer.join()
    for number, result in enumerate(results):
        assert result.exit_code == 0, result.output
        with tarfile.open(tmp_path / f"{number}.tar") as tar:
            copied = tar.extractfile("database.sqlite")
            assert copied is not None
            (tmp_path / f"{number}.sqlite").write_bytes(copied.read())
        with closing(sqlite3.connect(tmp_path / f"{number}.sqlite")) as copy:
            a, b = copy.execute("SELECT a, b FROM pair").fetchone()
        assert a == b
