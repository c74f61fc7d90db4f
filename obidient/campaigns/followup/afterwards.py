"""What is done with some of a campaign's people afterwards: kept as a list, written to, left alone.

A few thousand are done at once; more are left to a worker, who may be cut off and begin again.
"""

from collections.abc import Iterator
from typing import Any

from flask import Flask

from obidient import jobs
from obidient.accounts import actor, audit
from obidient.campaigns import control
from obidient.campaigns.followup.chosen import Filter, query_of
from obidient.campaigns.models.campaign import Campaign, Recipient
from obidient.campaigns.sending import lifecycle
from obidient.contacts import suppression
from obidient.contacts.models import Contact, ContactList, ContactListMember
from obidient.database import db
from obidient.errors import Conflict

KIND = "campaign-people"
#: Done while somebody waits for the page; more are done by a worker.
AT_ONCE = 3_000
CHUNK = 500
LONGEST_NAME = 100
LIST, STOP = "list", "stop"


def init_app(app: Flask) -> None:
    jobs.register(app, KIND, _run)


def make_list(campaign: Campaign, wanted: Filter, name: str) -> tuple[ContactList, int | None]:
    """A new list of these people; and how many are on it, None while a worker fills it.

    Raises Conflict when nobody fits.
    """
    some = _some(campaign, wanted)
    with db.atomic():
        found = ContactList.create(name=_free_name(name))
        audit.record(
            "contacts.listed",
            f"Made the list {found.name!r} of people of {campaign.title!r} ({wanted.words()})",
            "list",
            found.id,
        )
    return found, _do(campaign, wanted, some, LIST, listId=found.id)


def stop_writing(campaign: Campaign, wanted: Filter, why: str) -> int | None:
    """Send these numbers nothing more on the campaign's channel; `why` stands beside each.

    How many that is, None while a worker is at it. Raises Conflict when nobody fits.
    """
    some = _some(campaign, wanted)
    audit.record(
        "campaign.stopped",
        f"Stopped messages to people of {campaign.title!r} ({wanted.words()})",
        "campaign",
        campaign.id,
    )
    return _do(campaign, wanted, some, STOP, why=why[:500])


def write_to(campaign: Campaign, wanted: Filter, name: str, channel: str) -> Campaign:
    """A draft to these people, as a list of their own; who has opted out is left out by that."""
    found, _ = make_list(campaign, wanted, name)
    return control.create(
        {"channel": channel, "title": found.name, "audience": {"lists": [found.name]}}
    )


def _some(campaign: Campaign, wanted: Filter) -> int:
    """How many fit, up to one more than are done at once."""
    query, wrong = query_of(campaign, wanted)
    if wrong:
        raise Conflict(wrong)
    number = query.select(Recipient.id).limit(AT_ONCE + 1).count()
    if not number:
        raise Conflict("Nobody fits (any more): there is nobody to do this with.")
    return int(number)


def _do(campaign: Campaign, wanted: Filter, some: int, action: str, **more: Any) -> int | None:
    user = actor()
    params = {"campaignId": campaign.id, "wanted": wanted.chosen, "action": action} | more
    if some > AT_ONCE:
        jobs.start(KIND, user.id if user else None, **params)
        return None
    return sum(_act(rows, params, campaign) for rows in _chunks(campaign, wanted))


def _run(job: jobs.Job) -> dict[str, Any]:
    """The worker's part."""
    campaign = lifecycle.get(job.params["campaignId"])
    done = looked = 0
    for rows in _chunks(campaign, Filter(**job.params["wanted"])):
        done += _act(rows, job.params, campaign)
        looked += len(rows)
        jobs.progress(job, looked)
    return {"people": done}


def _chunks(campaign: Campaign, wanted: Filter) -> Iterator[list[Recipient]]:
    query, _ = query_of(campaign, wanted)
    last = 0
    while True:
        rows = list(query.where(Recipient.id > last).order_by(Recipient.id).limit(CHUNK))
        if rows:
            yield rows
        if len(rows) < CHUNK:
            return
        last = rows[-1].id


def _act(rows: list[Recipient], params: dict[str, Any], campaign: Campaign) -> int:
    """One chunk; of how many it is true now, whether or not it was before."""
    if params["action"] == STOP:
        phones = [row.phone for row in rows if row.phone.startswith("+")]
        with db.atomic():
            for phone in phones:
                suppression.suppress(phone, campaign.channel, "unreached", params["why"])
        return len(phones)
    there = Contact.select(Contact.id).where(
        Contact.id.in_([row.contact_id for row in rows if row.contact_id])
    )
    members = [{"list_id": params["listId"], "contact_id": row.id} for row in there]
    if members:
        ContactListMember.insert_many(members).on_conflict_ignore().execute()
    return len(members)


def _free_name(wished: str) -> str:
    """The name, or the next that no list has."""
    base = " ".join(wished.split())[:LONGEST_NAME] or "People of a campaign"
    name, number = base, 1
    while ContactList.select().where(ContactList.name == name).exists():
        number += 1
        ending = f" ({number})"
        name = base[: LONGEST_NAME - len(ending)] + ending
    return name
