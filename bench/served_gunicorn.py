"""gunicorn.conf.py for the apps of `served`: every setting, without the hooks for our own app."""

import runpy
from pathlib import Path

_ours = runpy.run_path(str(Path(__file__).parent.parent / "gunicorn.conf.py"))
globals().update(
    {name: value for name, value in _ours.items() if name[0] != "_" and not callable(value)}
)
