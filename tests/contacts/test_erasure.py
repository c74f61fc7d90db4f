"""A person's erasure: afterwards the number is nowhere, counts are true, and opt-outs hold."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from admin_people import Person
from click.testing import Result
from flask import Flask
from sent_campaign import campaign, counted, counters

from obidient import jobs
from obidient.accounts import audit
from obidient.accounts.models import AuditEntry
from obidient.campaigns import decisions
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.models.voice import TrialCall, VoiceCall
from obidient.campaigns.sending import states
from obidient.clock import utcnow
from obidient.contacts import erasure, imports, retention, suppression
from obidient.contacts.models import Contact, ContactListMember, ContactTag, Suppression
from obidient.database import db
from obidient.errors import Conflict
from obidient.files import uploads_folder
from obidient.jobs import Job
from obidient.sync.models import TextReport

PHONE = "+2348035550001"


OTHER = "+2348035550002"


def bring_in(folder: Path, *numbers: str) -> imports.Report:
    path = folder / "people.csv"
    lines = "".join(f"{number},Ada,Obi,Lagos,youth\n" for number in numbers)
    path.write_text("phone,first_name,last_name,state,tags\n" + lines)
    return imports.run(path, list_name="Lagos")


def fill(tmp_path: Path) -> tuple[Campaign, Campaign]:
    """PHONE in every place there is: a sent campaign, a waiting one, texts, notices, files."""
    bring_in(tmp_path, PHONE, OTHER)
    past, waiting = campaign(), campaign()
    claimed = states.claim(past.id, 0, 10, erasure_lease(), "sms")
    states.record(
        past.id,
        [
            states.Result(one.id, one.attempt, RecipientStatus.SENT, f"at-{one.id}", cost_e4=25)
            for one in claimed
        ],
        claimed[0].lease_until,
    )
    sent = Recipient.get(Recipient.campaign_id == past.id, Recipient.phone == PHONE)
    VoiceCall.create(
        provider="p", campaign_id=past.id, recipient_id=sent.id, phone=PHONE, attempt=1,
        session_id="s1", until=utcnow(), ended_at=utcnow(),
    )  # fmt: skip
    text = InboundText.create(provider="p", provider_id="1", phone=PHONE, text="I am Ada Obi")
    TextAnswer.create(subject_id=text.id, phone=PHONE, text="Thank you, Ada")
    TrialCall.create(campaign_id=past.id, phone=PHONE, text="Hello Ada", state="failed")
    TextReport.create(inbound_id=text.id, phone=PHONE, text="RESULT LP 10", state="taken")
    body = b"id=at-1&phoneNumber=%2B2348035550001&status=Success"
    RawCallback.create(provider="p", event="delivery", body=body, state="applied")
    RawCallback.create(provider="p", event="delivery", body=body, state="new")
    RawCallback.create(provider="p", event="incoming", body=body + b"&text=hi", state="unmatched")
    RawCallback.create(provider="p", event="delivery", body=body.replace(b"1&st", b"2&st"))
    audit.record("old.entry", "Wrote to 08035550001 by hand", "contact", PHONE, phone=PHONE)
    Job.create(
        kind="contacts-import", status="done", report={"errors": [{"value": "0803 555 0001"}]}
    )
    (uploads_folder() / ("a" * 24 + ".csv")).write_text("phone\n0803-555-0001\n", encoding="utf-16")
    (uploads_folder() / ("b" * 24 + ".csv")).write_text("phone\n08035550002\n")
    return past, waiting


def erasure_lease() -> Any:
    from datetime import timedelta

    return timedelta(minutes=5)


def everything() -> str:
    """All that the database holds, as text; blobs as well."""
    found = []
    for table in db.get_tables():
        for row in db.execute_sql(f'SELECT * FROM "{table}"').fetchall():
            found += [bytes(v).decode("latin-1") if isinstance(v, bytes | memoryview) else str(v)
                      for v in row]  # fmt: skip
    return "\n".join(found)


@pytest.mark.both
@pytest.mark.slow
def test_an_erased_number_is_nowhere_and_the_counts_stay_true(app: Flask, tmp_path: Path) -> None:
    past, waiting = fill(tmp_path)
    cost = Campaign.get_by_id(past.id).cost_e4
    job = erasure.start(PHONE, True, None)
    jobs.run(job.id)
    done = jobs.get(job.id)
    assert done.status == "done", done.error
    held = everything()
    assert "8035550001" not in held
    assert "0803 555 0001" not in held
    assert "Ada Obi" not in "".join(row.text for row in InboundText.select())
    assert [one.phone for one in Contact.select()] == [OTHER]
    assert ContactTag.select().count() == ContactListMember.select().count() == 1
    # What was sent still counts, and what waited is left out.
    for one in (past, waiting):
        assert counters(one.id) == counted(one.id)
        assert Recipient.select().where(Recipient.campaign_id == one.id).count() == 2
    assert counters(past.id)["sent"] == 2
    assert counters(waiting.id) == counted(waiting.id) | {"queued": 1, "skipped": 1}
    assert Campaign.get_by_id(past.id).cost_e4 == cost
    # A report still to be counted keeps its message's id; another's is untouched.
    kept = RawCallback.get(RawCallback.state == "new")
    assert b"id=at-1&" in bytes(kept.body)
    assert b"8035550002" in bytes(RawCallback.select().order_by(RawCallback.id.desc()).get().body)
    assert [path.name[0] for path in uploads_folder().glob("*.csv")] == ["b"]
    assert AuditEntry.select().where(AuditEntry.action == "person.erased").count() == 1


@pytest.mark.both
@pytest.mark.slow
def test_who_is_erased_for_good_is_left_out_of_every_later_import(
    app: Flask, tmp_path: Path
) -> None:
    bring_in(tmp_path, PHONE)
    erasure.run([PHONE], never_again=True)
    report = bring_in(tmp_path, PHONE, OTHER)
    assert (report.new, report.bad) == (1, 1)
    assert "asked to be erased" in report.errors[0]["problem"]
    assert [one.phone for one in Contact.select()] == [OTHER]
    # However a contact of this number came about, nothing is sent to it.
    Contact.create(phone=PHONE)
    made = campaign()
    claimed = states.claim(made.id, 0, 10, erasure_lease(), "sms")
    assert [one.phone for one in claimed] == [OTHER]


@pytest.mark.both
def test_an_opt_out_outlives_an_erasure_and_is_lifted_by_number(app: Flask, tmp_path: Path) -> None:
    suppression.suppress(PHONE, "sms")
    erasure.run([PHONE], never_again=False)
    assert suppression.suppressed([PHONE, OTHER], "sms") == {PHONE}
    assert suppression.suppressed([PHONE], "voice") == set()
    assert not Suppression.select().where(Suppression.phone == PHONE).exists()
    suppression.lift(PHONE, "sms")
    assert suppression.suppressed([PHONE], "sms") == set()


def test_who_only_wants_to_be_forgotten_may_come_back(app: Flask, tmp_path: Path) -> None:
    bring_in(tmp_path, PHONE)
    erasure.run([PHONE], never_again=False)
    assert not Suppression.select().exists()
    assert bring_in(tmp_path, PHONE).new == 1


@pytest.mark.both
@pytest.mark.slow
def test_an_erased_recipient_that_failed_is_never_tried_again(app: Flask, tmp_path: Path) -> None:
    bring_in(tmp_path, PHONE)
    made = campaign()
    (one,) = states.claim(made.id, 0, 1, erasure_lease(), "sms")
    result = states.Result(one.id, one.attempt, RecipientStatus.FAILED, code="403")
    states.record(made.id, [result], one.lease_until)
    erasure.run([PHONE], never_again=False)
    with pytest.raises(Conflict, match="None of them may be tried again"):
        decisions.retry_failed(made.id)
    states.decide(made.id, "retry-failed", ["sending"])
    while states.carry_out(made.id):
        pass
    assert states.claim(made.id, 0, 1, erasure_lease(), "sms") == []
    assert counters(made.id) == counted(made.id)


def test_nobody_is_erased_while_an_import_may_bring_them_back(app: Flask) -> None:
    Job.create(kind="contacts-import", status="running")
    with pytest.raises(Conflict, match="import is running"):
        erasure.start(PHONE, True, None)


@pytest.mark.slow
def test_the_command_says_what_it_would_erase_and_asks(
    app: Flask, cli: Callable[..., Result], tmp_path: Path
) -> None:
    bring_in(tmp_path, PHONE)
    refused = cli("contacts", "erase", "0803 555 0001", input="n\n")
    assert "Contacts, with their tags and lists: 1" in refused.output
    assert Contact.select().count() == 1
    done = cli("contacts", "erase", "0803 555 0001", "--yes")
    assert done.exit_code == 0, done.output
    assert "8035550001" not in done.output
    assert Contact.select().count() == 0


def test_uploads_of_a_week_ago_are_deleted(app: Flask) -> None:
    import os
    import time

    old, new = (uploads_folder() / f"{letter * 24}.csv" for letter in "ab")
    for path in (old, new):
        path.write_bytes(io.BytesIO(b"phone\n").getvalue())
    os.utime(old, (time.time() - 8 * 86_400,) * 2)
    retention.clean()
    assert not old.exists()
    assert new.exists()


@pytest.mark.slow
def test_the_page_shows_what_is_kept_then_erases_it(
    app: Flask, make_user: Callable[..., Any], tmp_path: Path
) -> None:
    bring_in(tmp_path, PHONE)
    organiser = Person(app.test_client(), make_user("organiser"))
    assert "letters" in organiser.post("/admin/privacy/", phone="hello")
    page = organiser.post("/admin/privacy/", phone="0803 555 0001")
    assert "What is kept about +234803•••01" in page
    refused = organiser.post("/admin/privacy/erase", phone=PHONE)
    assert "Choose what the person wants first" in refused
    page = organiser.post("/admin/privacy/erase", phone=PHONE, wish="never")
    assert "Waiting for a worker" in page
    job = Job.get(Job.kind == erasure.KIND)
    jobs.run(job.id)
    page = organiser.get(f"/admin/privacy/erasures/{job.id}")
    assert "no import brings it back" in page
    assert organiser.client.get(f"/admin/privacy/erasures/{job.id}/live").status_code == 286
    assert not Contact.select().exists()
    page = organiser.post("/admin/privacy/", phone="0803 555 0001")
    assert "Nothing is known" in page
    assert "opted out" in page
    assert "erased number" in organiser.get("/admin/opt-outs/?search=08035550001")
    Person(app.test_client(), make_user("viewer")).get("/admin/privacy/", 403)
