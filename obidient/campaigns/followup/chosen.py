"""Some of a campaign's recipients: by outcome, reason, network, place, variant, key or reply."""

from dataclasses import dataclass
from typing import Any

from peewee import SQL, fn

from obidient.areas import LGAS, STATES
from obidient.campaigns.followup.networks import NETWORKS
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.models.voice import KeyPress
from obidient.campaigns.voice.menu import KEYS
from obidient.contacts.models import Contact
from obidient.contacts.phones import normalise

#: As an address has it: recipients of whose network nothing was reported.
NO_NETWORK = "none"
#: As an address has it: recipients with no error code.
NO_CODE = "none"
NOT_REACHED = (RecipientStatus.FAILED, RecipientStatus.UNDELIVERED)
#: As an address has them: those not reached, whether the network refused or gave up, and those
#: whom a cancelled campaign left.
UNREACHED, NOT_SENT = "unreached", "not-sent"
GROUPS = {
    UNREACHED: NOT_REACHED,
    NOT_SENT: (RecipientStatus.QUEUED, RecipientStatus.SKIPPED),
}
#: Kinds of answers by text -> the keyword that each is known by; None for any.
REPLIES = {"any": None, "words": "", "stop": "stop", "start": "start", "help": "help"}
#: What stands between the words of a text.
_BETWEEN = ".,!?;:\n\r\t"
LONGEST_WORDS = 60


@dataclass(frozen=True)
class Filter:
    """What is asked for; empty fields ask for nothing."""

    status: str = ""
    code: str = ""
    network: str = ""
    state: str = ""
    lga: str = ""
    phone: str = ""
    key: str = ""
    reply: str = ""
    said: str = ""
    #: A or B of a split test, also of those who waited and then got it.
    variant: str = ""

    @classmethod
    def of(cls, given: Any, by_number: bool) -> "Filter":
        """From an address; what does not exist is left out.

        A number is looked for only for those who may see numbers: to others, each answer would
        tell whether they have guessed one.
        """
        text = {name: given.get(name, "").strip() for name in cls.__dataclass_fields__}
        if not by_number:
            text["phone"] = ""
        known: dict[str, Any] = {
            "status": {*(one.column for one in RecipientStatus), *GROUPS},
            "network": {*NETWORKS, NO_NETWORK},
            "state": STATES,
            "key": set(KEYS),
            "reply": REPLIES,
            "variant": {"A", "B"},
        }
        text |= {name: "" for name, values in known.items() if text[name] not in values}
        if text["lga"] not in LGAS or not text["lga"].startswith(text["state"]):
            text["lga"] = ""
        text["said"] = plain(text["said"])[:LONGEST_WORDS]
        return cls(**text)

    @property
    def chosen(self) -> dict[str, str]:
        """The fields that ask for something, as an address has them."""
        return {name: value for name, value in vars(self).items() if value}

    @property
    def is_answer(self) -> bool:
        """Whether it asks for what people did: few enough to be found through that."""
        return bool(self.key or self.reply or self.said)

    @property
    def leading(self) -> "Filter":
        """The part of it that an index leads to, in the order in which they come."""
        if self.code and self.code != NO_CODE:
            return Filter(code=self.code)
        return Filter(status="" if self.status in GROUPS else self.status)

    @property
    def is_indexed(self) -> bool:
        """Whether an index leads to just those that fit."""
        if self.phone or self.is_answer:
            return True
        return self.leading == self

    @property
    def by_batch(self) -> bool:
        """Whether they come in the order of the index of statuses."""
        return bool(self.leading.status) and not self.is_answer

    def words(self) -> str:
        """For the audit trail, without a number."""
        shown = dict(self.chosen)
        if "phone" in shown:
            shown["phone"] = "one number"
        if "key" in shown:
            shown["key"] = f"key {self.key}"
        if "variant" in shown:
            shown["variant"] = f"variant {self.variant}"
        return ", ".join(shown.values()) or "all"

    def lgas(self) -> dict[str, str]:
        """The LGAs of the state chosen."""
        return {code: name for code, name in LGAS.items() if self.state and code[:2] == self.state}


def query_of(campaign: Campaign, wanted: Filter) -> tuple[Any, str]:
    """The query for what is asked for, and what is wrong with the number searched for."""
    query = Recipient.select().where(Recipient.campaign_id == campaign.id)
    if wanted.phone:
        try:
            query = query.where(Recipient.phone == normalise(wanted.phone))
        except ValueError as error:
            return query.where(Recipient.id.is_null()), str(error)
    if wanted.status in GROUPS:
        query = query.where(Recipient.status.in_(GROUPS[wanted.status]))
    elif wanted.status:
        query = query.where(Recipient.status == RecipientStatus[wanted.status.upper()])
    if wanted.code == NO_CODE:
        query = query.where(Recipient.error_code == "")
    elif wanted.code:
        # Word for word what the partial index says, or it would not be used.
        query = query.where(Recipient.error_code == wanted.code, SQL("error_code <> ''"))
    if wanted.network:
        code = "" if wanted.network == NO_NETWORK else wanted.network
        query = query.where(Recipient.network == code)
    if wanted.variant:
        query = query.where(Recipient.batch.in_(batches_of(campaign, wanted.variant)))
    if wanted.is_answer:
        query = _where_they_answered(query, campaign, wanted)
    return _where_they_live(query, wanted), ""


def batches_of(campaign: Campaign, variant: str) -> Any:
    """The query for the numbers of the batches that get A or B."""
    mine = (Batch.campaign_id == campaign.id) & (Batch.variant == variant)
    return Batch.select(Batch.number).where(mine)


def _where_they_live(query: Any, wanted: Filter) -> Any:
    if not (wanted.state or wanted.lga):
        return query
    place = Contact.lga_code == wanted.lga if wanted.lga else Contact.state_code == wanted.state
    theirs = Contact.select(SQL("1")).where(Contact.id == Recipient.contact_id, place)
    return query.where(fn.EXISTS(theirs))


def _where_they_answered(query: Any, campaign: Campaign, wanted: Filter) -> Any:
    if wanted.key:
        pressed = KeyPress.select(KeyPress.recipient_id).where(
            KeyPress.campaign_id == campaign.id, KeyPress.key == wanted.key
        )
        query = query.where(Recipient.id.in_(pressed))
    if wanted.reply or wanted.said:
        texts = InboundText.select(InboundText.phone).where(InboundText.campaign_id == campaign.id)
        keyword = REPLIES[wanted.reply or "any"]
        if keyword is not None:
            texts = texts.where(InboundText.keyword == keyword)
        if wanted.said:
            texts = texts.where(_says(wanted.said))
        query = query.where(Recipient.phone.in_(texts))
    return query


def plain(text: str) -> str:
    """A text's words alone, in small letters, a space between them."""
    return " ".join(text.translate({ord(one): " " for one in _BETWEEN}).lower().split())


def _says(words: str) -> Any:
    """True of a text that holds these words, whole; small and capital letters are the same."""
    text: Any = fn.LOWER(InboundText.text)
    for one in _BETWEEN:
        text = fn.REPLACE(text, one, " ")
    text = fn.TRIM(text)
    begins, ends = text.startswith(f"{words} "), text.endswith(f" {words}")
    return (text == words) | begins | ends | text.contains(f" {words} ")
