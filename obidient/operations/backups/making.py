"""Making a backup while everything runs, and restoring it on trial before it is called one."""

import secrets
import socket
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.errors import InsufficientPrivilege

from obidient import __version__, database
from obidient.clock import utcnow
from obidient.config import settings
from obidient.errors import Invalid, Problem, first_line
from obidient.operations.backups import archive, pg_tools
from obidient.operations.backups.archive import DATABASE, Manifest
from obidient.operations.models import Backup


@dataclass(frozen=True)
class Made:
    """`check` says how the trial went, in a sentence."""

    path: Path
    size: int
    files: int
    rows: int
    check: str


def target(given: Path) -> Path:
    """The file to write: `given`, or a new name in that folder. Raises Invalid if it exists."""
    if given.is_dir():
        given = given / f"obidient-{utcnow():%Y-%m-%d-%H%M%S}.tar"
    if not given.parent.is_dir():
        raise Invalid(f"There is no folder {given.parent}. Make it, or name another.")
    if given.exists():
        raise Invalid(f"{given} exists already. Name another file, or a folder.")
    return given


def make(given: Path) -> Made:
    """Back everything up into one file, and note how it went for the doctor."""
    path, began = target(given), time.monotonic()
    row: dict[str, Any] = {"host": socket.gethostname(), "path": str(path.absolute())}
    try:
        manifest, files = _write(path)
        check = test(path)
    except (Problem, OSError) as error:
        said = getattr(error, "detail", str(error))
        Backup.create(**row, error=said, took_seconds=time.monotonic() - began)
        raise error if isinstance(error, Problem) else Problem(f"No backup: {error}.") from error
    size = path.stat().st_size
    Backup.create(**row, size=size, took_seconds=time.monotonic() - began)
    return Made(path, size, files, sum(manifest.rows.values()), check)


def _write(path: Path) -> tuple[Manifest, int]:
    """The database first: a file that a row of it names is there, since files stay."""
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=path.parent) as folder:
        copy = Path(folder) / "copy"
        rows = _dump(copy) if database.is_postgres() else _copy(copy)
        kind = "postgresql" if database.is_postgres() else "sqlite"
        at = utcnow().isoformat(timespec="seconds")
        manifest = Manifest(__version__, at, socket.gethostname(), kind, rows)
        with archive.written(path) as tar:
            archive.put_manifest(tar, manifest)
            tar.add(copy, DATABASE[kind])
            return manifest, archive.put_folders(tar)


def _copy(to: Path) -> dict[str, int]:
    """SQLite's online backup: one moment of the file, whoever writes meanwhile."""
    with (
        closing(sqlite3.connect(database.db.obj.database)) as source,
        closing(sqlite3.connect(to)) as copy,
    ):
        # All pages in one go: in steps, each write of somebody else would begin it anew.
        source.backup(copy, pages=-1)
    return count_sqlite(to)


def count_sqlite(path: Path) -> dict[str, int]:
    """Rows of each table. Raises Problem for a file that is not whole."""
    with closing(sqlite3.connect(path)) as file:
        found = file.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise Problem(f"The copy of the database is damaged: {found}.")
        names = [
            name
            for (name,) in file.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
                "AND sql NOT LIKE 'CREATE VIRTUAL%'"
            )
        ]
        return {
            name: int(file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])
            for name in names
        }


def _dump(to: Path) -> dict[str, int]:
    """pg_dump of one snapshot, in which the rows are counted as well."""
    url = settings().database_url
    with psycopg.connect(_plain(url)) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = connection.execute("SELECT pg_export_snapshot()").fetchone()
        snapshot = str(found[0]) if found else ""
        pg_tools.run("pg_dump", url, "-Fc", "--snapshot", snapshot, "--no-owner", "-f", str(to))
        return count_postgres(connection)


def _plain(url: str) -> str:
    """libpq knows the scheme by this name only."""
    return "postgresql://" + url.partition("://")[2]


def count_postgres(connection: psycopg.Connection[Any]) -> dict[str, int]:
    names = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    ).fetchall()
    counted = {}
    for (name,) in names:
        row = connection.execute(f'SELECT count(*) FROM "{name}"'.encode()).fetchone()
        counted[str(name)] = int(row[0]) if row else 0
    return counted


# ---- the trial ----------------------------------------------------------------------------------


def test(path: Path) -> str:
    """Restore a backup on trial; returns a sentence. Raises Problem when it is not what it says."""
    with (
        archive.opened(path) as tar,
        tempfile.TemporaryDirectory(prefix=".trial-", dir=path.parent) as folder,
    ):
        manifest = archive.manifest_of(tar, path)
        copy = archive.take_database(tar, manifest, Path(folder))
        # Reads every file of the archive to its end.
        for entry in tar.getmembers():
            file = tar.extractfile(entry) if entry.isfile() else None
            while file is not None and file.read(2**20):
                pass
        if manifest.database == "sqlite":
            found = count_sqlite(copy)
        else:
            try:
                found = _restore_aside(copy)
            except InsufficientPrivilege:
                pg_tools.write_script(copy, Path("/dev/null"))
                return (
                    "It was read through, not restored on trial: this user may not make a "
                    "database (ALTER ROLE … CREATEDB)."
                )
    wrong = [name for name, rows in manifest.rows.items() if found.get(name) != rows]
    if wrong:
        raise Problem(f"The backup is not whole: {', '.join(wrong)} differ when restored.")
    return "It was restored on trial, and every table has its rows."


def _restore_aside(dump: Path) -> dict[str, int]:
    """Into a database of its own on the same server, which is dropped again."""
    url = settings().database_url
    name = f"obidient_trial_{secrets.token_hex(4)}"
    aside = pg_tools.other_database(url, name)
    with psycopg.connect(_plain(url), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        try:
            pg_tools.run("pg_restore", aside, "--no-owner", "--exit-on-error", str(dump))
            with psycopg.connect(_plain(aside)) as connection:
                return count_postgres(connection)
        except psycopg.Error as error:
            raise Problem(f"The trial failed: {first_line(error)}.") from error
        finally:
            # It waits for ours to end, and sends autovacuum away; FORCE may not, by our role.
            server.execute(f"DROP DATABASE IF EXISTS {name}".encode())


def keep(folder: Path, number: int) -> list[Path]:
    """Delete all but the newest `number` backups that were named by us in a folder."""
    mine = sorted(folder.glob("obidient-????-??-??-??????.tar"), reverse=True)
    for path in mine[number:]:
        path.unlink()
    return mine[number:]
