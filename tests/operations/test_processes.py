"""Workers and `obidient up` as real processes: they stop, outlive Redis, refuse a second one."""

import contextlib
import os
import platform
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from operators import ROOT, Cli
from servers import RedisServer, process, run, wait_for

from obidient import queues


@pytest.mark.both
@pytest.mark.slow
def test_a_worker_told_to_stop_leaves_cleanly(
    worker: Callable[..., subprocess.Popen[bytes]], app: Flask
) -> None:
    running = worker()
    from obidient.workers.living import living_workers

    wait_for(living_workers, what="the worker's heartbeat")
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0
    assert living_workers() == []


@pytest.mark.slow
def test_plain_huey_consumer_works_for_a_queue(environ: dict[str, str], app: Flask) -> None:
    command = Path(sys.executable).parent / "huey_consumer"
    if not command.exists():
        command = command.with_name("huey_consumer.py")
    with subprocess.Popen(
        [str(command), "obidient.queues.sms", "-g", "TERM"],
        env=dict(os.environ) | environ,
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    ) as running:
        from obidient.workers.living import living_workers

        wait_for(living_workers, what="the consumer's heartbeat")
        assert living_workers()[0].queues == ["sms-broadcast"]
        assert _heaps(running.pid) <= 2
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0


@pytest.mark.both
@pytest.mark.slow
def test_redis_may_go_away_and_come_back_under_a_running_worker(
    backend: str,
    app: Flask,
    redis_server: RedisServer,
    worker: Callable[..., object],
    cli: Cli,
    environ: dict[str, str],
) -> None:
    if backend == "sqlite":
        pytest.skip("there is no Redis")
    worker("sms")
    from obidient.workers.living import living_workers

    wait_for(living_workers, what="the worker")
    redis_server.stop()
    time.sleep(2)
    assert not queues.current().enqueue("sms", "send_batch", campaignId=1, batchId=1)
    redis_server.start()

    def drained() -> bool:
        queues.current().enqueue("sms", "send_batch", campaignId=1, batchId=1)
        time.sleep(0.5)
        return queues.current()["sms"].pending_count() == 0

    wait_for(drained, what="the worker to take jobs again")
    log = (Path(environ["LOG_DIR"]) / "server.log").read_text()
    assert "waiting for it to come back" in log
    assert "Traceback" not in log
    assert len([line for line in log.splitlines() if "huey" in line]) < 5


@pytest.mark.slow
def test_up_names_the_setting_when_its_port_is_taken(environ: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        # As a person starts it: by a Python that has read nothing yet.
        done = subprocess.run(
            [sys.executable, "-m", "obidient", "up"],
            env=dict(os.environ) | environ | {"PORT": str(taken.getsockname()[1])},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert "PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_up_serves_refuses_a_second_one_and_stops_when_told(
    environ: dict[str, str],
) -> None:
    with process("obidient", "up", environ=environ, cwd=ROOT) as running:
        try:
            port = int(environ["PORT"])

            def answers() -> bool:
                with socket.create_connection(("127.0.0.1", port), 1) as connection:
                    connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                    return b"200" in connection.recv(100)

            wait_for(answers, what="the web server")
            code, said = run("obidient", "up", environ=environ)
            assert code == 1
            assert "running here already" in said
        finally:
            running.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(60)
            stopped = running.poll() is not None
            running.kill()
    assert stopped


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps a thread are glibc's")
def test_threads_of_a_worker_and_of_the_web_server_share_their_heaps(
    worker: Callable[..., subprocess.Popen[bytes]], server: Callable[[], str], app: Flask
) -> None:
    from obidient.operations.models import WebProcess
    from obidient.workers.living import living_workers

    running = worker()
    wait_for(living_workers, what="the worker's heartbeat")
    assert len(list(Path(f"/proc/{running.pid}/task").iterdir())) > 10
    assert _heaps(running.pid) <= 2

    address = server()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: urllib.request.urlopen(f"{address}/healthz").read(), range(200)))
    wait_for(lambda: WebProcess.select().count(), what="the web server's heartbeat")
    assert max(_heaps(one.pid) for one in WebProcess.select()) <= 2


def _heaps(pid: int) -> int:
    """Heaps of a process beside its first: glibc begins each at a multiple of 64 MB."""
    lines = [one.split() for one in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    return sum(
        int(one[0].partition("-")[0], 16) % (64 << 20) == 0 and one[1] == "rw-p" and len(one) == 5
        for one in lines
    )
