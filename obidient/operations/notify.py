"""Telling a supervisor how we are, as sd_notify(3) does: systemd's, or that of `obidient up`."""

import contextlib
import os
import socket

#: Seconds that a supervisor may take to make room for a word; a queue of datagrams is short.
PATIENCE = 2.0


def notify(state: str) -> None:
    """Send `READY=1`, `STOPPING=1`, `WATCHDOG=1` or `STATUS=…`; nothing without a supervisor."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    # Who doesn't listen any more is not told, and holds nobody up.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.settimeout(PATIENCE)
        out.connect(address)
        out.send(state.encode())


def watchdog_seconds() -> float | None:
    """How often `WATCHDOG=1` has to be sent, half of what systemd allows; None: never."""
    given = os.environ.get("WATCHDOG_USEC", "")
    owner = os.environ.get("WATCHDOG_PID", "")
    if not given.isdigit() or (owner and owner != str(os.getpid())):
        return None
    return int(given) / 2e6
