"""What three networks took, held against our rows: the verdict of the fault harness."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from obidient import database
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.receipts import forms
from obidient.plugin import DeliveryReport
from obidient.providers import registry

ENDED = {"delivered": RecipientStatus.DELIVERED, "undelivered": RecipientStatus.UNDELIVERED}
REACHED = (RecipientStatus.SENT, RecipientStatus.UNDELIVERED, RecipientStatus.DELIVERED)


@dataclass
class Seen:
    """What the far ends and the faults say, apart from our database."""

    people: int
    #: network -> phones it took, as often as it took them
    taken: Mapping[str, list[str]]
    #: phones in requests that a network left without an answer
    doubtful: set[str]
    #: phones in hand when a worker or the gateway was killed
    claimed: set[str]
    #: phones whose end was posted to us and answered with 200
    told: set[str]
    #: network -> people of it who may be in doubt without having been seen in hand
    allowed: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Verdict:
    """`problems` is empty when all holds."""

    problems: list[str]
    taken: dict[str, int]
    statuses: dict[str, int]
    callbacks: dict[str, int]


def judge(campaign_id: int, seen: Seen) -> Verdict:
    """Hold the doors of all networks together against the rows and the reports."""
    campaign = Campaign.get_by_id(campaign_id)
    rows = list(Recipient.select().where(Recipient.campaign_id == campaign_id))
    counted = Counter(RecipientStatus(row.status) for row in rows)
    states = Counter(row.state for row in RawCallback.select(RawCallback.state))
    problems = [
        *_of_people(rows, seen),
        *_of_doubt(rows, seen),
        *_of_reports(rows, seen, states),
    ]
    if any(getattr(campaign, status.column) != counted[status] for status in RecipientStatus):
        problems.append("counters differ from the rows")
    database.release()
    return Verdict(
        problems,
        {name: len(phones) for name, phones in seen.taken.items()},
        {status.column: number for status, number in counted.items()},
        dict(states),
    )


def _of_people(rows: list[Recipient], seen: Seen) -> list[str]:
    """Nobody twice by whichever networks, nobody lost, each with the network that has them."""
    times = Counter(phone for phones in seen.taken.values() for phone in phones)
    at = {phone: network for network, phones in seen.taken.items() for phone in phones}
    twice = [phone for phone, number in times.items() if number > 1]
    reached = {row.phone for row in rows if row.status in REACHED}
    unconfirmed = {row.phone for row in rows if row.status == RecipientStatus.UNCONFIRMED}
    others = Counter(
        f"{RecipientStatus(row.status).column} {row.error_code} {row.error_reason}".strip()
        for row in rows
        if row.status not in (*REACHED, RecipientStatus.UNCONFIRMED)
    )
    elsewhere = [row.phone for row in rows if row.phone in at and row.provider != at[row.phone]]
    checks = {
        f"{len(twice)} people were accepted twice ({twice[:3]})": not twice,
        f"{seen.people - len(rows)} people were lost": len(rows) == seen.people,
        f"people were left over ({dict(others)})": not others,
        f"{len(reached - set(times))} are recorded that no network took": reached <= set(times),
        f"{len(set(times) - reached - unconfirmed)} were accepted, and are neither recorded nor "
        "unconfirmed": set(times) <= reached | unconfirmed,
        f"{len(elsewhere)} stand with another network than the one that has them": not elsewhere,
    }
    return [problem for problem, holds in checks.items() if not holds]


def _of_doubt(rows: list[Recipient], seen: Seen) -> list[str]:
    """Who is unconfirmed was in a request without an answer, or in the hands of what was killed."""
    stray = [
        row
        for row in rows
        if row.status == RecipientStatus.UNCONFIRMED
        and row.phone not in seen.doubtful
        and row.phone not in seen.claimed
    ]
    found = Counter(str(row.provider) for row in stray)
    why = dict(Counter(row.error_reason for row in stray))
    return [
        f"{number} of {network} are unconfirmed without a fault ({why})"
        for network, number in found.items()
        if number > seen.allowed.get(network, 0)
    ]


def _of_reports(rows: list[Recipient], seen: Seen, states: Counter[str]) -> list[str]:
    """Each report that names one of our people has raised them, and none is left lying."""
    status = {row.phone: RecipientStatus(row.status) for row in rows}
    phones = {str(row.id): row.phone for row in rows}
    problems = []
    left = {name: states[name] for name in states if name not in ("applied", "nothing")}
    if left:
        problems.append(f"callbacks were not applied ({left})")
    behind = {phone for phone in seen.told if status.get(phone) not in ENDED.values()}
    for callback in RawCallback.select():
        provider = registry.current().find(callback.provider)
        for event in provider.events(callback.event, forms.parsed(callback)) if provider else ():
            if not isinstance(event, DeliveryReport):
                continue
            phone = event.phone or phones.get(event.provider_id.partition("-")[0], "")
            wanted = ENDED.get(event.status, RecipientStatus.SENT)
            if phone in status and status[phone] < wanted:
                behind.add(phone)
    if behind:
        problems.append(f"reports of {len(behind)} people changed nothing ({sorted(behind)[:3]})")
    return problems


def text_of(verdict: Verdict) -> str:
    return json.dumps(verdict.__dict__)
