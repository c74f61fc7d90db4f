"""nginx with our configuration in front of a small application."""

import http.client
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, missing
from flask import Flask
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


def configured(folder: Path, port: int, origin: int) -> Path:
    """Our file as it is, but for the ports and folders of this test."""
    ours = (ROOT / "deploy" / "nginx.conf").read_text()
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("server 127.0.0.1:5000;", f"server 127.0.0.1:{origin};"),
        ("/var/cache/nginx/obidient", str(folder / "cache")),
        ("/var/log/nginx/obidient.log", str(folder / "access.log")),
    ):
        assert old in ours
        ours = ours.replace(old, new)
    (folder / "site.conf").write_text(ours)
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    # As root, nginx would give its processes to somebody who may not read this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    main.write_text(
        f"{user} daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 512; }}\n"
        f"http {{ {temporary}\ninclude {folder}/site.conf; }}\n"
    )
    return main


@pytest.fixture
def front(app: Flask, tmp_path: Path) -> Iterator[Front]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
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
    subprocess.run([program, "-t", "-q", "-c", str(main)], check=True)
    with subprocess.Popen([program, "-c", str(main)]) as running:
        wait_for(lambda: listening(found.port), what="nginx")
        yield found
        running.terminate()
    origin.shutdown()
    serving.join()
    origin.server_close()
