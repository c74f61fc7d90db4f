"""nginx with our configuration in front of a small application."""

import http.client
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import missing
from flask import Flask
from nginx_site import configured, program
from results_world import UNITS, make_world, sheet
from servers import PATIENCE, free_port, listening, wait_for
from werkzeug.serving import make_server

from obidient.database import db
from obidient.results import deciding
from obidient.results.received import Sender, receive

URL = "/api/live-results/elections/abc123/live-summary"


def take(*sheets: dict[str, Any]) -> None:
    with db.atomic():
        receive(sheets, Sender())
    deciding.process_waiting()


@dataclass
class Front:
    """nginx, and what went past it to the app."""

    port: int
    reached: list[dict[str, str]] = field(default_factory=list)
    #: Whether copies last for the whole test, instead of two seconds, of which a busy machine
    #: may need more. What tests those two seconds says so.
    lasting: bool = True

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[Any, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={"Host": "results.example.org"} | named)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def paths(self) -> list[str]:
        return [request["PATH_INFO"] for request in self.reached]


@pytest.fixture
def front(app: Flask, tmp_path: Path) -> Iterator[Front]:
    nginx = program()
    if nginx is None:
        missing("nginx is not installed")
        return
    make_world()
    take(sheet("a"), sheet("b", UNITS[-1], votes={"LP": 80, "APC": 121}))
    found = Front(free_port())

    def counted(environ: Any, start_response: Any) -> Any:
        found.reached.append({k: v for k, v in environ.items() if isinstance(v, str)})

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = status.startswith("404") or "max-age=2" in dict(headers).get("Cache-Control", "")
            if found.lasting and kept:
                # For nginx alone, and stronger than what the browser is told.
                headers = [*headers, ("X-Accel-Expires", "600")]
            return start_response(status, headers, *more)

        return app.wsgi_app(environ, start)

    origin = make_server("127.0.0.1", free_port(), counted, threaded=True)
    serving = threading.Thread(target=origin.serve_forever, args=(0.02,), daemon=True)
    serving.start()
    folder = tmp_path / "nginx"
    folder.mkdir()
    main = configured(folder, found.port, origin.server_port)
    subprocess.run([nginx, "-t", "-q", "-c", str(main)], check=True)
    with subprocess.Popen([nginx, "-c", str(main)]) as running:
        wait_for(lambda: listening(found.port), what="nginx")
        yield found
        running.terminate()
    origin.shutdown()
    serving.join()
    origin.server_close()
