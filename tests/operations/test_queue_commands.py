"""What `obidient queue` shows of jobs and of Redis, and from where a log line is."""

import json
import logging

import pytest
from flask import Flask, g
from operators import Cli
from servers import RedisServer

from obidient import database, queues
from obidient.operations.logging import OneLine, OneObject
from obidient.workers import failed_jobs


@pytest.mark.both
def test_queue_jobs_lists_each_kind(app: Flask, cli: Cli) -> None:
    registered = queues.current()
    registered.enqueue("sms", "send_batch", campaignId=1, batchId=2)
    registered.enqueue("sms", "send_batch", delay=600, campaignId=1, batchId=3)
    failed_jobs.record("sms-broadcast", "stage", {"campaignId": 7}, ValueError("why"))
    database.release()
    lines = cli("queue", "jobs", "sms").output.splitlines()
    assert lines[0] == "sms-broadcast: 0 completed within the hour, 0 of them failed"
    assert [line.split()[0] for line in lines[1:]] == ["waiting", "scheduled", "failed"]
    assert "batchId 2, campaignId 1" in lines[1]
    assert "campaignId 7" in lines[3] and "ValueError: why" in lines[3]


@pytest.mark.slow
def test_queue_health_shows_redis_itself_when_asked(
    app: Flask, cli: Cli, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    output = cli("queue", "health", "--all").output
    assert "SMS queue" in output
    for name in ("redis-password", "redis-policy", "redis-persistence", "redis-memory"):
        assert f" {name}: " in output


def test_lines_say_which_process_and_queue_they_are_from(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("obidient.operations.logging._process", "sms-worker")
    record = logging.LogRecord("obidient.x", logging.INFO, "", 1, "to %s", ("08035550001",), None)
    assert "[sms-worker]" in OneLine().format(record)
    g.queue = "sms-broadcast"
    assert "[sms-worker sms-broadcast]" in OneLine().format(record)
    told = json.loads(OneObject().format(record))
    assert (told["process"], told["queue"], told["level"]) == (
        "sms-worker",
        "sms-broadcast",
        "info",
    )
    assert "08035550001" not in told["message"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("queue", "pause", "results-sync"), "There is no channel 'results-sync'"),
        (("queue", "resume", "smss"), "There is no channel 'smss'. There are: sms, voice"),
        (("queue", "clear", "nope"), "There is no channel 'nope'"),
        (("queue", "jobs", "nope"), "There is no channel 'nope'"),
        (("queue", "jobs", "--limit", "-1"), "-1 is not in the range"),
        (("worker", "sms", "--grace", "-5"), "-5.0 is not in the range"),
    ],
)
def test_wrong_words_are_named(app: Flask, cli: Cli, command: tuple[str, ...], said: str) -> None:
    result = cli(*command)
    assert result.exit_code in (1, 2)
    assert said in result.output
