"""Disks that are full, imports that are killed: told, nothing half kept or counted twice."""

import contextlib
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from results_world import make_world, sheet
from signed_in import sign_in
from small_sounds import mp3

from obidient import create_app, database, files, jobs
from obidient.accounts import tokens, users
from obidient.contacts import imports
from obidient.contacts.models import Contact
from obidient.errors import Problem
from obidient.jobs import Job
from obidient.operations import health
from obidient.results import deciding
from obidient.results.live import copies
from obidient.results.received import Sender, receive

PASSWORD = "correct horse battery"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of twelve megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can make a disk that is small enough to fill")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "filler"]


@pytest.fixture
def small(environ: dict[str, str], disk: Path, app: Flask) -> Iterator[FlaskClient]:
    """A client of an app whose uploads have little room."""
    made = create_app(environ | {"DATA_DIR": str(disk / "data")})
    made.config["WTF_CSRF_ENABLED"] = False
    with made.app_context():
        yield made.test_client()
        database.release()


@pytest.mark.slow
def test_an_upload_to_a_full_disk_is_507_and_leaves_nothing(
    small: FlaskClient, disk: Path, auth: Callable[..., dict[str, str]]
) -> None:
    fill(disk)
    headers = auth("admin")
    recording = {"file": (io.BytesIO(mp3()), "a.mp3")}
    contacts = {"file": (io.BytesIO(b"phone\n" + b"08030000001\n" * 5000), "a.csv")}
    for path, data in (
        ("/api/communications/audio-assets", recording),
        ("/api/contacts/import", contacts),
    ):
        answer = small.post(path, data=data, headers=headers)
        assert answer.status_code == 507, answer.text
        assert "disk is full" in answer.json["detail"]
    assert left(disk) == []
    assert Job.select().count() == 0


@pytest.mark.slow
def test_the_admins_page_says_it_as_well(
    small: FlaskClient, disk: Path, make_user: Callable[..., Any]
) -> None:
    fill(disk)
    sign_in(small, make_user("organiser"))
    data = {"file": (io.BytesIO(b"phone\n" + b"08030000001\n" * 5000), "a.csv")}
    page = small.post("/admin/import/", data=data, follow_redirects=True)
    assert "disk is full" in page.text
    assert left(disk) == []


@pytest.mark.slow
def test_little_room_is_told_before_it_is_none(small: FlaskClient, disk: Path) -> None:
    ready = small.get("/readyz").json
    assert ready["status"] == "degraded"
    assert "MB left" in ready["problems"][0]
    fill(disk)
    assert "is full" in small.get("/readyz").json["problems"][0]
    assert any("is full" in one for one in health.queue_health().problems)


def test_a_file_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file"
    with pytest.raises(ZeroDivisionError), files.kept(path) as out:
        out.write(b"half")
        raise ZeroDivisionError
    assert left(tmp_path) == []
    files.keep(io.BytesIO(b"whole"), path)
    assert path.read_bytes() == b"whole"
    assert left(tmp_path) == [path]


@pytest.mark.slow
def test_with_sqlites_disk_full_what_only_reads_goes_on(
    environ: dict[str, str], disk: Path, tmp_path: Path
) -> None:
    source = environ["DATABASE_URL"].removeprefix("sqlite:///")
    (disk / "small.db").write_bytes(Path(source).read_bytes())
    made = create_app(environ | {"DATABASE_URL": f"sqlite:///{disk}/small.db"})
    made.config["WTF_CSRF_ENABLED"] = False
    with made.app_context():
        make_world()
        admin = users.create("admin@example.org", "admin", PASSWORD)
        header = {"Authorization": f"Bearer {tokens.issue(admin, 't')}"}
        with database.db.atomic():
            receive([sheet("a")], Sender())
        deciding.process_waiting()
        client = made.test_client()
        sign_in(client, admin)
        summary = "/api/live-results/elections/abc123/live-summary"
        assert client.get(summary).status_code == 200
        fill(disk)
        for path in (summary, "/results/", "/results/abc123", "/admin/", "/admin/contacts/"):
            assert client.get(path).status_code == 200, path
        assert client.get("/api/communications/campaigns", headers=header).status_code == 200
        # Void, and still the copy at hand.
        copies.current()._entries[summary].fresh_until = 0
        assert client.get(summary).status_code == 200
        written = write_until_refused(client, header)
        assert written.status_code == 503
        assert "The disk is full" in written.json["detail"]
        (disk / "filler").unlink()
        database.release()


def write_until_refused(client: FlaskClient, header: dict[str, str]) -> Any:
    """Room that SQLite has in its files is used up first."""
    body = {"title": "T", "messageTemplate": "x" * 1000, "audience": {"everyone": True}}
    for _ in range(3000):
        answer = client.post("/api/communications/campaigns", json=body, headers=header)
        if answer.status_code != 201:
            return answer
    raise AssertionError("the disk takes everything")


# ---- imports ------------------------------------------------------------------------------------


class Killed(BaseException):
    """As a signal would: nothing of ours may catch it."""


@pytest.mark.both
@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_an_import_that_was_killed_counts_nobody_twice(
    app: Flask, tmp_path: Path, killed_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", 100)
    path = tmp_path / "people.csv"
    rows = [f"0803{number:07d},Ada{number}" for number in range(350)]
    rows[7], rows[220], rows[330] = "nonsense,Bad", "123,Worse", rows[329]
    path.write_text("phone,first_name\n" + "\n".join(rows) + "\n")
    job = Job.create(kind="contacts-import")
    calls = 0

    def progress(report: imports.Report, read: int, size: int) -> None:
        nonlocal calls
        calls += 1
        jobs.progress(job, read, size, **report.as_json())
        if calls == killed_at:
            raise Killed

    problems = tmp_path / "problems.csv"
    with pytest.raises(Killed):
        imports.run(path, problems=problems, progress=progress)
    before = Job.get_by_id(job.id).report
    # What was being written when it was killed is not counted, for it was not kept.
    assert Contact.select().count() == before.get("new", 0) == (killed_at - 1) * 100
    report = imports.run(path, problems=problems, progress=progress, before=before)
    assert (report.rows, report.new, report.updated, report.duplicates, report.bad) == (
        350,
        347,
        0,
        1,
        2,
    )
    assert Contact.select().count() == 347
    assert problems.read_text().count("\n") == 3


def test_a_full_disk_is_a_problem_with_a_sentence() -> None:
    assert issubclass(files.DiskFull, Problem)
    assert files.is_full(OSError(28, "No space left on device"))
    assert not files.is_full(OSError(13, "Permission denied"))
