"""What would bite in sending: no carrier, a refused key, little money, a simulator."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from peewee import fn

from obidient.campaigns.models.campaign import Campaign, ProviderState
from obidient.clock import utcnow
from obidient.config import settings
from obidient.operations.doctor.report import Line, in_production
from obidient.plugin import Provider
from obidient.providers import asking, registry

#: Below this an account is low, whatever its currency; below the last day's spending as well.
LEAST = Decimal(1000)


def lines() -> Iterator[Line]:
    found = registry.current()
    for plugin, trace in found.broken().items():
        last = trace.strip().splitlines()[-1] if trace.strip() else "it gives no reason"
        yield Line(
            "error",
            "plugin",
            f"The plugin {plugin} is broken: {last}.",
            "See it in full: obidient plugins check. Mend it, or take it out of PLUGINS.",
        )
    for channel in found.channels():
        provider = found.for_channel(channel)
        if provider is None:
            yield _none(channel)
        elif provider.simulated:
            yield _simulated(channel, provider)
        else:
            yield from _real(channel, provider)


def is_wanted(channel: str) -> bool:
    """Texts are what this is for; who never calls, or is not on Telegram, need not set that up."""
    begun = Campaign.status.not_in(["draft", "completed", "cancelled"])
    waits = Campaign.select().where(Campaign.channel == channel, begun).exists()
    return channel == "sms" or waits or bool(registry.current().named(channel))


def _none(channel: str) -> Line:
    why = registry.current().why_none(channel)
    name, text = f"{channel}-provider", f"Nobody carries {channel}: {why}."
    if is_wanted(channel):
        return Line(in_production(), name, text, "Set one up on the Plugins page, or in .env.")
    return Line("ok", name, f"{text} No campaign waits for it.")


def _simulated(channel: str, provider: Provider) -> Line:
    text = f"{channel} goes through {provider.name}, which only pretends to send."
    if not settings().is_production:
        return Line("ok", f"{channel}-provider", text)
    cure = f"Name a real one: {channel.upper().replace('-', '_')}_PROVIDER=…"
    return Line("error", f"{channel}-provider", text, cure)


def _real(channel: str, provider: Provider) -> Iterator[Line]:
    name = f"{channel}-provider"
    state = ProviderState.get_or_none(ProviderState.provider == provider.name)
    answer = asking.ask(provider)
    if not answer.health.ok:
        yield Line(
            "error",
            name,
            f"{provider.name} does not work: {answer.health.message}".rstrip(".") + ".",
            "Check its key on the Plugins page, and the network's dashboard.",
        )
    elif state is not None and state.resting_until and state.resting_until > utcnow():
        text = f"{provider.name} rests after refusals: {state.reason}".rstrip(".") + "."
        yield Line("warning", name, text, "It tries again by itself; see the Plugins page.")
    else:
        yield Line("ok", name, f"{provider.name} carries {channel} and takes our key.")
    if answer.balance is not None:
        yield balance_line(provider.name, *answer.balance)


def balance_line(provider: str, amount: Decimal, currency: str) -> Line:
    """Whether the account would last another day like the last one."""
    least = max(LEAST, spent(currency))
    text = f"{provider} has {currency} {amount:,.2f} left."
    if amount >= least:
        return Line("ok", "balance", text)
    return Line(
        "error" if amount <= 0 else "warning",
        "balance",
        f"{text} It would not last another day like the last ({currency} {least:,.2f}).",
        "Top it up in the network's dashboard: campaigns pause themselves when it is empty.",
    )


def spent(currency: str) -> Decimal:
    """What campaigns begun within a day have cost."""
    day = utcnow() - timedelta(days=1)
    total = (
        Campaign.select(fn.SUM(Campaign.cost_e4))
        .where(Campaign.started_at > day, Campaign.currency == currency)
        .scalar()
    )
    return Decimal(int(total or 0)) / 10_000
