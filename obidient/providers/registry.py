"""The providers of an app: loaded from plugins, the broken ones named, their settings kept."""

import functools
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask, current_app

from obidient import queues
from obidient.accounts import audit
from obidient.config import ConfigError, Settings
from obidient.database import db
from obidient.errors import NotFound
from obidient.plugin import Provider, ProviderContext, Script
from obidient.providers import loading, tasks
from obidient.providers.choice import Choice
from obidient.providers.loading import PluginError
from obidient.providers.settings import (
    MASK,
    LiveSettings,
    PluginSetting,
    merged,
    secret_fields,
    store,
    variable_names,
)

__all__ = [
    "MASK",
    "PluginError",
    "PluginSetting",
    "Registry",
    "current",
    "init_app",
    "variable_names",
]

logger = logging.getLogger(__name__)

#: (provider, its id of the call, phone, reference) -> the script of the call.
FindScript = Callable[[str, str, str | None, str], Script | None]


class StrictError(PluginError, ConfigError):
    """A plugin is broken and PLUGINS_STRICT=1."""


class Registry(Choice):
    """All providers of an app; kept in `app.extensions["obidient.registry"]`."""

    def __init__(self, configured: Settings) -> None:
        super().__init__(configured)
        self._plugins: dict[str, list[str]] = {}
        self._queues: queues.Queues | None = None
        self._loaded = False
        self._script: FindScript | None = None

    # -- loading --

    def load(self, folder: Path | None = None) -> None:
        """Import every plugin that is wanted; a broken one is named and stops nothing.

        Opens no connection: until all are loaded, providers see no saved settings.
        """
        folder = folder or self._settings.plugins_dir
        local = loading.local_plugins(folder)
        wanted = self._settings.plugins
        names = list(local) if wanted is None else list(dict.fromkeys(wanted))
        installed = {} if set(names) <= set(local) else loading.installed_plugins()
        for name in names:
            self._plugins[name] = []
            get = self._way_to(name, folder, local, installed)
            self._guarded(name, functools.partial(self._take_in, name, get))
        self._loaded = True

    @staticmethod
    def _way_to(
        name: str, folder: Path, local: Mapping[str, Path], installed: Mapping[str, EntryPoint]
    ) -> Callable[[], Any]:
        if name in local:
            return functools.partial(loading.import_local, folder, name, local[name])
        if name in installed:
            return installed[name].load

        def missing() -> None:
            raise PluginError(
                f"PLUGINS names {name!r}, but there is no such plugin in {folder.name}/ "
                "or installed."
            )

        return missing

    def _take_in(self, plugin: str, get: Callable[[], Any]) -> None:
        for provider in loading.providers_of(get(), plugin):
            self._guarded(plugin, functools.partial(self.add, provider, plugin))

    def _guarded(self, plugin: str, step: Callable[[], Any]) -> None:
        """Whatever a plugin raises, and be it SystemExit, is shown by name and in full."""
        try:
            step()
        except StrictError:
            raise
        except (Exception, SystemExit):  # noqa: BLE001 - a plugin's; kept for the Plugins page
            self._note_broken(plugin, traceback.format_exc())

    def _note_broken(self, plugin: str, trace: str) -> None:
        if self._settings.plugins_strict:
            logger.error("plugin %s is broken:\n%s", plugin, trace)
            reason = loading.last_line(trace).rstrip(".")
            raise StrictError(
                f"The plugin {plugin} is broken: {reason}. Mend it, take it out of PLUGINS, "
                "or set PLUGINS_STRICT=0."
            )
        logger.error("plugin %s is broken:\n%s", plugin, trace)
        before = self._broken.get(plugin)
        self._broken[plugin] = f"{before}\n{trace}" if before else trace

    def add(self, provider: type[Provider], plugin: str = "") -> Provider:
        """Check a provider class and take it in. Raises PluginError, or what its making raises."""
        loading.check(provider)
        if provider.name in self._providers:
            raise PluginError(f"There is a provider {provider.name!r} already.")
        live = LiveSettings(provider, self._settings.environ, lambda: self._loaded)
        made = provider(ProviderContext(live, self))
        self._providers[provider.name] = made
        self._live[provider.name] = live
        self._plugins.setdefault(plugin, []).append(provider.name)
        return made

    # -- asking --

    def providers(self) -> list[Provider]:
        return list(self._providers.values())

    def plugins(self) -> dict[str, list[str]]:
        """Plugin name -> names of its working providers, for every plugin that was wanted."""
        return {name: list(providers) for name, providers in self._plugins.items()}

    def broken(self) -> dict[str, str]:
        """Plugin name -> traceback or reason."""
        return dict(self._broken)

    def find(self, name: str) -> Provider | None:
        return self._providers.get(name)

    def get(self, name: str) -> Provider:
        """Raises NotFound."""
        found = self._providers.get(name)
        if found is None:
            raise NotFound(f"There is no provider {name!r}.")
        return found

    # -- settings --

    def settings_of(self, name: str) -> dict[str, tuple[Any, str]]:
        """field -> (value, "environment" | "saved" | "default"); a secret's value is a mask."""
        hidden = secret_fields(type(self.get(name)))
        found = self._live[name].current()
        return {
            field: (MASK if field in hidden and one.value else one.value, one.source)
            for field, one in found.items()
        }

    def problems_of(self, name: str) -> dict[str, str]:
        """field -> what is wrong with it, in words."""
        self.get(name)
        return self._live[name].problems()

    def variables_of(self, name: str) -> dict[str, list[str]]:
        """field -> the environment variables that set it, the strongest first."""
        provider = type(self.get(name))
        return {field: variable_names(provider, field) for field in provider.Settings()._fields}

    def save_settings(
        self, name: str, values: Mapping[str, Any], clear: Iterable[str] = ()
    ) -> None:
        """Keep what the admin page says; raises Invalid with a list of wrong fields.

        A secret left blank stays as it was, unless `clear` names it.
        """
        provider, live = type(self.get(name)), self._live[name]
        forgotten = list(clear)
        with db.atomic():
            saved = live.saved()
            kept = merged(provider, self._settings.environ, saved, values, forgotten)
            changed = sorted(
                field for field in {*saved, *kept} if saved.get(field) != kept.get(field)
            )
            store(name, kept)
            if changed:
                summary = f"Changed the settings of {name}"
                audit.record("plugin.settings", summary, "provider", name, fields=changed)
        live.refresh()

    # -- tasks, pages, and what providers ask of the core --

    def register_tasks(self, app: Flask) -> None:
        """Put every `@task` and `@periodic_task` method on its channel's queue."""
        self._queues = app.extensions["obidient.queues"]
        for plugin, names in list(self._plugins.items()):
            for name in list(names):
                self._guarded(plugin, functools.partial(self._register_tasks_of, plugin, name))

    def _register_tasks_of(self, plugin: str, name: str) -> None:
        try:
            tasks.register(self._of_app, self._providers[name])
        except Exception:
            del self._providers[name]
            self._plugins[plugin].remove(name)
            raise

    @property
    def _of_app(self) -> queues.Queues:
        if self._queues is None:
            raise RuntimeError("The queues are not there yet: enqueue() works once the app is up.")
        return self._queues

    def add_views(self, add: Callable[[Any], None]) -> None:
        """Have `add` take in the admin pages that providers bring; one that fails is broken."""
        for plugin, names in self._plugins.items():
            for name in names:
                self._guarded(plugin, functools.partial(self._add_views_of, plugin, name, add))

    def _add_views_of(self, plugin: str, name: str, add: Callable[[Any], None]) -> None:
        for view in self._providers[name].views():
            self._guarded(plugin, functools.partial(add, view))

    def enqueue(self, provider: str, task: str, delay: float, **arguments: Any) -> bool:
        """Run a provider's task on its queue; see `Provider.enqueue`."""
        queue = queues.Queues.of_channel(self._providers[provider].channel)
        return self._of_app.enqueue(queue, f"{provider}.{task}", delay, **arguments)

    def base_url(self) -> str:
        """Where networks reach us."""
        return self._settings.public_url or f"http://127.0.0.1:{self._settings.port}"

    def webhook_url(self, provider: str, event: str) -> str:
        """The address, token included, at which a network reports `event`."""
        base = self.base_url()
        token = quote(self._settings.communications_webhook_token, safe="")
        return f"{base}/api/communications/webhooks/{provider}/{event}?token={token}"

    def script(
        self, provider: str, provider_id: str, phone: str | None, reference: str
    ) -> Script | None:
        """What a person hears in a call; see `VoiceProvider.script`. None when nobody knows."""
        if self._script is None:
            return None
        return self._script(provider, provider_id, phone, reference)

    def speaks(self, find: FindScript) -> None:
        """Have `find` say what a call plays: the voice room registers itself here."""
        self._script = find


def init_app(app: Flask, configured: Settings) -> Registry:
    """Load the wanted plugins; opens no connection."""
    found = Registry(configured)
    app.extensions["obidient.registry"] = found
    found.load()
    return found


def current() -> Registry:
    """The registry of the current app."""
    found: Registry = current_app.extensions["obidient.registry"]
    return found
