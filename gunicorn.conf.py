"""How gunicorn serves the app; every figure from the environment, see .env.example."""

import gc
from typing import Any

from obidient.config import ConfigError, Settings

try:
    _settings = Settings.load()
except ConfigError as error:
    # A sentence, where gunicorn would print a traceback.
    raise SystemExit(f"Error: {error}") from None

wsgi_app = "wsgi:app"
# Loaded once, before the children are made: they start at once and share its memory.
preload_app = True
_host = f"[{_settings.bind}]" if ":" in _settings.bind else _settings.bind
bind = f"{_host}:{_settings.port}"
# gunicorn's threads, which share connections among the processes.
worker_class = "obidient.operations.accepting.FairWorker"
workers = _settings.web_workers
threads = _settings.web_threads
timeout = 60
graceful_timeout = 6 if not _settings.is_production else 30
keepalive = 15
# Room for asking about 200 sheets at once.
limit_request_line = 8190
max_requests = 100_000
max_requests_jitter = 10_000
worker_tmp_dir = "/dev/shm" if __import__("os").path.isdir("/dev/shm") else None  # noqa: S108
# Its socket lies in the home folder, one for all instances: two of them would quarrel.
control_socket_disable = True
# Requests and errors go where every other event goes, without query strings.
logger_class = "obidient.operations.access.AccessLog"
accesslog = "-"
loglevel = "warning"


def on_starting(server: Any) -> None:
    """Runs in the master, before its children."""
    from obidient import process, security
    from obidient.operations import accepting, logging, supervised, web

    process.few_heaps()
    accepting.share()
    logging.init(_settings)
    logging.name_process("web")
    if advice := security.of_binding(_settings):
        server.log.warning(advice)
    web.refuse_if_old(server.app.wsgi())
    # What is there now stays shared with the children: nothing looks through it for garbage.
    gc.collect()
    gc.freeze()
    supervised.end_with_supervisor()


def when_ready(server: Any) -> None:
    """Runs in the master once its socket is open."""
    from obidient.operations import web

    web.watch(server)


def post_worker_init(worker: Any) -> None:
    """Runs in each child once it has loaded the app."""
    from obidient.operations import web

    web.begin(worker.app.callable)


def worker_exit(server: Any, worker: Any) -> None:
    """Runs in each child as it ends."""
    from obidient.operations import web

    if worker.app.callable is not None:
        web.end(worker.app.callable)


def post_fork(server: Any, worker: Any) -> None:
    """A connection opened before the fork must not be shared by the children."""
    from obidient.database import db

    if db.obj is not None:
        db.obj.dispose()
