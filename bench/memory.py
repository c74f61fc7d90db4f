"""What the embedded set takes: memory of `obidient up`, time to Ready, processor time of commands.

    git worktree add ../before TAG
    python bench/memory.py [--beside ../before] [--rounds 3]

In a folder of its own that is prepared (database upgraded), on SQLite and with the queue in a file,
as `make run` has it. Memory is PSS: what is shared is divided among those who share it. It is taken
ten seconds after the first `/readyz` that is ready, with a worker alive, over supervisor, web
server and workers. The time to Ready is the machine's as well: the processor time says what an idle
one would take. Rounds of both trees alternate; printed are medians, and the ratio.
"""

import argparse
import contextlib
import http.client
import os
import resource
import secrets
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from installation import Site
from rig import ROOT
from servers import free_port, wait_for

SETTLE = 10.0


@dataclass
class Taken:
    """MB (10^6 bytes), seconds, and how many processes."""

    memory: float
    ready: float
    work: float
    processes: int
    help: float
    health: float


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def worked(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ready(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(line):
        line.request("GET", "/readyz")
        return line.getresponse().status == 200


def command_cpu(tree: Path, environ: dict[str, str], *arguments: str) -> float:
    """Seconds of processor time that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [Site.python(tree), "-m", "obidient", *arguments],
        env=environ,
        cwd=tree,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def compiled() -> dict[str, str]:
    """The environment, in which Python keeps what it compiles, as it does where it is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measure(tree: Path) -> Taken:
    with tempfile.TemporaryDirectory(prefix="obidient-") as folder:
        port = free_port()
        environ = compiled() | {
            "OBIDIENT_ENV": "development",
            "SECRET_KEY": secrets.token_hex(32),
            "COMMUNICATIONS_WEBHOOK_TOKEN": secrets.token_hex(16),
            "DATABASE_URL": f"sqlite:///{folder}/obidient.db",
            "REDIS_URL": "",
            "LOG_DIR": folder,
            "DATA_DIR": folder,
            "LOG_LEVEL": "warning",
            "PORT": str(port),
        }
        command_cpu(tree, environ, "db", "upgrade")
        helped = command_cpu(tree, environ, "--help")
        health = command_cpu(tree, environ, "queue", "health")
        began = time.monotonic()
        with (Path(folder) / "output.log").open("ab") as out:
            child = subprocess.Popen(
                [Site.python(tree), "-m", "obidient", "up"],
                env=environ, cwd=tree, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            wait_for(lambda: ready(port), 120, "/readyz")
            took = time.monotonic() - began
            work = sum(map(worked, family(child.pid)))
            time.sleep(SETTLE)
            pids = list(family(child.pid))
            return Taken(sum(map(pss, pids)), took, work, len(pids), helped, health)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(60)


def median(rounds: list[Taken], name: str) -> float:
    return statistics.median(getattr(one, name) for one in rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--beside", type=Path, help="a checkout to compare with")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    trees = [ROOT] + ([chosen.beside.resolve()] if chosen.beside else [])
    taken: dict[Path, list[Taken]] = {tree: [] for tree in trees}
    for _ in range(chosen.rounds):
        for tree in trees:
            taken[tree].append(measure(tree))
    for name, unit in (
        ("memory", "MB of memory (PSS)"),
        ("processes", "processes"),
        ("ready", "s until ready"),
        ("work", "s of CPU until ready, over all processes"),
        ("help", "s of CPU for --help"),
        ("health", "s of CPU for queue health"),
    ):
        ours, *other = (median(taken[tree], name) for tree in trees)
        beside = f", {other[0]:.2f} beside it, ratio {ours / other[0]:.2f}" if other else ""
        print(f"{ours:.2f} {unit}{beside}", flush=True)


if __name__ == "__main__":
    main()
