"""Real servers as larger places run them: Redis with TLS and Sentinels, PgBouncer between."""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis
from click.testing import Result
from conftest import missing
from flask import Flask
from servers import Missing, PostgresServer, RedisServer, free_port, listening, wait_for
from standin_africastalking import API_KEY, StandIn

from obidient import create_app, database, queues, redis_client
from obidient.cache import cache
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.config import ConfigError, Settings
from obidient.contacts.models import Contact
from obidient.extensions import limiter
from obidient.operations import doctor

Cli = Callable[..., Result]


def started(*options: str) -> RedisServer:
    try:
        server = RedisServer(*options)
    except Missing as reason:
        missing(str(reason))
        raise
    server.start()
    return server


def wrong() -> list[str]:
    """Errors that the doctor finds with Redis."""
    return [line.text for line in doctor.redis.lines() if line.state == "error"]


# ---- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("redis+sentinel://h1:26379,h2/", "/NAME/NUMBER"),
        ("redis+sentinel://h1:x/master/0", "host:port"),
        ("redis+sentinel:///master/0", "host:port"),
        ("redis+sentinel://h1/master/x", "/NAME/NUMBER"),
        ("http://h1", "redis+sentinel://"),
    ],
)
def test_a_wrong_address_refuses_to_start_in_a_sentence(url: str, word: str) -> None:
    with pytest.raises(ConfigError, match="REDIS_URL") as found:
        Settings.load({"OBIDIENT_ENV": "development", "REDIS_URL": url})
    assert word in str(found.value)


def test_an_address_of_sentinels_is_read() -> None:
    url = "redis+sentinel://:pw@h1:26380,h2/main/3?sentinel_password=s"
    assert redis_client.sentinel_hosts(url) == [("h1", 26380), ("h2", 26379)]
    assert redis_client.sentinel_service(url) == ("main", 3)
    options = redis_client.pool(url).connection_kwargs
    assert (options["password"], options["db"]) == ("pw", 3)


# ---- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """An authority of our own and a certificate of 127.0.0.1, in a folder."""
    if shutil.which("openssl") is None:
        missing("openssl is not installed")
    folder = tmp_path / "tls"
    folder.mkdir()
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ours",
        "req -newkey rsa:2048 -nodes -keyout redis.key -out redis.csr -subj /CN=127.0.0.1",
        "x509 -req -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out redis.pem -days 2 "
        "-extfile names",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_rediss_with_the_file_of_an_authority(environ: dict[str, str], certificates: Path) -> None:
    port = free_port()
    server = started(
        "--tls-port", str(port), "--requirepass", "secret", "--tls-auth-clients", "no",
        "--tls-cert-file", str(certificates / "redis.pem"),
        "--tls-key-file", str(certificates / "redis.key"),
        "--tls-ca-cert-file", str(certificates / "ca.pem"),
    )  # fmt: skip
    if not listening(port):
        server.stop()
        missing("this redis-server has no TLS")
    base = f"rediss://:secret@127.0.0.1:{port}/0"
    try:
        with create_app(environ | {"REDIS_URL": base}).app_context():
            (line,) = list(doctor.redis.lines())
            assert line.state == "error" and "certificate" in line.text.lower()
            database.db.close()
        url = f"{base}?ssl_ca_certs={certificates / 'ca.pem'}"
        app = create_app(environ | {"REDIS_URL": url})
        with app.app_context():
            assert queues.current().enqueue("sms", "send_batch", campaignId=1, batchId=1)
            assert len(queues.current().storage("sms").enqueued_items()) == 1
            cache.set("document", {"a": 1})
            assert cache.get("document") == {"a": 1}
            assert wrong() == []
            assert limiter.storage.check()
            database.db.close()
        plain = redis.Redis.from_url(f"redis://:secret@127.0.0.1:{server.port}/0")
        kept = {key.decode().partition(":")[0] for key in plain.scan_iter()}
        assert kept >= {"bulk-communications", "live-results"}
    finally:
        server.stop()


# ---- Sentinel -----------------------------------------------------------------------------------


class Watched:
    """A master, a replica and a Sentinel that promotes it."""

    def __init__(self, folder: Path) -> None:
        login = ("--requirepass", "secret", "--masterauth", "secret")
        self.master = started(*login, "--dir", str(folder))
        self.replica = started(
            *login, "--replicaof", "127.0.0.1", str(self.master.port), "--dir", str(folder)
        )
        self.port = free_port()
        file = folder / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor main 127.0.0.1 {self.master.port} 1\n"
            "sentinel auth-pass main secret\nsentinel down-after-milliseconds main 500\n"
            "sentinel failover-timeout main 2000\n"
        )
        self._sentinel = subprocess.Popen(
            [self.master.binary, str(file), "--sentinel"], stdout=subprocess.DEVNULL
        )
        self.url = f"redis+sentinel://:secret@127.0.0.1:{self.port}/main/0"
        wait_for(lambda: listening(self.port), what="Sentinel")
        wait_for(self._sees_replica, what="the replica")

    def _sees_replica(self) -> bool:
        with redis.Redis(port=self.port) as asked:
            return bool(asked.sentinel_master("main")["num-slaves"])

    def stop(self) -> None:
        for server in (self.master, self.replica):
            server.stop()
        self._sentinel.kill()
        self._sentinel.wait()


@pytest.mark.slow
def test_a_campaign_goes_through_a_failover_of_redis(
    environ: dict[str, str],
    tmp_path: Path,
    worker: Callable[..., subprocess.Popen[bytes]],
) -> None:
    watched = Watched(tmp_path)
    try:
        with StandIn() as network:
            environ |= {
                "REDIS_URL": watched.url,
                "PLUGINS": "africastalking",
                "AT_USERNAME": "sandbox",
                "AT_API_KEY": API_KEY,
                "AT_SMS_SENDER_ID": "OBIDIENT",
                "AT_BASE_URL": network.url,
                "SMS_RATE_LIMIT_PER_SECOND": "60",
            }
            with create_app(environ).app_context():
                rows = [{"phone": f"+23480355{n:05d}"} for n in range(400)]
                Contact.insert_many(rows).execute()
                made = control.create(
                    {"title": "T", "message_template": "Hi", "audience": {"everyone": True}}
                )
                control.launch(made.id)
                database.release()
                process = worker("sms", **environ)
                wait_for(lambda: len(network.accepted) > 60, what="the first messages")
                watched.master.stop()
                wait_for(lambda: _completed(made.id), what="the campaign's end")
                assert process.poll() is None
                assert {
                    line.name for line in doctor.redis.lines() if line.state == "error"
                } == set()
                database.db.close()
            phones = [number for number, *_ in network.accepted]
            assert len(phones) == len(set(phones)) == 400
    finally:
        watched.stop()


def _completed(campaign_id: int) -> bool:
    row = Campaign.get_by_id(campaign_id)
    database.release()
    return bool(row.status == "completed")


# ---- PgBouncer ----------------------------------------------------------------------------------


@pytest.fixture
def bouncer(environ: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """PgBouncer in transaction mode, two server connections, in front of the test's database."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        missing("pgbouncer is not installed")
        return
    parts = psycopg.conninfo.conninfo_to_dict(environ["DATABASE_URL"])
    port = free_port()
    folder = Path("/tmp") / f"obidient-bouncer-{port}"
    folder.mkdir()
    (folder / "users").write_text('"postgres" ""\n')
    (folder / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={parts['port']}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder}/users\npool_mode = transaction\ndefault_pool_size = 2\n"
        "ignore_startup_parameters = options, extra_float_digits\nmax_client_conn = 200\n"
    )
    user = PostgresServer._ordinary_user()
    owner = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
    process = subprocess.Popen(
        [program, str(folder / "ini")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **owner,  # type: ignore[arg-type]
    )
    try:
        wait_for(lambda: listening(port), what="PgBouncer")
        yield f"postgresql://postgres@127.0.0.1:{port}/{parts['dbname']}"
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()
        shutil.rmtree(folder)


@pytest.mark.both
@pytest.mark.slow
def test_pgbouncer_in_transaction_mode_serves_requests_and_imports(
    backend: str,
    environ: dict[str, str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if backend == "sqlite":
        pytest.skip("PgBouncer is PostgreSQL's")
    url: str = request.getfixturevalue("bouncer")
    monkeypatch.setenv("DATABASE_URL", url)
    lines = [f"0803555{n:04d},Ada{n}" for n in range(2000)]
    (tmp_path / "people.csv").write_text("\n".join(["phone,first_name", *lines]))
    imported = cli("contacts", "import", str(tmp_path / "people.csv"))
    assert imported.exit_code == 0, imported.output
    app = create_app(environ | {"DATABASE_URL": url})

    def ask(number: int) -> int:
        with app.test_client() as client:
            path = "/api/live-results/elections" if number % 2 else "/readyz"
            return client.get(path).status_code

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(ask, range(600)))
    assert set(answers) == {200}
    with app.app_context():
        assert Contact.select().count() == 2000
        found = {line.name: line for line in doctor.postgres.lines()}
        # What our sessions ask for as they connect is dropped on the way: the server's own counts.
        assert "synchronous_commit" in found["database-durability"].text
    database.db.obj.close_all()


def test_the_cache_may_have_a_redis_of_its_own(
    environ: dict[str, str], redis_server: RedisServer
) -> None:
    other = started("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
    try:
        urls = {"REDIS_URL": redis_server.url, "CACHE_REDIS_URL": other.url}
        with create_app(environ | urls).app_context():
            cache.set("abc", {"x": 1})
            assert redis.Redis.from_url(other.url).get("live-results:abc") == b'{"x":1}'
            assert redis.Redis.from_url(redis_server.url).get("live-results:abc") is None
            policy = {line.name: line.state for line in doctor.redis.lines()}["redis-policy"]
            assert policy == "ok"
            database.db.close()
    finally:
        other.stop()


@pytest.mark.both
def test_a_connection_that_the_server_has_closed_is_not_handed_out(
    app: Flask, backend: str
) -> None:
    if backend != "postgres":
        pytest.skip("SQLite has no server")
    pid = database.db.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
    database.release()
    with psycopg.connect(app.extensions["obidient.settings"].database_url) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
    assert database.db.execute_sql("SELECT pg_backend_pid()").fetchone()[0] != pid
    database.release()


@pytest.mark.both
def test_a_connection_that_lives_is_handed_out_again_unasked(app: Flask, backend: str) -> None:
    if backend != "postgres":
        pytest.skip("SQLite has no server")
    database.reachable()
    connection = database.db.connection()
    database.release()
    with psycopg.connect(app.extensions["obidient.settings"].database_url) as other:
        last = "SELECT query FROM pg_stat_activity WHERE pid = %s"
        before = connection.execute("SELECT 'the last statement'").fetchone()
        database.db.connect()
        (query,) = other.execute(last, (connection.info.backend_pid,)).fetchone()
    assert before == ("the last statement",) and database.db.connection() is connection
    assert query == "SELECT 'the last statement'"
    database.release()
