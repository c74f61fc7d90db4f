"""`obidient plugins list | check | new NAME`."""

import keyword
from pathlib import Path

import click
from flask import current_app

from obidient import queues
from obidient.command import with_app
from obidient.config import settings
from obidient.errors import Conflict, Invalid
from obidient.plugin import Health, Provider
from obidient.providers import loading, registry
from obidient.providers.registry import Registry
from obidient.providers.scaffold import PROVIDER, TESTS


@click.group(help="Look at plugins, check them, begin a new one.")
def plugins() -> None:
    """The group."""


@plugins.command("list", help="Every plugin, its providers, and who carries what.")
@with_app
def list_() -> None:
    found = registry.current()
    rows = [row for name in _all_names(found) for row in _rows(found, name)]
    if not rows:
        click.echo("There are no plugins.")
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[3]]).rstrip())
    for channel in queues.current().channels:
        if found.is_misnamed(channel):
            click.echo(f"Nobody carries {channel}: {found.why_none(channel)}.")


def _all_names(found: Registry) -> list[str]:
    folder = loading.local_plugins(settings().plugins_dir)
    return sorted({*found.plugins(), *folder, *loading.installed_plugins()})


def _rows(found: Registry, plugin: str) -> list[tuple[str, str, str, str]]:
    wanted = found.plugins()
    if plugin not in wanted:
        local = plugin in loading.local_plugins(settings().plugins_dir)
        word = "disabled" if local else "installed, but not named in PLUGINS"
        return [(plugin, "", "", word)]
    rows = [
        (plugin, name, found.get(name).channel, _state(found, found.get(name)))
        for name in wanted[plugin]
    ]
    if plugin in found.broken():
        rows.append((plugin, "", "", f"BROKEN: {loading.last_line(found.broken()[plugin])}"))
    return rows


def _state(found: Registry, provider: Provider) -> str:
    chosen = found.for_channel(provider.channel)
    if chosen is provider:
        return f"carries {provider.channel}"
    if provider in found.route(provider.channel) and not found.why_not(provider):
        return f"carries {provider.channel} with others"
    return found.why_not(provider) or "ready"


@plugins.command(help="Load every plugin and ask its network; exit 1 when one is not right.")
@click.option("--offline", is_flag=True, help="Do not ask the networks.")
@with_app
def check(offline: bool) -> None:
    found = registry.current()
    wrong = 0
    for name, trace in found.broken().items():
        wrong += 1
        click.echo(f"{name}: BROKEN\n{trace.rstrip()}")
    for provider in found.providers():
        ok, said = _checked(found, provider, offline)
        wrong += not ok
        click.echo(f"{provider.name}: {said}")
    for channel in queues.current().channels:
        if found.is_misnamed(channel):
            wrong += 1
            click.echo(f"{channel}: NOT RIGHT: {found.why_none(channel)}")
    if not found.providers() and not wrong:
        click.echo("There are no plugins.")
    if wrong:
        raise click.exceptions.Exit(1)


def _checked(found: Registry, provider: Provider, offline: bool) -> tuple[bool, str]:
    """Whether a provider is all right, and a sentence; one that nobody has set up is."""
    problems = found.problems_of(provider.name)
    mistakes = [text for text in problems.values() if not text.endswith("is not set")]
    if mistakes:
        return False, f"NOT RIGHT: {'; '.join(mistakes)}"
    missing = found.not_ready(provider)
    if missing:
        named = provider.name in found.named(provider.channel)
        return not named, f"not set up: {missing}"
    if offline:
        return True, "OK"
    try:
        health = provider.check()
    except Exception as error:  # noqa: BLE001 - a plugin's; what it says is the answer
        return False, f"FAILED: check() raised {type(error).__name__}: {error}"
    if not isinstance(health, Health):
        return False, f"FAILED: check() gives {health!r} in place of a Health"
    word = "OK" if health.ok else "FAILED"
    return health.ok, f"{word}: {health.message}" if health.message else word


@plugins.command(help="Write a provider, and tests that pass, to begin from.")
@click.argument("name")
@click.option("--channel", default="sms", show_default=True, help="The kind of message it carries.")
@with_app
def new(name: str, channel: str) -> None:
    module = name.replace("-", "_")
    _check_new(name, module, channel)
    folder: Path = settings().plugins_dir / module
    values = {
        "name": name.replace("_", "-"),
        "module": module,
        "channel": channel,
        "cls": "".join(part.capitalize() for part in module.split("_")) + "Provider",
        "title": module.replace("_", " ").capitalize(),
    }
    (folder / "tests").mkdir(parents=True)
    (folder / "__init__.py").write_text(_filled(PROVIDER, values), encoding="utf-8")
    test = folder / "tests" / f"test_{module}_provider.py"
    test.write_text(_filled(TESTS, values), encoding="utf-8")
    shown = _shown(folder)
    click.echo(f"Wrote {shown}/__init__.py and its test. Now:")
    click.echo(f"  python -m pytest {shown}  (the contract that every provider keeps)")
    click.echo("  obidient plugins check  (whether it loads)")


def _filled(text: str, values: dict[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _shown(folder: Path) -> str:
    root = loading.FOLDER.parent
    return str(folder.relative_to(root)) if folder.is_relative_to(root) else str(folder)


def _check_new(name: str, module: str, channel: str) -> None:
    """Raises Invalid for a name that could not work, Conflict for one that is taken."""
    provider = name.replace("_", "-")
    if not loading.NAME.fullmatch(provider) or keyword.iskeyword(module):
        raise Invalid(f"{name!r} can't be a plugin's name: use small letters, digits and dashes.")
    if not loading.NAME.fullmatch(channel):
        raise Invalid(f"{channel!r} can't be a channel's name: use small letters and dashes.")
    if max(len(provider), len(channel)) > loading.LONGEST_NAME:
        raise Invalid(f"A name has {loading.LONGEST_NAME} characters at most.")
    found: Registry = current_app.extensions["obidient.registry"]
    folder = settings().plugins_dir
    taken = (folder / module).exists() or (folder / f"{module}.py").exists()
    if taken or module in loading.installed_plugins() or found.find(provider):
        raise Conflict(f"There is a plugin {name!r} already: nothing was written.")
