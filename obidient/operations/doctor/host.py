"""What would bite on this machine: disks, memory, folder rights, time zones, open files."""

import os
import resource
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from obidient.config import ROOT, settings
from obidient.operations.doctor.report import Line, in_production, size

#: Shares and bytes that have to be free.
LOW, VERY_LOW = 0.10, 0.03
LOW_BYTES, VERY_LOW_BYTES = 2e9, 0.3e9
OPEN_FILES = 1024


def lines() -> Iterator[Line]:
    locked = [line for folder in folders() for line in _rights(folder)]
    locked += _log_file(settings().log_dir / "server.log")
    yield from locked
    if not locked:
        yield Line("ok", "folders", "Every folder that we need can be written to.")
    yield from disks()
    yield from _memory()
    yield from _zone()
    yield from _secrets_file(ROOT / ".env")
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        yield Line(
            "warning",
            "open-files",
            f"A process may open only {soft} files and connections.",
            "Set LimitNOFILE=65536 in the unit, or: ulimit -n 65536.",
        )
    else:
        yield Line("ok", "open-files", "Enough files and connections may be open.")


def folders() -> list[Path]:
    """Where this machine writes: uploads, logs, photos, the SQLite file."""
    configured = settings()
    found = [configured.data_dir, configured.log_dir]
    if configured.photo_storage and not configured.photo_storage.startswith("s3"):
        found.append(Path(configured.photo_storage))
    if configured.database_url.startswith("sqlite:///"):
        found.append((ROOT / configured.database_url.removeprefix("sqlite:///")).parent)
    return list(dict.fromkeys(found))


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _rights(folder: Path) -> Iterator[Line]:
    near = _existing(folder)
    if near.is_dir() and os.access(near, os.W_OK | os.X_OK):
        return
    yield Line(
        "error",
        "folders",
        f"{folder} can't be written to by this user ({os.geteuid()}).",
        f"install -d -o obidient -g obidient -m 700 {folder}, "
        "or name another folder (DATA_DIR, LOG_DIR).",
    )


def _log_file(path: Path) -> Iterator[Line]:
    if path.exists() and not os.access(path, os.W_OK):
        yield Line(
            "error",
            "folders",
            f"{path} belongs to another user: the log goes to the terminal alone.",
            f"chown obidient: {path}, and run commands as that user: sudo -u obidient obidient …",
        )


def disks() -> Iterator[Line]:
    """A line for each disk that we write to."""
    seen = set()
    for folder in folders():
        near = _existing(folder)
        device = near.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        yield disk_line(folder, *shutil.disk_usage(near))


def disk_line(folder: Path, total: int, _used: int, free: int) -> Line:
    share = free / total if total else 0.0
    text = f"{size(free)} ({share:.0%}) are free on the disk of {folder}."
    cure = "Free some: old backups, rotated logs (deploy/logrotate), or a larger disk."
    if free < VERY_LOW_BYTES or share < VERY_LOW:
        return Line("error", "disk", text, cure)
    if free < LOW_BYTES or share < LOW:
        return Line("warning", "disk", text, cure)
    return Line("ok", "disk", text)


def _memory() -> Iterator[Line]:
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return
    told = {
        name: int(rest.split()[0]) * 1024
        for name, _, rest in (line.partition(":") for line in text.splitlines())
        if rest.split()
    }
    yield memory_line(told.get("MemTotal", 0), told.get("MemAvailable", 0))


def memory_line(total: int, free: int) -> Line:
    text = f"{size(free)} of {size(total)} memory are free."
    if total and free < 0.05 * total:
        cure = "Run fewer processes (WEB_CONCURRENCY), or give the machine more memory."
        return Line("warning", "memory", text, cure)
    return Line("ok", "memory", text)


def _zone() -> Iterator[Line]:
    """A broken time zone file would move the quiet hours; Lagos has kept UTC+1 since 1919."""
    here = settings().timezone
    offset = datetime.now(UTC).astimezone(ZoneInfo("Africa/Lagos")).utcoffset()
    if offset is None or offset.total_seconds() != 3600:
        yield Line(
            "error",
            "time-zone",
            "The time zone data of this machine is wrong: Lagos is not an hour before London.",
            "Install it anew: apt-get install --reinstall tzdata.",
        )
        return
    if here.key != "Africa/Lagos":
        yield Line(
            "warning",
            "time-zone",
            f"TIMEZONE is {here.key}: quiet hours and every clock follow it.",
            "Set TIMEZONE=Africa/Lagos unless you mean that.",
        )
        return
    yield Line("ok", "time-zone", "Clocks and quiet hours follow Africa/Lagos.")


def _secrets_file(path: Path) -> Iterator[Line]:
    if not path.exists():
        return
    mode = path.stat().st_mode & 0o077
    if mode:
        yield Line(
            in_production(),
            "env-file",
            f"{path} holds secrets and others on this machine may read it.",
            f"chmod 600 {path}",
        )
    else:
        yield Line("ok", "env-file", "Only its owner may read .env.")
