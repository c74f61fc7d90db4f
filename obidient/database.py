"""The database: one Peewee proxy, SQLite or PostgreSQL behind it, and the base model."""

import contextlib
import hashlib
import logging
import select
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from flask import Flask
from peewee import (
    Database,
    DatabaseProxy,
    DateTimeField,
    InterfaceError,
    Model,
    OperationalError,
    PeeweeException,
    PostgresqlDatabase,
    SqliteDatabase,
)
from playhouse.migrations import Runner
from playhouse.pool import PooledPostgresqlDatabase

from obidient import upgrading
from obidient.config import ROOT, Settings, settings
from obidient.errors import first_line
from obidient.letters import one_spelling
from obidient.setting_values import describe_url

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: Every model is bound to this; `init_app` puts the real database behind it.
db = DatabaseProxy()

MIGRATIONS = Path(__file__).parent / "migrations"
#: Any number will do, as long as all upgrades ask for the same one.
UPGRADE_LOCK = 6_174_001

#: libpq's names; seconds, and how many go unanswered.
KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

#: How long a writer waits for its turn on SQLite, milliseconds, and how often it looks, seconds.
BUSY_MS, LOOK = 15_000, 0.004
#: Milliseconds that SQLite itself waits within `in_turn`: it looks sooner for short writes.
SHORT_MS = 20


class UtcDateTimeField(DateTimeField):
    """Naive UTC; an aware datetime is converted on the way in."""

    def db_value(self, value: Any) -> Any:
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return super().db_value(value)  # type: ignore[no-untyped-call]


class BaseModel(Model):
    """Bound to `db`; every table has an integer `id` unless it says otherwise."""

    id: Any  # an AutoField on the class, a number on a row

    class Meta:
        database = db
        legacy_table_names = False


# Python 3.12 drops its own adapter; this is the form Peewee reads back.
sqlite3.register_adapter(datetime, lambda moment: moment.isoformat(" "))


def is_postgres() -> bool:
    return isinstance(db.obj, PostgresqlDatabase)


def _sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _one_spelling(text: str | None) -> str | None:
    return None if text is None else one_spelling(text)


def sha256_sql(text: str) -> str:
    """SQL for the SHA-256 of a text expression in small hexadecimal letters, compared as bytes."""
    if is_postgres():
        return f"encode(sha256(convert_to({text}, 'UTF8')), 'hex') COLLATE \"C\""
    return f"sha256_hex({text})"


def mark() -> str:
    """The database's parameter mark."""
    return "%s" if is_postgres() else "?"


def contains(column: Any, part: str) -> Any:
    """Whether a number, or a word without capitals, has this part; `part` has no % or _ in it.

    ILIKE takes PostgreSQL three times as long as LIKE; SQLite has no such choice.
    """
    pattern = f"%{part}%"
    return column.like(pattern) if is_postgres() else column.ilike(pattern)


def is_storable(value: Any) -> bool:
    """Whether both databases take all texts of a value: a text, or lists and dicts of them."""
    if isinstance(value, str):
        return (value.isascii() and "\0" not in value) or storable(value) == value
    if isinstance(value, Mapping):
        return all(map(is_storable, value)) and all(map(is_storable, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_storable, value))
    return True


def aside(write: Callable[[], object]) -> None:
    """Note something that nothing hangs on: where it can't be written, the request goes on.

    A full disk, or a database that only reads, costs the note and not the page.
    """
    try:
        with db.atomic():
            write()
    except OperationalError as error:
        logger.warning("not noted: %s", first_line(error))


def locked(query: Any, skip: bool = False) -> Any:
    """The query, its rows locked until the transaction ends; `skip` passes over locked ones.

    SQLite needs nothing: its transaction has the whole file.
    """
    return query.for_update(skip_locked=skip) if is_postgres() else query


def storable(text: str) -> str:
    """What both databases take as text: without NULs, and without halves of a letter."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def persist(write: Callable[[], T], seconds: float = 3600) -> T:
    """Do `write` (a whole transaction, safe to repeat) however often it takes.

    For what must not be lost, such as the outcome of a call: a deadlock, a locked file or a
    database that restarts is waited out. Raises the last error after `seconds`.
    """
    give_up = time.monotonic() + seconds
    delay = 0.05
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > give_up or db.in_transaction():
                raise
            logger.warning("database: %s; trying again", first_line(error))
            with contextlib.suppress(Exception):
                db.close()
            time.sleep(delay)
            delay = min(delay * 2, 2)


class TurnTakingSqlite(SqliteDatabase):
    """SQLite whose writers look for their turn at a steady pace.

    SQLite's own waiting looks ever more rarely, in the end ten times a second: beside a busy writer
    the unlucky wait for many seconds.
    """

    def begin(self, lock_type: str | None = None) -> None:
        waiting: Any = self.connection()  # type: ignore[no-untyped-call]
        waiting.execute("PRAGMA busy_timeout = 0")
        begin = super().begin
        try:
            self.in_turn(lambda: begin(lock_type))
        finally:
            waiting.execute(f"PRAGMA busy_timeout = {BUSY_MS}")

    def in_turn(self, write: Callable[[], object]) -> object:
        """Do `write` once nobody else writes, on a connection that itself hardly waits."""
        give_up = time.monotonic() + BUSY_MS / 1000
        while True:
            try:
                return write()
            except OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(LOOK)

    def rollback(self) -> None:
        """After some errors SQLite has done it by itself: the error itself is what matters."""
        try:
            super().rollback()
        except OperationalError as error:
            if "no transaction is active" not in str(error):
                raise


class Pool(PooledPostgresqlDatabase):  # type: ignore[misc]
    """Connections handed out without a question to the server.

    Peewee asks it each time whether the connection is alive, while every other thread waits for
    the pool. One that the server has closed can be read from, which the socket says by itself.
    """

    def _is_closed(self, conn: Any) -> bool:
        if conn.closed:
            return True
        look = select.poll()
        look.register(conn.fileno(), select.POLLIN)
        asked: bool = bool(look.poll(0)) and super()._is_closed(conn)
        return asked


def build_database(url: str) -> Database:
    """A closed database handle for DATABASE_URL; nothing is opened or created yet."""
    if url.startswith("sqlite:///"):
        return _sqlite(url)
    return _postgres(url, Pool, max_connections=100, stale_timeout=300, timeout=10)


def of_one_connection(url: str) -> Database:
    """The same, for threads that use its one connection in turn; SQLite writes `in_turn`."""
    if url.startswith("sqlite:///"):
        return _sqlite(url, busy_ms=SHORT_MS, thread_safe=False, check_same_thread=False)
    return _postgres(url, PostgresqlDatabase, thread_safe=False)


def _sqlite(url: str, busy_ms: int = BUSY_MS, **more: Any) -> Database:
    path = url.removeprefix("sqlite:///")
    if path != ":memory:":
        path = str(ROOT / path)
    found = TurnTakingSqlite(
        path,
        pragmas={
            "journal_mode": "wal",
            # NORMAL loses the last commits at a power cut; here those are sent messages.
            "synchronous": "full",
            "foreign_keys": 1,
            "busy_timeout": busy_ms,
            "cache_size": -32_000,
        },
        # A deferred transaction that turns into a writer fails at once, whatever the timeout.
        lock_type="IMMEDIATE",
        **more,
    )
    found.register_function(_sha256_hex, "sha256_hex", 1, deterministic=True)
    found.register_function(_one_spelling, "one_spelling", 1, deterministic=True)
    return found


def _postgres(url: str, kind: Callable[..., Database], **more: Any) -> Database:
    parts = urlsplit(url)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    options.setdefault("connect_timeout", 5)
    options.setdefault("application_name", "obidient")
    # A server that vanished without a word is missed within a minute, not after two hours.
    for name, value in KEEPALIVE.items():
        options.setdefault(name, value)
    # Whatever the server's default: a claim that a crash forgets would be sent twice.
    options["options"] = f"{options.get('options', '')} -c synchronous_commit=on".strip()
    return kind(
        unquote(parts.path.lstrip("/")),
        prefer_psycopg3=True,
        # PgBouncer in transaction mode hands a session on: a statement prepared there is another's.
        prepare_threshold=None,
        host=parts.hostname or options.pop("host", None),
        port=parts.port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        **more,
        **options,
    )


def init_app(app: Flask, settings: Settings) -> None:
    """Put the configured database behind `db`; connections open on first use, per thread."""
    db.initialize(build_database(settings.database_url))
    app.extensions["obidient.database"] = db.obj
    app.teardown_appcontext(_close)


def _close(_error: BaseException | None) -> None:
    release()


def release() -> None:
    """Give this thread's connection back, unless a transaction is open on it."""
    if db.obj is not None and not db.is_closed() and not db.in_transaction():
        db.close()


def release_shared() -> None:
    """Give a connection of the pool back before this thread waits for something else.

    On SQLite a connection keeps nobody out, and a new one has to read the whole schema.
    """
    if is_postgres():
        release()


def disconnect() -> None:
    """Close every connection, before a fork: a copy of this process must not share one."""
    release()
    if isinstance(db.obj, PooledPostgresqlDatabase):
        db.obj.close_all()


@contextlib.contextmanager
def upgrade_lock() -> Iterator[None]:
    """Hold off a second upgrade: an advisory lock on PostgreSQL, a lock file beside SQLite."""
    if is_postgres():
        db.execute_sql("SELECT pg_advisory_lock(%s)", (UPGRADE_LOCK,))
        try:
            yield
        finally:
            db.execute_sql("SELECT pg_advisory_unlock(%s)", (UPGRADE_LOCK,))
        return
    import fcntl

    path = Path(db.obj.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".upgrade-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def upgrade(tell: Callable[[str], None] = logger.info) -> list[str]:
    """Apply pending migrations, safely when several processes try; returns their names.

    On PostgreSQL others work on meanwhile: no lock of theirs is kept waiting for a second. `tell`
    gets a sentence about each long step, before it and while it lasts.
    """
    if not is_postgres():
        Path(db.obj.database).parent.mkdir(parents=True, exist_ok=True)
    with upgrade_lock():
        return upgrading.upgrade(db.obj, str(MIGRATIONS), tell)


def long_steps() -> list[str]:
    """A sentence for each pending step that goes through a large table."""
    steps = upgrading.Rehearsal(db.obj, str(MIGRATIONS)).long_steps()
    return [f"A long step: {step.sentence()}." for step in steps]


def pending_migrations() -> list[str]:
    """Names of migrations not applied yet, oldest first."""
    runner = Runner(db.obj, str(MIGRATIONS))
    return [migration.name for migration in runner.status() if not migration.applied]


def reachable() -> str | None:
    """None when the database answers, else the reason it does not."""
    try:
        db.execute_sql("SELECT 1")
    except PeeweeException as error:
        return first_line(error)
    return None


def only_reads() -> str | None:
    """A sentence, without its full stop, when PostgreSQL answers and takes no writes."""
    with contextlib.suppress(PeeweeException):
        if is_postgres() and db.execute_sql("SHOW transaction_read_only").fetchone()[0] == "on":
            return "The database takes no writes: it is a standby, or was made read-only"
    return None


def unreachable() -> str | None:
    """None when the database answers, else a sentence that says what to do."""
    problem = reachable()
    if problem is None:
        return None
    where = describe_url(settings().database_url)
    start = "Start it" if is_postgres() else "Look at that file"
    return f"The database can't be reached at {where}: {problem}. {start}, or correct DATABASE_URL."


def not_upgraded() -> str | None:
    """A sentence with the command when upgrades are missing; None also while nobody can say."""
    with contextlib.suppress(PeeweeException):
        if pending_migrations():
            return "The database is not up to date. Run `obidient db upgrade`."
    return None


def trouble() -> str | None:
    """What explains that a statement failed: no database there, or one that is not up to date."""
    with contextlib.suppress(PeeweeException):
        # The failed statement may have left a transaction that answers nothing more.
        db.rollback()
    problem = unreachable()
    return problem or not_upgraded()
