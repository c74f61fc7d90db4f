"""What would bite in the database: what a power cut would lose, connections, upgrades, bloat."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from obidient import database, queues
from obidient.config import settings
from obidient.database import db
from obidient.operations.doctor.report import (
    Line,
    clock_line,
    in_production,
    latency_line,
    size,
    span,
)
from obidient.setting_values import describe_url

OLDEST = 14
#: Tables whose rows change all evening.
HOT = (
    "recipient",
    "campaign",
    "batch",
    "raw_callback",
    "submission",
    "tally",
    "throughput",
    "voice_call",
    "worker_process",
)
#: Dead rows beside living ones, and how many dead ones are worth a word.
BLOATED, MANY = 0.5, 50_000
#: Seconds that a transaction may stand open and idle.
IDLE = 300
#: A SQLite file up to this size is read through for damage.
CHECKED = 500e6


def lines() -> Iterator[Line]:
    problem = database.unreachable()
    if problem is not None:
        yield Line("error", "database", problem)
        return
    if database.is_postgres():
        yield from _postgres()
    else:
        yield from _sqlite()
    yield from _upgrades()


def _upgrades() -> Iterator[Line]:
    missing = database.pending_migrations()
    if not missing:
        yield Line("ok", "database-upgrades", "The database is up to date.")
        return
    text = f"The database lacks {len(missing)} upgrades ({missing[0]} first)."
    yield Line("error", "database-upgrades", text, "Run `obidient db upgrade`.")


def _one(sql: str) -> Any:
    return db.execute_sql(sql).fetchone()[0]


def _sqlite() -> Iterator[Line]:
    path = Path(db.obj.database)
    held = path.stat().st_size if path.exists() else 0
    yield Line("ok", "database", f"SQLite file {path}, {size(held)}, for one machine.")
    mode, sync = _one("PRAGMA journal_mode"), _one("PRAGMA synchronous")
    if (mode, sync) == ("wal", 2):
        yield Line("ok", "database-durability", "What is committed survives a power cut.")
    else:
        yield Line(
            "error",
            "database-durability",
            f"SQLite runs with journal_mode {mode} and synchronous {sync}: a power cut forgets who "
            "was written to.",
            "Keep the file on a local disk: network folders do not do what SQLite needs.",
        )
    if held > CHECKED:
        return
    found = _one("PRAGMA quick_check(1)")
    if found == "ok":
        yield Line("ok", "database-damage", "The file is whole.")
    else:
        yield Line(
            "error",
            "database-damage",
            f"The file is damaged: {found}.",
            "Stop everything and restore the last backup: obidient restore FILE.",
        )


def _postgres() -> Iterator[Line]:
    number = int(_one("SHOW server_version_num"))
    shown = str(_one("SHOW server_version")).split()[0]
    where = describe_url(settings().database_url)
    if number < OLDEST * 10_000:
        text = f"PostgreSQL {shown} at {where} is too old."
        yield Line("error", "database", text, f"Upgrade it to {OLDEST} or newer.")
    else:
        yield Line("ok", "database", f"PostgreSQL {shown} at {where} answers.")
    yield from _role()
    yield from _durability()
    yield from _connections()
    yield from _idle()
    yield from _bloat()
    yield latency_line(
        "database-latency",
        "PostgreSQL",
        lambda: _one("SELECT 1"),
        "Put it near the web servers and the workers, on the same network; see what keeps it busy: "
        "SELECT query, state FROM pg_stat_activity.",
    )
    now = float(_one("SELECT extract(epoch FROM clock_timestamp())"))
    yield from clock_line("database-clock", "PostgreSQL", time.time() - now)


def _role() -> Iterator[Line]:
    if _one("SELECT pg_is_in_recovery()"):
        yield Line(
            "error",
            "database-role",
            "This PostgreSQL is a standby and takes no writes.",
            "Point DATABASE_URL at the primary, or promote this one: pg_ctl promote.",
        )


def _durability() -> Iterator[Line]:
    """As our own sessions have it: PgBouncer may drop what we ask for when we connect."""
    wrong = [name for name in ("fsync", "full_page_writes") if _one(f"SHOW {name}") == "off"]
    if _one("SHOW synchronous_commit") == "off":
        wrong.append("synchronous_commit")
    if not wrong:
        yield Line("ok", "database-durability", "What is committed survives a power cut.")
        return
    yield Line(
        in_production(),
        "database-durability",
        f"PostgreSQL runs with {', '.join(wrong)} off: a crash forgets who was written to, and "
        "they get it twice.",
        "; ".join(f"ALTER SYSTEM SET {name} = on" for name in wrong)
        + "; SELECT pg_reload_conf(). (PgBouncer drops what our sessions ask for themselves.)",
    )


def wanted_connections() -> int:
    """Connections that one web host and one host of workers may open together."""
    configured = settings()
    # Beside the threads that answer: one that takes what came in, one that counts for pages.
    web = configured.web_workers * (configured.web_threads + 2)
    channels = queues.current().channels
    # Beside the threads of each queue: two of the ticker's, and the helpers' own.
    workers = sum(configured.channel(channel).concurrency for channel in channels) + 5
    return web + workers


def _connections() -> Iterator[Line]:
    most = int(_one("SHOW max_connections")) - int(_one("SHOW superuser_reserved_connections"))
    used = int(_one("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
    wanted = wanted_connections()
    text = f"{used} of {most} connections are in use; a web and a worker host may take {wanted}."
    if wanted > most or used > most * 0.9:
        yield Line(
            "error",
            "database-connections",
            text,
            "Raise max_connections, lower WEB_CONCURRENCY, WEB_THREADS or …_WORKER_CONCURRENCY, or "
            "put PgBouncer between (docs/deploy.md).",
        )
        return
    yield Line("ok", "database-connections", text)


def _idle() -> Iterator[Line]:
    found = db.execute_sql(
        "SELECT max(extract(epoch FROM now() - xact_start)) FROM pg_stat_activity "
        "WHERE state = 'idle in transaction' AND datname = current_database()"
    ).fetchone()[0]
    if found is not None and float(found) > IDLE:
        yield Line(
            "warning",
            "database-idle",
            f"A transaction has stood open and idle for {span(float(found))}: nothing old can be "
            "cleared away meanwhile.",
            "Find it in pg_stat_activity and end it: SELECT pg_terminate_backend(pid).",
        )


def _bloat() -> Iterator[Line]:
    if _one("SHOW autovacuum") == "off":
        yield Line(
            "error",
            "database-vacuum",
            "autovacuum is off: tables grow and get slower all evening.",
            "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf().",
        )
        return
    marks = ", ".join(["%s"] * len(HOT))
    rows = db.execute_sql(
        "SELECT relname, n_live_tup, n_dead_tup, "
        "extract(epoch FROM now() - greatest(last_vacuum, last_autovacuum)) "
        f"FROM pg_stat_user_tables WHERE relname IN ({marks})",
        HOT,
    ).fetchall()
    bad = [row for row in rows if row[2] > MANY and row[2] > BLOATED * row[1]]
    for name, living, dead, ago in bad:
        when = f"last vacuumed {span(float(ago))} ago" if ago is not None else "never vacuumed"
        yield Line(
            "warning",
            "database-vacuum",
            f"Table {name} holds {dead:,} dead rows beside {living:,} living ones, {when}.",
            f"VACUUM (ANALYZE) {name}; and lower autovacuum_vacuum_scale_factor for it to 0.05.",
        )
    if not bad:
        yield Line("ok", "database-vacuum", "The busy tables are vacuumed.")
