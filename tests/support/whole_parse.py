"""Python 3.11's parser, kept from failing when rubbish is collected in the middle of it."""

import ast
import gc
from typing import Any

_parse = ast.parse


def _without_collector(*args: Any, **kwargs: Any) -> Any:
    was_on = gc.isenabled()
    gc.disable()
    try:
        return _parse(*args, **kwargs)
    finally:
        if was_on:
            gc.enable()


def install() -> None:
    """Have `ast.parse` hold the collector back while it works.

    Until python/cpython#106905 was mended, a parse that ran inside another, from a finalizer
    or in another thread that a finalizer let go first, ended the outer one with SystemError:
    "AST constructor recursion depth mismatch". Hypothesis parses each state machine's module.
    """
    ast.parse = _without_collector
