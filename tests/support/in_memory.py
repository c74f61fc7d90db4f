"""The tests' temporary files lie in memory, where there is room for them.

A test's databases are thrown away with it; a disk only makes them dear: to copy the template of
a PostgreSQL database takes eight times the processor time there.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
#: A container's own is 64 MB, unless somebody asked for more.
ROOM = 4 << 30


def install() -> None:
    """For this process and those it starts; `TMPDIR` says otherwise."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    if shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
