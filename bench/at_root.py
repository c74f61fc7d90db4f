"""Imported first by what needs the stand-ins: they are found, and nothing is left running."""

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

# Told to stop, a benchmark ends what it has started before it goes.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
