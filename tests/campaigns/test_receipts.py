"""The way back: callbacks stored, reports applied, replies kept, STOP obeyed."""

import io
import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from signed_in import sign_in

from obidient import create_app, database
from obidient.campaigns import decisions
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import InboundText, TextAnswer
from obidient.campaigns.receipts import applying
from obidient.campaigns.sending import states
from obidient.campaigns.sending.states import Result
from obidient.clock import utcnow
from obidient.contacts.models import Contact, Suppression
from obidient.contacts.suppression import suppress, suppressed
from obidient.plugin import (
    DeliveryReport,
    Event,
    IncomingMessage,
    Message,
    Money,
    OptOut,
    Outcome,
    Provider,
    Reply,
    WebhookRequest,
)
from obidient.providers import registry

TOKEN = "webhook-token-of-the-tests"
SENT, DELIVERED = RecipientStatus.SENT, RecipientStatus.DELIVERED


def phone(number: int) -> str:
    return f"+234803555{number:04d}"


class Network(Provider):
    """A network whose callbacks say plainly what they mean."""

    name = "testnet-sms"
    channel = "sms"
    webhook_events = ("delivery", "incoming", "opt-out", "voice")

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        return []

    def events(self, name: str, request: WebhookRequest) -> Iterable[Event]:
        form = request.form
        if "crash" in form:
            raise RuntimeError("the plugin fell over")
        if name == "incoming":
            yield IncomingMessage(form.get("id", ""), form["from"], form["text"])
        elif name == "opt-out":
            yield OptOut(form["phone"])
        elif "status" in form:
            yield DeliveryReport(
                form["id"],
                form["status"],
                form.get("phone"),
                form.get("reason", ""),
                form.get("network", ""),
                Money(Decimal(form["cost"]), "NGN") if "cost" in form else None,
                suppress="suppress" in form,
                invalid="invalid" in form,
            )

    def respond(self, name: str, request: WebhookRequest) -> Reply | None:
        if request.form.get("crash") == "respond":
            raise RuntimeError("no answer")
        if name == "voice":
            return Reply("<Response/>", "application/xml")
        return None


@pytest.fixture
def network(app: Flask) -> Network:
    made = registry.current().add(Network)
    assert isinstance(made, Network)
    return made


Post = Callable[..., Any]


@pytest.fixture
def post(client: FlaskClient, network: Network) -> Post:
    def send(event: str, token: str = TOKEN, provider: str = network.name, **form: str) -> Any:
        url = f"/api/communications/webhooks/{provider}/{event}?token={token}"
        return client.post(url, data=form)

    return send


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    return Campaign.create(
        channel="sms",
        title="Town hall",
        message_template="Hello",
        provider=Network.name,
        status="sending",
        started_at=utcnow(),
    )


def add(campaign: Campaign, number: int, status: RecipientStatus = SENT, **more: Any) -> None:
    values = {"provider_id": f"id-{number}", "sent_at": utcnow()} | more
    Recipient.create(
        campaign_id=campaign.id, phone=phone(number), batch=0, status=int(status), **values
    )
    column = Campaign._meta.fields[status.column]
    Campaign.update({column: column + 1, Campaign.total: Campaign.total + 1}).execute()


def counts(campaign: Campaign) -> dict[str, int]:
    row = Campaign.get_by_id(campaign.id)
    found = {status.column: getattr(row, status.column) for status in RecipientStatus}
    assert sum(found.values()) == row.total
    stored = {
        status.column: Recipient.select().where(Recipient.status == int(status)).count()
        for status in RecipientStatus
    }
    assert found == stored
    return {name: number for name, number in found.items() if number}


def state() -> str:
    return str(RawCallback.select().order_by(RawCallback.id.desc()).first().state)


def make_due() -> None:
    RawCallback.update(due_at=utcnow()).execute()


# ---- the door -----------------------------------------------------------------------------------


def test_a_wrong_or_missing_token_stores_nothing(post: Post, client: FlaskClient) -> None:
    for token in ("", "wrong", TOKEN + "x", TOKEN[:-1], "ẹ", "%00"):
        assert post("delivery", token=token, id="1").status_code == 403
    assert client.post(f"/api/communications/webhooks/{Network.name}/delivery").status_code == 403
    # Strangers learn nothing of what is installed here.
    assert post("delivery", token="wrong", provider="nobody").status_code == 403
    assert RawCallback.select().count() == 0


def test_without_a_token_in_the_settings_the_door_is_shut(environ: dict[str, str]) -> None:
    app = create_app(environ | {"COMMUNICATIONS_WEBHOOK_TOKEN": ""})
    with app.app_context():
        registry.current().add(Network)
        url = f"/api/communications/webhooks/{Network.name}/delivery"
        client = app.test_client()
        assert client.post(url, data={"id": "1"}).status_code == 403
        assert client.post(f"{url}?token=", data={"id": "1"}).status_code == 403
        assert RawCallback.select().count() == 0


def test_the_body_is_not_read_before_the_token(client: FlaskClient, network: Network) -> None:
    read: list[str] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            read.append("the body was read")
            return super().read(size)

        def readinto(self, buffer: Any) -> int:
            read.append("the body was read")
            return super().readinto(buffer)

    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        answer = client.post(
            f"/api/communications/webhooks/{network.name}/delivery?token=wrong",
            input_stream=Watched(b"{broken"),
            content_type=content_type,
        )
        assert answer.status_code == 403
        assert read == []


def test_an_unknown_provider_or_event_is_404(post: Post) -> None:
    assert post("delivery", provider="nobody", id="1").status_code == 404
    assert post("weather", id="1").status_code == 404
    assert RawCallback.select().count() == 0


@pytest.mark.both
def test_whatever_comes_is_stored_as_it_came(client: FlaskClient, network: Network) -> None:
    url = f"/api/communications/webhooks/{network.name}/delivery?token={TOKEN}&campaign=7"
    bodies = [b"{broken", b"", b"\xff\xfe\x00", b"a=1&a=2", b"[1, 2]", b'{"id": "\\u0000"}']
    kinds = ["application/json", "application/x-www-form-urlencoded", "text/plain", ""]
    for body in bodies:
        for kind in kinds:
            answer = client.post(
                url,
                data=body,
                content_type=kind,
                headers={"Authorization": "Bearer secret", "X-Signature": "s1"},
            )
            assert answer.status_code == 200, (body, kind)
    rows = list(RawCallback.select().order_by(RawCallback.id))
    assert [bytes(row.body) for row in rows] == [body for body in bodies for _ in kinds]
    assert "secret" not in rows[0].headers
    assert '"X-Signature":"s1"' in rows[0].headers
    assert rows[0].query == '{"campaign":"7"}'
    assert TOKEN not in str([row.__data__ for row in rows])
    applying.apply_due()
    assert {row.state for row in RawCallback.select()} == {"nothing"}


def test_whatever_came_can_be_looked_at(
    client: FlaskClient, network: Network, make_user: Callable[..., Any]
) -> None:
    url = f"/api/communications/webhooks/{network.name}/delivery?token={TOKEN}"
    deep = b"[" * 300 + b"]" * 300
    for body in (b"{broken", b"", b"\xff\xfe\x00", b'{"id": "1"}', deep):
        client.post(url, data=body, content_type="application/json")
    sign_in(client, make_user("admin"))
    page = client.get("/admin/callbacks/")
    assert page.status_code == 200
    assert deep.decode() in page.text


def test_too_much_is_413(client: FlaskClient, network: Network) -> None:
    url = f"/api/communications/webhooks/{network.name}/delivery?token={TOKEN}"
    assert client.post(url, data=b"x" * 70_000).status_code == 413
    assert client.post(url, data=b"x" * 60_000).status_code == 200
    assert RawCallback.select().count() == 1


def test_a_network_that_wants_an_answer_gets_it(post: Post) -> None:
    answer = post("voice", id="1")
    assert (answer.data, answer.content_type) == (b"<Response/>", "application/xml")
    # A plugin that fails there still has its callback stored, and the network its 200.
    assert post("voice", crash="respond").status_code == 200
    assert RawCallback.select().count() == 2


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
    assert {row.state for row in RawCallback.select()} == {"applied"}


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


@pytest.mark.both
def test_what_a_report_says_a_message_cost_is_counted_once(post: Post, campaign: Campaign) -> None:
    add(campaign, 0, RecipientStatus.UNCONFIRMED, provider_id=None)
    add(campaign, 1, cost_e4=40_000)
    for number, name in enumerate(("late-1", "id-1")):
        for _ in range(3):
            post("delivery", id=name, status="delivered", phone=phone(number), cost="2.5")
    applying.apply_due()
    assert Campaign.get().cost_e4 == 25_000
    assert sum(row.cost_e4 for row in Recipient.select()) == 65_000


@pytest.mark.both
def test_an_unknown_status_is_kept_and_shown(post: Post, campaign: Campaign) -> None:
    add(campaign, 0)
    post("delivery", id="id-0", status="teleported")
    applying.apply_due()
    assert state() == "unknown"
    assert "teleported" in RawCallback.get().error
    assert counts(campaign) == {"sent": 1}


@pytest.mark.both
def test_a_plugin_that_fails_is_named_and_does_not_stop_the_others(
    post: Post, campaign: Campaign
) -> None:
    add(campaign, 0)
    post("delivery", crash="yes")
    post("delivery", id="id-0", status="delivered")
    applying.apply_due()
    broken, fine = RawCallback.select().order_by(RawCallback.id)
    assert broken.state == "failed"
    assert "the plugin fell over" in broken.error
    assert "Traceback" in broken.error
    assert fine.state == "applied"
    assert counts(campaign) == {"delivered": 1}


@pytest.mark.both
def test_one_that_the_database_refuses_does_not_stop_the_others(
    post: Post, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        add(campaign, number)
        post("delivery", id=f"id-{number}", status="delivered")
    real = applying.apply_reports

    def picky(provider: str, reports: list[DeliveryReport], counts: Any) -> Any:
        if any(report.provider_id == "id-1" for report in reports):
            raise ValueError("not this one")
        return real(provider, reports, counts)

    monkeypatch.setattr(applying, "apply_reports", picky)
    applying.apply_due()
    assert [row.state for row in RawCallback.select().order_by(RawCallback.id)] == [
        "applied",
        "failed",
        "applied",
    ]
    assert counts(campaign) == {"sent": 1, "delivered": 2}


@pytest.mark.both
def test_a_worker_that_dies_with_callbacks_in_hand_loses_none(
    post: Post, campaign: Campaign
) -> None:
    add(campaign, 0)
    post("delivery", id="id-0", status="delivered")
    assert len(applying.claim(10)) == 1
    assert applying.claim(10) == []
    applying.apply_due()
    assert counts(campaign) == {"sent": 1}
    make_due()  # the claim runs out
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}


@pytest.mark.both
def test_a_claim_takes_no_more_than_asked_and_the_oldest_first(app: Flask) -> None:
    rows = [
        {"provider": "x", "event": "y", "body": b"", "due_at": utcnow() - timedelta(seconds=60 - i)}
        for i in range(50)
    ]
    RawCallback.insert_many(rows).execute()
    first = [row.id for row in applying.claim(7)]
    second = [row.id for row in applying.claim(7)]
    assert len(first) == len(second) == 7
    assert max(first) < min(second)


def test_a_report_may_say_that_the_number_is_no_good_or_wants_no_more(
    post: Post, campaign: Campaign
) -> None:
    for number in range(2):
        add(campaign, number)
        Contact.create(phone=phone(number))
    post("delivery", id="id-0", status="undelivered", invalid="1")
    post("delivery", id="id-1", status="undelivered", suppress="1")
    applying.apply_due()
    assert [c.phone_invalid for c in Contact.select().order_by(Contact.phone)] == [True, False]
    assert suppressed([phone(0), phone(1)], "sms") == {phone(1)}


def test_a_callback_of_a_plugin_that_is_gone_is_kept_and_shown(app: Flask) -> None:
    RawCallback.create(provider="gone-sms", event="delivery", body=b"id=1")
    applying.apply_due()
    row = RawCallback.get()
    assert (row.state, "gone-sms" in row.error) == ("failed", True)


def test_what_was_applied_long_ago_is_dropped_and_what_went_amiss_is_kept(app: Flask) -> None:
    long_ago = utcnow() - applying.KEPT - timedelta(days=1)
    for old in ("applied", "nothing", "unmatched", "failed", "unknown"):
        RawCallback.create(provider="x", event="y", body=b"", state=old, received_at=long_ago)
    RawCallback.create(provider="x", event="y", body=b"", state="applied")
    applying.clean()
    assert sorted(row.state for row in RawCallback.select()) == [
        "applied",
        "failed",
        "unknown",
        "unmatched",
    ]


# ---- replies ------------------------------------------------------------------------------------


@pytest.mark.both
def test_a_reply_is_kept_once_with_whom_and_what_it_answers(post: Post, campaign: Campaign) -> None:
    contact = Contact.create(phone=phone(0), first_name="Ada")
    add(campaign, 0)
    for _ in range(5):
        post("incoming", id="in-1", **{"from": "0803 555 0000"}, text="I will come \x00 ẹ kú")
    applying.apply_due()
    kept = InboundText.get()
    assert (kept.phone, kept.contact_id, kept.campaign_id) == (phone(0), contact.id, campaign.id)
    assert kept.text == "I will come  ẹ kú"
    assert kept.keyword == ""
    assert suppressed([phone(0)], "sms") == set()


@pytest.mark.both
def test_stop_stops_every_channel_and_start_begins_again(post: Post) -> None:
    post("incoming", id="in-1", **{"from": phone(0)}, text=" Stop. ")
    applying.apply_due()
    for channel in ("sms", "voice"):
        assert suppressed([phone(0)], channel) == {phone(0)}
    assert Suppression.get().source == "stop-reply"
    post("incoming", id="in-2", **{"from": phone(0)}, text="START")
    applying.apply_due()
    assert suppressed([phone(0)], "sms") == set()
    # The network repeats the old STOP: it is known, and changes nothing.
    post("incoming", id="in-1", **{"from": phone(0)}, text=" Stop. ")
    applying.apply_due()
    assert suppressed([phone(0)], "sms") == set()


def test_start_does_not_undo_what_the_team_entered(post: Post) -> None:
    suppress(phone(0), source="manual")
    post("incoming", id="in-1", **{"from": phone(0)}, text="start")
    applying.apply_due()
    assert suppressed([phone(0)], "sms") == {phone(0)}


def test_the_later_word_counts_when_two_workers_swap_them(post: Post) -> None:
    post("incoming", id="in-1", **{"from": phone(0)}, text="STOP")
    post("incoming", id="in-2", **{"from": phone(0)}, text="START")
    stop, start = applying.claim(10)
    applying.apply([start])
    applying.apply([stop])
    assert suppressed([phone(0)], "sms") == set()


@pytest.mark.both
def test_a_networks_opt_out_stops_every_later_send_until_start(post: Post) -> None:
    post("opt-out", phone=phone(0))
    applying.apply_due()
    assert suppressed([phone(0)], "sms") == {phone(0)}
    assert Suppression.get().source == "provider"


def test_senders_without_a_number_are_kept_and_never_suppressed(post: Post) -> None:
    post("incoming", id="in-1", **{"from": "MTN-PROMO"}, text="STOP")
    post("opt-out", phone="2442")
    applying.apply_due()
    assert InboundText.get().phone == "MTN-PROMO"
    assert Suppression.select().count() == 0


@pytest.mark.both
def test_what_went_amiss_is_shown_to_admins_and_looked_at_again(
    post: Post,
    campaign: Campaign,
    client: FlaskClient,
    app: Flask,
    make_user: Callable[..., Any],
) -> None:
    add(campaign, 0)
    post("delivery", id="id-0", status="teleported", phone="+2348035550199")
    post("delivery", id="id-0", crash="yes")
    applying.apply_due()
    app.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, make_user("admin"))
    page = client.get("/admin/callbacks/").text
    assert "Unknown status" in page
    assert "Could not be read" in page
    # Numbers are nobody's to read here, and tracebacks are.
    assert "2348035550199" not in page
    assert "the plugin fell over" in page
    assert "id: id-0" in client.get("/admin/callbacks/?state=unknown").text
    assert "fell over" not in client.get("/admin/callbacks/?state=unknown").text
    RawCallback.update(body=b"id=id-0&status=delivered").where(
        RawCallback.state == "unknown"
    ).execute()
    client.post("/admin/callbacks/again", data={"state": "unknown"})
    applying.apply_due()
    assert counts(campaign) == {"delivered": 1}
    assert applying.summary() == {"failed": 1}
    assert client.post("/admin/callbacks/again", data={"state": "applied"}).status_code == 302
    assert "Had 1 callback looked at again" in client.get("/admin/audit/").text
