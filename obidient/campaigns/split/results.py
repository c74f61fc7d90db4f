"""What came of A and B of a split test among the people who tried them, and what that says."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from peewee import fn

from obidient.campaigns.costly import Costly
from obidient.campaigns.models.campaign import Batch, Campaign, RecipientStatus
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.split import chance, terms
from obidient.database import db, mark

#: What the network has taken: who got, or may get, the text.
TAKEN = (RecipientStatus.SENT, RecipientStatus.UNDELIVERED, RecipientStatus.DELIVERED)
#: How people say themselves that they want no more; what the team enters is no verdict on a text.
OWN_WORD = ("stop-reply", "stop-key", "read", "provider", "network")


@dataclass(frozen=True)
class Arm:
    """One text or call in the trial, in people.

    `sent` the network took; `replies` said more than STOP. `pressed`, of a call, pressed a key that
    counts: `answers` are these, or else the replies.
    """

    variant: str
    text: str
    people: int = 0
    sent: int = 0
    delivered: int = 0
    replies: int = 0
    opted_out: int = 0
    pressed: int | None = None

    @property
    def answers(self) -> int:
        return self.replies if self.pressed is None else self.pressed

    @property
    def rate(self) -> float:
        """Answers of a hundred people who were sent it."""
        return 100 * self.answers / self.sent if self.sent else 0.0


_counted: Costly[list[Arm]] = Costly()


def arms(campaign: Campaign) -> list[Arm]:
    """A and B as pages show them; empty where there is no split test."""
    if not campaign.split:
        return []
    return _counted.get(campaign.id, lambda: count(campaign))


def count(campaign: Campaign) -> list[Arm]:
    """A and B counted anew."""
    statuses = _statuses(campaign.id)
    replies, out, pressed = _replies(campaign.id), _opted_out(campaign), _pressed(campaign)
    return [
        Arm(
            variant,
            said(campaign, variant),
            people=sum(statuses.get((variant, int(one)), 0) for one in RecipientStatus),
            sent=sum(statuses.get((variant, int(one)), 0) for one in TAKEN),
            delivered=statuses.get((variant, int(RecipientStatus.DELIVERED)), 0),
            replies=replies.get(variant, 0),
            opted_out=out.get(variant, 0),
            pressed=pressed.get(variant, 0) if terms.word(campaign) == "call" else None,
        )
        for variant in terms.texts_of(campaign)
    ]


def said(campaign: Campaign, variant: str) -> str:
    """What A or B says, as it is written; the title of a recording."""
    played = terms.audio_for(campaign, variant)
    row = AudioAsset.get_or_none(AudioAsset.id == played) if played else None
    return f"Recording “{row.title}”" if row else terms.text_for(campaign, variant)


def _listed(statuses: Iterable[RecipientStatus]) -> str:
    """Named one by one, even all: then the index on status and batch leads to the trial alone."""
    return ", ".join(str(int(one)) for one in statuses)


def _statuses(campaign_id: int) -> dict[tuple[str, int], int]:
    rows = db.execute_sql(
        "SELECT b.variant, r.status, count(*) FROM batch b JOIN recipient r "
        "ON r.campaign_id = b.campaign_id AND r.batch = b.number "
        f"WHERE b.campaign_id = {mark()} AND b.trial AND r.status IN ({_listed(RecipientStatus)}) "
        "GROUP BY b.variant, r.status",
        (campaign_id,),
    ).fetchall()
    return {(variant, int(status)): int(number) for variant, status, number in rows}


def _replies(campaign_id: int) -> Mapping[str, int]:
    """People who wrote something other than that they want no more."""
    rows = db.execute_sql(
        "SELECT b.variant, count(DISTINCT r.id) FROM inbound_text t "
        "JOIN recipient r ON r.campaign_id = t.campaign_id AND r.phone = t.phone "
        "JOIN batch b ON b.campaign_id = r.campaign_id AND b.number = r.batch "
        f"WHERE t.campaign_id = {mark()} AND t.keyword <> 'stop' AND b.trial "
        f"AND r.status IN ({_listed(TAKEN)}) GROUP BY b.variant",
        (campaign_id,),
    ).fetchall()
    return {variant: int(number) for variant, number in rows}


def _pressed(campaign: Campaign) -> Mapping[str, int]:
    """People who pressed a key that counts, once each, however many keys that is."""
    counting = terms.keys_of(campaign)
    if not counting or terms.word(campaign) != "call":
        return {}
    m, marks = mark(), ", ".join([mark()] * len(counting))
    rows = db.execute_sql(
        "SELECT b.variant, count(DISTINCT r.id) FROM key_press k "
        "JOIN recipient r ON r.id = k.recipient_id "
        "JOIN batch b ON b.campaign_id = r.campaign_id AND b.number = r.batch "
        f"WHERE k.campaign_id = {m} AND k.key IN ({marks}) AND r.campaign_id = {m} AND b.trial "
        f"AND r.status IN ({_listed(TAKEN)}) GROUP BY b.variant",
        (campaign.id, *counting, campaign.id),
    ).fetchall()
    return {variant: int(number) for variant, number in rows}


def _opted_out(campaign: Campaign) -> Mapping[str, int]:
    """People who have said since they were sent it that they want no more."""
    m, sources = mark(), ", ".join([mark()] * len(OWN_WORD))
    rows = db.execute_sql(
        "SELECT b.variant, count(DISTINCT r.id) FROM batch b "
        "JOIN recipient r ON r.campaign_id = b.campaign_id AND r.batch = b.number "
        "JOIN suppression s ON s.phone = r.phone AND s.created_at >= r.sent_at "
        f"WHERE b.campaign_id = {m} AND b.trial AND r.status IN ({_listed(RecipientStatus)}) "
        f"AND s.source IN ({sources}) GROUP BY b.variant",
        (campaign.id, *OWN_WORD),
    ).fetchall()
    return {variant: int(number) for variant, number in rows}


def variants(campaign: Campaign, numbers: Collection[int] | None = None) -> dict[int, str]:
    """The text that people of each batch get, A or B; "" until it is chosen.

    Of the batches of these numbers, or of all; empty where there is no split test.
    """
    if not campaign.split:
        return {}
    found = Batch.select(Batch.number, Batch.variant).where(Batch.campaign_id == campaign.id)
    if numbers is not None:
        found = found.where(Batch.number.in_(numbers))
    return {row.number: row.variant for row in found}


def held(campaign: Campaign) -> int:
    """How many people wait for the winner."""
    waits = (Batch.campaign_id == campaign.id) & (Batch.state == "held")
    return int(Batch.select(fn.SUM(Batch.size)).where(waits).scalar() or 0)


def ahead(found: list[Arm]) -> str:
    """The one with more answers in number and in share, A or B; empty where neither has both."""
    a, b = found
    number, share = a.answers - b.answers, a.answers * b.sent - b.answers * a.sent
    if number > 0 and share > 0:
        return a.variant
    return b.variant if number < 0 and share < 0 else ""


def verdict(found: list[Arm]) -> str:
    """What the answers so far say, in a sentence that promises no more than they do."""
    a, b = found
    word = "text" if a.pressed is None else "call"
    if not a.sent or not b.sent:
        done = "sent" if word == "text" else "made"
        return f"Nothing can be said yet: both {word}s have to be {done} first."
    if not a.answers and not b.answers:
        what = "replied" if word == "text" else "pressed a key that counts"
        return f"Nobody has {what} yet: nothing can be said."
    first = ahead(found)
    if not first:
        return f"Neither {word} is ahead."
    likely = chance.probability(a.answers, a.sent, b.answers, b.sent)
    often = f"{likely:.0%}" if likely >= 0.01 else "less than 1%"
    start = f"{word.capitalize()} {first} is ahead, and that is probably not chance"
    if likely >= chance.LINE:
        start = f"{word.capitalize()} {first} is ahead, but the difference could be chance"
    return f"{start}: two equally good {word}s would differ this much in {often} of such tests."
