"""How a provider does, and a test message through it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from peewee import fn

from obidient.accounts import audit
from obidient.admin import formats
from obidient.campaigns.models.campaign import Campaign, ProviderState, Throughput
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.texts import answers
from obidient.clock import utcnow
from obidient.contacts.phones import mask
from obidient.database import db
from obidient.errors import Conflict
from obidient.plugin import Provider
from obidient.providers import registry

LATELY = timedelta(minutes=15)
#: From this share of refused and lost messages on, something is wrong with a provider.
WORRYING = 0.05


@dataclass(frozen=True)
class Lately:
    """Of the last 15 minutes: messages tried, and those refused or lost."""

    tried: int = 0
    bad: int = 0

    @property
    def is_worrying(self) -> bool:
        return self.tried > 0 and self.bad / self.tried >= WORRYING


def lately() -> dict[str, Lately]:
    """By provider; from the ten-second slots of campaigns."""
    rows: Any = (
        Throughput.select(Campaign.provider, fn.SUM(Throughput.sent), fn.SUM(Throughput.failed))
        .join(Campaign, on=(Campaign.id == Throughput.campaign_id))
        .where(Throughput.at >= utcnow() - LATELY)
        .group_by(Campaign.provider)
        .tuples()
    )
    return {name: Lately(int(sent + failed), int(failed)) for name, sent, failed in rows}


def resting() -> dict[str, ProviderState]:
    """Providers that rest because they turned requests away."""
    rows = ProviderState.select().where(ProviderState.resting_until > utcnow())
    return {row.provider: row for row in rows}


def why_no_test(provider: Provider) -> str:
    """Why no test can be sent through it; empty when one can."""
    if provider.channel != "sms":
        return (
            "Only text messages can be tried out here. Write a campaign to a list that holds your "
            "number alone."
        )
    return registry.current().why_not(provider) or ""


def send_test(provider: Provider, given: str) -> str:
    """Queue a test through this very provider; returns the number, masked."""
    if why := why_no_test(provider):
        raise Conflict(why)
    text = f"A test of {provider.name} by Obidient, {formats.full(utcnow())}. Nothing to do."
    with db.atomic():
        made = answers.send_one(answers.TEST, given, text, provider=provider.name)
        summary = f"Sent a test through {provider.name} to {mask(made.phone)}"
        audit.record("provider.tried", summary, "provider", provider.name)
    return mask(made.phone)


def tests_of(provider: Provider) -> list[TextAnswer]:
    """The latest tests through a provider, newest first."""
    return answers.sent_for(answers.TEST, provider=provider.name)
