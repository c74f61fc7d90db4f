"""PostgreSQL's own programs, pg_dump, pg_restore and psql: found, and run without a shell."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from obidient.database import db
from obidient.errors import Problem

PLACES = Path("/usr/lib/postgresql")


def server_major() -> int:
    return int(db.execute_sql("SHOW server_version_num").fetchone()[0]) // 10_000


def _major(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\)\s+(\d+)", said.stdout)
    return int(found[1]) if found else 0


def find(name: str) -> str:
    """A program at least as new as the server. Raises Problem with what to install."""
    wanted = server_major()
    installed = sorted(PLACES.glob(f"*/bin/{name}"), reverse=True)
    on_path = shutil.which(name)
    for candidate in [*([on_path] if on_path else []), *map(str, installed)]:
        if _major(candidate) >= wanted:
            return candidate
    raise Problem(
        f"{name} of PostgreSQL {wanted} or newer is not installed here: "
        f"apt-get install postgresql-client-{wanted}"
    )


def run(program: str, url: str, *options: str) -> None:
    """Run a program on a database. Raises Problem with what it said.

    The password goes through the environment: the arguments of a program are for all to see.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    bare = urlunsplit(parts._replace(netloc=f"{user}{host}"))
    environ = dict(os.environ)
    if parts.password:
        environ["PGPASSWORD"] = unquote(parts.password)
    done = subprocess.run(
        [find(program), "--dbname", bare, *options],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line]
        raise Problem(f"{program} failed: {lines[-1] if lines else done.returncode}")


def other_database(url: str, name: str) -> str:
    """The same server's database `name`."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def write_script(dump: Path, script: Path) -> None:
    """A dump as SQL. Raises Problem when it is damaged."""
    done = subprocess.run(
        [find("pg_restore"), "--no-owner", "-f", str(script), str(dump)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Problem(f"The database in this backup can't be read: {done.stderr.strip()}")
