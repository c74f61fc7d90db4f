"""Delivery reports applied: once each, in any order, to the right recipient."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from network_reports import (
    SENT,
    TOKEN,
    Network,
    Post,
    add,
    campaign,
    counts,
    make_due,
    network,
    phone,
    post,
    state,
)

from obidient import database
from obidient.campaigns import decisions
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import states
from obidient.campaigns.sending.states import Result
from obidient.clock import utcnow
from obidient.providers import registry

__all__ = ["campaign", "network", "post"]


DELIVERED = RecipientStatus.DELIVERED


# ---- delivery reports ---------------------------------------------------------------------------


@pytest.mark.both
def test_a_report_moves_its_recipient_and_the_counts(post: Post, campaign: Campaign) -> None:
    for number in range(3):
        add(campaign, number)
    post("delivery", id="id-0", status="delivered", network="62130")
    post("delivery", id="id-1", status="undelivered", reason="AbsentSubscriber")
    applying.apply_due()
    assert counts(campaign) == {"sent": 1, "delivered": 1, "undelivered": 1}
    first = Recipient.get(Recipient.provider_id == "id-0")
    assert first.network == "62130"
    second = Recipient.get(Recipient.provider_id == "id-1")
    assert second.error_reason == "AbsentSubscriber"
    assert {row.state for row in RawCallback.select()} == {"applied"}


@pytest.mark.both
def test_json_and_multipart_are_understood_like_forms(
    client: FlaskClient, network: Network, campaign: Campaign
) -> None:
    add(campaign, 0)
    add(campaign, 1)
    url = f"/api/communications/webhooks/{network.name}/delivery?token={TOKEN}"
    client.post(url, json={"id": "id-0", "status": "delivered", "extra": {"a": [1]}, "n": None})
    client.post(
        url,
        data={"id": "id-1", "status": "delivered"},
        content_type="multipart/form-data; boundary=xyz",
    )
    applying.apply_due()
    assert counts(campaign) == {"delivered": 2}


@pytest.mark.both
@pytest.mark.slow
def test_five_times_over_and_shuffled_changes_nothing(post: Post, campaign: Campaign) -> None:
    expected = {"delivered": 0, "undelivered": 0, "sent": 0}
    calls = []
    for number in range(60):
        add(campaign, number)
        fate = ("delivered", "undelivered", "sent")[number % 3]
        expected[fate] += 1
        calls += [{"id": f"id-{number}", "status": "sent"}] * 5
        calls += [{"id": f"id-{number}", "status": fate}] * 5
    random.Random(7).shuffle(calls)
    for number, call in enumerate(calls):
        assert post("delivery", **call).status_code == 200
        if number % 97 == 0:
            applying.apply_due()
    applying.apply_due()
    assert counts(campaign) == expected


@pytest.mark.both
@pytest.mark.slow
def test_workers_side_by_side_count_each_recipient_once(app: Flask, campaign: Campaign) -> None:
    registry.current().add(Network)
    rows = []
    for number in range(200):
        add(campaign, number)
        rows += [f"id=id-{number}&status={status}" for status in ("sent", "delivered") * 4]
    random.Random(3).shuffle(rows)
    RawCallback.insert_many(
        [{"provider": Network.name, "event": "delivery", "body": row.encode()} for row in rows]
    ).execute()

    def work(_number: int) -> None:
        with app.app_context():
            while claimed := applying.claim(37):
                applying.apply(claimed)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert counts(campaign) == {"delivered": 200}
    assert {row.state for row in RawCallback.select()} == {"applied", "nothing"}


@pytest.mark.both
@pytest.mark.slow
def test_reports_replayed_and_shuffled_before_their_sends_are_recorded_count_exactly(
    post: Post, campaign: Campaign, app: Flask
) -> None:
    people = 120
    waiting = {"provider_id": None, "sent_at": None}
    for number in range(people):
        add(campaign, number, RecipientStatus.QUEUED, **waiting)
    claimed = states.claim(campaign.id, 0, people, timedelta(minutes=1), "sms")
    words = ["delivered", "delivered", "undelivered", "sent"]
    posts = [(one, words[one.id % 4]) for one in claimed] * 5
    random.Random(11).shuffle(posts)
    for one, word in posts:
        post("delivery", id=f"m-{one.id}", status=word, phone=one.phone)

    def read() -> None:
        with app.app_context():
            # Both together and the last look below stay under the tries that a report has: an
            # hour's worth of waiting is over in no time here.
            for _ in range(5):
                make_due()
                applying.apply_due()
            database.release()

    def write(part: list[states.Claimed]) -> None:
        with app.app_context():
            results = [Result(one.id, one.attempt, SENT, f"m-{one.id}") for one in part]
            states.record(campaign.id, results, part[0].lease_until)
            database.release()

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(read), pool.submit(read)]
        jobs += [pool.submit(write, claimed[start : start + 20]) for start in range(0, people, 20)]
        for job in jobs:
            job.result()
    make_due()
    applying.apply_due()
    assert counts(campaign) == {"delivered": 60, "undelivered": 30, "sent": 30}
    assert {row.state for row in RawCallback.select()} == {"applied", "nothing"}


@pytest.mark.both
def test_contradictory_reports_end_at_the_higher_rank_in_any_order(
    post: Post, campaign: Campaign
) -> None:
    for number, order in enumerate((("delivered", "undelivered"), ("undelivered", "delivered"))):
        add(campaign, number)
        for status in order:
            post("delivery", id=f"id-{number}", status=status)
            applying.apply_due()
    assert counts(campaign) == {"delivered": 2}


@pytest.mark.both
@pytest.mark.slow
def test_a_report_that_is_early_is_applied_once_its_message_is_recorded(
    post: Post, campaign: Campaign
) -> None:
    add(campaign, 0, RecipientStatus.SENDING, provider_id=None, sent_at=None)
    add(campaign, 1, RecipientStatus.SENDING, provider_id=None, sent_at=None)
    post("delivery", id="id-0", status="delivered", phone=phone(0))
    applying.apply_due()
    assert state() == "waiting"
    # Not due again at once, and not taken in vain.
    applying.apply_due()
    assert RawCallback.get().attempts == 1
    Recipient.update(provider_id="id-0", status=int(SENT)).where(
        Recipient.phone == phone(0)
    ).execute()
    Campaign.update(sending=1, sent=1).execute()
    make_due()
    applying.apply_due()
    assert state() == "applied"
    assert counts(campaign) == {"sending": 1, "delivered": 1}


def test_a_report_of_nobody_is_tried_for_an_hour_then_kept_where_it_can_be_seen(
    post: Post, campaign: Campaign
) -> None:
    post("delivery", id="id-of-nobody", status="delivered")
    waited = timedelta()
    for _ in range(50):
        before = utcnow()
        applying.apply_due()
        row = RawCallback.get()
        if row.state != "waiting":
            break
        waited += row.due_at - before
        make_due()
    assert row.state == "unmatched"
    assert timedelta(hours=1) < waited < timedelta(hours=2)
    assert applying.summary() == {"unmatched": 1}
    # The message turns up after all, and somebody asks to look again.
    add(campaign, 0, provider_id="id-of-nobody")
    assert applying.again("unmatched") == 1
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}


@pytest.mark.both
def test_a_report_settles_an_unconfirmed_recipient_by_its_number(
    post: Post, campaign: Campaign
) -> None:
    add(campaign, 0, RecipientStatus.UNCONFIRMED, provider_id=None)
    post("delivery", id="late-1", status="delivered", phone=phone(0))
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}
    assert Recipient.get().provider_id == "late-1"


@pytest.mark.both
@pytest.mark.parametrize("other", [RecipientStatus.UNCONFIRMED, RecipientStatus.SENDING])
def test_a_number_settles_nothing_when_two_messages_to_it_are_open(
    post: Post, campaign: Campaign, other: RecipientStatus
) -> None:
    add(campaign, 0, RecipientStatus.UNCONFIRMED, provider_id=None)
    second = Campaign.create(channel="sms", title="Other", provider=Network.name, status="sending")
    Recipient.create(campaign_id=second.id, phone=phone(0), batch=0, status=int(other))
    post("delivery", id="late-1", status="delivered", phone=phone(0))
    applying.apply_due()
    assert state() == "waiting"
    assert Recipient.select().where(Recipient.status == int(DELIVERED)).count() == 0


@pytest.mark.both
def test_another_networks_report_does_not_settle_ours(post: Post, campaign: Campaign) -> None:
    add(campaign, 0)
    add(campaign, 1, RecipientStatus.UNCONFIRMED, provider_id=None)
    Campaign.update(provider="other-sms").execute()
    post("delivery", id="id-0", status="delivered", phone=phone(0))
    post("delivery", id="late-1", status="delivered", phone=phone(1))
    applying.apply_due()
    assert counts(campaign) == {"sent": 1, "unconfirmed": 1}


@pytest.mark.both
@pytest.mark.parametrize("word", ["delivered", "undelivered"])
def test_success_of_somebody_awaiting_a_retry_cancels_the_retry(
    post: Post, campaign: Campaign, word: str
) -> None:
    due = utcnow() + timedelta(minutes=5)
    retry = {"attempts": 1, "next_attempt_at": due, "sent_at": None, "error_code": "retry"}
    add(campaign, 0, RecipientStatus.QUEUED, provider_id=None, **retry)
    # The network said that its gateway failed, and sent it all the same.
    post("delivery", id="after-all", status=word, phone=phone(0))
    applying.apply_due()
    if word == "delivered":
        assert counts(campaign) == {"delivered": 1}
        assert Recipient.get().next_attempt_at is None
    else:
        # What became of the last try says nothing against the next.
        assert counts(campaign) == {"queued": 1}
        assert Recipient.get().next_attempt_at == due


@pytest.mark.both
def test_a_number_that_was_not_tried_yet_is_not_settled_by_it(
    post: Post, campaign: Campaign
) -> None:
    add(campaign, 0, RecipientStatus.QUEUED, provider_id=None, sent_at=None)
    post("delivery", id="of-something-else", status="delivered", phone=phone(0))
    applying.apply_due()
    assert counts(campaign) == {"queued": 1}
    assert state() == "waiting"


@pytest.mark.both
def test_success_of_a_message_in_doubt_cancels_its_resend_and_failure_does_not(
    post: Post, campaign: Campaign
) -> None:
    Campaign.update(staged=True).execute()
    for number in range(2):
        add(campaign, number, RecipientStatus.UNCONFIRMED, sent_at=None)
    decisions.resolve_unconfirmed(campaign.id, resend=True)
    assert counts(campaign) == {"queued": 2}
    post("delivery", id="id-0", status="delivered")
    post("delivery", id="id-1", status="undelivered")
    applying.apply_due()
    assert counts(campaign) == {"queued": 1, "delivered": 1}
    Batch.create(campaign_id=campaign.id, number=0, size=2)
    (again,) = states.claim(campaign.id, 0, 5, timedelta(minutes=1), "sms")
    assert again.phone == phone(1)
    # The old message's late failure is not the new one's.
    post("delivery", id="id-1", status="undelivered")
    applying.apply_due()
    assert counts(campaign) == {"sending": 1, "delivered": 1}


@pytest.mark.both
def test_an_answer_on_its_way_to_the_same_number_leaves_the_matter_open(
    post: Post, campaign: Campaign
) -> None:
    add(campaign, 0, RecipientStatus.UNCONFIRMED, provider_id=None)
    answer = TextAnswer.create(
        subject_id=1, phone=phone(0), text="Yes", state="sending", provider=Network.name
    )
    post("delivery", id="of-which", status="delivered", phone=phone(0))
    applying.apply_due()
    assert counts(campaign) == {"unconfirmed": 1}
    TextAnswer.update(state="sent", provider_id="of-which").where(
        TextAnswer.id == answer.id
    ).execute()
    make_due()
    applying.apply_due()
    post("delivery", id="of-which", status="undelivered")
    applying.apply_due()
    assert TextAnswer.get_by_id(answer.id).state == "delivered"
    assert counts(campaign) == {"unconfirmed": 1}
