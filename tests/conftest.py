"""Fixtures: two backends, real servers, real processes; nothing outside this machine is reached.

Every test runs on SQLite without Redis; those marked `both` run again on PostgreSQL with Redis.
"""

import contextlib
import gc
import itertools
import operator
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import africastalking  # noqa: F401 - theirs, before pytest puts plugins/ in front of it
import in_memory
import psycopg
import pytest
import quick_apps
import redis
import whole_parse
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import expect
from servers import Missing, PostgresServer, RedisServer, free_port, listening, process, wait_for

from obidient import cli as cli_module
from obidient import create_app, database, process_app
from obidient.accounts import tokens, users
from obidient.accounts.models import User
from obidient.campaigns import costly

ROOT = Path(__file__).parent.parent
IN_CI = bool(os.environ.get("CI"))
PASSWORD = "correct horse battery"
#: What a developer's own environment must not lend to a test.
OURS = ("DATABASE_URL", "REDIS_URL", "PLUGINS", "PUBLIC_URL", "QUIET_HOURS", "AT_API_KEY", "PORT")


# A machine that does other things as well is slow, and that is no finding.
hypothesis_settings.register_profile(
    "obidient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("obidient")
in_memory.install()
quick_apps.install()
whole_parse.install()
# Nor is a count that takes its time, which a page would then show again without counting.
costly.QUICK = 3_600
# Nor is a page that takes its time while others work beside it.
expect.set_options(timeout=300_000)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests come first in the share of each worker, so that none is left to wait for one.

    The longest of all have a timeout of their own, and come before the others.
    """
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    if workers == 1:
        return
    is_long = [any(map(one.get_closest_marker, ("slow", "browser"))) for one in items]
    long = list(itertools.compress(items, is_long))
    long.sort(key=lambda one: one.get_closest_marker("timeout") is None)
    short = list(itertools.compress(items, map(operator.not_, is_long)))
    size = -(-len(short) // workers)
    items[:] = [
        one
        for worker in range(workers)
        for one in long[worker::workers] + short[worker * size : (worker + 1) * size]
    ]


def pytest_collection_finish() -> None:
    """What is there for the whole run need not be looked through for rubbish, again and again.

    Nor need the app of each test be looked for at once: a tenth of quick tests went there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def missing(reason: str) -> None:
    """A missing server is a failure in CI and a visible skip elsewhere."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(autouse=True, scope="session")
def only_this_machine() -> Iterator[None]:
    """Connections to other hosts fail the test that makes them."""
    real = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            host = str(address[0])
            if not host.startswith("127.") and host not in ("localhost", "::1", "0.0.0.0"):
                raise AssertionError(f"a test tried to reach {host}")
        real(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    yield
    socket.socket.connect = real  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in OURS if name in os.environ}
    yield
    os.environ.update(kept)


@pytest.fixture(autouse=True)
def apps_of_one_test() -> Iterator[None]:
    quick_apps.begin()
    yield
    quick_apps.end()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    try:
        server = RedisServer()
    except Missing as reason:
        missing(str(reason))
        return
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    try:
        server = PostgresServer()
    except Missing as reason:
        missing(str(reason))
        return
    server.start()
    yield server
    server.destroy()


def base_environ(folder: Path) -> dict[str, str]:
    return {
        "OBIDIENT_ENV": "development",
        "SECRET_KEY": secrets.token_hex(32),
        "COMMUNICATIONS_WEBHOOK_TOKEN": "webhook-token-of-the-tests",
        "LOG_DIR": str(folder),
        "DATA_DIR": str(folder / "data"),
        "LOG_LEVEL": "warning",
        "QUIET_HOURS": "",
        "PORT": str(free_port()),
        "SMS_RATE_LIMIT_PER_SECOND": "5000",
    }


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy, which is faster than to migrate for each test."""
    folder = tmp_path_factory.mktemp("template")
    path = folder / "template.db"
    app = create_app(base_environ(folder) | {"DATABASE_URL": f"sqlite:///{path}"})
    with app.app_context():
        database.upgrade()
    database.db.close()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> PostgresServer:
    """A server with a migrated database `template_obidient` to copy."""
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_obidient")
    environ = base_environ(tmp_path_factory.mktemp("pg"))
    app = create_app(environ | {"DATABASE_URL": postgres_server.url("template_obidient")})
    with app.app_context():
        database.upgrade()
    database.db.obj.close_all()
    return postgres_server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("both")
        backends = ["sqlite", "postgres"] if marked else ["sqlite"]
        metafunc.parametrize("backend", backends, indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def environ(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[dict[str, str]]:
    """The environment of the backend under test, for subprocesses as well."""
    values = base_environ(tmp_path)
    if backend == "sqlite":
        template: Path = request.getfixturevalue("migrated_sqlite")
        copy = tmp_path / "obidient.db"
        shutil.copy(template, copy)
        yield values | {"DATABASE_URL": f"sqlite:///{copy}"}
        return
    server: PostgresServer = request.getfixturevalue("migrated_postgres")
    cache: RedisServer = request.getfixturevalue("redis_server")
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        # By default from 15 on, each page of the copy would go through the log.
        how = "STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_obidient {how}")
    redis.Redis.from_url(cache.url).flushall()
    yield values | {"DATABASE_URL": server.url(name), "REDIS_URL": cache.url}
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(server.url("postgres"), autocommit=True) as connection,
    ):
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def app(environ: dict[str, str]) -> Iterator[Flask]:
    """A migrated app, its context pushed."""
    made = create_app(environ)
    made.test_client_class = FreshClient
    with made.app_context():
        yield made
    made.extensions["obidient.mailbox"].close()
    if not database.db.is_closed():
        database.db.close()
    if hasattr(database.db.obj, "close_all"):
        database.db.obj.close_all()


class FreshClient(FlaskClient):
    """Each request in a context of its own: in the test's, `g` would outlive the request."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        with self.application.app_context():
            return super().open(*args, **kwargs)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def cli(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `obidient ARGS…` in this process: cli("queue", "health")."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, input: str | None = None) -> Result:
        # Each command is a process of its own, with an app of its own.
        process_app.cache_clear()
        return CliRunner().invoke(cli_module.main, list(arguments), input=input)

    return run


@pytest.fixture
def make_user(app: Flask) -> Callable[..., User]:
    def make(role: str = "admin", email: str = "", password: str = PASSWORD, **more: Any) -> User:
        address = email or f"{role}-{secrets.token_hex(3)}@example.org"
        return users.create(address, role, password, **more)

    return make


@pytest.fixture
def auth(make_user: Callable[..., User]) -> Callable[..., dict[str, str]]:
    """auth("organiser") or auth("admin", "campaigns:read") -> an Authorization header."""

    def header(role: str = "admin", *scopes: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens.issue(make_user(role), 'test', scopes)}"}

    return header


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails whatever opens a connection, to a server or a SQLite file."""
    # Simulated phones of earlier tests may still be ringing.
    others = set(threading.enumerate()) - {threading.current_thread()}

    def refusing(real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(*arguments: Any, **more: Any) -> Any:
            assert threading.current_thread() in others, "a connection was opened"
            return real(*arguments, **more)

        return connect

    monkeypatch.setattr(socket.socket, "connect", refusing(socket.socket.connect))
    monkeypatch.setattr(sqlite3, "connect", refusing(sqlite3.connect))


@pytest.fixture
def worker(environ: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """worker("sms") starts a real `obidient worker` and ends it with the test."""
    with contextlib.ExitStack() as stack:

        def start(*channels: str, **more: str) -> subprocess.Popen[bytes]:
            return stack.enter_context(
                process("obidient", "worker", *channels, environ=environ | more, cwd=ROOT)
            )

        yield start


@pytest.fixture
def server(environ: dict[str, str]) -> Iterator[Callable[[], str]]:
    """server() starts a real gunicorn on PORT and returns its address."""
    with contextlib.ExitStack() as stack:

        def start() -> str:
            port = int(environ["PORT"])
            config = str(ROOT / "gunicorn.conf.py")
            stack.enter_context(process("gunicorn", "-c", config, environ=environ, cwd=ROOT))
            wait_for(lambda: listening(port), what="gunicorn")
            return f"http://127.0.0.1:{port}"

        yield start


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium, quiet about the hosts it would like to reach."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        missing("Chromium is not installed")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    # A microphone that beeps, allowed without a question to pages that may ask for it.
    pretended = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    arguments = [*sandbox, *quiet, *pretended, "--disable-gpu", "--no-first-run", "--disable-quic"]
    return browser_type_launch_args | {"executable_path": found, "args": arguments}
