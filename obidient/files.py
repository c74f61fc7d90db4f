"""Files that people send: whole or not at all, and what is said when the disk is full."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from flask import current_app

from obidient.errors import Problem

#: What the system says when there is no room: of the disk, or of our share of it.
FULL = (errno.ENOSPC, errno.EDQUOT)
#: With less than this, megabytes, uploads are about to fail.
LOW = 100


class DiskFull(Problem):
    """Nothing was kept; whoever sent it may send it again."""

    status = 507
    title = "Insufficient Storage"

    def __init__(self) -> None:
        super().__init__(
            "The server's disk is full, so nothing of this was kept. Tell whoever runs it, and try "
            "again later."
        )


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk is full, as the system does or as SQLite does."""
    if isinstance(error, OSError):
        return error.errno in FULL
    return "disk is full" in str(error)


@contextlib.contextmanager
def kept(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write into: at `path` when all went well, and nowhere when it did not.

    Written beside and moved, so that a crash leaves the old file or the new one. Raises DiskFull.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        if is_full(error):
            raise DiskFull from error
        raise


def keep(stream: IO[bytes], path: Path) -> None:
    """Copy what was sent to `path`. Raises DiskFull, and leaves nothing then."""
    with kept(path) as file:
        shutil.copyfileobj(stream, file)


def shortage(folder: Path) -> str:
    """That there is little room on the disk of a folder, as a sentence without its full stop."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 2**20
    if free >= LOW:
        return ""
    left = "is full" if free < 1 else f"has {free} MB left"
    return f"The disk of {folder} {left}: make room, or uploads and photos are refused"


def uploads_folder() -> Path:
    """Where uploads wait for their job."""
    folder: Path = current_app.extensions["obidient.settings"].data_dir / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
