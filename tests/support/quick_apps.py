"""What makes the many apps of one test process cheap to build, and changes nothing they do.

Werkzeug compiles two functions for each of our 200 addresses, and argon2 is slow on purpose;
without this, more than half of the suite's time would go there.
"""

from argon2 import PasswordHasher
from werkzeug.routing.rules import Rule

from obidient.accounts import passwords
from obidient.sync import pins

_builders: dict[object, object] = {}
_compile_builder = Rule._compile_builder


def install() -> None:
    """Share compiled addresses among apps, and hash passwords and PINs at the least cost."""
    Rule._compile_builder = _shared  # type: ignore[assignment, method-assign]
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords._hasher = cheap
    pins._hasher = cheap
    passwords._NOBODY = cheap.hash("nobody at all")


def _shared(rule: Rule, append_unknown: bool = True) -> object:
    """The builder of an earlier app: it takes the rule as its argument and keeps nothing."""
    key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]
