"""A line an event, to the terminal and to logs/server.log; no phone number in either."""

import contextlib
import logging
import logging.handlers
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from flask import g, has_app_context

from obidient.config import ConfigError, Settings
from obidient.errors import first_line
from obidient.redact import redact
from obidient.workers.outages import AWAY

#: Libraries whose every step would drown what matters.
_QUIET = ("huey", "peewee.migrations", "urllib3", "werkzeug", "requests", "flask-limiter")


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


#: What this process calls itself in its lines: `web`, `sms-worker`, `worker`; empty in commands.
_process = ""


def name_process(name: str) -> None:
    """Have every line of this process carry a name."""
    global _process
    _process = name


class OneLine(logging.Formatter):
    """`2027-02-25T15:30:45.123Z INFO obidient.x [who] text`, phone numbers masked.

    `who` is a request's id, or the process with the queue whose job it works on.
    """

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        lines = " | ".join(redact(text).splitlines())
        # An address may hold anything, and whoever reads this in a terminal must not suffer.
        shown = _CONTROL.sub("?", lines)
        return f"{_stamp(record)} {record.levelname} {record.name} [{_who(record)}] {shown}"


class OneObject(logging.Formatter):
    """A JSON object a line, for machines that collect logs; phone numbers masked."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": _stamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": _process,
            "pid": record.process,
            "request": _request_id(record),
            "queue": g.get("queue", "") if has_app_context() else "",
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            told["error"] = redact(self.formatException(record.exc_info))
        return orjson.dumps({key: value for key, value in told.items() if value}).decode()


def _stamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _request_id(record: logging.LogRecord) -> str:
    given = getattr(record, "request_id", None)
    if given is None and has_app_context():
        given = g.get("request_id")
    return str(given or "")


def _who(record: logging.LogRecord) -> str:
    queue = g.get("queue", "") if has_app_context() else ""
    return _request_id(record) or " ".join(part for part in (_process, queue) if part) or "-"


class OutageFilter(logging.Filter):
    """Huey writes a traceback every second that a service is away; the ticker says it in a line."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, AWAY) or not record.name.startswith("huey"):
            return True
        if record.getMessage().startswith(("Error reading", "Error enqueueing")):
            return False
        record.msg, record.args = f"{record.getMessage()} {first_line(error)}", ()
        record.exc_info = record.exc_text = None
        return True


class LogFile(logging.handlers.WatchedFileHandler):
    """A file that can't be opened stops nobody's work: the terminal has every line as well."""

    _told = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError as error:
            if not self._told:
                sys.stderr.write(f"The log file can't be written to: {error}\n")
            self._told = True

    def _open(self) -> Any:
        """What root's command begins belongs to the service, whose folder it is in."""
        opened = super()._open()
        if os.geteuid() == 0:
            folder = Path(self.baseFilename).parent.stat()
            with contextlib.suppress(OSError):
                os.fchown(opened.fileno(), folder.st_uid, folder.st_gid)
        return opened


def init(settings: Settings) -> None:
    """Set the root logger up; safe to call again, as tests and several apps do."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if getattr(handler, "_obidient", False):
            root.removeHandler(handler)
            handler.close()
    level = settings.log_level.upper()
    try:
        settings.log_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"LOG_DIR: the folder {settings.log_dir} can't be made ({error.strerror}). "
            "Name one that may be written to."
        ) from None
    handlers: list[logging.Handler] = [
        logging.StreamHandler(sys.stderr),
        # Several processes append to it, and the operator's logrotate may move it away.
        LogFile(settings.log_dir / "server.log", encoding="utf-8", delay=True),
    ]
    for handler in handlers:
        handler.setFormatter(OneObject() if settings.log_format == "json" else OneLine())
        handler.setLevel(level)
        # Not on Huey's logger: what its threads log is named after them, and passes that by.
        handler.addFilter(OutageFilter())
        handler._obidient = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
