"""What this process uses, as its system tells: for heartbeats and the admin's tables."""

import os
from pathlib import Path

STATM = Path("/proc/self/statm")


def memory() -> int | None:
    """Resident memory in bytes; None where the system does not say."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def cpu_seconds() -> float:
    """Processor time used since this process began, in seconds."""
    used = os.times()
    return used.user + used.system
