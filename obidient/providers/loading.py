"""Finds plugins in the folder and among installed packages, imports and checks them."""

import importlib.util
import inspect
import re
import sys
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from wtforms import Form

from obidient import queues
from obidient.config import ROOT, ConfigError
from obidient.plugin import Provider

GROUP = "obidient.plugins"
#: Beside wsgi.py, wherever the process was started.
FOLDER = ROOT / "plugins"
#: Of providers, channels and callback events.
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
#: Of a plugin's own module.
MODULE_NAME = re.compile(r"[a-z][a-z0-9_]*")
LONGEST_NAME = 50


class PluginError(ConfigError):
    """A plugin can't be used; the text says why."""


def last_line(trace: str) -> str:
    """What a traceback comes down to."""
    lines = [line for line in trace.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason was given"
    # Our own sentences need no class in front of them.
    return last.partition("PluginError: ")[2] or last


# ---- finding --------------------------------------------------------------------------------


def local_plugins(folder: Path) -> dict[str, Path]:
    """Plugin name -> the file to import: NAME.py, or NAME/__init__.py."""
    found: dict[str, Path] = {}
    if not folder.is_dir():
        return found
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("_", ".")):
            continue
        if path.suffix == ".py":
            found.setdefault(path.stem, path)
        elif (path / "__init__.py").is_file():
            found[path.name] = path / "__init__.py"
    return found


def installed_plugins() -> dict[str, EntryPoint]:
    """Entry points of installed packages, none of them imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


# ---- importing ------------------------------------------------------------------------------


def module_name(folder: Path, name: str) -> str:
    """One stable dotted name, whatever the current folder is and however often an app is built."""
    folder = folder.resolve()
    if folder == FOLDER:
        return f"plugins.{name}"
    return f"obidient_plugins_{sha256(str(folder).encode()).hexdigest()[:8]}.{name}"


def import_local(folder: Path, name: str, path: Path) -> ModuleType:
    """Import a plugin from a folder once per process. Raises whatever the plugin raises."""
    if not MODULE_NAME.fullmatch(name):
        raise PluginError(
            f"{path.name} is no plugin name: use small letters, digits and underscores."
        )
    dotted = module_name(folder, name)
    known = sys.modules.get(dotted)
    if known is not None:
        return known
    parent = _parent_package(dotted.rpartition(".")[0], folder)
    places = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(dotted, path, submodule_search_locations=places)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path.name} can't be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[dotted] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        # A half-made module must not look whole to the next app of this process.
        for loaded in [key for key in sys.modules if key == dotted or key.startswith(f"{dotted}.")]:
            del sys.modules[loaded]
        raise
    setattr(parent, name, module)
    return module


def _parent_package(name: str, folder: Path) -> ModuleType:
    package = sys.modules.get(name)
    if package is None:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return package


def load_plugin(name: str, folder: Path = FOLDER) -> ModuleType:
    """The module of a plugin in a folder. Raises PluginError when there is none."""
    path = local_plugins(folder).get(name)
    if path is None:
        raise PluginError(f"There is no plugin {name!r} in {folder.name}/.")
    return import_local(folder, name, path)


# ---- checking -------------------------------------------------------------------------------


def providers_of(found: Any, plugin: str) -> list[type[Provider]]:
    """The provider classes of a module (its own, not what it imported), or a class itself."""
    if not inspect.ismodule(found):
        return [found]
    inside = f"{found.__name__}."
    own = [
        thing
        for name, thing in vars(found).items()
        if inspect.isclass(thing)
        and issubclass(thing, Provider)
        and not name.startswith("_")
        and f"{thing.__module__}.".startswith(inside)
    ]
    if not own:
        raise PluginError(f"{plugin} has no subclass of obidient.plugin.Provider.")
    return list(dict.fromkeys(own))


def check(provider: Any) -> None:
    """Raises PluginError for a class that the rest of the system could not work with."""
    if not (inspect.isclass(provider) and issubclass(provider, Provider)):
        raise PluginError(f"{provider!r} is no subclass of obidient.plugin.Provider.")
    for word in ("name", "channel"):
        _check_name(f"{provider.__name__}.{word}", getattr(provider, word, None))
    _check_channel(provider.channel)
    if provider.send is Provider.send:
        raise PluginError(f"{provider.__name__} has no send().")
    _check_numbers(provider)
    _check_events(provider)
    _check_settings(provider)


def _check_events(provider: type[Provider]) -> None:
    for word in ("webhook_events", "get_events"):
        events = getattr(provider, word)
        if isinstance(events, str):
            raise PluginError(f"{provider.__name__}.{word} must be a tuple of names.")
        for event in events:
            _check_name(f"{provider.__name__}.{word}", event)
    strange = set(provider.get_events) - set(provider.webhook_events)
    if strange:
        raise PluginError(
            f"{provider.__name__}.get_events names {min(strange)!r}, but webhook_events does not: "
            "the core would answer 404 to it."
        )


def _check_name(what: str, value: object) -> None:
    if value is None:
        raise PluginError(f"{what} is missing.")
    if not isinstance(value, str) or len(value) > LONGEST_NAME or not NAME.fullmatch(value):
        raise PluginError(
            f"{what} is {value!r}: use small letters, digits and single dashes, a letter first."
        )


def _check_channel(channel: str) -> None:
    taken = {queues.RESULTS_SYNC, queues.MAINTENANCE}
    if channel in taken or channel.replace("-", "_") in vars(queues):
        raise PluginError(f"The channel name {channel!r} is taken: choose another.")


def _check_numbers(provider: type[Provider]) -> None:
    for word in ("max_batch", "deadline", "callback_limit"):
        value = inspect.getattr_static(provider, word)
        if isinstance(value, property):
            continue
        whole = word != "deadline"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise PluginError(f"{provider.__name__}.{word} is {value!r}: it must be a number.")
        if value < 1:
            raise PluginError(f"{provider.__name__}.{word} must be 1 or more.")


def _check_settings(provider: type[Provider]) -> None:
    form = provider.Settings
    if not (inspect.isclass(form) and issubclass(form, Form)):
        raise PluginError(f"{provider.__name__}.Settings must be a subclass of Form.")
    known = set(form()._fields)
    for word in ("aliases", "secrets"):
        strange = set(getattr(provider, word)) - known
        if strange:
            raise PluginError(
                f"{provider.__name__}.{word} names {sorted(strange)[0]!r}, "
                "but Settings has no such field."
            )
