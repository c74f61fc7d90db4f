"""Those a campaign did not reach: counted by reason, tried again, kept as a list, left alone."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sent_campaign import campaign, counted, counters

from obidient import jobs
from obidient.campaigns import decisions
from obidient.campaigns.followup import afterwards, reasons
from obidient.campaigns.followup.chosen import Filter
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import lifecycle, states
from obidient.contacts import suppression
from obidient.contacts.models import Contact, ContactListMember, Suppression
from obidient.errors import Conflict

FAILED, UNDELIVERED = RecipientStatus.FAILED, RecipientStatus.UNDELIVERED
#: (status, code) of each of a campaign's people, in their order.
FATES = (
    (UNDELIVERED, "AbsentSubscriber"),
    (UNDELIVERED, "AbsentSubscriber"),
    (UNDELIVERED, "UserInBlackList"),
    (UNDELIVERED, "UserDoesNotExist"),
    (FAILED, "407"),
    (FAILED, "407"),
    # Given up after the answer was lost: they may have it.
    (FAILED, "no-answer"),
    (RecipientStatus.DELIVERED, ""),
    (RecipientStatus.UNCONFIRMED, "no-answer"),
)


@pytest.fixture
def missed(app: Flask) -> Campaign:
    """A campaign after its end; of those not reached one has blocked us, one number is dead."""
    rows = [{"phone": f"+2348035550{n:03d}", "first_name": f"P{n}"} for n in range(len(FATES))]
    Contact.insert_many(rows).execute()
    made = campaign(provider="simulator-sms")
    people = list(Recipient.select().order_by(Recipient.id))
    counts: dict[str, int] = dict.fromkeys(counters(made.id), 0)
    for row, (status, code) in zip(people, FATES, strict=True):
        Recipient.update(status=status, error_code=code, attempts=1).where(
            Recipient.id == row.id
        ).execute()
        counts[status.column] += 1
    Campaign.update(status="completed", staged=True, **counts).execute()
    suppression.suppress(people[2].phone, "sms", "provider")
    Contact.update(phone_invalid=True).where(Contact.phone == people[3].phone).execute()
    return lifecycle.get(made.id)


def table(made: Campaign) -> dict[tuple[str, str], tuple[int, int]]:
    return {(one.status.column, one.code): (one.people, one.again) for one in reasons.reasons(made)}


def queued() -> list[int]:
    """Places in FATES of those who are tried again."""
    rows = Recipient.select().order_by(Recipient.id)
    return [place for place, row in enumerate(rows) if row.status == RecipientStatus.QUEUED]


@pytest.mark.both
@pytest.mark.slow
def test_only_those_who_may_be_are_tried_again_for_one_reason_or_for_all(missed: Campaign) -> None:
    assert table(missed) == {
        ("undelivered", "AbsentSubscriber"): (2, 2),
        ("undelivered", "UserInBlackList"): (1, 0),
        ("undelivered", "UserDoesNotExist"): (1, 0),
        ("failed", "407"): (2, 2),
        ("failed", "no-answer"): (1, 0),
    }
    decisions.try_again(missed.id, [(int(UNDELIVERED), "AbsentSubscriber")])
    assert queued() == [0, 1]
    now = lifecycle.get(missed.id)
    assert (now.status, now.decision) == ("sending", "")
    for code in ("UserInBlackList", "UserDoesNotExist"):
        with pytest.raises(Conflict, match="None of them may be tried again"):
            decisions.try_again(missed.id, [(int(UNDELIVERED), code)])
    decisions.try_again(missed.id)
    assert queued() == [0, 1, 4, 5]
    assert counters(missed.id) == counted(missed.id)
    with pytest.raises(Conflict, match="None of them"):
        decisions.retry_failed(missed.id)


@pytest.mark.slow
def test_a_decision_noted_before_a_restart_is_carried_out_for_its_reason_alone(
    missed: Campaign,
) -> None:
    states.decide(missed.id, "retry", ["completed"], [(int(FAILED), "407")])
    while states.carry_out(missed.id, 1):
        pass
    assert queued() == [4, 5]
    assert counters(missed.id) == counted(missed.id)


@pytest.mark.both
@pytest.mark.slow
def test_people_are_kept_as_a_list_and_left_alone_at_once_or_by_a_worker(
    missed: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = Filter(status="undelivered", code="AbsentSubscriber")
    first, number = afterwards.make_list(missed, absent, "Not there")
    again, _ = afterwards.make_list(missed, absent, "Not there")
    assert (first.name, number, again.name) == ("Not there", 2, "Not there (2)")
    draft = afterwards.write_to(missed, absent, "Not there", "sms")
    assert draft.audience["lists"] == ["Not there (3)"]
    # Too many for a click: a worker does it, twice when it was cut off.
    monkeypatch.setattr(afterwards, "AT_ONCE", 1)
    monkeypatch.setattr(afterwards, "CHUNK", 2)
    everybody, number = afterwards.make_list(missed, Filter(status="unreached"), "All missed")
    assert number is None
    stop = Filter(status="failed", code="407")
    assert afterwards.stop_writing(missed, stop, "No route in “Rally”") is None
    for job in jobs.Job.select().order_by(jobs.Job.id):
        jobs.run(job.id)
        afterwards._run(job)
    members = ContactListMember.select().where(ContactListMember.list_id == everybody.id)
    assert members.count() == 7
    stopped = list(Suppression.select().where(Suppression.source == "unreached"))
    assert [(row.channel, row.note) for row in stopped] == [("sms", "No route in “Rally”")] * 2
    assert table(missed)["failed", "407"] == (2, 0)
    with pytest.raises(Conflict, match="Nobody fits"):
        afterwards.make_list(missed, Filter(status="sending"), "Nobody")


def test_the_api_names_the_reasons_tries_again_and_finds_people_by_them(
    missed: Campaign, client: FlaskClient, auth: Any
) -> None:
    base, headers = f"/api/communications/campaigns/{missed.id}", auth("organiser")
    items = client.get(f"{base}/reasons", headers=headers).json["items"]
    absent = next(one for one in items if one["code"] == "AbsentSubscriber")
    assert absent.pop("meaning") and absent.pop("advice")
    assert absent == {
        "status": "undelivered",
        "code": "AbsentSubscriber",
        "people": 2,
        "mayBeTriedAgain": 2,
    }
    found = client.get(f"{base}/recipients?code=407", headers=headers).json["items"]
    assert {row["errorCode"] for row in found} == {"407"} and len(found) == 2
    one = {"reason": {"status": "failed", "code": "no-answer"}}
    assert client.post(f"{base}/try-again", headers=headers, json=one).status_code == 409
    done = client.post(f"{base}/try-again", headers=headers, json={})
    assert (done.status_code, done.json["counts"]["queued"]) == (202, 4)
