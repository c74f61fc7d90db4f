"""What a campaign would come to if it were sent now: people, parts, cost, and who can't get it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from obidient.campaigns import audience as audiences
from obidient.campaigns import lengths, text, translations
from obidient.campaigns.fields import field_values
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.planning import costs
from obidient.campaigns.sending import budget, lifecycle
from obidient.campaigns.split import terms
from obidient.config import settings
from obidient.contacts.models import Contact
from obidient.errors import Conflict

#: People on whom parts and price are worked out.
SAMPLES = 200


@dataclass(frozen=True)
class Estimate:
    """`people` get it; the others of the audience are in `counts` and `too_long`, with why not."""

    counts: audiences.Counts
    samples: list[Contact] = field(repr=False)
    #: More parts than networks take once their fields are filled in.
    too_long: int
    #: Of one person on average; None for what is no SMS.
    parts_each: float | None
    price: Decimal | None
    currency: str

    @property
    def people(self) -> int:
        return self.counts.total - self.too_long

    @property
    def parts(self) -> int:
        """As networks bill them; of calls, one each."""
        return round(self.people * (self.parts_each or 1.0))

    @property
    def cost(self) -> Decimal | None:
        """None while nobody knows a price."""
        if self.price is None:
            return None
        return self.price * Decimal(str(self.parts_each or 1.0)) * self.people


def of(campaign: Campaign) -> Estimate:
    """Raises Invalid when its audience or its text can't be sent."""
    audience = audiences.validate(campaign.audience)
    counts = audiences.count(audience, campaign.channel)
    samples = audiences.sample(audience, campaign.channel, SAMPLES)
    template, parts = campaign.message_template, None
    too_long = 0
    if template and campaign.channel == "sms":
        found = sampled(campaign, [field_values(one) for one in samples]).estimate
        parts = found.average_parts if campaign.keep_spelling else found.plain_parts
        too_long = count_too_long(campaign, audience)
    provider = lifecycle.carrier(campaign)[0]
    price, currency = None, ""
    if provider is not None:
        price, currency = costs.price(campaign, provider.name, [one.phone for one in samples])
    return Estimate(counts, samples, too_long, parts, price, currency)


@dataclass(frozen=True)
class Sampled:
    """Parts and spelling over some readers, and how many of them could not get their text."""

    estimate: text.Estimate
    too_long: int


def sampled(campaign: Campaign, readers: Sequence[Mapping[str, str]]) -> Sampled:
    """What some people, given by their field values, would get; the bare texts without any.

    The rest of a split test are taken to get the longer text: it may win.
    """
    found, too_long = [], []
    for variant in terms.texts_of(campaign) or {"": ""}:
        texts = _texts(campaign, terms.text_for(campaign, variant), readers)
        fit = lengths.fitting(campaign.channel, texts, campaign.keep_spelling)
        found.append(text.estimate_texts(fit or texts))
        too_long.append(len(texts) - len(fit))
    estimate = _of_both(campaign, *found) if len(found) == 2 else found[0]
    return Sampled(estimate, max(too_long))


def _texts(campaign: Campaign, template: str, readers: Sequence[Mapping[str, str]]) -> list[str]:
    others = campaign.translations
    if not readers:
        return [text.render(one, {}) for one in (template, *(others or {}).values())]
    return [text.render(translations.template_for(template, others, one), one) for one in readers]


def _of_both(campaign: Campaign, a: text.Estimate, b: text.Estimate) -> text.Estimate:
    share = int(campaign.split["share"]) / 100

    def together(of_a: float, of_b: float) -> float:
        return share * (of_a + of_b) + (1 - 2 * share) * max(of_a, of_b)

    return text.Estimate(
        longest=max(a.longest, b.longest, key=lambda one: (one.parts, one.units)),
        average_parts=together(a.average_parts, b.average_parts),
        plain_parts=together(a.plain_parts, b.plain_parts),
        costly=tuple(dict.fromkeys(a.costly + b.costly)),
    )


def count_too_long(campaign: Campaign, audience: Mapping[str, Any]) -> int:
    """How many people of a validated audience could not get their text, or one of two."""
    return lengths.too_long(
        campaign.message_template,
        campaign.keep_spelling,
        audience,
        campaign.channel,
        campaign.translations,
        terms.texts_of(campaign).get(terms.B, ""),
    )


def check_budget(campaign: Campaign) -> None:
    """Before a launch: raises Conflict when it would cost more than one campaign may."""
    if not settings().budget:
        return
    found = of(campaign)
    if found.currency == budget.NAIRA and (why := budget.too_dear(found.cost)):
        raise Conflict(why)
