"""The database and its upgrades: models agree, two at once are safe, an old one says so."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from operators import Cli
from playhouse.migrations import Runner
from servers import free_port, run

from obidient import create_app, database


def test_readiness_names_a_missing_upgrade(tmp_path: Path) -> None:
    environ = {
        "OBIDIENT_ENV": "development",
        "DATABASE_URL": f"sqlite:///{tmp_path}/new.db",
        "LOG_DIR": str(tmp_path),
    }
    answer = create_app(environ).test_client().get("/readyz")
    assert answer.status_code == 503
    assert "obidient db upgrade" in answer.text


@pytest.mark.both
def test_a_database_that_only_reads_is_told_and_read(app: Flask, backend: str) -> None:
    client = app.test_client()
    if backend == "postgres":
        database.db.execute_sql("SET default_transaction_read_only = on")
    told = client.get("/readyz")
    degraded = told.json["status"] == "degraded" and "takes no writes" in told.text
    assert (told.status_code, degraded) == (200, backend == "postgres")
    if backend == "postgres":
        database.db.execute_sql("SET default_transaction_read_only = off")


@pytest.mark.both
def test_models_and_migrations_agree(app: Flask) -> None:
    from obidient.database import BaseModel

    models = [model for model in _subclasses(BaseModel) if model.__module__.startswith("obidient")]
    assert len(models) > 20
    tables = set(database.db.get_tables())
    for model in models:
        name = model._meta.table_name
        assert name in tables, name
        columns = {column.name: column for column in database.db.get_columns(name)}
        fields = {field.column_name: field for field in model._meta.sorted_fields}
        assert set(columns) == set(fields), name
        for column, found in columns.items():
            assert found.null == fields[column].null, f"{name}.{column}"


def _subclasses(model: type) -> list[type]:
    found = []
    for child in model.__subclasses__():
        found += [child, *_subclasses(child)]
    return found


@pytest.mark.both
@pytest.mark.slow
def test_migrations_go_down_and_up_again(app: Flask) -> None:
    runner = Runner(database.db.obj, str(database.MIGRATIONS))
    names = [migration.name for migration in runner.status()]
    runner.down(names[0])
    assert database.pending_migrations() == names
    assert database.upgrade() == names


@pytest.mark.both
@pytest.mark.slow
def test_a_command_on_a_database_that_is_not_upgraded_says_so(app: Flask, cli: Cli) -> None:
    runner = Runner(database.db.obj, str(database.MIGRATIONS))
    runner.down(next(migration.name for migration in runner.status()))
    answer = cli("user", "create", "ada@example.org", "--role", "admin")
    assert answer.exit_code == 1
    assert answer.output == "Error: The database is not up to date. Run `obidient db upgrade`.\n"


def test_a_command_without_a_database_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:secret@127.0.0.1:{free_port()}/o")
    answer = cli("election", "list")
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: The database can't be reached at postgresql://me:…@")


def test_a_request_that_finds_no_database_may_come_again(environ: dict[str, str]) -> None:
    away = f"postgresql://u:secret@127.0.0.1:{free_port()}/x"
    client = create_app(environ | {"DATABASE_URL": away}).test_client()
    told = client.get(
        "/api/communications/campaigns", headers={"Authorization": "Bearer obi_something"}
    )
    assert (told.status_code, told.content_type) == (503, "application/problem+json")
    assert told.headers["Retry-After"] == "5"
    assert told.json["detail"] == "The database does not answer just now. Try again in a minute."
    with client.session_transaction() as session:
        session["_user_id"] = "1"
    page = client.get("/admin/")
    assert page.status_code == 503
    assert "Try again in a minute" in page.text


@pytest.mark.slow
@pytest.mark.both
def test_two_upgrades_at_once_are_safe(
    backend: str, environ: dict[str, str], app: Flask, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    if backend == "postgres":
        name = environ["DATABASE_URL"].rpartition("/")[2]
        database.db.connection().autocommit = True
        database.db.connection().execute(f"CREATE DATABASE {name}_new")
        url = f"{environ['DATABASE_URL']}_new"
    upgrade = partial(run, "obidient", "db", "upgrade", environ=environ | {"DATABASE_URL": url})
    with ThreadPoolExecutor(3) as pool:
        ended = [one.result() for one in [pool.submit(upgrade) for _ in range(3)]]
    assert [code for code, _ in ended] == [0, 0, 0]
    said = [text for _, text in ended]
    # One of them did it all, the others waited.
    assert sum("Applied 0001" in text for text in said) == 1
    assert all("The database is up to date." in text for text in said)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("user", "list"),
        ("token", "create", "--user", "a@example.org", "--name", "x"),
        ("queue", "pause", "sms"),
        ("contacts", "suppress", "08035550001"),
        ("campaign", "list"),
        ("results", "verify", "x"),
        ("up",),
    ],
    ids=" ".join,
)
def test_a_command_on_an_old_or_lost_database_says_what_to_do(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    garbage = tmp_path / "no-database.db"
    garbage.write_text("nothing that SQLite could read " * 40)
    for url, said in [
        (f"sqlite:///{tmp_path}/new.db", "Run `obidient db upgrade`."),
        (f"sqlite:///{garbage}", "file is not a database"),
        (f"postgresql://u:secret@127.0.0.1:{free_port()}/x", "Connection refused"),
    ]:
        monkeypatch.setenv("DATABASE_URL", url)
        result = cli(*command)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert said in result.output
        assert "secret" not in result.output
