"""What makes the many apps of one test process cheap to build, and changes nothing they do.

Werkzeug reads and compiles each of our 200 addresses anew for each app, Jinja each template, and
argon2 is slow on purpose; without this, more than half of the suite's time would go there. Half
of what is left is the admin, which most tests never ask for a page.
"""

import threading
from types import CodeType
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Map
from werkzeug.routing.converters import DEFAULT_CONVERTERS
from werkzeug.routing.rules import Rule

from obidient import breaker
from obidient.accounts import passwords
from obidient.admin import menu
from obidient.sync import pins

_compile = Rule.compile
#: What `Rule.compile` sets, and nothing changes afterwards.
_COMPILED = ("_parts", "_trace", "_converters", "_build", "_build_unknown")
_rules: dict[object, tuple[dict[str, object], frozenset[str]]] = {}
_add_pages = menu.add_pages
_init = breaker.Breaker.__init__
_breakers: list[Any] = []


def install() -> None:
    """Share what apps have alike; hash passwords and PINs at the least cost.

    The admin's pages are added when an app is first asked which addresses it has.
    """
    share()
    menu.add_pages = _later
    Flask.url_map = _Addresses()  # type: ignore[assignment]
    breaker.Breaker.__init__ = _noted  # type: ignore[method-assign]
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords._hasher = cheap
    pins._hasher = cheap
    passwords._NOBODY = cheap.hash("nobody at all")


def share() -> None:
    """Compile each address and each template once for all apps of a process, and of its forks."""
    Rule.compile = _shared  # type: ignore[method-assign]
    Flask.jinja_options = {"bytecode_cache": _Templates()}


def _later(app: Flask) -> None:
    vars(app)["add pages"] = True


class _Addresses:
    """`Flask.url_map`, which adds the admin's pages before it is looked at."""

    def __init__(self) -> None:
        # Threads may ask at the same moment, and adding asks for the addresses as well.
        self._turn = threading.RLock()

    def __get__(self, app: Flask, _owner: object = None) -> Map:
        with self._turn:
            if vars(app).pop("add pages", False):
                try:
                    _add_pages(app)
                except BaseException:
                    # Whoever asks next is told as well.
                    _later(app)
                    raise
        found: Map = vars(app)["url_map"]
        return found

    def __set__(self, app: Flask, value: Map) -> None:
        vars(app)["url_map"] = value


def _noted(one: breaker.Breaker, *args: Any, **kwargs: Any) -> None:
    _breakers.append(one)
    _init(one, *args, **kwargs)


def begin() -> None:
    """From here on the apps are those of one test."""
    _breakers.clear()


def end() -> None:
    """Nobody asks for these apps any more: end the threads that look after their Redis.

    By itself each goes on for half a minute, and for good where a test took its Redis away:
    hundreds of them would ask, and take turns with the tests that run by then.
    """
    for one in _breakers:
        one._look = lambda: ""
        one._set = lambda *_: None
        one._problem, one._asked = "", one._asked - breaker.IDLE
    _breakers.clear()


def _shared(rule: Rule) -> None:
    """Take over what an equal rule of an earlier app was compiled to."""
    if rule.map is None or rule.map.converters != DEFAULT_CONVERTERS:
        _compile(rule)
        return
    where = rule.host if rule.map.host_matching else rule.subdomain
    key = (rule.rule, where, rule.merge_slashes, repr(rule.defaults))
    if key not in _rules:
        _compile(rule)
        found = {name: getattr(rule, name) for name in _COMPILED}
        # Bound to their rule; each other rule binds the functions to itself.
        for name in ("_build", "_build_unknown"):
            found[name] = found[name].__func__
        _rules[key] = (found, frozenset(rule.arguments))
        return
    found, arguments = _rules[key]
    for name, value in found.items():
        bound = name.startswith("_build")
        setattr(rule, name, value.__get__(rule, None) if bound else value)  # type: ignore[attr-defined]
    rule.arguments |= arguments


class _Templates(BytecodeCache):
    """Compiled templates, as long as their text stays the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._known[bucket.key, bucket.checksum] = bucket.code
