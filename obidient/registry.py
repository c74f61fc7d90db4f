"""Finds plugins, checks them, names the broken ones, and chooses who carries a channel."""

import functools
import importlib
import importlib.util
import inspect
import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask, current_app
from huey import crontab
from peewee import CharField, JSONField, PeeweeException

from obidient import queues
from obidient.clock import utcnow
from obidient.config import ROOT, Settings
from obidient.database import BaseModel, UtcDateTimeField, db
from obidient.errors import Invalid, NotFound
from obidient.plugin import Provider, ProviderContext

logger = logging.getLogger(__name__)

GROUP = "obidient.plugins"
FOLDER = ROOT / "plugins"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RESERVED_CHANNELS = {"results-sync", "maintenance"}
#: Settings saved in the admin reach every process within this many seconds.
SETTINGS_FRESH = 1.0


class PluginError(Exception):
    """A plugin can't be used; the text says why."""


class PluginSetting(BaseModel):
    """What the admin page saved for a provider; the environment overrides it."""

    id = None
    provider = CharField(primary_key=True)
    values = JSONField(default=dict)
    updated_at = UtcDateTimeField(default=utcnow)


class LiveSettings(Mapping[str, Any]):
    """A provider's settings as they are now: environment, then admin page, then default."""

    def __init__(self, app: Flask, provider: type[Provider]) -> None:
        self._app, self._provider = app, provider
        self._values: dict[str, Any] = {}
        self._read_at = -SETTINGS_FRESH

    def _current(self) -> dict[str, Any]:
        if time.monotonic() - self._read_at >= SETTINGS_FRESH:
            self._values = {
                name: value for name, (value, _) in resolve(self._app, self._provider).items()
            }
            self._read_at = time.monotonic()
        return self._values

    def refresh(self) -> None:
        self._read_at = -SETTINGS_FRESH

    def __getitem__(self, key: str) -> Any:
        return self._current()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())


def variable_names(provider: type[Provider], field: str) -> list[str]:
    """The environment variables that set a field, the strongest first."""
    own = f"{provider.name}_{field}".upper().replace("-", "_")
    alias = provider.aliases.get(field)
    return [own, alias] if alias else [own]


def resolve(app: Flask, provider: type[Provider]) -> dict[str, tuple[Any, str]]:
    """field -> (value, "environment" | "saved" | "default")."""
    configured: Settings = app.extensions["obidient.settings"]
    saved: dict[str, Any] = {}
    try:
        with app.app_context():
            row = PluginSetting.get_or_none(PluginSetting.provider == provider.name)
            saved = row.values if row else {}
    except PeeweeException:
        logger.debug("saved settings of %s can't be read yet", provider.name)
    found: dict[str, tuple[Any, str]] = {}
    for name, field in provider.Settings()._fields.items():
        found[name] = (field.data if field.data is not None else field.default, "default")
        if name in saved:
            found[name] = (saved[name], "saved")
        for variable in reversed(variable_names(provider, name)):
            given = configured.environ.get(variable, "").strip()
            if given:
                found[name] = (_parse(provider, name, given), "environment")
    return found


def _parse(provider: type[Provider], name: str, text: str) -> Any:
    """An environment variable through its form field; the text itself when it doesn't fit."""
    field = provider.Settings()._fields[name]
    try:
        field.process_formdata([text])
    except ValueError:
        logger.warning("%s is not valid for %s", variable_names(provider, name)[0], name)
        return field.default
    return field.data


class Registry:
    """All providers of an app; kept in `app.extensions["obidient.registry"]`."""

    def __init__(self, app: Flask, configured: Settings) -> None:
        self._app = app
        self._settings = configured
        self._providers: dict[str, Provider] = {}
        self._broken: dict[str, str] = {}

    # -- loading --

    def load(self, folder: Path = FOLDER) -> None:
        """Import every plugin that is wanted; a broken one is named and stops nothing."""
        wanted = self._settings.plugins
        installed = {point.name: point for point in entry_points(group=GROUP)}
        names = _in_folder(folder) if wanted is None else list(wanted)
        for name in names:
            if name in _in_folder(folder):
                self._guard(name, functools.partial(_import_local, folder, name))
            elif name in installed:
                self._guard(name, functools.partial(_load_entry_point, installed[name]))
            else:
                self._note_broken(name, f"There is no plugin {name!r} in plugins/ or installed.")

    def _guard(self, name: str, get: Callable[[], Any]) -> None:
        try:
            for provider in _providers_of(get(), name):
                self.add(provider)
        except Exception:  # noqa: BLE001 - whatever a plugin raises; shown by name, in full
            self._note_broken(name, traceback.format_exc())

    def _note_broken(self, name: str, trace: str) -> None:
        logger.error("plugin %s is broken:\n%s", name, trace)
        self._broken[name] = trace
        if self._settings.plugins_strict:
            raise PluginError(f"The plugin {name} is broken:\n{trace}")

    def add(self, provider: type[Provider]) -> Provider:
        """Check a provider class and take it in. Raises PluginError."""
        _check(provider)
        if provider.name in self._providers:
            raise PluginError(f"There is a provider {provider.name!r} already.")
        context = ProviderContext(LiveSettings(self._app, provider), self)
        made = provider(context)
        self._providers[provider.name] = made
        return made

    # -- asking --

    def providers(self) -> list[Provider]:
        return list(self._providers.values())

    def broken(self) -> dict[str, str]:
        """Plugin name -> traceback or reason."""
        return dict(self._broken)

    def channels(self) -> list[str]:
        return list(dict.fromkeys(provider.channel for provider in self._providers.values()))

    def find(self, name: str) -> Provider | None:
        return self._providers.get(name)

    def get(self, name: str) -> Provider:
        """Raises NotFound."""
        found = self._providers.get(name)
        if found is None:
            raise NotFound(f"There is no provider {name!r}.")
        return found

    def why_not(self, provider: Provider) -> str | None:
        """None when a provider may carry messages now, else the reason in words."""
        named = self._settings.provider_name(provider.channel) == provider.name
        if provider.simulated and self._settings.is_production and not named:
            return (
                f"{provider.name} only pretends to send. To use it in production, name it: "
                f"{provider.channel.upper()}_PROVIDER={provider.name}"
            )
        missing = provider.ready()
        return f"{provider.name} is not set up: {missing}" if missing else None

    def for_channel(self, channel: str) -> Provider | None:
        """Who carries a channel: the named one, else one that is set up, else the simulator."""
        named = self._settings.provider_name(channel)
        if named is not None:
            return self._providers.get(named)
        mine = [p for p in self._providers.values() if p.channel == channel]
        real = [p for p in mine if not p.simulated and p.ready() is None]
        if real:
            return real[0]
        pretend = [p for p in mine if p.simulated]
        if pretend and not self._settings.is_production:
            return pretend[0]
        return None

    def why_none(self, channel: str) -> str:
        """Why nobody carries a channel, and what to do."""
        named = self._settings.provider_name(channel)
        if named is not None:
            return (
                f"{channel.upper()}_PROVIDER names {named!r}, but no such provider is loaded: "
                "check the spelling and the Plugins page"
            )
        mine = [p for p in self._providers.values() if p.channel == channel and not p.simulated]
        if not mine:
            return f"No plugin carries the channel {channel}"
        return "; ".join(f"{p.name} is not set up: {p.ready()}" for p in mine)

    def simulated_channels(self) -> list[str]:
        """Channels whose messages go nowhere, for the ribbon on every page."""
        chosen = {channel: self.for_channel(channel) for channel in self.channels()}
        return [channel for channel, provider in chosen.items() if provider and provider.simulated]

    # -- settings --

    def settings_of(self, name: str) -> dict[str, tuple[Any, str]]:
        """field -> (value, source)."""
        return resolve(self._app, type(self.get(name)))

    def save_settings(self, name: str, values: Mapping[str, Any]) -> None:
        """Keep what the admin page says; a secret left blank stays as it was."""
        from obidient.accounts import audit

        provider = self.get(name)
        known = provider.Settings()._fields
        unknown = set(values) - set(known)
        if unknown:
            raise Invalid(f"{name} has no setting {sorted(unknown)[0]!r}.")
        row = PluginSetting.get_or_none(PluginSetting.provider == name)
        kept = dict(row.values) if row else {}
        for key, value in values.items():
            if key in provider.secrets and not value:
                continue
            kept[key] = value
        with db.atomic():
            PluginSetting.insert(provider=name, values=kept).on_conflict(
                conflict_target=[PluginSetting.provider],
                update={PluginSetting.values: kept, PluginSetting.updated_at: utcnow()},
            ).execute()
            audit.record(
                "plugin.settings",
                f"Changed the settings of {name}",
                "provider",
                name,
                fields=sorted(values),
            )
        if isinstance(provider.settings, LiveSettings):
            provider.settings.refresh()

    # -- tasks, and what providers ask of the core --

    def register_tasks(self, app: Flask) -> None:
        """Put every `@task` and `@periodic_task` method on its channel's queue."""
        registered: queues.Queues = app.extensions["obidient.queues"]
        for provider in self._providers.values():
            queue = registered.of_channel(provider.channel)
            for name, method in inspect.getmembers(provider, inspect.ismethod):
                full = f"{provider.name}.{name}"
                if hasattr(method, "__obidient_task__"):
                    registered.task(queue, full, _plain(method), **method.__obidient_task__)
                elif hasattr(method, "__obidient_periodic__"):
                    when = crontab(**method.__obidient_periodic__)
                    registered.periodic(queue, full, when, _plain(method))

    def enqueue(self, provider: str, task: str, delay: float, **arguments: Any) -> bool:
        registered: queues.Queues = self._app.extensions["obidient.queues"]
        queue = registered.of_channel(self._providers[provider].channel)
        return registered.enqueue(queue, f"{provider}.{task}", delay, **arguments)

    def webhook_url(self, provider: str, event: str) -> str:
        base = self._settings.public_url or f"http://127.0.0.1:{self._settings.port}"
        token = self._settings.communications_webhook_token
        return f"{base}/api/communications/webhooks/{provider}/{event}?token={token}"


def _plain(method: Any) -> Any:
    """Huey wants a function it may set attributes on."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call


def _in_folder(folder: Path) -> list[str]:
    """Names of plugins in a folder: NAME.py, or NAME/ with an __init__.py."""
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("_", ".")):
            continue
        if path.suffix == ".py":
            found.append(path.stem)
        elif (path / "__init__.py").exists():
            found.append(path.name)
    return found


def _import_local(folder: Path, name: str) -> ModuleType:
    """Import under one stable dotted name, whatever the current folder is."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise PluginError(f"{name!r} is no plugin name: small letters, digits and underscores.")
    dotted = f"obidient_plugins_{folder.resolve().name}.{name}"
    dotted = f"plugins.{name}" if folder == FOLDER else dotted
    path = folder / name / "__init__.py"
    if not path.exists():
        path = folder / f"{name}.py"
    known = sys.modules.get(dotted)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    _parent_package(dotted.partition(".")[0], folder)
    spec = importlib.util.spec_from_file_location(
        dotted,
        path,
        submodule_search_locations=[str(path.parent)] if path.name == "__init__.py" else None,
    )
    if spec is None or spec.loader is None:
        raise PluginError(f"{path.name} can't be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[dotted] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[dotted]
        raise
    return module


def _parent_package(name: str, folder: Path) -> None:
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


def _load_entry_point(point: Any) -> Any:
    return point.load()


def _providers_of(found: Any, name: str) -> list[type[Provider]]:
    """The provider classes of a module (its own, not what it imported), or a class itself."""
    if inspect.isclass(found):
        return [found]  # type: ignore[list-item]  # checked by _check
    own = [
        thing
        for thing in vars(found).values()
        if inspect.isclass(thing)
        and issubclass(thing, Provider)
        and thing is not Provider
        and getattr(thing, "name", None)
        and thing.__module__.startswith(found.__name__)
    ]
    if not own:
        raise PluginError(f"{name} has no subclass of obidient.plugin.Provider with a name.")
    return own


def _check(provider: Any) -> None:
    """Raises PluginError for a class that the rest of the system could not work with."""
    if not (inspect.isclass(provider) and issubclass(provider, Provider)):
        raise PluginError(f"{provider!r} is no subclass of obidient.plugin.Provider.")
    for word in ("name", "channel"):
        value = getattr(provider, word, None)
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise PluginError(
                f"{provider.__name__}.{word} is {value!r}: use small letters, digits and dashes."
            )
    if provider.channel in _RESERVED_CHANNELS:
        raise PluginError(f"{provider.channel!r} is the name of a queue of ours.")
    if provider.send is Provider.send:
        raise PluginError(f"{provider.__name__} has no send().")
    if not isinstance(provider.max_batch, int | property) or (
        isinstance(provider.max_batch, int) and provider.max_batch < 1
    ):
        raise PluginError(f"{provider.__name__}.max_batch must be 1 or more.")
    provider.Settings()


def init_app(app: Flask, configured: Settings) -> Registry:
    """Load the wanted plugins; opens no connection."""
    found = Registry(app, configured)
    app.extensions["obidient.registry"] = found
    found.load()
    return found


def current() -> Registry:
    """The registry of the current app."""
    found: Registry = current_app.extensions["obidient.registry"]
    return found
