"""Imported first by what needs the stand-ins: they are found, and nothing is left running."""

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]


def _end(*_: object) -> None:
    """Told to stop, a benchmark ends what it has started before it goes; told again, it goes on."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


signal.signal(signal.SIGTERM, _end)
