"""A draft as its writer sees it: read from the form, checked step by step, priced, previewed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from flask import current_app

from obidient.admin import formats
from obidient.admin.campaigns import split
from obidient.campaigns import audience as audiences
from obidient.campaigns import control, fields, progress, text, translations
from obidient.campaigns.fields import field_values
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.planning import costs, estimates
from obidient.campaigns.sending import budget, holds, lifecycle
from obidient.campaigns.sending.budget import NAIRA
from obidient.campaigns.split import terms
from obidient.clock import utcnow
from obidient.config import settings
from obidient.contacts import fields as own_fields
from obidient.contacts.models import Contact
from obidient.errors import Problem
from obidient.plugin import Provider

AREA_KEYS = ("states", "lgas", "wards", "pollingUnits")
#: Counting a million people takes a moment; while somebody types, an answer this old will do.
FRESH = 15.0
SAMPLES = 200
Known = tuple[float, audiences.Counts, list[Contact]]


@dataclass
class Step:
    """One part of the checklist: done, or what is missing."""

    key: str
    title: str
    missing: str = ""

    @property
    def done(self) -> bool:
        return not self.missing


@dataclass
class Draft:
    """A campaign being written, with everything its page says about it."""

    campaign: Campaign
    problems: dict[str, str] = field(default_factory=dict)
    counts: audiences.Counts | None = None
    samples: list[Contact] = field(default_factory=list)
    estimate: text.Estimate | None = None
    price: Decimal | None = None
    currency: str = ""
    #: People whose text has more parts than networks take: of all, or while somebody types of the
    #: samples.
    too_long: int = 0
    exact: bool = True

    @property
    def steps(self) -> list[Step]:
        audience = self.problems.get("audience") or (
            "" if self.counts else "Choose who to send to."
        )
        if self.counts is not None and not self.counts.total and not audience:
            audience = "Nobody in this audience can be written to."
        return [
            Step("basics", "Basics", self.problems.get("title", "")),
            Step("audience", "Audience", audience),
            Step("message", "Message", self._message_problem()),
            Step("delivery", "Delivery", self._delivery_problem()),
        ]

    def _message_problem(self) -> str:
        names = ("message_template", "translations", "split")
        return next((self.problems[name] for name in names if name in self.problems), "")

    def _delivery_problem(self) -> str:
        names = ("provider", "throttled_rate", "quiet_hours", "scheduled_at", "cost")
        return next((self.problems[name] for name in names if name in self.problems), "")

    @property
    def ready(self) -> bool:
        return all(step.done for step in self.steps)

    @property
    def people(self) -> int:
        if self.counts is None:
            return 0
        return self.counts.total - (self.too_long if self.exact else 0)

    @property
    def parts_each(self) -> float:
        if self.estimate is None or self.campaign.channel != "sms":
            return 1.0
        if self.campaign.keep_spelling:
            return self.estimate.average_parts
        return self.estimate.plain_parts

    @property
    def messages(self) -> int:
        """Text messages as the network bills them."""
        return round(self.people * self.parts_each)

    def sum(self, parts: float | None = None) -> Decimal | None:
        """What it comes to; None while no price is known."""
        if self.price is None or not self.people:
            return None
        each = Decimal(str(self.parts_each if parts is None else parts))
        return self.price * each * self.people

    def cost(self, parts: float | None = None) -> str:
        """What it comes to, in words; empty while no price is known."""
        found = self.sum(parts)
        return "" if found is None else formats.amount(found, self.currency)

    @property
    def asks_for_sum(self) -> bool:
        """Whether whoever sends it has to agree to what it costs."""
        limit, found = settings().ask_above, self.sum()
        return bool(limit) and found is not None and self.currency == NAIRA and found > limit

    @property
    def length_words(self) -> str:
        """Who can't get it since their text would be too long; empty when everybody can."""
        if not self.too_long:
            return ""
        who = (
            formats.plural(self.too_long, "person does", "people do")
            if self.exact
            else f"About {formats.percent(self.too_long, len(self.samples))} of these people do"
        )
        they = "it" if not self.campaign.split else "one of the two texts"
        return (
            f"{who} not get {they}: with their names and places filled in it has more than "
            f"{text.MOST_PARTS} parts, which networks refuse. Shorten the text."
        )

    @property
    def rate(self) -> float:
        return progress.limit(self.campaign)

    @property
    def lasts(self) -> str:
        """`3 h 12 min`, quiet hours not counted."""
        return formats.duration(max(1.0, self.people / self.rate)) if self.people else ""

    @property
    def finishes(self) -> str:
        """`16:42`, quiet hours counted; empty where some wait for the winner of a split test."""
        if not self.people or split.some_wait(self.campaign):
            return ""
        begin = self.campaign.scheduled_at if self.later else None
        return formats.clock(
            progress.forecast(self.campaign, self.people, begin or utcnow(), self._carrier)
        )

    @property
    def quiet(self) -> str:
        """When nothing leaves, in words."""
        return holds.quiet_words(self.campaign, self._carrier)

    @property
    def starts(self) -> str:
        """`at once`, or when the first message leaves: its time, or the end of quiet hours."""
        begin, first = self._moments()
        return formats.clock(first) if self.later or first != begin else "at once"

    @property
    def starts_note(self) -> str:
        """Why it starts then."""
        begin, first = self._moments()
        if first != begin:
            return "at the end of quiet hours"
        return formats.full(begin) if self.later else "when you send it"

    def _moments(self) -> tuple[datetime, datetime]:
        """When it begins, and when its first message may leave."""
        begin = self.campaign.scheduled_at if self.later else utcnow()
        return begin, holds.first_moment(self.campaign, begin, self._carrier)

    @property
    def later(self) -> bool:
        moment = self.campaign.scheduled_at
        return moment is not None and moment > utcnow()

    @property
    def provider(self) -> Provider | None:
        return lifecycle.carrier(self.campaign)[0]

    @property
    def _carrier(self) -> str | None:
        return self.provider.name if self.provider else None

    @property
    def gaps(self) -> list[str]:
        """Fields without a default that some of these people have nothing for."""
        found = []
        labels = text.FIELDS | own_fields.own()
        texts = terms.texts_of(self.campaign).values() or [self.campaign.message_template]
        empty = fields.gaps("\n".join(texts), self.samples)
        for name, number in empty.items():
            if name not in labels:
                continue
            share = formats.percent(number, len(self.samples))
            found.append(
                f"{labels[name]} is not known of {share} of these people: they read the "
                f"message without it. Say what to write instead: {{{{{name}|…}}}}."
            )
        return found

    @property
    def warnings(self) -> list[str]:
        """What a careful writer would want to know before sending."""
        found = []
        c = self.campaign
        if why := lifecycle.carrier(c)[1]:
            found.append(f"{why}. It would pause at once.")
        begin, first = self._moments()
        if first != begin:
            found.append(f"Its time is within quiet hours: the first leaves {self.starts}.")
        found += self._silent_on_stop()
        if small := split.few(c, self.people):
            found.append(small)
        if self.length_words:
            found.append(self.length_words)
        found += self.gaps
        if self.counts and self.counts.total and (twice := self._overlap()):
            found.append(twice)
        return found

    def _silent_on_stop(self) -> list[str]:
        c = self.campaign
        texts = terms.texts_of(c) or {"": c.message_template}
        silent = [one for one, said in texts.items() if "stop" not in said.lower()]
        if c.channel != "sms" or not silent:
            return []
        which = f"Text {silent[0]}" if len(silent) < len(texts) else "It"
        return [f"{which} does not say how to opt out. Consider adding: Reply STOP to opt out."]

    def _overlap(self) -> str:
        """Says so when many of these people have been written to within a day."""
        phones = [person.phone for person in self.samples]
        found = audiences.written_lately(self.campaign, phones)
        if found is None:
            return ""
        other, number = found
        share = formats.percent(number, len(phones))
        return f"{share} of these people got “{other.title}” within the last day."


# ---- working it out -----------------------------------------------------------------------


def apply(campaign: Campaign, values: Mapping[str, Any]) -> None:
    """Put unsaved values on a campaign, to show what they would come to."""
    for name, value in values.items():
        setattr(campaign, name, value)


def work_out(
    campaign: Campaign, problems: dict[str, str] | None = None, fresh: bool = True
) -> Draft:
    """Everything there is to say about a campaign that has not been launched.

    Without `fresh` the audience may have been counted some seconds ago.
    """
    draft = Draft(campaign, dict(problems or {}))
    if not campaign.title.strip():
        draft.problems.setdefault("title", "Give the campaign a title.")
    try:
        control.check_not_passed(campaign.scheduled_at)
    except Problem as error:
        draft.problems.setdefault("scheduled_at", error.detail)
    _count(draft, fresh)
    if draft.provider is not None:
        phones = [person.phone for person in draft.samples]
        draft.price, draft.currency = costs.price(campaign, draft.provider.name, phones)
    _estimate(draft, fresh)
    if draft.currency == NAIRA and (why := budget.too_dear(draft.sum())):
        draft.problems["cost"] = why
    return draft


def _count(draft: Draft, fresh: bool) -> None:
    campaign = draft.campaign
    if not campaign.audience:
        return
    try:
        audience = audiences.validate(campaign.audience)
    except Problem as error:
        draft.problems["audience"] = error.detail
        return
    key = orjson.dumps([campaign.channel, audience])
    counted: dict[bytes, Known] = current_app.extensions.setdefault("obidient.counted", {})
    known = None if fresh else counted.get(key)
    if known is None or time.monotonic() - known[0] > FRESH:
        known = (
            time.monotonic(),
            audiences.count(audience, campaign.channel),
            audiences.sample(audience, campaign.channel, SAMPLES),
        )
        if len(counted) > 100:
            counted.clear()
        counted[key] = known
    _, draft.counts, draft.samples = known


def _estimate(draft: Draft, fresh: bool) -> None:
    campaign = draft.campaign
    written = campaign.message_template.strip()
    if not written and campaign.audio_asset_id is None:
        draft.problems.setdefault("message_template", "Write the message.")
        return
    try:
        if written:
            text.validate(campaign.message_template, own_fields.own())
        translations.validate(campaign.translations or {})
    except Problem as error:
        draft.problems["message_template"] = error.detail
        return
    if campaign.split and not _both_written(draft):
        return
    if not written:
        # A recording has no length in parts.
        return
    readers: list[Mapping[str, str]] = [field_values(person) for person in draft.samples]
    draft.exact = fresh
    found = estimates.sampled(campaign, readers or [EXAMPLE])
    draft.estimate = found.estimate
    if not fresh:
        draft.too_long = found.too_long
    elif draft.counts is not None:
        audience = audiences.validate(campaign.audience)
        draft.too_long = estimates.count_too_long(campaign, audience)


def _both_written(draft: Draft) -> bool:
    """Whether texts A and B can be looked at; else the problem is noted."""
    try:
        terms.validate(draft.campaign.split)
        terms.check_written(draft.campaign)
    except Problem as error:
        draft.problems.setdefault("split", error.detail)
        return False
    return True


#: Stands in for a reader while nobody is chosen.
EXAMPLE = {
    "first_name": "Adaeze",
    "last_name": "Okafor",
    "full_name": "Adaeze Okafor",
    "lga": "Ikeja",
    "ward": "Alausa",
    "polling_unit": "Town hall",
}


def preview(draft: Draft, number: int, variant: str = "") -> tuple[str, Contact | None]:
    """The message as one reader gets it, and who that is; `variant` is A or B of a split test."""
    campaign = draft.campaign
    person = draft.samples[number % len(draft.samples)] if draft.samples else None
    values = field_values(person) if person else EXAMPLE
    template = terms.text_for(campaign, variant)
    template = translations.template_for(template, campaign.translations, values)
    return text.render(template, values, campaign.keep_spelling), person
