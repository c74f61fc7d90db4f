"""A campaign draft to agents: a list of them among the contacts, and a text to be finished."""

from typing import Any

from obidient.accounts.models import User
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign
from obidient.clock import utcnow
from obidient.contacts.rows import Person
from obidient.contacts.store import BatchWriter
from obidient.contacts.suppression import erased_hashes, hashed
from obidient.errors import Conflict, Invalid
from obidient.sync import roll_call

#: Agents written to at once; more are reached state by state.
MOST = 20_000
BATCH = 1_000


def draft(query: Any, who: str) -> Campaign:
    """A draft to the agents of a query of ids, called `who` in the title. Raises Conflict."""
    reachable = query.where(User.phone.startswith("+"))
    people = roll_call.people(reachable, MOST + 1)
    if not people:
        raise Conflict("There is nobody to write to: none of these agents has a phone number.")
    if len(people) > MOST:
        raise Invalid(f"These are more than {MOST:,}: choose a state or an LGA first.")
    name = f"Agents {who}, {utcnow():%Y-%m-%d %H:%M:%S}"
    erased = erased_hashes()
    writer = BatchWriter(list_name=name)
    for user in people:
        if hashed(str(user.phone)) not in erased:
            writer.add(_person(user))
        if len(writer) >= BATCH:
            writer.flush()
    writer.flush()
    return control.create(
        {
            "channel": "sms",
            "title": name,
            "message_template": "",
            "audience": {"lists": [name]},
        }
    )


def _person(user: User) -> Person:
    unit = user.polling_unit_code or ""
    return Person(
        phone=str(user.phone),
        full_name=user.name,
        state_code=unit[:2] or None,
        lga_code=unit[:5] or None,
        ward_code=unit[:8] or None,
        polling_unit_code=unit or None,
    )
