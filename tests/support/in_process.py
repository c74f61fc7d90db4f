"""The app of a test, served to a browser by this process: no other process has to be started."""

import contextlib
import threading
from collections.abc import Iterator

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:
        """The app logs requests itself."""


@contextlib.contextmanager
def served(app: Flask, port: int) -> Iterator[str]:
    """The address of the running server. What needs gunicorn takes the fixture `server`."""
    made = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        made.shutdown()
        thread.join()
        made.server_close()
