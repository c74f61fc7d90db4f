"""/metrics: guarded, counted over all processes of a host, and kept when they die."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from conftest import base_environ
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from servers import wait_for
from standin_africastalking import API_KEY, StandIn

from obidient import create_app, database, metrics, queues
from obidient.campaigns import control
from obidient.contacts.models import Contact
from obidient.operations.models import Alert, Backup
from obidient.workers.models import WorkerProcess

ROOT = Path(__file__).parents[2]
SECRET = "x7Kd93hQpLm2Vb8Rt5Yw1Zc6Nf4Gs0Aj"


def read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value; fails on what Prometheus could not read."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("settings", "header", "status"),
    [
        ({"OBIDIENT_ENV": "production", "SECRET_KEY": SECRET}, "", 404),
        ({"OBIDIENT_ENV": "production", "SECRET_KEY": SECRET, "METRICS_TOKEN": "t"}, "", 401),
        ({"METRICS_TOKEN": "right"}, "Bearer wrong", 401),
        ({"METRICS_TOKEN": "right"}, "right", 401),
        ({"METRICS_TOKEN": "right"}, "Bearer right", 200),
        ({"METRICS_TOKEN": "right"}, "Bearer ünïcode", 401),
        ({}, "", 200),
    ],
)
def test_who_may_read(
    environ: dict[str, str], settings: dict[str, str], header: str, status: int
) -> None:
    with create_app(environ | settings).test_client() as client:
        headers = {"Authorization": header} if header else {}
        assert client.get("/metrics", headers=headers).status_code == status


@pytest.mark.both
@pytest.mark.slow
def test_how_everything_stands_is_told(app: Flask, client: FlaskClient) -> None:
    queues.current().enqueue("sms", "send_batch", campaignId=1, batchId=1)
    WorkerProcess.create(name="w", host="north", pid=1, version="9", memory=5, cpu=1.5)
    Backup.create(host="north", path="/b")
    Alert.create(name="a", said_at="2027-01-01")
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain")
    found = read(answer.get_data(as_text=True))
    queue = (("queue", "sms-broadcast"), ("state", "waiting"))
    assert found["obidient_queue_jobs", queue] == 1
    assert found["obidient_queue_consumers", (("queue", "sms-broadcast"),)] == 0
    assert found["obidient_database_up", ()] == found["obidient_redis_up", ()] == 1
    assert found["obidient_alerts_open", ()] == 1
    assert 0 <= found["obidient_backup_age_seconds", ()] < 60
    assert found["obidient_sweeper_age_seconds", ()] == -1
    who = (("host", "north"), ("kind", "worker"), ("pid", "1"), ("version", "9"))
    assert found["obidient_process_memory_bytes", who] == 5


def test_a_database_that_is_away_takes_only_its_own_lines_along(tmp_path: Path) -> None:
    environ = base_environ(tmp_path) | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    with create_app(environ).test_client() as client:
        found = read(client.get("/metrics").get_data(as_text=True))
    assert found["obidient_database_up", ()] == 0


COUNTING = """
import sys
from pathlib import Path
from obidient import metrics
metrics.count("obidient_callbacks", state="before")
metrics.start(Path(sys.argv[1]))
metrics.count("obidient_callbacks", 3, state="applied")
metrics.observe("obidient_provider_call_seconds", 0.2, provider="p")
"""


@pytest.mark.slow
def test_what_dead_processes_counted_is_kept_in_one_file(tmp_path: Path) -> None:
    for _ in range(3):
        command = [sys.executable, "-c", COUNTING, str(tmp_path)]
        subprocess.run(command, cwd=ROOT, check=True)
    metrics.fold(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["counter_0.db", "histogram_0.db"]
    script = (
        "import sys; from pathlib import Path; from obidient import metrics; "
        "metrics.start(Path(sys.argv[1])); "
        "print([s for f in metrics.counted() for s in f.samples])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert "'state': 'applied'}, value=9.0" in done.stdout, done.stderr
    assert "before" not in done.stdout
    assert "name='obidient_provider_call_seconds_count', labels={'provider': 'p'}, value=3.0" in (
        done.stdout
    )


@pytest.mark.slow
def test_what_a_killed_process_left_half_written_stops_nobody(tmp_path: Path) -> None:
    """Before, an empty file kept every worker of the host from starting, and /metrics was a 500."""
    for name in ("counter_0.db", "counter_999998.db", "histogram_999998.db", "gauge_all_999998.db"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "counter_999999.db").write_bytes(b"\x00\x01\x00\x00" + b"\xff" * 400)
    (tmp_path / f"histogram_{os.getppid()}.db").write_bytes(b"")
    script = (
        "import sys; from pathlib import Path; from obidient import metrics; "
        "metrics.start(Path(sys.argv[1])); metrics.count('obidient_callbacks', 2, state='a'); "
        "Path(sys.argv[1], 'counter_1.db').touch(); "
        "print([s.value for f in metrics.counted() for s in f.samples if s.labels.get('state')])"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[2.0]\n", done.stderr
    assert "counter_999999.db is damaged" in done.stderr
    assert not list(tmp_path.glob("*_99999?.db"))


@pytest.mark.slow
def test_commands_do_not_load_prometheus() -> None:
    script = (
        "import sys, obidient.cli; from obidient import create_app; "
        "create_app({'OBIDIENT_ENV': 'development'}); sys.exit('prometheus_client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


@pytest.fixture
def environ(environ: dict[str, str]) -> Iterator[dict[str, str]]:
    with StandIn() as network:
        yield environ | {
            "PLUGINS": "africastalking",
            "AT_USERNAME": "sandbox",
            "AT_API_KEY": API_KEY,
            "AT_SMS_SENDER_ID": "OBIDIENT",
            "AT_BASE_URL": network.url,
            "WEB_CONCURRENCY": "2",
        }


@pytest.mark.slow
def test_web_and_workers_add_up_in_one_answer(
    app: Flask,
    server: Callable[[], str],
    worker: Callable[..., subprocess.Popen[bytes]],
) -> None:
    Contact.insert_many([{"phone": f"+23480355{n:05d}"} for n in range(250)]).execute()
    base = server()
    worker("sms")
    made = control.create({"title": "T", "message_template": "Hi", "audience": {"everyone": True}})
    control.launch(made.id)
    database.release()
    for _ in range(20):
        with urllib.request.urlopen(f"{base}/healthz") as answer:
            assert answer.status == 200
        with pytest.raises(HTTPError), urllib.request.urlopen(f"{base}/nothing/{os.getpid()}"):
            pass

    def told() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        with urllib.request.urlopen(f"{base}/metrics") as answer:
            return read(answer.read().decode())

    sent = ("obidient_messages_total", (("outcome", "sent"), ("provider", "africastalking-sms")))
    wait_for(lambda: told().get(sent) == 250, what="all messages counted")
    found = told()
    route = (("method", "GET"), ("route", "/healthz"), ("status", "200"))
    assert found["obidient_http_requests_total", route] == 20
    unknown = (("method", "ANY"), ("route", "unknown"), ("status", "404"))
    assert found["obidient_http_requests_total", unknown] == 20
    provider = (("provider", "africastalking-sms"),)
    assert found["obidient_provider_call_seconds_count", provider] >= 3
    kinds = [dict(labels)["kind"] for name, labels in found if "heartbeat" in name]
    assert sorted(kinds) == ["web", "web", "worker"]
