"""One line an event, to the terminal and to logs/server.log; no phone number in either."""

import logging
import logging.handlers
import re
import sys
from datetime import UTC, datetime

from flask import g, has_app_context

from obidient.config import Settings

_PHONE = re.compile(r"(?<![\w.:-])(\+?\d{3})\d{4,8}(\d{3})(?![\w.:-])")
#: Libraries whose every step would drown what matters.
_QUIET = ("huey", "peewee.migrations", "urllib3", "werkzeug", "requests", "flask-limiter")


class OneLine(logging.Formatter):
    """`2027-02-25T15:30:45.123Z INFO obidient.x [request id] text`, phone numbers masked."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        request_id = g.get("request_id", "-") if has_app_context() else "-"
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        text = _PHONE.sub(r"\1•••\2", text).replace("\n", " | ")
        return f"{stamp} {record.levelname} {record.name} [{request_id}] {text}"


class OutageFilter(logging.Filter):
    """Huey repeats a traceback every second that Redis is away; one line of it is enough."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and "queue" in record.getMessage().lower():
            if record.created - self._last < 30:
                return False
            self._last = record.created
            record.exc_info = None
            record.msg = "the queue can't be reached; waiting for it to come back"
            record.args = ()
        return True


def init(settings: Settings) -> None:
    """Set the root logger up; safe to call again, as tests and several apps do."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if getattr(handler, "_obidient", False):
            root.removeHandler(handler)
            handler.close()
    level = settings.log_level.upper()
    settings.log_dir.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [
        logging.StreamHandler(sys.stderr),
        # Several processes append to it, and the operator's logrotate may move it away.
        logging.handlers.WatchedFileHandler(
            settings.log_dir / "server.log", encoding="utf-8", delay=True
        ),
    ]
    for handler in handlers:
        handler.setFormatter(OneLine())
        handler.setLevel(level)
        handler._obidient = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in ("huey", "huey.consumer"):
        huey_logger = logging.getLogger(name)
        if not any(isinstance(found, OutageFilter) for found in huey_logger.filters):
            huey_logger.addFilter(OutageFilter())
