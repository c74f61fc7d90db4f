"""`obidient doctor [--json]`."""

import sys

import click
import orjson

from obidient.command import with_app
from obidient.operations.doctor import examine, worst


@click.command(help="Say what would bite in production, with the cure; exit code 1 at an error.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_app
def doctor(as_json: bool) -> None:
    found = examine()
    every = [line for lines in found.values() for line in lines]
    if as_json:
        body = {"status": worst(every), "lines": [line.as_json() for line in every]}
        click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())
    else:
        for line in every:
            click.echo(line.shown())
    if worst(every) == "error":
        sys.exit(1)
