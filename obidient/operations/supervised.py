"""Children of `obidient up` end with it, even when it was killed and could not tell them."""

import os
import signal
import threading
import time

#: Set by `obidient up` for its children: its own process id.
VARIABLE = "OBIDIENT_SUPERVISOR"


def end_with_supervisor() -> None:
    """Send this process a TERM when its supervisor is gone; does nothing without one."""
    given = os.environ.get(VARIABLE, "")
    if given.isdigit():
        threading.Thread(target=_watch, args=(int(given),), daemon=True).start()


def _watch(pid: int) -> None:
    while _alive(pid):
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
