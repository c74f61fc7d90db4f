"""Random interleavings of a split test: nobody gets two texts, nobody one twice, nobody is lost."""

import contextlib
from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from one_turn import accept, batches, provider, rows, says

from obidient.campaigns import control, decisions
from obidient.campaigns.models.campaign import Batch, Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.sending import delivery, lifecycle, staging, states, sweeper
from obidient.campaigns.split import deciding
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.errors import Conflict
from obidient.plugin import Message, Outcome, Provider, Rejected, Retry

__all__ = ["people", "provider"]

S = RecipientStatus
PEOPLE = 24
SPLIT = {"text": "Text B", "share": 30, "decide_by": "replies", "after_minutes": 10}


class SplitMachine(RuleBasedStateMachine):
    """One campaign of 24 people in batches of four; the network keeps what it took."""

    taken: ClassVar[list[tuple[str, str]]] = []
    mode: ClassVar[str] = "accept"

    def __init__(self) -> None:
        super().__init__()
        self.taken.clear()
        terms = {"message_template": "Text A", "split": SPLIT, "audience": {"everyone": True}}
        self.campaign_id = int(control.create({"title": "T", **terms}).id)
        control.launch(self.campaign_id)

    @classmethod
    def send(cls, messages: list[Message]) -> list[Outcome]:
        if cls.mode == "reject":
            return [Rejected(one, "no", "code") for one in messages]
        if cls.mode == "retry":
            return [Retry(one, "busy") for one in messages]
        cls.taken.extend((one.phone, one.text) for one in messages)
        if cls.mode == "killed":
            raise SystemExit
        return accept(messages)

    @property
    def campaign(self) -> Campaign:
        return lifecycle.get(self.campaign_id)

    @rule(size=st.integers(5, 15))
    def stage(self, size: int) -> None:
        staging.stage_chunk(self.campaign_id, size)

    @rule(
        which=st.integers(0, 8),
        mode=st.sampled_from(["accept", "accept", "accept", "reject", "retry", "killed"]),
    )
    def work(self, which: int, mode: str) -> None:
        found = batches(self.campaign_id)
        type(self).mode = mode
        if found:
            with contextlib.suppress(SystemExit):
                delivery.send_batch(self.campaign_id, found[which % len(found)].id)

    @rule(minutes=st.sampled_from([1, 11]))
    def time_passes(self, minutes: int) -> None:
        gone = timedelta(minutes=minutes)
        states.expire_leases(utcnow() + gone)
        Recipient.update(next_attempt_at=None).execute()
        Batch.update(next_at=None, lease_until=None).execute()
        mine = Campaign.id == self.campaign_id, Campaign.trial_ended_at.is_null(False)
        Campaign.update(trial_ended_at=utcnow() - gone).where(*mine).execute()

    @rule(times=st.integers(1, 3))
    def sweep(self, times: int) -> None:
        for _ in range(times):
            sweeper.sweep()

    @rule(which=st.integers(0, PEOPLE))
    def somebody_replies(self, which: int) -> None:
        if self.taken:
            phone, _ = self.taken[which % len(self.taken)]
            InboundText.create(
                provider="t", provider_id=f"{self.campaign_id}-{InboundText.select().count()}",
                phone=phone, text="yes", campaign_id=self.campaign_id,
            )  # fmt: skip

    @rule(action=st.sampled_from([control.pause, control.resume, decisions.try_again]))
    def a_person_acts(self, action: Any) -> None:
        with contextlib.suppress(Conflict):
            action(self.campaign_id)

    @rule()
    def a_move_or_a_retry_reopens_batches(self) -> None:
        states.reopen_batches(self.campaign_id)

    @rule(letter=st.sampled_from("AB"), sure=st.sampled_from([True, False, False]))
    def choose(self, letter: str, sure: bool) -> None:
        if sure:
            with contextlib.suppress(Conflict):
                deciding.choose(self.campaign_id, letter)

    @invariant()
    def each_has_one_text_once(self) -> None:
        assert not [phone for phone, times in Counter(self.phones).items() if times > 1]
        texts = {one.number: f"Text {one.variant}" for one in batches(self.campaign_id)}
        of_batch = {row.phone: texts[row.batch] for row in rows(self.campaign_id)}
        assert all(of_batch[phone] == text for phone, text in self.taken)

    @property
    def phones(self) -> list[str]:
        return [phone for phone, _ in self.taken]

    @invariant()
    def who_is_held_waits_for_the_winner(self) -> None:
        held = {one.number for one in batches(self.campaign_id) if one.state == "held"}
        assert not held or not self.campaign.winner
        assert all(row.status == S.QUEUED for row in rows(self.campaign_id) if row.batch in held)
        rest = {one.variant for one in batches(self.campaign_id) if not one.trial}
        assert rest <= {self.campaign.winner}

    def teardown(self) -> None:
        """Whatever happened, the rest is sent in the end."""
        while not staging.stage_chunk(self.campaign_id, 50):
            pass
        with contextlib.suppress(Conflict):
            deciding.choose(self.campaign_id, "A")
        for _ in range(12):
            if self.campaign.status == "completed":
                break
            with contextlib.suppress(Conflict):
                control.resume(self.campaign_id)
            self.time_passes(1)
            for which in range(len(batches(self.campaign_id))):
                self.work(which, "accept")
            sweeper.sweep()
        self.each_has_one_text_once()
        found = rows(self.campaign_id)
        assert len(found) == PEOPLE and self.campaign.status == "completed"
        missed = {row.phone for row in found} - set(self.phones)
        assert all(row.status == S.FAILED for row in found if row.phone in missed)


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"SMS_BATCH_SIZE": "4"}


@pytest.fixture
def people(app: Flask) -> None:
    Contact.insert_many([{"phone": f"+23480355{n:05d}"} for n in range(PEOPLE)]).execute()


@pytest.mark.slow
def test_no_interleaving_of_a_split_test_breaks_its_promises(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, SplitMachine.send)
    run_state_machine_as_test(
        SplitMachine,
        settings=settings(
            max_examples=8,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
