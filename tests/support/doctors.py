"""Questions to the doctor, and servers that it looks at."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from conftest import missing
from servers import Missing, PostgresServer, RedisServer

from obidient import create_app, database
from obidient.operations.doctor.report import Line

Look = Callable[[], Iterator[Line]]


SECRET = "x7Kd93hQpLm2Vb8Rt5Yw1Zc6Nf4Gs0Aj"


TOKEN = "q8Wn35eRtYu1Io7Pa9Sd2Fg"


def named(look: Look) -> dict[str, Line]:
    """Lines by name; of several under one name the gravest."""
    order = ("ok", "warning", "error")
    return {line.name: line for line in sorted(look(), key=lambda line: order.index(line.state))}


@contextmanager
def at(environ: dict[str, str], **more: str) -> Iterator[None]:
    """An app with other settings."""
    with create_app(environ | more).app_context():
        try:
            yield
        finally:
            database.db.close()


@contextmanager
def running(*options: str) -> Iterator[RedisServer]:
    try:
        server = RedisServer(*options)
    except Missing as reason:
        missing(str(reason))
        return
    server.start()
    try:
        yield server
    finally:
        server.stop()


PRODUCTION = {
    "OBIDIENT_ENV": "production",
    "SECRET_KEY": SECRET,
    "COMMUNICATIONS_WEBHOOK_TOKEN": TOKEN,
    "PUBLIC_URL": "https://obidient.example.org",
    "TRUSTED_PROXIES": "1",
}


@pytest.fixture(scope="module")
def durable() -> Iterator[PostgresServer]:
    """A PostgreSQL of its own, set up as Debian's."""
    try:
        server = PostgresServer(durable=True)
    except Missing as reason:
        missing(str(reason))
        return
    server.start()
    yield server
    server.destroy()
