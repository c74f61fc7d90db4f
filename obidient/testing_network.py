"""Guards around tests: no outside host is reached; authors import them from `obidient.testing`."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def no_network() -> Iterator[None]:
    """Fail any code that opens a connection inside."""
    real = socket.socket.connect

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened where none may be")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        socket.socket.connect = real  # type: ignore[method-assign]


@contextmanager
def loopback_only() -> Iterator[None]:
    """Whoever asks for an outside host inside fails, before a name is looked up.

    So does the block as a whole, even if the code inside took the failure for the network's.
    """
    tried: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple):
            _check_host(address[0], tried)
        return connect(self, address)

    def looked_up(host: Any, *more: Any, **named: Any) -> Any:
        _check_host(host, tried)
        return look_up(host, *more, **named)

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = looked_up
    try:
        yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.getaddrinfo = look_up
    if tried:
        raise AssertionError(_told(tried[0]))


def _check_host(host: Any, tried: list[str]) -> None:
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    if not (name in ("", "localhost", "::1") or name.startswith("127.")):
        tried.append(name)
        raise AssertionError(_told(name))


def _told(name: str) -> str:
    return f"a test tried to reach {name}: point the settings at a stand-in"
