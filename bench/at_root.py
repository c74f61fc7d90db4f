"""Imported first by what needs the stand-ins: puts the repository and them on the path."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
