"""What people replied to a campaign by text, counted by kind of answer and by its words."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from obidient.campaigns.costly import Costly
from obidient.campaigns.followup.chosen import LONGEST_WORDS, Filter, plain, query_of
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.texts import InboundText

#: Kind of reply -> its line on the page.
KINDS = {
    "any": "Anybody who replied",
    "words": "In words of their own",
    "stop": "Asked for no more",
    "start": "Asked for more",
    "help": "Asked for help",
}
#: The latest texts looked through for answers that many give, and how many of those are shown.
LOOKED_THROUGH, SHOWN = 5_000, 8
#: An answer that many give is short, and given by more than one.
MOST_WORDS, LEAST_PEOPLE = 3, 2


@dataclass(frozen=True)
class Replies:
    """People of one line; `chosen` is what a filter of recipients asks for."""

    title: str
    people: int
    chosen: dict[str, str]


_counted: Costly[list[Replies]] = Costly()


def replies(campaign: Campaign) -> list[Replies]:
    """Everybody first, then by kind, then by the words that many wrote; empty without replies."""
    return _counted.get(campaign.id, lambda: _count(campaign))


def _count(campaign: Campaign) -> list[Replies]:
    if not InboundText.select().where(InboundText.campaign_id == campaign.id).exists():
        return []
    lines = [(title, {"reply": kind}) for kind, title in KINDS.items()]
    lines += [(f"“{words}”", {"reply": "words", "said": words}) for words in _frequent(campaign)]
    found = [Replies(title, _people(campaign, asked), asked) for title, asked in lines]
    return [one for one in found if one.people]


def _people(campaign: Campaign, asked: dict[str, Any]) -> int:
    query, _ = query_of(campaign, Filter(**asked))
    return int(query.count())


def _frequent(campaign: Campaign) -> list[str]:
    texts = (
        InboundText.select(InboundText.text)
        .where(InboundText.campaign_id == campaign.id, InboundText.keyword == "")
        .order_by(InboundText.id.desc())
        .limit(LOOKED_THROUGH)
    )
    counted = Counter(plain(row.text) for row in texts)
    return [
        words
        for words, number in counted.most_common(SHOWN)
        if words
        and number >= LEAST_PEOPLE
        and len(words.split()) <= MOST_WORDS
        and len(words) <= LONGEST_WORDS
    ]
