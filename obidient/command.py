"""What every command of `obidient` runs in: the app, and errors in one line."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from flask import Flask
from peewee import DatabaseError

from obidient import create_app, database
from obidient.config import ConfigError
from obidient.errors import Problem

P = ParamSpec("P")
T = TypeVar("T")


def with_app(function: Callable[P, T]) -> Callable[P, T]:
    """Run a command inside the app; errors meant for people become one line and exit code 1."""
    return inside(create_app)(function)


def inside(make: Callable[[], Flask]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """As `with_app`, in the app that `make` gives."""

    def wrap(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                app = make()
                with app.app_context():
                    try:
                        return function(*args, **kwargs)
                    except DatabaseError as error:
                        problem = database.trouble()
                        if problem is None:
                            raise
                        raise click.ClickException(problem) from error
            except (ConfigError, Problem) as error:
                raise click.ClickException(getattr(error, "detail", str(error))) from error

        return run

    return wrap
