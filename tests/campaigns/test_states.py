"""Random interleavings of everything that can happen to a campaign never break its promises."""

import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from obidient.campaigns import control, decisions
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.sending import lifecycle, staging, states
from obidient.campaigns.sending.outcomes import Answered, Claimed, Result
from obidient.campaigns.sending.reports import apply_reports
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.errors import Conflict
from obidient.plugin import DeliveryReport
from obidient.providers import registry

S = RecipientStatus
PEOPLE = 12
LEASE = timedelta(seconds=60)


class CampaignMachine(RuleBasedStateMachine):
    """One campaign of twelve people; claims in hand are what workers hold."""

    def __init__(self) -> None:
        super().__init__()
        self.campaign_id = _new_campaign()
        self.in_hand: list[Claimed] = []
        self.crashed: list[Claimed] = []
        self.recorded: list[tuple[Claimed, Result]] = []
        self.provider_ids: dict[int, str] = {}
        self.ranks: dict[int, int] = {}
        self.was_cancelled = False
        self.person_acted = False

    @property
    def campaign(self) -> Campaign:
        return lifecycle.get(self.campaign_id)

    def _try(self, action: Any, *args: Any) -> None:
        try:
            action(*args)
        except Conflict:
            return

    # -- people --

    @rule()
    def pause(self) -> None:
        self._try(control.pause, self.campaign_id)

    @rule()
    def resume(self) -> None:
        self._try(control.resume, self.campaign_id)

    @rule(sure=st.sampled_from([True] + [False] * 9))
    def cancel(self, sure: bool) -> None:
        if sure:
            self._try(control.cancel, self.campaign_id)
            self.was_cancelled = self.campaign.status == "cancelled"

    @rule()
    def retry_failed(self) -> None:
        self._try(decisions.retry_failed, self.campaign_id)
        self.person_acted = True

    @rule(resend=st.booleans())
    def resolve(self, resend: bool) -> None:
        self._try(decisions.resolve_unconfirmed, self.campaign_id, resend)
        self.person_acted = True

    @rule(decision=st.sampled_from(["retry-failed", "resend", "give-up"]))
    def decide_and_die(self, decision: str) -> None:
        states.decide(self.campaign_id, decision, ["sending", "paused", "completed"])

    @rule(limit=st.integers(1, 3))
    def carry_out_some(self, limit: int) -> None:
        states.carry_out(self.campaign_id, limit)
        self.person_acted = True

    # -- workers --

    @rule(limit=st.integers(1, 5))
    def claim(self, limit: int) -> None:
        was_sending = self.campaign.status == "sending"
        for batch in list(Batch.select().where(Batch.campaign_id == self.campaign_id)):
            got = states.claim(self.campaign_id, batch.number, limit, LEASE, "sms")
            assert not got or was_sending
            held = {one.id for one in self.in_hand}
            assert not held & {one.id for one in got}, "claimed twice"
            self.in_hand += got

    @rule(
        status=st.sampled_from([S.SENT, S.FAILED, S.UNCONFIRMED, S.QUEUED]),
        number=st.integers(1, 5),
        repeat=st.booleans(),
    )
    def record(self, status: RecipientStatus, number: int, repeat: bool) -> None:
        done, self.in_hand = self.in_hand[:number], self.in_hand[number:]
        self._record([(one, self._result(one, status)) for one in done])
        if repeat:
            self._record(self.recorded)

    @precondition(lambda self: self.in_hand)
    @rule(limit=st.integers(1, 5))
    def record_and_claim(self, limit: int) -> None:
        """As workers do when all went well: whatever the campaign does, the call is recorded."""
        lease = self.in_hand[0].lease_until
        done = [one for one in self.in_hand if one.lease_until == lease]
        self.in_hand = [one for one in self.in_hand if one.lease_until != lease]
        self.recorded = [(one, self._result(one, S.SENT)) for one in done]
        carrier = registry.current().find("simulator-sms")
        assert carrier is not None
        answered = Answered([result for _, result in self.recorded], lease, carrier)
        was_sending = self.campaign.status == "sending"
        got = states.record_and_claim(
            answered, self.campaign_id, 0, limit, LEASE, "sms", carrier.name
        )
        assert was_sending or not got
        held = {one.id for one in [*self.in_hand, *done]}
        assert not held & {one.id for one in got}, "claimed twice"
        mine = Recipient.id.in_([one.id for one in done]) & (Recipient.status == S.SENDING)
        assert not Recipient.select().where(mine).exists()
        self.in_hand += got

    def _record(self, pairs: list[tuple[Claimed, Result]]) -> None:
        """As workers do: what was claimed together is recorded together."""
        for lease in {one.lease_until for one, _ in pairs}:
            some = [result for one, result in pairs if one.lease_until == lease]
            states.record(self.campaign_id, some, lease)
        self.recorded = pairs

    @precondition(lambda self: self.recorded)
    @rule()
    def a_worker_repeats_what_it_recorded_long_ago(self) -> None:
        self._record(self.recorded)

    def _result(self, one: Claimed, status: RecipientStatus) -> Result:
        provider_id = None
        if status == S.SENT:
            provider_id = f"p-{one.id}-{one.attempt}-{secrets.token_hex(3)}"
            self.provider_ids[one.id] = provider_id
        code = "" if status == S.SENT else "code"
        return Result(
            one.id,
            one.attempt,
            status,
            provider_id=provider_id,
            code=code,
            cost_e4=100,
            # A network that turned the request away: the try does not count.
            free=status == S.QUEUED,
        )

    @rule()
    def crash(self) -> None:
        self.crashed += self.in_hand
        self.in_hand = []

    @rule()
    def leases_run_out(self) -> None:
        states.expire_leases(utcnow() + LEASE * 3)
        self.crashed += self.in_hand
        self.in_hand = []

    @rule(number=st.integers(0, 3))
    def a_slow_worker_answers_after_all(self, number: int) -> None:
        late, self.crashed = self.crashed[:number], self.crashed[number:]
        self._record([(one, self._result(one, S.SENT)) for one in late])

    @rule()
    def sweep(self) -> None:
        if self.campaign.status == "cancelled":
            states.skip_queued(self.campaign_id)
        lifecycle.complete(self.campaign_id)

    # -- the network --

    @rule(
        status=st.sampled_from(["sent", "delivered", "undelivered"]),
        which=st.integers(0, PEOPLE),
        times=st.integers(1, 3),
        by_phone=st.booleans(),
    )
    def report(self, status: str, which: int, times: int, by_phone: bool) -> None:
        known = sorted(self.provider_ids.items())
        if by_phone or not known:
            row = Recipient.select().where(Recipient.campaign_id == self.campaign_id).first()
            found = ("unheard-of-" + secrets.token_hex(3), row.phone)
        else:
            found = (known[which % len(known)][1], "")
        one = DeliveryReport(found[0], status, phone=found[1] or None)
        apply_reports("simulator-sms", [one] * times)

    # -- what always holds --

    @invariant()
    def counters_equal_the_rows(self) -> None:
        rows = Recipient.select(Recipient.status).where(Recipient.campaign_id == self.campaign_id)
        counted = Counter(S(row.status) for row in rows)
        campaign = self.campaign
        shown = {status: getattr(campaign, status.column) for status in S}
        assert shown == {status: counted.get(status, 0) for status in S}
        assert campaign.total == sum(counted.values()) == PEOPLE

    @invariant()
    def cancelled_is_final(self) -> None:
        assert not self.was_cancelled or self.campaign.status == "cancelled"

    @invariant()
    def a_completed_campaign_has_nothing_open(self) -> None:
        campaign = self.campaign
        if campaign.status == "completed":
            assert campaign.queued == campaign.sending == 0

    @invariant()
    def no_machine_event_moves_anybody_backwards(self) -> None:
        rows = Recipient.select(Recipient.id, Recipient.status).where(
            Recipient.campaign_id == self.campaign_id
        )
        now = {row.id: row.status for row in rows}
        for recipient_id, status in now.items():
            before = self.ranks.get(recipient_id, 0)
            retried = before == S.SENDING and status == S.QUEUED
            acted = self.person_acted and before in (S.FAILED, S.UNCONFIRMED)
            assert status >= before or retried or acted, (S(before), S(status))
        self.ranks = now
        self.person_acted = False


def _new_campaign() -> int:
    campaign = control.create(
        {"title": "T", "message_template": "Hello", "audience": {"everyone": True}}
    )
    control.launch(campaign.id)
    while not staging.stage_chunk(campaign.id, 5):
        pass
    return int(campaign.id)


@pytest.fixture
def people(app: Flask) -> Iterator[None]:
    rows = [{"phone": f"+23480355{n:05d}"} for n in range(PEOPLE)]
    Contact.insert_many(rows).execute()
    yield


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.usefixtures("people")
def test_no_interleaving_breaks_the_promises(backend: str) -> None:
    run_state_machine_as_test(
        CampaignMachine,
        settings=settings(
            max_examples=60 if backend == "sqlite" else 25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.usefixtures("people")
def test_a_report_for_an_unconfirmed_recipient_settles_it_by_phone() -> None:
    campaign_id = _new_campaign()
    (one,) = states.claim(campaign_id, 0, 1, LEASE, "sms")
    states.expire_leases(utcnow() + LEASE * 3)
    report = DeliveryReport("late-1", "delivered", phone=one.phone)
    assert apply_reports("simulator-sms", [report]) == []
    row = Recipient.get_by_id(one.id)
    assert (row.status, row.provider_id) == (S.DELIVERED, "late-1")


@pytest.mark.both
@pytest.mark.usefixtures("people")
def test_an_outcome_written_again_does_not_touch_what_another_worker_claimed_since() -> None:
    campaign_id = _new_campaign()
    (first,) = states.claim(campaign_id, 0, 1, LEASE, "sms")
    turned_away = Result(first.id, first.attempt, S.QUEUED, free=True)
    states.record(campaign_id, [turned_away], first.lease_until)
    (second,) = states.claim(campaign_id, 0, 1, LEASE, "sms")
    assert (second.id, second.attempt) == (first.id, first.attempt)
    states.record(campaign_id, [turned_away], first.lease_until)
    assert Recipient.get_by_id(first.id).status == S.SENDING
    assert lifecycle.get(campaign_id).sending == 1


@pytest.mark.both
@pytest.mark.usefixtures("people")
def test_an_early_report_waits_until_its_send_is_recorded() -> None:
    campaign_id = _new_campaign()
    (one,) = states.claim(campaign_id, 0, 1, LEASE, "sms")
    early = DeliveryReport("p-1", "delivered", phone=one.phone)
    assert apply_reports("simulator-sms", [early]) == [early]
    sent = Result(one.id, one.attempt, S.SENT, provider_id="p-1")
    states.record(campaign_id, [sent], one.lease_until)
    assert apply_reports("simulator-sms", [early]) == []
    assert Recipient.get_by_id(one.id).status == S.DELIVERED


@pytest.mark.both
@pytest.mark.usefixtures("people")
def test_an_answer_in_hand_after_its_report_still_says_what_it_cost_once() -> None:
    campaign_id = _new_campaign()
    (one,) = states.claim(campaign_id, 0, 1, LEASE, "sms")
    states.expire_leases(utcnow() + LEASE * 3)
    apply_reports("simulator-sms", [DeliveryReport("p-1", "delivered", phone=one.phone)])
    sent = Result(one.id, one.attempt, S.SENT, provider_id="p-1", cost_e4=25_000, currency="NGN")
    for _ in range(2):
        states.record(campaign_id, [sent], one.lease_until)
    campaign = lifecycle.get(campaign_id)
    assert (campaign.delivered, campaign.cost_e4, campaign.currency) == (1, 25_000, "NGN")
    assert Recipient.get_by_id(one.id).cost_e4 == 25_000


@pytest.mark.both
@pytest.mark.usefixtures("people")
def test_a_claim_never_takes_more_than_it_may() -> None:
    campaign_id = _new_campaign()
    for _ in range(4):
        assert len(states.claim(campaign_id, 0, 3, LEASE, "sms")) == 3
    assert states.claim(campaign_id, 0, 3, LEASE, "sms") == []


@pytest.mark.both
@pytest.mark.usefixtures("people")
def test_a_pause_that_was_answered_stops_every_claim() -> None:
    campaign_id = _new_campaign()
    control.pause(campaign_id)
    assert states.claim(campaign_id, 0, 5, LEASE, "sms") == []
    assert lifecycle.get(campaign_id).queued == PEOPLE


@pytest.mark.both
@pytest.mark.usefixtures("people")
def test_a_channel_that_is_paused_stops_every_claim() -> None:
    campaign_id = _new_campaign()
    control.pause_channel("sms")
    assert states.claim(campaign_id, 0, 5, LEASE, "sms") == []
    control.resume_channel("sms")
    assert len(states.claim(campaign_id, 0, 5, LEASE, "sms")) == 5


@pytest.mark.both
@pytest.mark.usefixtures("people")
def test_a_pause_stops_a_claim_but_not_the_record_that_comes_with_it() -> None:
    campaign_id = _new_campaign()
    carrier = registry.current().find("simulator-sms")
    assert carrier is not None
    claimed = states.claim(campaign_id, 0, 2, LEASE, "sms", carrier.name)
    results = [Result(one.id, one.attempt, S.SENT, provider_id=f"p-{one.id}") for one in claimed]
    control.pause(campaign_id)
    done = Answered(results, claimed[0].lease_until, carrier)
    assert states.record_and_claim(done, campaign_id, 0, 5, LEASE, "sms", carrier.name) == []
    campaign = lifecycle.get(campaign_id)
    assert (campaign.sent, campaign.sending, campaign.queued) == (2, 0, PEOPLE - 2)
    control.resume(campaign_id)
    # The same once more, as after an answer of the database that was lost.
    got = states.record_and_claim(done, campaign_id, 0, 5, LEASE, "sms", carrier.name)
    campaign = lifecycle.get(campaign_id)
    assert (len(got), campaign.sent, campaign.sending) == (5, 2, 5)


@pytest.mark.both
@pytest.mark.usefixtures("people")
def test_what_a_network_says_is_kept_to_the_letter() -> None:
    campaign_id = _new_campaign()
    said = ["", "NULL", 'a "quoted" word', "back\\slash", "{a,b}", "it's ọ̀kan"]
    claimed = states.claim(campaign_id, 0, len(said), LEASE, "sms")
    results = [
        Result(one.id, one.attempt, S.FAILED, provider_id=None, code="502", reason=reason)
        for one, reason in zip(claimed, said, strict=True)
    ]
    states.record(campaign_id, results, claimed[0].lease_until)
    assert [Recipient.get_by_id(one.id).error_reason for one in claimed] == said
    assert {Recipient.get_by_id(one.id).provider_id for one in claimed} == {None}
