"""Contacts in the admin: imports, search, tags and opt-outs."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from admin_people import Person, people, sign_in, written
from flask import Flask

from obidient import jobs
from obidient.accounts.models import AuditEntry
from obidient.campaigns import control
from obidient.contacts import suppression
from obidient.contacts.models import Contact, ContactTag, Suppression, Tag

__all__ = ["people", "sign_in"]


# ---- contacts ----------------------------------------------------------------------------------


def run_jobs() -> None:
    for job in jobs.Job.select().where(jobs.Job.status == "queued"):
        jobs.run(job.id)


@pytest.mark.slow
def test_an_import_is_mapped_tried_and_then_done(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    organiser = sign_in("organiser")
    csv = "GSM;Who;Where\n08035550001;Ada Obi;Lagos\n12;Bad Number;Kano\n08035550001;Ada O;\n"
    response = organiser.client.post(
        "/admin/import/",
        data={"csrf_token": organiser.token, "file": (io.BytesIO(csv.encode()), "my list.csv")},
    )
    columns = response.headers["Location"]
    page = organiser.get(columns)
    assert "Ada Obi" in page
    assert re.search(r'name="column-1".*?<option value="phone" selected>', page, re.DOTALL)
    form = {"column-1": "phone", "column-2": "full_name", "column-3": "state"}
    page = organiser.post(columns, tags="Youth", list="Lagos list", go="trial", **form)
    run_jobs()
    trial = jobs.Job.select().order_by(jobs.Job.id.desc()).get()
    page = organiser.get(f"/admin/import/jobs/{trial.id}")
    assert "Import 1 person" in page
    assert "1 row left out" in page
    assert not Contact.select().exists()
    organiser.post(f"/admin/import/jobs/{trial.id}/run")
    run_jobs()
    person = Contact.get()
    assert (person.phone, person.full_name, person.state_code) == ("+2348035550001", "Ada O", "24")
    assert ContactTag.select().count() == 1
    job = jobs.Job.select().order_by(jobs.Job.id.desc()).get()
    assert organiser.client.get(f"/admin/import/jobs/{job.id}/live").status_code == 286
    problems = organiser.get(f"/admin/import/jobs/{job.id}/problems.csv")
    assert "12," in problems
    sign_in("organiser").get(f"/admin/import/jobs/{job.id}", 404)


@pytest.mark.slow
def test_a_file_that_is_no_table_says_what_it_is(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    page = sign_in("organiser").post(
        "/admin/import/", file=(io.BytesIO(b"PK\x03\x04rest"), "people.xlsx")
    )
    assert "This workbook is damaged" in page


@pytest.mark.slow
def test_contacts_are_found_by_name_number_place_and_tag(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    rows = lambda page: page.count('name="rowid"')  # noqa: E731
    assert rows(organiser.get("/admin/contacts/")) == 50
    assert people[0].phone not in organiser.get("/admin/contacts/?page=7")
    assert rows(organiser.get("/admin/contacts/?search=0803 555 0123")) == 1
    some = people[3]
    found = organiser.get(f"/admin/contacts/?search={some.first_name} {some.last_name}")
    assert some.display_name in found
    state = organiser.get(f"/admin/contacts/?state={some.state_code}")
    assert rows(state) == min(50, sum(one.state_code == some.state_code for one in people))
    tag = Tag.get(Tag.name == "youth")
    tagged = ContactTag.select().where(ContactTag.tag_id == tag.id).count()
    assert rows(organiser.get("/admin/contacts/?tag=youth")) == min(50, tagged)
    assert "Nobody fits" in organiser.get("/admin/contacts/?search=Zzzz")


@pytest.mark.slow
def test_several_contacts_are_tagged_and_deleted_with_a_trace(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    ids = [str(person.id) for person in people[:3]]
    organiser.post("/admin/contacts/action/", action="tag", tag="Ward Leaders", rowid=ids)
    tag = Tag.get(Tag.name == "ward leaders")
    assert ContactTag.select().where(ContactTag.tag_id == tag.id).count() == 3
    organiser.post("/admin/contacts/action/", action="untag", tag="ward leaders", rowid=ids[:1])
    assert ContactTag.select().where(ContactTag.tag_id == tag.id).count() == 2
    trail = AuditEntry.get(AuditEntry.action == "contacts.untagged")
    assert trail.summary == "Took the tag 'ward leaders' from 1 contact"
    page = organiser.post("/admin/contacts/action/", action="untag", tag="nonsense", rowid=ids)
    assert "There is no tag &#39;nonsense&#39;." in page
    suppression.suppress(people[0].phone)
    organiser.post("/admin/contacts/action/", action="delete", rowid=ids)
    assert not Contact.select().where(Contact.id.in_(ids)).exists()
    assert not ContactTag.select().where(ContactTag.contact_id.in_(ids)).exists()
    assert Suppression.select().where(Suppression.lifted_at.is_null()).count() == 1
    assert AuditEntry.get(AuditEntry.action == "contacts.deleted").summary == "Deleted 3 contacts"


@pytest.mark.slow
def test_opt_outs_are_added_and_lifted(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    page = organiser.post("/admin/opt-outs/", phone="0803 555 0001", channel="*", note="By phone")
    assert "•••01" in page
    assert "is on the list already" in organiser.post(
        "/admin/opt-outs/", phone="08035550001", channel="*"
    )
    assert "letters" in organiser.post("/admin/opt-outs/", phone="hello", channel="*")
    row = Suppression.get()
    organiser.post("/admin/opt-outs/lift", rowid=str(row.id))
    assert Suppression.get().lifted_at is not None


@pytest.mark.slow
def test_a_tag_that_a_waiting_campaign_needs_stays(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written(
        audience={"tags": ["youth"]}, scheduled_at=datetime.now(UTC) + timedelta(days=1)
    )
    control.launch(campaign.id)
    tag = Tag.get(Tag.name == "youth")
    organiser = sign_in("organiser")
    page = organiser.post("/admin/tags/delete/", id=str(tag.id))
    assert "is about to use this tag" in page
    control.cancel(campaign.id)
    organiser.post("/admin/tags/delete/", id=str(tag.id))
    assert Tag.get_or_none(Tag.name == "youth") is None
    assert not ContactTag.select().where(ContactTag.tag_id == tag.id).exists()
