"""Contacts of one person become one: nothing is lost, and nobody gets a message twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from admin_people import Person
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sent_campaign import campaign, counted, counters

from obidient.accounts.models import AuditEntry
from obidient.campaigns.models.campaign import Recipient, RecipientStatus
from obidient.campaigns.sending import states
from obidient.contacts import erasure, merge, suppression
from obidient.contacts.models import (
    Contact,
    ContactList,
    ContactListMember,
    ContactTag,
    FormerNumber,
    Suppression,
    Tag,
)
from obidient.contacts.search import find
from obidient.database import db
from obidient.errors import Invalid

A, B, C = (f"+234803555000{number}" for number in (1, 2, 3))
LEASE = timedelta(minutes=5)


def person(phone: str, **more: Any) -> Contact:
    values = {"first_name": "Ada", "last_name": "Obi", "full_name": "Ada Obi"}
    place = {"state_code": "24", "lga_code": "24-11", "ward_code": "24-11-02"}
    made: Contact = Contact.create(phone=phone, **(values | place | more))
    return made


def choose(keeper: Contact, **more: Contact) -> dict[str, int]:
    return {name: more.get(name, keeper).id for name in merge.CHOICES}


@pytest.mark.both
def test_the_chosen_values_tags_and_lists_of_all_are_kept(app: Flask) -> None:
    one, two = person(A, first_name="A."), person(B, lga_code="24-12", ward_code="24-12-01")
    youth, women = (Tag.create(name=name).id for name in ("youth", "women"))
    ContactTag.insert_many(
        [
            {"tag_id": youth, "contact_id": one.id},
            {"tag_id": youth, "contact_id": two.id},
            {"tag_id": women, "contact_id": two.id},
        ]
    ).execute()
    ContactListMember.create(list_id=ContactList.create(name="x").id, contact_id=two.id)
    shown = merge.preview([one, two], one.id)
    assert (shown.tags, shown.lists) == (["women", "youth"], ["x"])
    merge.merge([one.id, two.id], choose(one, first_name=two, place=two))
    kept = Contact.get()
    assert (kept.id, kept.phone, kept.first_name, kept.lga_code) == (one.id, A, "Ada", "24-12")
    assert {row.tag_id for row in ContactTag.select()} == {youth, women}
    assert {row.contact_id for row in ContactTag.select()} == {one.id}
    assert ContactListMember.get().contact_id == one.id
    assert [row.id for row in find(Contact.select(), B, 50)] == [one.id]
    entry = AuditEntry.get(AuditEntry.action == "contacts.merged")
    assert "Merged 2 contacts" in entry.summary
    assert A not in str(entry.details)


@pytest.mark.both
def test_whoever_opted_out_on_either_number_stays_opted_out(app: Flask) -> None:
    one, two = person(A), person(B)
    suppression.suppress(B, "sms", "stop-reply", "Asked for it in a text")
    assert merge.preview([one, two], one.id).stopped
    merge.merge([one.id, two.id], choose(one))
    assert suppression.suppressed([A, B], "sms") == {A, B}
    assert Suppression.get(Suppression.phone == A).source == "stop-reply"


@pytest.mark.both
@pytest.mark.slow
def test_a_waiting_message_goes_to_the_number_kept_and_never_twice(app: Flask) -> None:
    two = person(B)
    only_b = campaign()
    one = person(A)
    both = campaign()
    past = campaign()
    for claimed in states.claim(past.id, 0, 10, LEASE, "sms"):
        result = states.Result(claimed.id, claimed.attempt, RecipientStatus.SENT)
        states.record(past.id, [result], claimed.lease_until)
    shown = merge.preview([one, two], one.id).messages
    assert shown == merge.Messages(past=1, moved=1, left_out=1)
    merge.merge([one.id, two.id], choose(one))
    assert [row.phone for row in states.claim(only_b.id, 0, 10, LEASE, "sms")] == [A]
    assert [row.phone for row in states.claim(both.id, 0, 10, LEASE, "sms")] == [A]
    assert counters(both.id)["skipped"] == 1
    for made in (only_b, both, past):
        assert counters(made.id) == counted(made.id)
        rows = Recipient.select().where(Recipient.campaign_id == made.id)
        assert {row.contact_id for row in rows} == {one.id}
    # What was sent, was sent to that number.
    assert {r.phone for r in Recipient.select().where(Recipient.campaign_id == past.id)} == {A, B}


@pytest.mark.slow
def test_numbers_of_earlier_merges_follow_and_are_erased_with_the_person(app: Flask) -> None:
    one, two, three = person(A), person(B), person(C)
    past = campaign()
    for claimed in states.claim(past.id, 0, 10, LEASE, "sms"):
        result = states.Result(claimed.id, claimed.attempt, RecipientStatus.SENT)
        states.record(past.id, [result], claimed.lease_until)
    merge.merge([one.id, two.id], choose(two))
    merge.merge([two.id, three.id], choose(three))
    assert {row.contact_id for row in Recipient.select()} == {three.id}
    assert sorted(merge.former(three.id)) == [A, B]
    assert sorted(erasure.numbers_of(A)) == [A, B, C]
    erasure.run(erasure.numbers_of(A), never_again=True)
    assert not Contact.select().exists()
    assert not FormerNumber.select().exists()
    assert all(row.phone.startswith("erased-") for row in Recipient.select())
    assert suppression.suppressed([A, B, C], "sms") == {A, B, C}


@pytest.mark.slow
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    stops=st.sets(st.sampled_from([A, B, C])),
    tags=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=8),
    keep=st.integers(0, 2),
)
def test_a_merge_loses_no_tag_and_no_opt_out(
    app: Flask, stops: set[str], tags: list[tuple[int, int]], keep: int
) -> None:
    with db.atomic() as transaction:
        rows = [person(A), person(B), person(C)]
        for who, tag in set(tags):
            ContactTag.create(tag_id=tag, contact_id=rows[who].id)
        for phone in stops:
            suppression.suppress(phone)
        merge.merge([row.id for row in rows], choose(rows[keep]))
        (kept,) = Contact.select()
        assert {row.tag_id for row in ContactTag.select()} == {tag for _, tag in tags}
        assert bool(suppression.suppressed([kept.phone], "sms")) == bool(stops)
        transaction.rollback()


def test_the_same_name_in_the_same_ward_is_a_possible_duplicate(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = person(A, full_name="Adá OBI")
    two = person(B)
    person(C, ward_code="24-11-03")
    elsewhere = [
        person(f"+23480355501{n:02d}", lga_code="24-12", ward_code="24-12-01") for n in (1, 2)
    ]
    groups, rest = merge.duplicates()
    assert [[row.id for row in group.contacts] for group in groups] == [
        [one.id, two.id],
        [row.id for row in elsewhere],
    ]
    assert rest == ""
    monkeypatch.setattr(merge, "BUDGET", 1)
    first, after = merge.duplicates()
    second, _ = merge.duplicates(after)
    assert [group.lga_code for group in first + second] == ["24-11", "24-12"]


def test_one_contact_alone_or_a_choice_left_open_is_refused(app: Flask) -> None:
    one, two = person(A), person(B)
    with pytest.raises(Invalid, match="from 2 to 10"):
        merge.merge([one.id], choose(one))
    with pytest.raises(Invalid, match="one value of each"):
        merge.merge([one.id, two.id], {"phone": one.id})
    assert Contact.select().count() == 2


@pytest.mark.slow
def test_contacts_are_compared_side_by_side_and_merged(
    app: Flask, make_user: Callable[..., Any]
) -> None:
    one, two = person(A, last_name="Obi-Eze"), person(B)
    organiser = Person(app.test_client(), make_user("organiser"))
    page = organiser.get("/admin/duplicates/")
    assert "Compare 2" in page
    page = organiser.post(
        "/admin/contacts/action/", action="merge", rowid=[str(one.id), str(two.id)]
    )
    assert "Merge 2 contacts" in page
    assert B not in page
    form = {f"keep-{name}": str(two.id) for name in merge.CHOICES} | {"keep-last_name": str(one.id)}
    page = organiser.post("/admin/duplicates/merge", id=[str(one.id), str(two.id)], **form)
    assert "2 contacts are one now" in page
    assert "Earlier numbers" in page
    assert (Contact.get().phone, Contact.get().last_name) == (B, "Obi-Eze")
    page = organiser.get(f"/admin/duplicates/compare?id={one.id}&id={two.id}", 302)
    assert "No possible duplicates" in organiser.get("/admin/duplicates/")


@pytest.mark.slow
def test_what_the_list_shows_is_exported_with_a_trace(
    app: Flask, make_user: Callable[..., Any]
) -> None:
    person(A)
    person(B, state_code="20", full_name="Bisi Bello")
    organiser = Person(app.test_client(), make_user("organiser"))
    assert "contacts.csv?state=20" in organiser.get("/admin/contacts/?state=20")
    text = organiser.get("/admin/contacts/contacts.csv?state=20")
    assert B in text
    assert A not in text
    assert AuditEntry.get(AuditEntry.action == "contacts.exported").details == {"state": "20"}
    Person(app.test_client(), make_user("viewer")).get("/admin/contacts/contacts.csv", 403)
