"""The `obidient` command: one group, each area's commands in its own `commands.py`."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import click

from obidient import __version__
from obidient.garbage import uncollected

#: Each command, where it lives and what it does. A module is imported only when one of its commands
#: is asked for: the list of all commands must not cost the import of everything.
COMMANDS = {
    "agent": ("obidient.sync.commands", "A polling agent's PIN and polling unit."),
    "agents": ("obidient.sync.commands", "Polling agents by the thousand: import, PINs."),
    "backup": ("obidient.operations.backups.commands", "Save everything into one file."),
    "campaign": ("obidient.campaigns.commands", "See, pause, resume or cancel campaigns."),
    "collation": ("obidient.results.collation.commands", "Declared figures beside the sheets."),
    "contacts": ("obidient.contacts.commands", "Import supporters and opt-outs, undo, erase."),
    "db": ("obidient.operations.commands", "Upgrade the database, or see whether it needs it."),
    "demo": ("obidient.operations.demo", "Show the main job: a campaign through the simulator."),
    "doctor": ("obidient.operations.doctor.commands", "What would bite, each with its cure."),
    "election": ("obidient.results.commands", "Elections and their parties."),
    "plugins": ("obidient.providers.commands", "Look at plugins, check them, begin a new one."),
    "queue": ("obidient.cli", "See, pause, resume or clear the queues."),
    "quickcount": ("obidient.results.quickcount.commands", "A sample that says who leads."),
    "register": ("obidient.results.commands", "The register of polling units."),
    "restore": ("obidient.operations.backups.commands", "Put a backup in place of the database."),
    "results": ("obidient.results.commands", "Load, check, recount and export results."),
    "setup": ("obidient.operations.setup", "Prepare a folder for development."),
    "token": ("obidient.accounts.commands", "Make and revoke API tokens."),
    "up": ("obidient.operations.up", "Run the web server and the workers until Ctrl-C."),
    "user": ("obidient.accounts.commands", "Make and change the people who sign in."),
    "worker": ("obidient.operations.worker", "Run workers for some or all channels."),
}


#: Of `obidient queue`, in the same way: its health is looked at every minute, by machines too.
QUEUE = {
    "clear": ("obidient.operations.commands", "Drop waiting and scheduled jobs."),
    "health": ("obidient.operations.glance", "Say how the queues are; exit code 1 for a problem."),
    "jobs": ("obidient.operations.commands", "List the jobs of some or all channels."),
    "pause": ("obidient.operations.commands", "Make no provider call on a channel."),
    "resume": ("obidient.operations.commands", "Let a channel go on."),
}


class Lazy(click.Group):
    """Finds a command `queue` as the attribute `queue` of the module that its table names."""

    def __init__(
        self,
        table: Mapping[str, tuple[str, str]],
        loading: Callable[[], AbstractContextManager[None]] = nullcontext,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._table, self._loading = table, loading

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        module, _ = self._table[cmd_name]
        with self._loading():
            found: click.Command = getattr(import_module(module), cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, does) for name, (_, does) in sorted(self._table.items())])


# It saves an eighth of the time; what lives long would be left with holes in its memory.
queue = Lazy(QUEUE, uncollected, name="queue", help="Look after the queues.")


@click.command(cls=Lazy, table=COMMANDS, help="Run campaigns, results and the servers behind them.")
@click.version_option(__version__, prog_name="obidient")
def main() -> None:
    """The entry point of the console script."""
