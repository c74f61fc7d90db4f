"""Settings of providers: the environment, then what the admin page saved, then the default."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from peewee import CharField, JSONField, PeeweeException
from wtforms import BooleanField, Field, PasswordField, SelectMultipleField

from obidient import database
from obidient.clock import utcnow
from obidient.database import BaseModel, UtcDateTimeField, db
from obidient.errors import Invalid
from obidient.plugin import Provider

logger = logging.getLogger(__name__)

#: A change in the admin reaches every process within this many seconds.
FRESH = 1.0
#: Shown in place of a secret; sent back unchanged it means "keep".
MASK = "••••••••"
_TRUE = {"1", "true", "yes", "on"}


class PluginSetting(BaseModel):
    """What the admin page saved for a provider; the environment overrides it."""

    id = None
    provider = CharField(primary_key=True)
    values = JSONField(default=dict)
    updated_at = UtcDateTimeField(default=utcnow)


@dataclass(frozen=True)
class Setting:
    """One setting as it stands: its value, where that is from, and what is wrong with it."""

    value: Any
    source: str  # "environment", "saved" or "default"
    problem: str | None = None


def variable_names(provider: Provider | type[Provider], field: str) -> list[str]:
    """The environment variables that set a field, the strongest first."""
    own = f"{provider.name}_{field}".upper().replace("-", "_")
    alias = provider.aliases.get(field)
    return [own, alias] if alias else [own]


def shown_variable(provider: type[Provider], field: str) -> str:
    """The variable that people know: the alias where there is one."""
    return variable_names(provider, field)[-1]


def secret_fields(provider: type[Provider]) -> set[str]:
    """Fields whose values are never shown: those declared, and every password field."""
    form = provider.Settings()
    passwords = {name for name, field in form._fields.items() if isinstance(field, PasswordField)}
    return passwords | set(provider.secrets)


# ---- from texts to values -------------------------------------------------------------------


class _Given(dict[str, list[str]]):
    """The little of a MultiDict that a field asks for."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def _texts(field: Field, text: str) -> list[str]:
    """One variable's text as a browser would have sent it."""
    if isinstance(field, BooleanField):
        return ["y"] if text.strip().lower() in _TRUE else ["false"]
    if isinstance(field, SelectMultipleField):
        return [part.strip() for part in text.split(",") if part.strip()]
    return [text]


def _put(field: Field, value: Any) -> None:
    if isinstance(value, str):
        field.process(_Given({field.name: _texts(field, value)}))
    else:
        field.process(None, data=value)
        field.raw_data = [] if value is None else [str(value)]


def evaluate(
    provider: type[Provider], environ: Mapping[str, str], saved: Mapping[str, Any]
) -> dict[str, Setting]:
    """Every field's value, source and problem; a text that can't be read gives the default."""
    form = provider.Settings()
    sources: dict[str, str] = {}
    defaults = {name: field.data for name, field in form._fields.items()}
    for name, field in form._fields.items():
        sources[name] = "default"
        given = [environ.get(variable, "").strip() for variable in variable_names(provider, name)]
        text = next(filter(None, given), None)
        if text is not None:
            sources[name] = "environment"
            _put(field, text)
        elif name in saved:
            sources[name] = "saved"
            _put(field, saved[name])
    found: dict[str, Setting] = {}
    for name, field in form._fields.items():
        unreadable = bool(field.process_errors)
        fine = field.validate(form)
        problem = None if fine else _problem(provider, field, sources[name])
        value = defaults[name] if unreadable else field.data
        found[name] = Setting(value, sources[name], problem)
    return found


def _problem(provider: type[Provider], field: Field, source: str) -> str:
    variable = shown_variable(provider, field.name)
    if source == "default" and not field.data:
        return f"{variable} is not set"
    told = "; ".join(str(error).rstrip(".") for error in field.errors)
    return f"{variable} is not right: {told}"


# ---- the settings a provider sees -----------------------------------------------------------


class LiveSettings(Mapping[str, Any]):
    """A provider's settings as they are now, read anew once a second."""

    def __init__(
        self, provider: type[Provider], environ: Mapping[str, str], may_read: Callable[[], bool]
    ) -> None:
        self._provider, self._environ, self._may_read = provider, environ, may_read
        self._lock = threading.Lock()
        self._saved: Mapping[str, Any] = {}
        self._current: dict[str, Setting] = evaluate(provider, environ, {})
        self._read_at = float("-inf")

    def current(self) -> dict[str, Setting]:
        """Every field with its source and problem."""
        due = time.monotonic() - self._read_at >= FRESH
        # One thread reads; the others go on with what they have.
        if due and self._may_read() and self._lock.acquire(blocking=False):
            try:
                self._saved = self._read()
                self._current = evaluate(self._provider, self._environ, self._saved)
                self._read_at = time.monotonic()
            finally:
                self._lock.release()
        return self._current

    def _read(self) -> Mapping[str, Any]:
        """Saved settings; while the database is away, the last ones read."""
        was_closed = db.is_closed()
        try:
            row = PluginSetting.get_or_none(PluginSetting.provider == self._provider.name)
        except PeeweeException as error:
            logger.debug("saved settings of %s can't be read: %s", self._provider.name, error)
            return self._saved
        finally:
            if was_closed:
                database.release()
        return row.values if row else {}

    def saved(self) -> Mapping[str, Any]:
        self.refresh()
        self.current()
        return self._saved

    def refresh(self) -> None:
        """Read anew at the next look."""
        self._read_at = float("-inf")

    def problems(self) -> dict[str, str]:
        """field -> what is wrong with it."""
        return {name: one.problem for name, one in self.current().items() if one.problem}

    def __getitem__(self, key: str) -> Any:
        return self.current()[key].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.current())

    def __len__(self) -> int:
        return len(self.current())


# ---- saving -----------------------------------------------------------------------------------


def merged(
    provider: type[Provider],
    environ: Mapping[str, str],
    saved: Mapping[str, Any],
    values: Mapping[str, Any],
    clear: Iterable[str] = (),
) -> dict[str, Any]:
    """What to keep after a form was sent. Raises Invalid, naming each field that is wrong.

    A blank secret stays as it was, another blank field goes back to its default; what the
    environment sets is left alone.
    """
    names = provider.Settings()._fields
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise Invalid(f"{provider.name} has no setting {unknown[0]!r}.")
    secrets = secret_fields(provider)
    kept = {name: value for name, value in saved.items() if name in names and name not in clear}
    for name, value in values.items():
        blank = value is None or (isinstance(value, str) and not value.strip())
        if name in secrets and (blank or value == MASK):
            continue
        if blank:
            kept.pop(name, None)
        elif isinstance(value, list | tuple):
            kept[name] = ",".join(map(str, value))
        else:
            kept[name] = value if isinstance(value, bool | int | float | str) else str(value)
    _refuse_wrong(provider, evaluate(provider, environ, kept), values)
    return kept


def _refuse_wrong(
    provider: type[Provider], found: Mapping[str, Setting], values: Mapping[str, Any]
) -> None:
    wrong = {name: found[name].problem for name in values if found[name].problem}
    if not wrong:
        return
    form = provider.Settings()
    details = {
        name: str(problem).removeprefix(f"{shown_variable(provider, name)} ")
        for name, problem in wrong.items()
    }
    raise Invalid(
        " ".join(f"{form[name].label.text} {told}." for name, told in details.items()),
        [{"field": name, "message": told} for name, told in details.items()],
    )


def store(provider: str, values: dict[str, Any]) -> None:
    """Write a provider's saved settings, in the caller's transaction."""
    PluginSetting.insert(provider=provider, values=values).on_conflict(
        conflict_target=[PluginSetting.provider],
        update={PluginSetting.values: values, PluginSetting.updated_at: utcnow()},
    ).execute()
