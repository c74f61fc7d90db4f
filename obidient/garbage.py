"""When Python looks for garbage: not while much is made that stays, or goes by itself."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Python looks for no circles of references meanwhile; what is in none goes as ever."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
