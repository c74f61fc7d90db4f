"""What a campaign would come to if it were sent now: people, parts, cost, and who can't get it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from obidient.campaigns import audience as audiences
from obidient.campaigns import lengths, text, translations
from obidient.campaigns.fields import field_values
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.planning import costs
from obidient.campaigns.sending import budget, lifecycle
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
        others, keep = campaign.translations, campaign.keep_spelling
        texts = sample_texts(campaign, [field_values(one) for one in samples])
        found = text.estimate_texts(lengths.fitting("sms", texts, keep) or texts)
        parts = found.average_parts if keep else found.plain_parts
        too_long = lengths.too_long(template, keep, audience, campaign.channel, others)
    provider = lifecycle.carrier(campaign)[0]
    price, currency = None, ""
    if provider is not None:
        price, currency = costs.price(campaign, provider.name, [one.phone for one in samples])
    return Estimate(counts, samples, too_long, parts, price, currency)


def sample_texts(campaign: Campaign, readers: Sequence[Mapping[str, str]]) -> list[str]:
    """What some people, given by their field values, would get; the bare texts without any."""
    if not readers:
        return [text.render(one, {}) for one in translations.texts_of(campaign).values()]
    template, others = campaign.message_template, campaign.translations
    return [text.render(translations.template_for(template, others, one), one) for one in readers]


def check_budget(campaign: Campaign) -> None:
    """Before a launch: raises Conflict when it would cost more than one campaign may."""
    if not settings().budget:
        return
    found = of(campaign)
    if found.currency == budget.NAIRA and (why := budget.too_dear(found.cost)):
        raise Conflict(why)
