"""What the tests of operations share."""

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

ROOT = Path(__file__).parents[2]


Cli = Callable[..., Result]
