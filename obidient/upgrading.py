"""Upgrades of a database in use: short locks, indexes beside writers, long steps told."""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from peewee import Database, OperationalError, PostgresqlDatabase, SqliteDatabase
from playhouse.migrations import Runner

from obidient.errors import first_line

#: Milliseconds that a statement waits for its lock, while all others wait behind it: less than
#: PostgreSQL's deadlock_timeout, so that of two it is never the worker that is turned away.
LOCK_MS = 500
#: Seconds for which a lock is tried again, and between two words about what goes on.
GIVE_UP, SAY_EVERY = 900.0, 5.0
#: Rows from which a step is told beforehand, and rows a second of each kind of step.
MANY = 50_000
PACE = {"index": 400_000, "change": 50_000}
#: The first upgrade that old processes may live through; those before it are for stopped ones.
FIRST_ROLLING = "0040"

Tell = Callable[[str], None]

_INDEX = re.compile(
    r'\s*CREATE (UNIQUE )?INDEX (?:IF NOT EXISTS )?"?(\w+)"? ON (?:"?\w+"?\.)?"?(\w+)"?', re.I
)
_CHANGE = re.compile(r'\s*(?:UPDATE|DELETE FROM|INSERT INTO) "?(\w+)"?', re.I)
_ADD_COLUMN = re.compile(r"\bADD COLUMN (?!IF NOT EXISTS)", re.I)
_NEW_TABLE = re.compile(r"^\s*CREATE TABLE (?!IF NOT EXISTS)", re.I)


@dataclass(frozen=True)
class Step:
    """A statement that reads a whole table."""

    kind: str
    table: str
    rows: int
    index: str = ""

    @property
    def seconds(self) -> float:
        return self.rows / PACE[self.kind]

    def sentence(self) -> str:
        does = f"building the index {self.index} of" if self.index else "changing rows of"
        return f"{does} {self.table}: {self.rows:,} rows, about {max(1, round(self.seconds)):,} s"


def step_of(sql: str, rows: Callable[[str], int]) -> Step | None:
    """What a statement does to a whole table; None for what takes no time however large it is."""
    if found := _INDEX.match(sql):
        return Step("index", found[3], rows(found[3]), found[2])
    if found := _CHANGE.match(sql):
        return Step("change", found[1], rows(found[1]))
    return None


def gentle(sql: str) -> str:
    """The statement so that it may be done again, and so that an index keeps no writer waiting."""
    if _INDEX.match(sql):
        return re.sub(
            r"^\s*CREATE (UNIQUE )?INDEX (IF NOT EXISTS )?",
            r"CREATE \1INDEX CONCURRENTLY IF NOT EXISTS ",
            sql,
            flags=re.I,
        )
    sql = _ADD_COLUMN.sub("ADD COLUMN IF NOT EXISTS ", sql)
    return _NEW_TABLE.sub("CREATE TABLE IF NOT EXISTS ", sql)


def rows_of(db: Any, table: str) -> int:
    """About how many rows a table has, without counting them; 0 when there is none yet."""
    ask = db.execute_sql
    if isinstance(db, PostgresqlDatabase):
        query = "SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)"
        row = ask(query, (f'"{table}"',)).fetchone()
        return max(0, int(row[0])) if row else 0
    if not db.table_exists(table):
        return 0
    with contextlib.suppress(OperationalError):
        return int(ask(f'SELECT max(rowid) FROM "{table}"').fetchone()[0] or 0)
    return 0


class Rehearsal(Runner):  # type: ignore[misc]
    """Finds the long steps of pending upgrades by doing them to a database that only listens."""

    def long_steps(self) -> list[Step]:
        listening = _listener(self.database)
        steps: list[Step] = []
        runner = Runner(listening, self.directory)
        for migration in self.status():
            if migration.applied or migration.path is None:
                continue
            # One that must look at what it has done can't be foretold.
            with contextlib.suppress(Exception):
                migration.load().up(runner.migrator, listening)
        for sql in listening.said:
            step = step_of(sql, lambda table: rows_of(self.database, table))
            if step is not None and step.rows >= MANY:
                steps.append(step)
        return steps


def _listener(db: Any) -> Any:
    kind = PostgresqlDatabase if isinstance(db, PostgresqlDatabase) else SqliteDatabase

    class Listener(kind):  # type: ignore[misc, valid-type]
        said: list[str] = []

        def execute_sql(self, sql: str, params: Any = None) -> None:
            self.said.append(sql)

        @contextlib.contextmanager
        def atomic(self, *_: Any) -> Iterator[None]:
            yield

    return Listener(None)


class InUse(PostgresqlDatabase):
    """PostgreSQL to which statements are done one by one, each with a short lock."""

    tell: Tell

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        step = step_of(sql, self._rows)
        sql = gentle(sql)
        if step is None or step.rows < MANY:
            return self._patiently(sql, params, step)
        self.tell(f"  {step.sentence()}")
        with self._telling(step):
            return self._patiently(sql, params, step)

    def _do(self, sql: str, params: Any = None) -> Any:
        return super().execute_sql(sql, params)  # type: ignore[no-untyped-call]

    def _beside(self) -> Any:
        """The same database by another connection."""
        return PostgresqlDatabase(self.database, prefer_psycopg3=True, **self.connect_params)

    def _rows(self, table: str) -> int:
        beside = self._beside()
        try:
            return rows_of(beside, table)
        finally:
            beside.close()

    def _patiently(self, sql: str, params: Any, step: Step | None) -> Any:
        """Try again until nobody stands in the way for more than a moment."""
        if step is not None and step.kind == "index":
            self._drop_half_built(step.index)
            # Its locks stop no reader and no writer, so it may wait for them.
            self._do("SET lock_timeout = 0")
        else:
            self._do(f"SET lock_timeout = {LOCK_MS}")
        began = said = time.monotonic()
        pause = 0.1
        while True:
            try:
                return self._do(sql, params)
            except OperationalError as error:
                now = time.monotonic()
                if "lock timeout" not in str(error) or now - began > GIVE_UP:
                    raise
                if now - said > SAY_EVERY:
                    said = now
                    self.tell(f"  waiting for a quiet moment ({first_line(error)})")
            time.sleep(pause)
            pause = min(pause * 1.5, 2.0)

    def _drop_half_built(self, index: str) -> None:
        """An index whose building was stopped stays, of no use, until it is dropped."""
        row = self._do(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", (f'"{index}"',)
        )
        if row.fetchone() == (False,):
            self._do(f'DROP INDEX CONCURRENTLY "{index}"')

    @contextlib.contextmanager
    def _telling(self, step: Step) -> Iterator[None]:
        """Say every few seconds how far a long step is."""
        over = threading.Event()
        watching = threading.Thread(target=self._watch, args=(step, over), daemon=True)
        watching.start()
        began = time.monotonic()
        try:
            yield
        finally:
            over.set()
            watching.join()
        self.tell(f"  done in {time.monotonic() - began:.1f} s")

    def _watch(self, step: Step, over: threading.Event) -> None:
        beside = self._beside()
        began = time.monotonic()
        while not over.wait(SAY_EVERY):
            share = ""
            with contextlib.suppress(Exception):
                row = beside.execute_sql(PROGRESS).fetchone()
                share = f", {row[0]}: {row[1]:.0%}" if row and step.kind == "index" else ""
            self.tell(f"  {time.monotonic() - began:.0f} s{share}")
        beside.close()


PROGRESS = (
    "SELECT phase, CASE WHEN blocks_total > 0 THEN blocks_done::float / blocks_total ELSE 0 END "
    "FROM pg_stat_progress_create_index LIMIT 1"
)


class Gentle(Runner):  # type: ignore[misc]
    """Applies upgrades that old processes live through without one long transaction."""

    def __init__(self, db: InUse, directory: str) -> None:
        super().__init__(db, directory)
        self._gently = db

    def _run(self, name: str, module: Any, direction: str, fake: bool = False) -> None:
        self._gently.tell(f"{name} …")
        module.atomic = False
        super()._run(name, module, direction, fake)


def upgrade(db: Database, directory: str, tell: Tell) -> list[str]:
    """Apply pending upgrades; returns their names. Long steps are told before and meanwhile.

    A statement that was stopped half-way is done again by the next upgrade.
    """
    plain = Rehearsal(db, directory)
    pending = [one.name for one in plain.status() if not one.applied and one.path is not None]
    if not pending:
        return []
    steps = plain.long_steps()
    for step in steps:
        tell(f"A long step: {step.sentence()}.")
    in_use = isinstance(db, PostgresqlDatabase) and pending[0] >= FIRST_ROLLING
    if not in_use or db.in_transaction():
        return list(Runner(db, directory).up())
    beside = InUse(db.database, prefer_psycopg3=True, **db.connect_params)
    beside.tell = tell
    try:
        return list(Gentle(beside, directory).up())
    finally:
        beside.close()
