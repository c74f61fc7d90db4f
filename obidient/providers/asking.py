"""How a network says our account is doing: asked once a minute at most, however many look."""

import time
from dataclasses import dataclass
from decimal import Decimal

from flask import current_app

from obidient import database, metrics
from obidient.plugin import Health, Provider, ProviderStopped

ASK_EVERY = 60.0


@dataclass(frozen=True)
class Answer:
    """What a network said about our account, and when."""

    health: Health
    balance: tuple[Decimal, str] | None
    asked_at: float


def ask(provider: Provider, again: bool = False) -> Answer:
    """A provider's own check and balance; kept for a minute in this process."""
    kept: dict[str, Answer] = current_app.extensions.setdefault("obidient.provider_answers", {})
    known = kept.get(provider.name)
    if known is not None and not again and time.monotonic() - known.asked_at < ASK_EVERY:
        return known
    database.release()
    balance = None
    try:
        found = provider.check()
        money = provider.balance() if found.ok else None
        if money:
            balance = (money.amount, money.currency)
            amount, currency = float(money.amount), money.currency
            metrics.note("obidient_balance", amount, provider=provider.name, currency=currency)
    except ProviderStopped as error:
        found = Health(False, str(error))
    except Exception as error:
        provider.log.exception("check of %s failed", provider.name)
        found = Health(False, f"{type(error).__name__}: {error}")
    kept[provider.name] = Answer(found, balance, time.monotonic())
    return kept[provider.name]
