"""What this process uses, as its system tells, and how it keeps its memory small."""

import contextlib
import ctypes
import os
from pathlib import Path

STATM = Path("/proc/self/statm")
#: Of mallopt(3), as glibc's malloc.h has it: how many heaps the threads of a process share.
M_ARENA_MAX = -8
HEAPS = 2


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


def few_heaps() -> None:
    """Have all threads share two heaps; called before there are many of them.

    By itself glibc gives each of many threads a heap of its own, up to eight a core, and what one
    of them has freed serves no other. MALLOC_ARENA_MAX, where it is set, says otherwise.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)
