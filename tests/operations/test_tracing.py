"""Traces and tracebacks leave for a collector of one's own, without numbers, texts and tokens."""

import gzip
import logging
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from africastalking_sms import messages
from flask import Flask, g
from operators import ROOT

from obidient import create_app, queues, tracing
from obidient.config import ConfigError, Settings

PHONE, TEXT, TOKEN = "+2348035550101", "Vote on Saturday", "obi_verysecret"


class Sink(ThreadingHTTPServer):
    """Takes what is exported; `bodies` holds (path, content)."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Take)

    def said(self, path: str) -> bytes:
        return b"".join(body for where, body in self.bodies if path in where)


class _Take(BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding", "")
        body = gzip.decompress(body) if packed == "gzip" else body
        self.server.bodies.append(
            (self.path, zlib.decompress(body) if packed == "deflate" else body)
        )
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    running = Sink()
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def traced(environ: dict[str, str], sink: Sink) -> Iterator[Flask]:
    for module in ("opentelemetry.exporter.otlp.proto.http", "sentry_sdk"):
        pytest.importorskip(module)
    host = f"127.0.0.1:{sink.server_port}"
    where = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{host}",
        "SENTRY_DSN": f"http://key@{host}/1",
    }
    app = create_app(environ | where)
    tracing.start(Settings.load(environ | where), "web")
    yield app
    tracing.stop()
    logging.getLogger().removeHandler(tracing._handler)
    tracing._provider.shutdown()
    tracing._tracer = tracing._provider = tracing._handler = None


def test_requests_jobs_calls_and_tracebacks_are_told_without_what_is_personal(
    traced: Flask, sink: Sink
) -> None:
    client = traced.test_client()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    client.get("/healthz")
    client.get(f"/api/contacts?phone={PHONE.replace('+', '%2B')}", headers=headers)
    client.get(f"/no/such/{PHONE}?token={TOKEN}")
    with traced.app_context(), tracing.span("provider call", provider="simulator-sms", messages=3):
        assert len(messages(TEXT)) == 3
    queue = queues.Queues.__getitem__(traced.extensions["obidient.queues"], "sms")

    def fails(number: str) -> None:
        text = f"{TEXT} to {number} by {TOKEN}"
        raise ValueError(text)

    traced.extensions["obidient.queues"].task("sms", "fails", fails)
    traced.extensions["obidient.queues"].enqueue("sms", "fails", number=PHONE)
    queue.execute(queue.dequeue())
    with traced.app_context():
        g.request_id = "a-request"
        try:
            raise RuntimeError(f"{PHONE} {TEXT}")
        except RuntimeError:
            logging.getLogger("obidient.x").exception("failed for %s: %s", PHONE, TEXT)
    tracing.stop()
    spans, errors = sink.said("/v1/traces"), sink.said("/api/1/")
    for expected in (
        b"GET /healthz",
        b"ANY unknown",
        b"provider call",
        b"simulator-sms",
        b"job fails",
    ):
        assert expected in spans
    assert b"ValueError" in spans
    for expected in (b"ValueError", b"RuntimeError", b"a-request", b"sms-broadcast", b"fails"):
        assert expected in errors
    for told in (spans, errors):
        for secret in (PHONE, PHONE[1:], TEXT, TOKEN, "%2B234"):
            # The lines of code that raised are ours and hold names, not what these stood for.
            assert secret.encode() not in told, secret


@pytest.mark.slow
def test_nothing_of_it_is_loaded_when_it_is_off(environ: dict[str, str]) -> None:
    code = (
        "import sys; from obidient import create_app, tracing; app = create_app(); "
        "tracing.start(app.extensions['obidient.settings'], 'web'); "
        # The client of Redis loads OpenTelemetry's interface by itself, once that is installed.
        "ours = ('opentelemetry.exporter', 'opentelemetry.sdk.trace', 'sentry_sdk'); "
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_setting_whose_extra_is_missing_refuses_to_start(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'obidient\[sentry\]'"):
        create_app(environ | {"SENTRY_DSN": "https://key@sentry.example.org/1"})
