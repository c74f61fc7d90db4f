"""A number that all processes of a host share: when it changes, copies in memory are void.

It lives in a small file mapped into memory beside the database, so that reading it costs nothing
and works with and without Redis; locks beside it keep two processes from computing the same
document.
"""

import contextlib
import fcntl
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from flask import current_app

from obidient.cache import ResilientCache, cache
from obidient.database import db

#: Documents that may be computed at the same time by different processes.
LOCKS = 16


class Generation:
    """`value` to compare, `bump()` to void; the file is opened on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map: mmap.mmap | None = None

    def _open(self) -> mmap.mmap:
        if self._map is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                if file.seek(0, 2) < 8:
                    file.write(b"\0" * 8)
                    file.flush()
                self._map = mmap.mmap(file.fileno(), 8)
        return self._map

    @property
    def value(self) -> int:
        number: int = struct.unpack_from("<Q", self._map or self._open())[0]
        return number

    def bump(self) -> None:
        with self._locked("bump"):
            struct.pack_into("<Q", self._open(), 0, self.value + 1)

    @contextlib.contextmanager
    def computing(self, key: str) -> Iterator[None]:
        """Hold off other processes of this host that want to compute the same document."""
        with self._locked(str(crc32(key.encode()) % LOCKS)):
            yield

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        self._open()
        with self._path.with_name(f"{self._path.name}.{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def invalidate(election_id: str) -> None:
    """Forget an election's documents: at once on this host, within a second on others.

    Inside a transaction, after its commit: else what was true before it would be kept again.
    """
    backend: ResilientCache = cache.cache  # type: ignore[assignment]
    generation: Generation = current_app.extensions["obidient.generation"]

    def forget() -> None:
        backend.delete_below(election_id)
        generation.bump()

    db.after_commit(forget)
