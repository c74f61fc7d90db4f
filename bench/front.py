"""nginx with deploy/nginx.conf in front of the web server of a benchmark."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import at_root  # noqa: F401
from nginx_site import configured, program
from servers import end, free_port, listening, wait_for


@contextlib.contextmanager
def nginx(origin: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Its process and its port, while a block lasts; gunicorn listens on `origin`."""
    found = program()
    if found is None:
        raise SystemExit("nginx is missing: apt-get install nginx-light, or leave --nginx out")
    with tempfile.TemporaryDirectory(prefix="obidient-nginx-") as folder:
        port = free_port()
        child = subprocess.Popen([found, "-c", str(configured(Path(folder), port, origin))])
        try:
            wait_for(lambda: listening(port), what="nginx")
            yield child, port
        finally:
            end(child, 10)
