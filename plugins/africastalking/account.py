"""What all their services share: the account's settings, its balance, and one client for it."""

import threading
from typing import TYPE_CHECKING

from wtforms import FloatField, IntegerField, PasswordField, StringField
from wtforms.validators import Length, NumberRange, Optional, Regexp

from obidient.plugin import (
    BEGIN_WITHIN,
    CONNECT,
    Balance,
    Explanation,
    Form,
    Health,
    Provider,
    ProviderContext,
    ProviderStopped,
    RequestRetry,
    Uncertain,
)

from . import mapping
from .credentials import Account

if TYPE_CHECKING:
    from .client import Client

DEFAULT_CONCURRENCY = 128
DEFAULT_READ_TIMEOUT = 25.0


class AccountSettings(Form):
    """Settings of every service of theirs."""

    username = StringField("User name", [Length(max=100)], description="`sandbox` for trials")
    api_key = PasswordField("API key", [Length(max=200)])
    base_url = StringField(
        "Another host",
        [
            Optional(),
            Regexp(r"^https?://[^/\s]+", message="It must begin with http:// or https://"),
        ],
        description="Only to reach something else that speaks their API",
    )
    concurrency = IntegerField(
        "Requests at once",
        [NumberRange(1, 512)],
        default=DEFAULT_CONCURRENCY,
        description="In each worker process, for texts that differ and take a request each",
    )
    read_timeout = FloatField(
        "Seconds to wait for an answer",
        [NumberRange(1, 120)],
        default=DEFAULT_READ_TIMEOUT,
        description="Messages without an answer by then have to be looked into by a person",
    )


class AccountProvider(Provider):
    """A provider on an Africa's Talking account; its subclasses carry a channel."""

    aliases = {"username": "AT_USERNAME", "api_key": "AT_API_KEY", "base_url": "AT_BASE_URL"}
    secrets = ("api_key",)

    def __init__(self, context: ProviderContext | None = None) -> None:
        super().__init__(context)
        self._client: Client | None = None
        self._making = threading.Lock()

    def ready(self) -> str | None:
        for field in ("username", "api_key"):
            if not self.settings.get(field):
                return f"{self.aliases[field]} is not set"
        return None

    def client(self) -> "Client":
        """One client, with its kept-alive connections, for as long as the settings stay."""
        # The SDK brings `requests` along: 3 MB and a tenth of a second that many never need.
        from .client import Client

        found = self.settings
        wanted = Account(
            found.get("username") or "",
            found.get("api_key") or "",
            (found.get("base_url") or "").rstrip("/"),
            self.concurrency(),
            self.read_timeout(),
        )
        with self._making:
            if self._client is None or self._client.account != wanted:
                self._client = Client(wanted)
            return self._client

    def concurrency(self) -> int:
        return int(self.settings.get("concurrency") or DEFAULT_CONCURRENCY)

    def read_timeout(self) -> float:
        return float(self.settings.get("read_timeout") or DEFAULT_READ_TIMEOUT)

    @property
    def deadline(self) -> float:  # type: ignore[override]
        """A wait for a free connection, and one request."""
        return BEGIN_WITHIN + CONNECT + self.read_timeout()

    def balance(self) -> Balance | None:
        """None when it can't be told; `check` says why."""
        try:
            return self._ask_balance()
        except (ProviderStopped, RequestRetry, Uncertain) as error:
            self.log.warning("the balance can't be read: %s", error)
            return None

    def _ask_balance(self) -> Balance | None:
        missing = self.ready()
        if missing:
            raise ProviderStopped(missing)
        return mapping.balance(self.client().user_data())

    def explain(self, code: str) -> Explanation | None:
        return mapping.explain(code)

    def balance_text(self) -> str:
        found = self.balance()
        return f"{found.currency} {found.amount:,.2f}" if found else "unknown"

    def check(self) -> Health:
        try:
            found = self._ask_balance()
        except (ProviderStopped, RequestRetry, Uncertain) as error:
            return Health(False, str(error))
        if found is None:
            return Health(False, "Africa's Talking's answer could not be read")
        return Health(True, f"Balance {found.currency} {found.amount:,.2f}")
