"""One person among a campaign's millions: found by any mark, shown in full, exported."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from admin_people import Person, people, sent, sign_in, written
from flask import Flask
from peewee import fn

from obidient.accounts.models import AuditEntry
from obidient.admin.campaigns import look, recipients
from obidient.admin.operations import provider as provider_view
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import (
    Batch,
    Campaign,
    CampaignError,
    Recipient,
    RecipientStatus,
    Throughput,
)
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.sending import notes, sweeper
from obidient.campaigns.sending.outcomes import Result
from obidient.campaigns.sending.states import record
from obidient.campaigns.texts import answers
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.database import db
from obidient.providers import registry
from obidient.workers.models import WorkerProcess

__all__ = ["people", "sign_in"]
pytestmark = pytest.mark.both


def ids_on(page: str) -> list[int]:
    return [int(one) for one in re.findall(r'class="row-link" href="[^"]+/recipients/(\d+)"', page)]


def all_pages(person: Person, url: str) -> list[int]:
    """Recipients on a page and all that follow it."""
    found: list[int] = []
    while url:
        page = person.get(url)
        found += ids_on(page)
        more = re.search(r'href="([^"]+)" rel="next"', page)
        url = more[1].replace("&amp;", "&") if more else ""
    return found


def marked(campaign: Campaign) -> None:
    """Networks for some, another error for a few."""
    Recipient.update(network="62130").where(fn.MOD(Recipient.id, 3) == 0).execute()
    Recipient.update(network="62120").where(fn.MOD(Recipient.id, 3) == 1).execute()
    Recipient.update(error_code="406").where(
        Recipient.status == RecipientStatus.FAILED, fn.MOD(Recipient.id, 2) == 0
    ).execute()
    for code in ("AbsentSubscriber", "406"):
        CampaignError.create(campaign_id=campaign.id, code=code, reason="", count=1)


def expected(campaign: Campaign, fits: Callable[[Recipient, Contact], bool]) -> list[int]:
    contacts = {row.id: row for row in Contact.select()}
    rows = Recipient.select().where(Recipient.campaign_id == campaign.id).order_by(Recipient.id)
    return [row.id for row in rows if fits(row, contacts[row.contact_id])]


@pytest.mark.slow
def test_every_filter_finds_exactly_those_who_fit_on_all_its_pages(
    app: Flask,
    sign_in: Callable[..., Person],
    people: list[Contact],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = sent()
    marked(campaign)
    # Small windows, so that pages begin and end in the midst of them.
    monkeypatch.setattr(recipients, "WINDOW", 37)
    lga = people[0].lga_code
    state = lga[:2]
    viewer = sign_in("viewer")
    cases: dict[str, Callable[[Recipient, Contact], bool]] = {
        "code=AbsentSubscriber": lambda r, c: r.error_code == "AbsentSubscriber",
        "code=406&status=failed": lambda r, c: r.error_code == "406" and r.status == 3,
        "network=62130": lambda r, c: r.network == "62130",
        "network=none": lambda r, c: r.network == "",
        "network=62160": lambda r, c: False,
        "status=delivered&network=62120": lambda r, c: r.status == 6 and r.network == "62120",
        f"state={state}": lambda r, c: c.state_code == state,
        f"state={state}&lga={lga}": lambda r, c: c.lga_code == lga,
        f"state={state}&network=62130&status=sent": lambda r, c: (
            c.state_code == state and r.network == "62130" and r.status == 4
        ),
    }
    for address, fits in cases.items():
        url = f"/admin/campaigns/{campaign.id}/recipients?{address}"
        assert sorted(all_pages(viewer, url)) == expected(campaign, fits), address


@pytest.mark.slow
def test_a_page_looks_no_longer_than_people_wait_and_says_so(
    app: Flask,
    sign_in: Callable[..., Person],
    people: list[Contact],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = sent()
    last = Recipient.select().order_by(Recipient.id.desc()).get()
    Recipient.update(network="62160").where(Recipient.id == last.id).execute()
    monkeypatch.setattr(recipients, "WINDOW", 100)
    monkeypatch.setattr(recipients, "PATIENCE", 0)
    url = f"/admin/campaigns/{campaign.id}/recipients?network=62160"
    viewer = sign_in("viewer")
    assert "Among the 100 people looked through nobody fits" in viewer.get(url)
    assert all_pages(viewer, url) == [last.id]


@pytest.mark.slow
def test_the_export_follows_the_filter(
    app: Flask,
    sign_in: Callable[..., Person],
    people: list[Contact],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = sent()
    marked(campaign)
    monkeypatch.setattr(recipients, "WINDOW", 37)
    monkeypatch.setattr(recipients, "EXPORT_CHUNK", 10)
    organiser = sign_in("organiser")
    url = f"/admin/campaigns/{campaign.id}/recipients.csv"
    for address, fits in {
        "network=62130&status=sent": lambda r, c: r.network == "62130" and r.status == 4,
        "code=406": lambda r, c: r.error_code == "406",
        "status=delivered": lambda r, c: r.status == 6,
        "": lambda r, c: True,
    }.items():
        text = organiser.get(f"{url}?{address}").removeprefix("\ufeff")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert len(rows) == len(expected(campaign, fits)), address
    # The search for one number is written down without it.
    organiser.get(f"{url}?phone=0803 555 0007")
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).get()
    assert "one number" in entry.summary
    assert "0007" not in entry.summary


@pytest.mark.slow
def test_a_filter_by_error_needs_no_look_at_the_other_recipients(app: Flask) -> None:
    campaign = written()
    wanted = recipients.Filter(code="406")
    query, _ = recipients.query_of(campaign, wanted)
    explain = "EXPLAIN " if _is_postgres() else "EXPLAIN QUERY PLAN "
    if _is_postgres():
        db.execute_sql("SET enable_seqscan = off")
    sql, values = recipients._from(query, wanted, "").limit(51).sql()
    plan = str(db.execute_sql(explain + _inlined(sql, values)).fetchall())
    assert "recipient_error" in plan


def _is_postgres() -> bool:
    from obidient.database import is_postgres

    return is_postgres()


def _inlined(sql: str, values: list[object]) -> str:
    for value in values:
        text = f"'{value}'" if isinstance(value, str) else str(value)
        sql = sql.replace("%s" if _is_postgres() else "?", text, 1)
    return sql


@pytest.mark.slow
def test_a_recipients_page_tells_the_whole_story(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent()
    other = sent(title="Night market")
    row = Recipient.get(Recipient.campaign_id == campaign.id, Recipient.contact_id == people[0].id)
    began = utcnow() - timedelta(hours=2)
    notes.note_tries(
        [Result(row.id, 1, RecipientStatus.QUEUED, code="retry", reason="Busy")], began
    )
    Recipient.update(
        status=RecipientStatus.UNDELIVERED,
        attempts=2,
        provider_id="ATXid_77",
        error_code="AbsentSubscriber",
        cost_e4=25_000,
        parts=1,
        sent_at=began + timedelta(minutes=1),
        updated_at=began + timedelta(minutes=9),
    ).where(Recipient.id == row.id).execute()
    Campaign.update(provider="simulator-sms").where(Campaign.id == campaign.id).execute()
    about = {"provider": "simulator-sms", "event": "delivery-report", "state": "applied"}
    for minutes, body in (
        (0, "ATXid_7"),
        (9, f"id=ATXid_77&to={people[0].phone}"),
        (60, "id=ATXid_77"),
    ):
        at = began + timedelta(minutes=minutes)
        RawCallback.create(received_at=at, body=body.encode(), **about)
    page = sign_in("viewer").get(f"/admin/campaigns/{campaign.id}/recipients/{row.id}")
    assert "The phone was off or out of reach for too long." in page
    assert "Try these people at another time of day." in page
    assert "Refused for now" in page and "Busy" in page
    assert "2 tries so far" in page
    assert "₦2.50 for 1 part" in page
    assert page.count("Delivery report: understood and applied") == 1
    assert people[0].phone not in page
    assert f"Hello {people[0].first_name}, come to" in page
    assert f"/admin/campaigns/{other.id}/recipients/" in page


@pytest.mark.slow
def test_a_recipient_of_another_campaign_is_not_found(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    mine, other = sent(), sent(title="Night market")
    row = Recipient.get(Recipient.campaign_id == other.id)
    sign_in().get(f"/admin/campaigns/{mine.id}/recipients/{row.id}", 404)


@pytest.mark.slow
def test_a_try_that_is_made_again_is_kept(app: Flask, people: list[Contact]) -> None:
    campaign = sent()
    row = Recipient.get(Recipient.campaign_id == campaign.id)
    lease = utcnow() + timedelta(minutes=1)
    Recipient.update(status=RecipientStatus.SENDING, attempts=1, lease_until=lease).where(
        Recipient.id == row.id
    ).execute()
    result = Result(row.id, 1, RecipientStatus.QUEUED, code="retry", reason="Busy")
    record(campaign.id, [result], lease)
    # The same answer again, as after a lost connection, is not another try.
    record(campaign.id, [result], lease)
    (one,) = notes.tries_of(row.id)
    assert (one.attempt, one.reason) == (1, "Busy")


def test_failed_tries_are_forgotten_after_a_month(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are: a chunk at a time, and the next round goes on."""
    monkeypatch.setattr(notes, "CLEANED", 3)
    old, young = utcnow() - timedelta(days=31), utcnow() - timedelta(days=29)
    for at in (*[old] * 8, young):
        notes.FailedTry.create(recipient_id=1, attempt=1, at=at, reason="Busy")
    sweeper.clean()
    assert [one.at for one in notes.tries_of(1)] == [young]
    # No time for more than one chunk.
    notes.FailedTry.update(at=old).execute()
    notes.FailedTry.insert_many([{"recipient_id": 1, "attempt": 1, "at": old}] * 6).execute()
    monkeypatch.setattr(notes, "CLEANING", -1.0)
    sweeper.clean()
    assert len(notes.tries_of(1)) == 4


# ---- why it is slow -----------------------------------------------------------------------------


def running(**more: object) -> Campaign:
    """A campaign with people waiting, and a worker for it."""
    campaign = sent(**more)
    WorkerProcess.insert(
        name="w", host="h", pid=1, queues=["sms-broadcast"], active={}
    ).on_conflict_ignore().execute()
    Campaign.update(queued=50).where(Campaign.id == campaign.id).execute()
    return Campaign.get_by_id(campaign.id)


@pytest.mark.slow
def test_campaigns_that_share_the_limit_say_so(app: Flask, people: list[Contact]) -> None:
    first, second = running(), running(title="Night market")
    slot = utcnow().replace(microsecond=0)
    for campaign in (first, second):
        Campaign.update(started_at=slot - timedelta(hours=1)).where(
            Campaign.id == campaign.id
        ).execute()
        Throughput.create(campaign_id=campaign.id, at=slot, sent=50_000)
    why = look._slow(first, 1.0, 100.0, look._beside()["sms"])
    assert why == "Shares the channel's limit of 5,000 a second with 1 other campaign."


@pytest.mark.slow
def test_a_campaign_whose_people_all_wait_for_a_next_try_names_the_time(
    app: Flask, people: list[Contact]
) -> None:
    campaign = running()
    due = utcnow() + timedelta(minutes=30)
    Batch.update(next_at=due).where(Batch.campaign_id == campaign.id).execute()
    assert look.look(campaign).why.startswith("Everybody still waiting has a next try at ")
    Batch.update(next_at=None).where(Batch.campaign_id == campaign.id).execute()
    assert look.look(campaign).why == ""


# ---- providers ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_provider_shows_what_it_refused_in_the_last_quarter_hour(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent()
    Campaign.update(provider="simulator-sms").where(Campaign.id == campaign.id).execute()
    slot = utcnow().replace(microsecond=0)
    Throughput.create(campaign_id=campaign.id, at=slot, sent=90, failed=10)
    Throughput.create(campaign_id=campaign.id, at=slot - timedelta(minutes=20), failed=500)
    admin = sign_in()
    for url in ("/admin/plugins/", "/admin/plugins/simulator-sms/"):
        page = admin.get(url)
        assert "10 % refused or lost" in page
        assert "of 100 messages in 15 minutes" in page


@pytest.mark.slow
def test_a_test_goes_through_the_provider_it_is_about(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    page = admin.post("/admin/plugins/simulator-sms/test", phone="0803 555 0101")
    assert "The test is on its way" in page
    row = TextAnswer.get()
    assert (row.provider, row.purpose) == ("simulator-sms", answers.TEST)
    answers.send(row.id)
    assert TextAnswer.get().state == "sent"
    shown = admin.get("/admin/plugins/simulator-sms/tests")
    assert "+234803•••01" in shown
    assert "0803 555 0101" not in admin.get("/admin/audit/")


def test_a_provider_without_a_key_says_why_it_can_not_be_tested(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    provider = registry.current().get("africastalking-sms")
    assert provider_view.why_no_test(provider)
    sign_in().post("/admin/plugins/africastalking-sms/test", phone="0803 555 0101")
    assert TextAnswer.select().count() == 0
