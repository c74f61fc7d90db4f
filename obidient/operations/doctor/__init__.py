"""What would bite in production, a line each with its cure: `obidient doctor` and its page."""

import logging
from collections.abc import Callable, Iterator

from peewee import PeeweeException

from obidient import database
from obidient.errors import first_line
from obidient.operations.doctor import host, postgres, providers, redis, settings, workers
from obidient.operations.doctor.report import Line, worst

__all__ = ["Line", "examine", "worst"]

logger = logging.getLogger(__name__)

#: In the order in which people read them.
SUBJECTS: dict[str, Callable[[], Iterator[Line]]] = {
    "Settings": settings.lines,
    "Database": postgres.lines,
    "Redis": redis.lines,
    "Workers": workers.lines,
    "Providers": providers.lines,
    "This machine": host.lines,
}
#: What lies in the database altogether.
NEED_DATABASE = ("Workers", "Providers")


def examine() -> dict[str, list[Line]]:
    """Every check, by subject. A check that fails itself is an error and hides no other."""
    # Asked once: one that is silent is waited for by each who asks.
    away = database.reachable()
    return {
        subject: [_unseen(subject, away)]
        if away is not None and subject in NEED_DATABASE
        else list(_guarded(subject, lines))
        for subject, lines in SUBJECTS.items()
    }


def _unseen(subject: str, why: str) -> Line:
    text = f"This can't be seen without the database: {why}."
    return Line("error", subject.lower().replace(" ", "-"), text)


def _guarded(subject: str, lines: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    name = subject.lower().replace(" ", "-")
    try:
        yield from lines()
    except PeeweeException as error:
        if not database.db.is_closed():
            database.db.rollback()
        if subject == "Database":
            yield Line("error", name, f"The database can't be looked at: {first_line(error)}.")
        else:
            yield _unseen(subject, first_line(error))
    except Exception as error:
        logger.exception("the doctor stumbled over %s", subject)
        text = f"This could not be looked at: {type(error).__name__}: {first_line(error)}."
        yield Line("error", name, text, "The log has the traceback.")
