"""Where photos are kept: a folder, or a bucket that speaks S3; four verbs, nothing else."""

import contextlib
from io import BytesIO
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from obidient import files
from obidient.config import ConfigError, Settings, settings


class Storage(Protocol):
    """Objects by key; a key is letters, digits, dots, dashes and slashes."""

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Keep an object, whole or not at all, in the place of the one before."""

    def get(self, key: str) -> bytes | None:
        """An object, or None."""

    def delete(self, key: str) -> None:
        """Forget an object; nothing happens when there is none."""


class Folder:
    """Files under one folder, on a disk that all web servers share."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, data: bytes, media_type: str) -> None:
        with files.kept(self.root / key) as file:
            file.write(data)

    def get(self, key: str) -> bytes | None:
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.root / key).unlink()


class Bucket:
    """A bucket of S3, MinIO or any other that speaks it: s3://KEY:SECRET@HOST/BUCKET."""

    def __init__(self, url: str) -> None:
        try:
            from minio import Minio
        except ImportError:
            raise ConfigError(
                "PHOTO_STORAGE names a bucket: install the client with pip install obidient[s3]."
            ) from None
        parts = urlsplit(url)
        self.bucket = parts.path.strip("/")
        self._client = Minio(
            parts.netloc.rpartition("@")[2],
            access_key=unquote(parts.username or ""),
            secret_key=unquote(parts.password or ""),
            secure=parts.scheme == "s3",
            # Named here, so that the client need not ask where the bucket lies.
            region=dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair).get(
                "region", "us-east-1"
            ),
        )

    def put(self, key: str, data: bytes, media_type: str) -> None:
        self._client.put_object(self.bucket, key, BytesIO(data), len(data), content_type=media_type)

    def get(self, key: str) -> bytes | None:
        from minio.error import S3Error

        try:
            answer = self._client.get_object(self.bucket, key)
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            raise
        try:
            return bytes(answer.read())
        finally:
            answer.close()
            answer.release_conn()

    def delete(self, key: str) -> None:
        self._client.remove_object(self.bucket, key)


def of(configured: Settings) -> Storage:
    """The store that the settings name; opens nothing yet."""
    where = configured.photo_storage
    if where.startswith(("s3://", "s3+http://")):
        return Bucket(where)
    if where:
        return Folder(Path(where))
    return Folder(configured.data_dir / "photos")


def current() -> Storage:
    """The store of the current app."""
    return of(settings())
