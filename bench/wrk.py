"""wrk against a web server of ours: rates, times, and what a request costs the processor."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rig import Rig, gunicorn
from servers import free_port


class Web(NamedTuple):
    address: str
    folder: Path
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time that its workers have used."""
        ticks = 0
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def served(rig: Rig, *target: str, **more: str) -> Iterator[Web]:
    """A server with two workers, and more settings."""
    folder = Path(tempfile.mkdtemp(prefix="obidient-web-"))
    port = free_port()
    environ = {"PORT": str(port), "WEB_CONCURRENCY": "2", "LOG_LEVEL": "info"}
    environ |= {"LOG_DIR": str(folder)} | more
    try:
        with (
            (folder / "output").open("wb") as out,
            gunicorn(rig.environ | environ, out, *target) as child,
        ):
            yield Web(f"http://127.0.0.1:{port}", folder, child.pid)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wrk(url: str, seconds: int, *options: str) -> tuple[float, float]:
    """Requests a second, and the 99th percentile in milliseconds."""
    done = subprocess.run(
        ["wrk", "-t2", "-c64", f"-d{seconds}s", "--latency", *options, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in done or "Socket errors" in done:
        raise SystemExit(done)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", done)
    assert rate and slowest
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[slowest[2]]
    return float(rate[1]), float(slowest[1]) * scale


class Load(NamedTuple):
    """What one run of wrk came to: requests a second, and µs of processor time for each."""

    rate: float
    cost: float


def load(web: Web, path: str, seconds: int, *options: str) -> Load:
    before = web.cpu()
    rate, _ = wrk(web.address + path, seconds, *options)
    return Load(rate, (web.cpu() - before) / (rate * seconds) * 1e6)
