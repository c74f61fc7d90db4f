"""Putting a backup in the place of the database and the files, with the old ones kept aside."""

import contextlib
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from peewee import PeeweeException

from obidient import database, queues
from obidient.clock import utcnow
from obidient.config import settings
from obidient.errors import Conflict, Invalid, Problem
from obidient.operations.backups import aftermath, archive, making, pg_tools
from obidient.operations.backups.aftermath import Settled
from obidient.operations.backups.archive import Manifest
from obidient.operations.models import WebProcess
from obidient.workers.living import DEAD_AFTER, living_workers


@dataclass(frozen=True)
class Restored:
    manifest: Manifest
    kept: str
    files: int
    settled: Settled


def check_nothing_runs() -> None:
    """Raises Conflict while a process of ours was heard of in the last seconds."""
    running: list[str] = []
    with contextlib.suppress(PeeweeException):
        running += [f"worker {one.host} {one.pid}" for one in living_workers()]
        lately = utcnow() - max(DEAD_AFTER, timedelta(seconds=15))
        query = WebProcess.select().where(WebProcess.beat_at > lately)
        running += [f"web {one.host} {one.pid}" for one in query]
    database.release()
    if running:
        raise Conflict(
            f"Stop everything first: {', '.join(running[:4])} still run. "
            "(systemctl stop obidient.target; a killed one is forgotten after 15 seconds.)"
        )


def look(path: Path) -> Manifest:
    """What a backup holds. Raises Invalid when it does not fit DATABASE_URL."""
    with archive.opened(path) as tar:
        manifest = archive.manifest_of(tar, path)
    here = "postgresql" if database.is_postgres() else "sqlite"
    if manifest.database != here:
        raise Invalid(
            f"This backup holds a {manifest.database} database, and DATABASE_URL names {here}."
        )
    return manifest


def restore(path: Path) -> Restored:
    """Replace the database and the files by those of a backup, paused and with doubts noted."""
    manifest = look(path)
    check_nothing_runs()
    with archive.opened(path) as tar:
        target = Path(database.db.obj.database).parent if manifest.database == "sqlite" else None
        if target is not None:
            target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=target) as folder:
            copy = archive.take_database(tar, manifest, Path(folder))
            if manifest.database == "sqlite":
                settled, kept = _sqlite(copy, manifest)
            else:
                settled, kept = _postgres(copy, Path(folder)), ""
        files = archive.take_folders(tar)
    _forget_jobs()
    return Restored(manifest, kept, files, settled)


def _sqlite(copy: Path, manifest: Manifest) -> tuple[Settled, str]:
    """The copy is made safe before it takes the place of the file."""
    if making.count_sqlite(copy) != manifest.rows:
        raise Problem("The backup is not whole: its tables do not have the rows they should.")
    real = database.db.obj
    path = Path(real.database)
    database.db.close()
    database.db.initialize(database.build_database(f"sqlite:///{copy}"))
    try:
        database.upgrade()
        settled = aftermath.settle()
        database.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.db.close()
        database.db.initialize(real)
    kept = ""
    if path.exists():
        aside = path.with_name(f"{path.name}.before-{utcnow():%Y%m%d-%H%M%S}")
        for suffix in ("", "-wal", "-shm"):
            old = path.with_name(path.name + suffix)
            if old.exists():
                old.rename(aside.with_name(aside.name + suffix))
        kept = str(aside)
    copy.rename(path)
    return settled, kept


def _postgres(dump: Path, folder: Path) -> Settled:
    """All or nothing, in one transaction, with everything that could send paused in it."""
    url = settings().database_url
    script, hold = folder / "restore.sql", folder / "hold.sql"
    pg_tools.write_script(dump, script)
    hold.write_text(aftermath.HOLD_SQL)
    database.db.close()
    pg_tools.run(
        "psql", url, "--no-psqlrc", "--quiet", "--single-transaction", "-v", "ON_ERROR_STOP=1",
        "-c", "DROP SCHEMA public CASCADE", "-c", "CREATE SCHEMA public",
        "-f", str(script), "-c", "SET search_path = public", "-f", str(hold), "-o", "/dev/null",
    )  # fmt: skip
    database.db.obj.close_all()
    database.upgrade()
    return aftermath.settle()


def _forget_jobs() -> None:
    """Hints to what no longer is; the sweeper asks anew for what there is to do."""
    for _name, queue in queues.current():
        with contextlib.suppress(Exception):
            queue.storage.flush_queue()
            queue.storage.flush_schedule()
