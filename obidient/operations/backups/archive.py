"""The file of a backup: a tar with the database, the folders of files, and what it should hold."""

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from obidient.config import settings
from obidient.errors import Invalid

MANIFEST = "backup.json"
#: Names of the database inside, by kind.
DATABASE = {"sqlite": "database.sqlite", "postgresql": "database.dump"}


@dataclass(frozen=True)
class Manifest:
    """What a backup holds; `rows` counts each table as the copy has it."""

    version: str
    at: str
    host: str
    database: str
    rows: dict[str, int]

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)


def folders() -> dict[str, Path]:
    """Name in the archive -> folder on this machine, of all files that people gave us."""
    configured = settings()
    photos = configured.photo_storage
    found = {name: configured.data_dir / name for name in ("audio", "uploads")}
    # A bucket keeps its own copies.
    if not photos.startswith("s3"):
        found["photos"] = Path(photos) if photos else configured.data_dir / "photos"
    return found


@contextmanager
def written(path: Path) -> Iterator[tarfile.TarFile]:
    """A new archive under `path`, there only when it is whole; nobody else may read it."""
    part = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                yield tar
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def put_manifest(tar: tarfile.TarFile, manifest: Manifest) -> None:
    data = orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2)
    entry = tarfile.TarInfo(MANIFEST)
    entry.size, entry.mode = len(data), 0o600
    tar.addfile(entry, io.BytesIO(data))


def put_folders(tar: tarfile.TarFile) -> int:
    """The files of all folders; returns how many. One that goes away meanwhile is left out."""
    number = 0
    for name, folder in folders().items():
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if not path.is_file():
                continue
            try:
                tar.add(path, f"files/{name}/{path.relative_to(folder)}", recursive=False)
            except FileNotFoundError:
                continue
            number += 1
    return number


@contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """An archive to read. Raises Invalid for what is none."""
    try:
        with tarfile.open(path, "r") as tar:
            yield tar
    except FileNotFoundError:
        raise Invalid(f"There is no file {path}.") from None
    except (tarfile.TarError, EOFError) as error:
        raise Invalid(f"{path} is damaged or no backup of ours: {error}.") from None


def manifest_of(tar: tarfile.TarFile, path: Path) -> Manifest:
    try:
        file = tar.extractfile(MANIFEST)
        told: dict[str, Any] = orjson.loads(file.read() if file else b"")
        return Manifest(**told)
    except (KeyError, TypeError, orjson.JSONDecodeError):
        raise Invalid(f"{path} is no backup of ours: it does not say what it holds.") from None


def take_database(tar: tarfile.TarFile, manifest: Manifest, folder: Path) -> Path:
    """Unpack the database into `folder`; returns its file."""
    name = DATABASE[manifest.database]
    _unpack(tar, tar.getmember(name), folder / name)
    return folder / name


def _unpack(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
    """One file, by hand: `extract` is safe from Python 3.11.4 on, and Debian 12 has 3.11.2."""
    source = tar.extractfile(entry)
    if source is None:
        raise tarfile.ReadError(f"{entry.name} is no file")
    with source, path.open("wb") as file:
        shutil.copyfileobj(source, file)
    path.chmod(entry.mode & 0o755)
    os.utime(path, (entry.mtime, entry.mtime))


def take_folders(tar: tarfile.TarFile) -> int:
    """Unpack the files to where they belong; those that are there already are written over."""
    number = 0
    places = folders()
    for entry in tar.getmembers():
        top, _, rest = entry.name.partition("/")
        name, _, inside = rest.partition("/")
        if top != "files" or name not in places or not inside or not entry.isfile():
            continue
        path = (places[name] / inside).resolve()
        if not path.is_relative_to(places[name].resolve()):
            raise tarfile.ReadError(f"{entry.name} leads out of its folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        _unpack(tar, entry, path)
        number += 1
    return number
