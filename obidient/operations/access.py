"""Gunicorn's log through ours: one line a request, in the same form and the same file."""

import logging
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

logger = logging.getLogger("obidient.access")

#: Asked for all day long by machines, or by the whole country: only failures are worth a line.
QUIET = ("/healthz", "/readyz", "/metrics", "/static/", "/api/live-results/", "/results")


class AccessLog(Logger):  # type: ignore[misc]
    """No query strings: the webhook token is in one. No addresses of visitors either."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:
        status = int(str(resp.status).split(maxsplit=1)[0])
        path = environ.get("PATH_INFO", "")
        if status < 400 and path.startswith(QUIET):
            return
        headers = {name.lower(): value for name, value in resp.headers}
        logger.info(
            "%s %s %s %s bytes %.0f ms",
            environ.get("REQUEST_METHOD", ""),
            path,
            status,
            getattr(resp, "sent", 0),
            request_time.total_seconds() * 1000,
            extra={"request_id": headers.get("x-request-id", "-")},
        )
