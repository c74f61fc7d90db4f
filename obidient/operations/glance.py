"""`obidient queue health`, which loads no more than it looks at."""

import sys

import click

from obidient import queues_app
from obidient.command import inside
from obidient.operations.doctor.redis import lines as redis_lines
from obidient.operations.doctor.report import worst
from obidient.operations.health import queue_health


@click.command("health", help="Say how the queues are; exit code 1 when something is wrong.")
@click.option("--all", "everything", is_flag=True, help="Also Redis itself: memory, policy, TLS …")
@inside(queues_app)
def health(everything: bool) -> None:
    report = queue_health()
    for line in report.lines:
        click.echo(line)
    for problem in report.problems:
        click.echo(problem)
    found = list(redis_lines()) if everything else []
    for one in found:
        click.echo(one.shown())
    if not report.ok or worst(found) == "error":
        sys.exit(1)
