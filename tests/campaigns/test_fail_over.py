"""Two networks, one of which fails: who is moved, who never is, and what is said of it."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from one_turn import launch
from two_networks import (
    PEOPLE,
    First,
    PretendedNetwork,
    Second,
    carried,
    drop,
    environ,
    later,
    networks,
    refuse,
    work,
)

from obidient.campaigns import decisions
from obidient.campaigns.models.campaign import (
    CampaignProvider,
    ProviderState,
    Recipient,
    RecipientStatus,
)
from obidient.campaigns.sending import (
    asking,
    lifecycle,
    rest,
    routes,
    states,
)
from obidient.campaigns.sending.reports import apply_reports
from obidient.plugin import (
    Accepted,
    DeliveryReport,
    Message,
    Outcome,
    Provider,
    ProviderStopped,
    Rejected,
    Retry,
)
from obidient.providers import registry

__all__ = ["environ", "networks"]
S = RecipientStatus


@pytest.mark.both
@pytest.mark.slow
def test_a_network_that_refuses_is_left_at_once_and_nobody_is_lost_or_doubled(
    networks: tuple[First, Second],
) -> None:
    first, second = networks
    calls = iter(range(100))
    first.answer = lambda net, some: net.take(some) if next(calls) < 2 else refuse(net, some)
    campaign_id = launch()
    campaign = work(campaign_id)
    assert campaign.status == "completed"
    assert campaign.sent == PEOPLE
    assert sorted(first.given + second.given) == sorted(set(first.given) | set(second.given))
    assert (len(first.given), len(second.given)) == (10, 20)
    assert carried(campaign_id) == {"first-net": 10, "second-net": 20}
    rows = {row.provider: row for row in CampaignProvider.select()}
    assert (rows["first-net"].sent, rows["second-net"].sent) == (10, 20)
    assert rows["first-net"].returned == 5
    assert rows["first-net"].reason == "It can't be reached"
    assert campaign.provider == "first-net"


@pytest.mark.both
@pytest.mark.slow
def test_whoever_may_have_got_it_stays_with_the_network_that_may_have_it(
    networks: tuple[First, Second], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = networks
    first.answer = drop
    campaign_id = launch()
    campaign = work(campaign_id)
    # One call is lost, then the others go the other way; the five are never moved by the machine.
    assert (campaign.unconfirmed, campaign.sent) == (5, PEOPLE - 5)
    later(monkeypatch, hours=3)
    states.expire_leases()
    work(campaign_id)
    assert set(first.given).isdisjoint(second.given)
    # Sent again by a person's word, they go to no other network either.
    decisions.resolve_unconfirmed(campaign_id, resend=True)
    lifecycle.carry_out(campaign_id)
    first.answer = None
    later(monkeypatch, minutes=1)
    campaign = work(campaign_id)
    assert campaign.sent == PEOPLE
    assert set(first.given).isdisjoint(second.given)


@pytest.mark.slow
def test_a_refusal_of_single_people_lets_them_move(
    networks: tuple[First, Second], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = networks
    first.answer = lambda net, some: [Retry(one, "Gateway busy") for one in some]
    campaign_id = launch()
    work(campaign_id)
    assert carried(campaign_id)[None] == PEOPLE
    first.answer = refuse
    for _ in range(4):
        later(monkeypatch, minutes=2)
        work(campaign_id)
    assert lifecycle.get(campaign_id).sent == PEOPLE
    assert carried(campaign_id) == {"second-net": PEOPLE}


@pytest.mark.slow
def test_a_network_that_stops_is_left_while_there_is_another(
    networks: tuple[First, Second],
) -> None:
    first, second = networks

    def empty(network: PretendedNetwork, messages: list[Message]) -> list[Outcome]:
        raise ProviderStopped("The account is empty")

    first.answer = empty
    campaign_id = launch()
    campaign = work(campaign_id)
    assert (campaign.status, campaign.sent, first.given) == ("completed", PEOPLE, [])
    assert CampaignProvider.get(provider="first-net").reason == "The account is empty"
    # With both empty, a person has to act.
    second.answer = empty
    other = launch()
    assert work(other).status == "paused"


def test_a_provider_that_a_person_chose_has_no_other_beside_it(
    networks: tuple[First, Second],
) -> None:
    first, second = networks
    first.answer = refuse
    campaign_id = launch(provider="first-net")
    campaign = work(campaign_id)
    assert (campaign.status, campaign.queued, second.given) == ("sending", PEOPLE, [])
    assert campaign.route is None


@pytest.mark.slow
def test_the_list_is_fixed_at_launch(
    networks: tuple[First, Second], monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = launch()
    assert lifecycle.get(campaign_id).route == [["first-net", 0], ["second-net", 0]]
    monkeypatch.setattr(registry.current(), "route", lambda channel: [])
    assert work(campaign_id).status == "completed"


@pytest.mark.slow
def test_reports_are_matched_by_the_network_that_has_the_person(
    networks: tuple[First, Second],
) -> None:
    first, _ = networks
    first.answer = refuse
    campaign_id = launch()
    work(campaign_id)
    row = Recipient.select().where(Recipient.campaign_id == campaign_id).first()
    good = DeliveryReport(str(row.provider_id), "delivered")
    assert apply_reports("first-net", [good]) == [good]
    assert apply_reports("second-net", [good]) == []
    assert Recipient.get_by_id(row.id).status == S.DELIVERED


# ---- health -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_network_that_comes_and_goes_is_not_followed(
    networks: tuple[First, Second], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up for 20 s, down for 20 s, for an hour: without hysteresis that is 180 changes."""
    first, second = networks
    both: list[Provider] = [first, second]
    used: list[str] = []
    for second_of in range(3600):
        later(monkeypatch, seconds=1)
        chosen = routes.best(both, {})
        used.append(chosen.provider.name)
        if chosen.provider is second:
            continue
        if second_of // 20 % 2:
            rest.note_refusal("first-net", "Down", None)
        else:
            rest.clear("first-net")
    changes = sum(a != b for a, b in pairwise(used))
    probes = sum(a != b and b != c for a, b, c in zip(used, used[1:], used[2:], strict=False))
    # A probe is one request among others', not a change of network.
    assert changes - 2 * probes < 90
    assert used.count("second-net") > 1200


def test_a_dead_network_is_left_within_seconds_and_comes_back_slowly(
    networks: tuple[First, Second], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = networks
    both: list[Provider] = [first, second]
    rest.note_refusal("first-net", "Down", None)
    assert routes.best(both, {}).provider is second
    later(monkeypatch, seconds=2)
    assert routes.best(both, {}).provider is first
    rest.note_refusal("first-net", "Down", None)
    # The second in a row: left for longer than it rests.
    for _ in range(10):
        later(monkeypatch, seconds=1)
        assert routes.best(both, {}).provider is second
    later(monkeypatch, seconds=rest.LEFT)
    for _ in range(rest.PROOFS):
        chosen = routes.best(both, {})
        assert (chosen.provider, chosen.limit) == (first, routes.PROBE)
        # One worker at a time tries it.
        assert routes.best(both, {}).provider is second
        rest.clear("first-net")
        later(monkeypatch, seconds=rest.PROBED + 1)
    chosen = routes.best(both, {})
    assert (chosen.provider, chosen.limit) == (first, None)
    assert ProviderState.get_by_id("first-net").left_until is None


@pytest.mark.slow
def test_load_is_shared_by_weight_among_those_that_are_well(
    networks: tuple[First, Second], monkeypatch: pytest.MonkeyPatch
) -> None:
    both: list[Provider] = list(networks)
    weights = {"first-net": 3, "second-net": 1}
    used = Counter(routes.best(both, weights).provider.name for _ in range(2_000))
    assert 1_350 < used["first-net"] < 1_650
    rest.note_refusal("first-net", "Down", None)
    assert {routes.best(both, weights).provider.name for _ in range(50)} == {"second-net"}


# ---- asking -------------------------------------------------------------------------------------


@pytest.fixture
def in_doubt(networks: tuple[First, Second]) -> int:
    """A campaign of which nobody knows whom the first network has; no other may carry it."""
    networks[0].answer = drop
    campaign_id = launch(provider="first-net")
    work(campaign_id)
    return campaign_id


@pytest.mark.both
@pytest.mark.slow
def test_asking_settles_whom_nobody_knew_about_and_sends_nothing(
    networks: tuple[First, Second], in_doubt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = networks
    given = len(first.given)
    assert lifecycle.get(in_doubt).unconfirmed == PEOPLE

    def knows(messages: list[Message]) -> Iterator[Outcome]:
        for number, one in enumerate(messages):
            if number % 3 == 0:
                yield Accepted(one, f"late-{one.id}")
            elif number % 3 == 1:
                yield Rejected(one, "unknown-to-us", "The network never had it")

    monkeypatch.setattr(first, "knows", knows)
    asking.ask("first-net")
    assert lifecycle.get(in_doubt).unconfirmed == PEOPLE, "asked too soon"
    later(monkeypatch, minutes=2)
    asking.ask("first-net")
    campaign = lifecycle.get(in_doubt)
    assert (campaign.sent, campaign.failed, campaign.unconfirmed) == (10, 10, 10)
    # Asked about the rest again, but not at once.
    first.asked = []
    asking.ask("first-net")
    assert first.asked == []
    later(monkeypatch, minutes=5)
    asking.ask("first-net")
    assert len(first.asked) == 10
    assert len(first.given) == given
    assert second.given == []
    # The network's id is known now: its report finds the person.
    row = Recipient.select().where(Recipient.status == S.SENT).first()
    assert row.provider_id == f"late-{row.id}"
    assert apply_reports("first-net", [DeliveryReport(row.provider_id, "delivered")]) == []


@pytest.mark.slow
def test_what_was_answered_before_the_answers_broke_off_counts(
    networks: tuple[First, Second], in_doubt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = networks
    later(monkeypatch, minutes=2)

    def knows(messages: list[Message]) -> Iterator[Outcome]:
        yield Accepted(messages[0], "late-0")
        raise RuntimeError("The network broke off")

    monkeypatch.setattr(first, "ask", knows)
    asking.ask("first-net")
    campaign = lifecycle.get(in_doubt)
    assert (campaign.sent, campaign.unconfirmed) == (1, PEOPLE - 1)


@pytest.mark.slow
def test_after_a_day_it_is_a_persons_to_decide(
    networks: tuple[First, Second], in_doubt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = networks
    later(monkeypatch, hours=25)
    first.asked = []
    asking.ask("first-net")
    assert first.asked == []


@pytest.mark.slow
def test_a_decision_made_meanwhile_stands(
    networks: tuple[First, Second], in_doubt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = networks
    later(monkeypatch, minutes=2)

    def knows(messages: list[Message]) -> list[Outcome]:
        decisions.resolve_unconfirmed(in_doubt, resend=True)
        lifecycle.carry_out(in_doubt)
        return [Rejected(one, "unknown-to-us", "The network never had it") for one in messages]

    monkeypatch.setattr(first, "knows", knows)
    asking.ask("first-net")
    assert lifecycle.get(in_doubt).failed == 0
