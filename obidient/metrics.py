"""What this process counts for Prometheus: shared by all processes of a host through files.

Nothing is counted, and prometheus-client is not even imported, until a server or a worker calls
`start`. Names follow Prometheus' conventions: base units, `_total` for counters.
"""

import contextlib
import fcntl
import json
import logging
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

#: name -> (what it counts, labels, upper bounds of a histogram in seconds; None: a counter; empty:
#: a value that stands as it was last seen by any process)
METERS: dict[str, tuple[str, tuple[str, ...], tuple[float, ...] | None]] = {
    "obidient_messages": ("Messages by what came of them", ("provider", "outcome"), None),
    "obidient_provider_call_seconds": (
        "How long a provider took to answer",
        ("provider",),
        (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
    ),
    "obidient_callbacks": ("Networks' callbacks by what became of them", ("state",), None),
    "obidient_sheets": ("Result sheets by how they were decided", ("status",), None),
    "obidient_sheet_wait_seconds": (
        "From a sheet's arrival to its decision",
        (),
        (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
    ),
    "obidient_balance": ("Left on accounts", ("provider", "currency"), ()),
    "obidient_live_cache": ("Live documents, kept or made anew", ("result",), None),
    "obidient_http_requests": ("Requests by route", ("method", "route", "status"), None),
    "obidient_http_request_seconds": (
        "How long requests took, by route",
        ("route",),
        (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    ),
}

#: What reading a file raises that is not whole.
_DAMAGED = (RuntimeError, ValueError, struct.error)

_meters: dict[str, Any] = {}
_folder: Path | None = None


def start(folder: Path) -> None:
    """Begin to count, in files below `folder`; in a folder that can't be written nothing is."""
    global _folder
    # Read by prometheus-client when it is first imported, which `fold` does.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fold(folder)
    except OSError as error:
        logger.warning("nothing is counted for Prometheus: %s", error)
        return
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

    _folder = folder
    registry = CollectorRegistry()
    for name, (meaning, labels, bounds) in METERS.items():
        if name in _meters:
            continue
        if bounds is None:
            _meters[name] = Counter(name, meaning, labels, registry=registry)
        elif not bounds:
            _meters[name] = Gauge(
                name, meaning, labels, registry=registry, multiprocess_mode="mostrecent"
            )
        else:
            _meters[name] = Histogram(name, meaning, labels, registry=registry, buckets=bounds)


def count(name: str, number: float = 1, **labels: str) -> None:
    """Add to a counter; nothing before `start`."""
    meter = _meters.get(name)
    if meter is not None and number:
        (meter.labels(**labels) if labels else meter).inc(number)


def observe(name: str, seconds: float, **labels: str) -> None:
    """Add a length of time to a histogram; nothing before `start`."""
    meter = _meters.get(name)
    if meter is not None:
        (meter.labels(**labels) if labels else meter).observe(seconds)


def note(name: str, value: float, **labels: str) -> None:
    """How something stands now; nothing before `start`."""
    meter = _meters.get(name)
    if meter is not None:
        meter.labels(**labels).set(value)


@contextlib.contextmanager
def timed(name: str, **labels: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        observe(name, time.perf_counter() - began, **labels)


def counted() -> list[Any]:
    """What all processes of this host have counted, as prometheus-client's metric families."""
    if _folder is None:
        return []
    with _locked(_folder, fcntl.LOCK_SH):
        files = list(_folder.glob("*.db"))
        try:
            return _merged(files)
        except _DAMAGED:
            return _merged([path for path in files if _values(path)])


def _merged(files: list[Path]) -> list[Any]:
    from prometheus_client.multiprocess import MultiProcessCollector

    return list(MultiProcessCollector.merge([str(path) for path in files]))  # type: ignore[no-untyped-call]


def fold(folder: Path) -> None:
    """Add what dead processes counted to one file, so that nothing is forgotten nor heaped up."""
    from prometheus_client.mmap_dict import MmapedDict

    with _locked(folder, fcntl.LOCK_EX):
        for path in folder.glob("*_0.db"):
            if _values(path) is None:
                path.unlink()
        for path in folder.glob("*_[1-9]*.db"):
            kind, _, pid = path.stem.rpartition("_")
            if not pid.isdigit():
                continue
            # This process's number may be that of a dead one, whose file it would go on with.
            mine = int(pid) == os.getpid() and not _meters
            if not mine and _lives(int(pid)):
                continue
            counted = _values(path)
            if counted and not kind.startswith("gauge"):
                kept = MmapedDict(str(folder / f"{kind}_0.db"))  # type: ignore[no-untyped-call]
                for key, value, at, _ in counted:
                    held, _ = kept.read_value(key)  # type: ignore[no-untyped-call]
                    kept.write_value(key, held + value, at)  # type: ignore[no-untyped-call]
                kept.close()  # type: ignore[no-untyped-call]
            path.unlink()


def _values(path: Path) -> list[Any] | None:
    """What a file holds; None when it is damaged, as a killed process may leave it behind."""
    from prometheus_client.mmap_dict import MmapedDict

    try:
        found = list(MmapedDict.read_all_values_from_file(str(path)))  # type: ignore[no-untyped-call]
        for key, *_ in found:
            json.loads(key)
    except FileNotFoundError:
        return []
    except _DAMAGED as error:
        logger.warning("%s is damaged, so what it counted is left out: %s", path.name, error)
        return None
    return found


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, how)
        yield


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
