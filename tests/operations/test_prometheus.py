"""The rules and the dashboard of deploy/, tried with Prometheus' own programs."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import missing
from flask import Flask
from servers import free_port, wait_for
from standin_africastalking import API_KEY, StandIn

from obidient import database, queues
from obidient.campaigns import control
from obidient.contacts.models import Contact
from obidient.database import db
from obidient.operations.models import Backup
from obidient.results import demo as results_demo
from obidient.results.received import Sender, receive

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus"


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed")
    return str(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")]
)
def test_promtool_accepts_the_rules_and_their_tests(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [program("promtool"), *arguments], cwd=RULES, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_of_the_rules_cover_every_rule() -> None:
    rules = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"][0]["rules"]
    tests = (RULES / "alerts_test.yml").read_text()
    for rule in rules:
        assert tests.count(rule["alert"]) >= 2, rule["alert"]
        assert {"summary", "action"} <= set(rule["annotations"])


def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    text = (RULES / "prometheus.yml").read_text()
    text = text.replace("/etc/prometheus/obidient-token", str(token))
    (tmp_path / "prometheus.yml").write_text(text)
    shutil.copy(RULES / "alerts.yml", tmp_path)
    file = str(tmp_path / "prometheus.yml")
    done = subprocess.run([program("promtool"), "check", "config", file], capture_output=True)
    assert done.returncode == 0, done.stdout


def queries() -> list[str]:
    panels = json.loads((DEPLOY / "grafana" / "obidient.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.fixture
def environ(environ: dict[str, str]) -> Iterator[dict[str, str]]:
    path = "/api/communications/webhooks/africastalking-sms/delivery"
    token = environ["COMMUNICATIONS_WEBHOOK_TOKEN"]
    address = f"http://127.0.0.1:{environ['PORT']}{path}?token={token}"
    with StandIn(receipts=address, delay=0.1) as network:
        yield environ | {
            "PLUGINS": "africastalking",
            "AT_USERNAME": "sandbox",
            "AT_API_KEY": API_KEY,
            "AT_SMS_SENDER_ID": "OBIDIENT",
            "AT_BASE_URL": network.url,
            "SMS_RATE_LIMIT_PER_SECOND": "20",
            "METRICS_TOKEN": "right",
        }


@pytest.fixture
def prometheus(environ: dict[str, str], tmp_path: Path) -> Iterator[str]:
    (tmp_path / "token").write_text("right")
    scraped = {
        "job_name": "obidient",
        "authorization": {"credentials_file": str(tmp_path / "token")},
        "static_configs": [{"targets": [f"127.0.0.1:{environ['PORT']}"]}],
    }
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    running = subprocess.Popen(
        [
            program("prometheus"),
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address={address}",
        ],
        stderr=subprocess.DEVNULL,
    )
    yield f"http://{address}/api/v1/query"
    running.terminate()
    running.wait(60)


@pytest.mark.slow
def test_every_query_of_the_dashboard_has_data(
    app: Flask,
    server: Callable[[], str],
    worker: Callable[..., subprocess.Popen[bytes]],
    prometheus: str,
) -> None:
    Contact.insert_many([{"phone": f"+23480355{n:05d}"} for n in range(400)]).execute()
    results_demo.load()
    Backup.create(host="north", path="/b")
    base = server()
    worker()
    made = control.create({"title": "T", "message_template": "Hi", "audience": {"everyone": True}})
    control.launch(made.id)
    database.release()
    number = 0

    def answers(query: str) -> list[Any]:
        url = f"{prometheus}?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(url) as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
        return [one for one in found if one["value"][1] != "NaN"]

    left = queries()
    assert len(left) > 15

    def all_answered() -> bool:
        nonlocal number, left
        number += 1
        _sheet(number)
        path = f"/api/live-results/elections/{results_demo.ELECTION_ID}/live-summary"
        for _ in range(3):
            with urllib.request.urlopen(base + path) as answer:
                assert answer.status == 200
        left = [query for query in left if not answers(query)]
        return not left

    try:
        wait_for(all_answered, what="data for every query")
    except AssertionError:
        pytest.fail(f"no data for: {left}")
    _is_by_the_conventions(f"{base}/metrics")


def _is_by_the_conventions(address: str) -> None:
    """Names, units and meanings, as Prometheus' own program wants them."""
    asked = urllib.request.Request(address, headers={"Authorization": "Bearer right"})
    with urllib.request.urlopen(asked) as answer:
        text = answer.read()
    assert b"obidient_messages_total" in text
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def _sheet(number: int) -> None:
    sheet = {
        "submissionId": f"s-{number}",
        "electionId": results_demo.ELECTION_ID,
        "pollingUnitCode": f"24-11-98-{number % 900 + 1:03d}",
        "revision": 1,
        "submittedAt": "2027-02-25T15:30:45Z",
        "deviceId": "PHONE",
        "registeredVoters": 300,
        "accreditedVoters": 180,
        "votes": {"LP": 100},
        "validVotes": 100,
        "rejectedVotes": 2,
        "votesCast": 102,
    }
    with db.atomic():
        receive([sheet], Sender(agent="user:1"))
    queues.current().enqueue(queues.RESULTS_SYNC, "process")
    database.release()
