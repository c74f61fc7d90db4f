"""A server that takes connections and never says a word."""

import contextlib
import socket
import threading


class BlackHole:
    """Takes connections and never says a word; counts them and what is said to it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._socket.getsockname()[1]}/0"
        self.connections = 0
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._swallow, daemon=True).start()

    def _swallow(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._kept.append(self._socket.accept()[0])
                self.connections += 1

    def close(self) -> None:
        for one in (self._socket, *self._kept):
            one.close()
