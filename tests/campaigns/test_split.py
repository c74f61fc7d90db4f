"""Two texts tried on some: everybody gets one text once, and the rest the one that was chosen."""

import threading
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from math import comb
from typing import Any

import pytest
from campaign_requests import BASE, body, create, organiser
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from one_turn import accept, batches, launch, provider, says, work

from obidient.accounts.models import AuditEntry
from obidient.campaigns import approval, control
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.models.texts import InboundText
from obidient.campaigns.planning import estimates
from obidient.campaigns.sending import lifecycle, states, sweeper
from obidient.campaigns.split import chance, deciding, results, terms
from obidient.clock import utcnow
from obidient.contacts.models import Contact
from obidient.contacts.suppression import suppress
from obidient.database import db
from obidient.errors import Conflict, Invalid
from obidient.plugin import Message, Outcome, Provider

__all__ = ["create", "organiser", "people", "provider"]

MORE = 180
SPLIT = {"text": "Hi {{first_name}}", "share": 20, "decide_by": "replies", "after_minutes": 30}


@pytest.fixture
def people(app: Flask) -> None:
    rows = [{"phone": f"+23480355{n:05d}", "first_name": f"Ada{n}"} for n in range(MORE)]
    Contact.insert_many(rows).execute()


@pytest.fixture
def handed(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(phone, text) of every message that the network took."""
    found: list[tuple[str, str]] = []

    def note(messages: list[Message]) -> list[Outcome]:
        found.extend((one.phone, one.text[:2]) for one in messages)
        return accept(messages)

    says(monkeypatch, note)
    return found


def reply(campaign_id: int, phones: list[str], text: str = "yes", keyword: str = "") -> None:
    for phone in phones:
        InboundText.create(
            provider="t", provider_id=f"{phone}{text}", phone=phone, text=text,
            keyword=keyword, campaign_id=campaign_id,
        )  # fmt: skip


def ended(campaign_id: int, ago: timedelta) -> None:
    Campaign.update(trial_ended_at=utcnow() - ago).where(Campaign.id == campaign_id).execute()


def got(handed: list[tuple[str, str]], text: str) -> list[str]:
    return [phone for phone, said in handed if said == text]


@pytest.mark.both
@pytest.mark.slow
def test_replies_choose_the_text_for_the_rest_once(handed: list[tuple[str, str]]) -> None:
    campaign = work(launch(split=SPLIT))
    a, b = got(handed, "He"), got(handed, "Hi")
    # Drawn by lot: about a fifth each, the same whenever it is staged.
    assert 20 <= len(a) <= 52 and 20 <= len(b) <= 52 and campaign.queued == MORE - len(a + b)
    states.reopen_batches(campaign.id)
    held = [one for one in batches(campaign.id) if one.state == "held"]
    assert held and all(not one.trial and not one.variant for one in held)
    for _ in range(2):
        sweeper.sweep()
    waiting = lifecycle.get(campaign.id)
    assert waiting.trial_ended_at and "replies decide on" in waiting.status_reason
    # What people say counts once each; STOP is an opt-out, not a reply.
    reply(campaign.id, b[:6])
    reply(campaign.id, b[:2], "again")
    reply(campaign.id, a[:2])
    reply(campaign.id, a[2:12], "STOP", "stop")
    suppress(a[2], source="stop-reply")
    found = results.count(waiting)
    assert [(one.sent, one.replies) for one in found] == [(len(a), 2), (len(b), 6)]
    assert (found[0].opted_out, found[1].opted_out) == (1, 0)
    assert work(campaign.id).winner == ""
    ended(campaign.id, timedelta(minutes=31))
    for _ in range(5):
        sweeper.sweep()
        assert deciding.choose(campaign.id, "B").winner == "B"
        work(campaign.id)
    with pytest.raises(Conflict, match="Text B was chosen already"):
        deciding.choose(campaign.id, "A")
    assert lifecycle.get(campaign.id).status == "completed"
    assert len(handed) == MORE == len({phone for phone, _ in handed})
    assert got(handed, "He") == a
    decided = AuditEntry.select().where(AuditEntry.action == "campaign.decided")
    assert [row.summary for row in decided] == [
        f"Replies chose text B for the rest of 'T': A 2 of {len(a)}, B 6 of {len(b)}"
    ]


@pytest.mark.both
@pytest.mark.slow
def test_a_tie_or_silence_waits_for_a_person_and_clicks_race(
    app: Flask, handed: list[tuple[str, str]]
) -> None:
    campaign_id = work(launch(split=SPLIT)).id
    sweeper.sweep()
    ended(campaign_id, timedelta(minutes=31))
    for _ in range(2):
        sweeper.sweep()
    campaign = lifecycle.get(campaign_id)
    assert campaign.winner == "" and campaign.status == "sending"
    assert campaign.winner_asked == "Nobody has replied to either text of the split test."
    assert [one.id for one in deciding.waiting()] == [campaign_id]
    assert AuditEntry.select().where(AuditEntry.action == "campaign.undecided").count() == 1
    control.pause(campaign_id)
    chosen: list[str] = []

    def click(letter: str) -> None:
        with app.app_context():
            try:
                chosen.append(deciding.choose(campaign_id, letter).winner)
            except Conflict:
                pass
            finally:
                db.close()

    clicks = [threading.Thread(target=click, args=(letter,)) for letter in "ABABAB"]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    winner = lifecycle.get(campaign_id).winner
    assert len(chosen) == 3 and set(chosen) == {winner}
    rest = [one for one in batches(campaign_id) if not one.trial]
    assert {(one.variant, one.state) for one in rest} == {(winner, "ready")}
    assert AuditEntry.select().where(AuditEntry.action == "campaign.decided").count() == 1
    control.resume(campaign_id)
    work(campaign_id)
    assert len(handed) == MORE == len({phone for phone, _ in handed})


@pytest.mark.slow
@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_the_probability_is_that_of_exact_arithmetic(a: int, b: int, data: st.DataObject) -> None:
    of_a, of_b = data.draw(st.integers(0, a)), data.draw(st.integers(0, b))
    replies = of_a + of_b
    ways = [comb(a, one) * comb(b, replies - one) for one in range(replies + 1)]
    exact = Fraction(sum(one for one in ways if one <= ways[of_a]), sum(ways))
    assert chance.probability(of_a, a, of_b, b) == pytest.approx(float(exact), rel=1e-9)


def test_the_verdict_says_no_more_than_the_replies_do() -> None:
    def said(a: tuple[int, int], b: tuple[int, int]) -> str:
        arms = [
            results.Arm(one, "", sent=n, replies=k)
            for one, (k, n) in zip("AB", (a, b), strict=True)
        ]
        return results.verdict(arms)

    assert said((0, 0), (3, 10)).startswith("Nothing can be said yet")
    assert said((0, 50), (0, 50)) == "Nobody has replied yet: nothing can be said."
    assert said((5, 50), (5, 52)) == "Neither text is ahead."
    # Fisher's own: a lady told 3 of 4 cups right, which chance does in 17 of 35 tests of two sides.
    assert said((3, 4), (1, 4)).startswith("Text A is ahead, but the difference could be chance")
    assert "in 49% of such tests" in said((3, 4), (1, 4))
    assert said((2, 1000), (40, 1000)).endswith("in less than 1% of such tests.")
    assert "Text B is ahead, and that is probably not chance" in said((2, 1000), (40, 1000))
    # The network's figures of a whole state are worked out without an overflow.
    assert 0 < chance.probability(20_000, 400_000, 20_150, 400_000) < 1


@pytest.mark.slow
def test_a_split_test_is_checked_approved_and_reckoned_with_both_texts(
    client: FlaskClient,
    people: None,
    organiser: dict[str, str],
    create: Callable[..., dict[str, Any]],
) -> None:
    terms_given = {"text": "Hi", "share": 20, "decideBy": "hand", "afterMinutes": 60}

    def refused(**more: Any) -> str:
        answer = client.post(BASE, json=body(**more), headers=organiser)
        assert answer.status_code == 422
        return answer.text

    replies = terms_given | {"decideBy": "replies"}
    assert "Calls get no replies" in refused(channel="voice", split=replies)
    assert "Texts have no keys" in refused(split=terms_given | {"decideBy": "keys"})
    both = refused(split=terms_given, translations={"yo": "Báwo ni"})
    assert "either a split test or texts in other languages" in both
    assert "Text B: There is no field" in refused(split=terms_given | {"text": "{{nobody}}"})
    for wrong in ({"text": ""}, {"share": 51}, {"decideBy": "luck"}, {"afterMinutes": 1}):
        refused(split=terms_given | wrong)
    made = create(split=terms_given)
    campaign = lifecycle.get(made["id"])
    page = f"{BASE}/{campaign.id}"
    shown = {"winner": None, "trialEndedAt": None, "decidesAt": None, "needsDecision": False}
    shown |= {"audioAssetId": None, "keys": []}
    assert made["split"] == terms_given | shown | {"reason": ""}
    # Both texts are part of what is approved, and the longer one of what it may cost.
    before, cheap = approval.digest(campaign), estimates.of(campaign).parts
    long = terms_given | {"text": 170 * "x"}
    assert client.put(page, json=body(split=long), headers=organiser).json["split"]["text"]
    campaign = lifecycle.get(campaign.id)
    assert approval.digest(campaign) != before
    assert (cheap, estimates.of(campaign).parts) == (MORE, round(MORE * 1.8))
    too_long = terms_given | {"text": 1525 * "x" + "{{first_name}}"}
    control.update(campaign.id, {"split": terms.validate({"text": too_long["text"]})})
    assert 0 < estimates.of(lifecycle.get(campaign.id)).too_long <= MORE
    same = client.put(page, json=body(split=terms_given, messageTemplate="Hi"), headers=organiser)
    assert same.status_code == 200
    with pytest.raises(Invalid, match="the same"):
        control.launch(campaign.id)
    assert control.clone(campaign.id).split == lifecycle.get(campaign.id).split


@pytest.mark.slow
def test_both_texts_are_compared_and_one_is_chosen_over_the_api(
    client: FlaskClient,
    organiser: dict[str, str],
    create: Callable[..., dict[str, Any]],
    handed: list[tuple[str, str]],
) -> None:
    campaign_id = work(launch(split=SPLIT | {"decide_by": "hand"})).id
    sweeper.sweep()
    page = f"{BASE}/{campaign_id}"
    found = client.get(page, headers=organiser).json["split"]
    assert found["needsDecision"] and found["decidesAt"] is None
    result = client.get(f"{page}/split", headers=organiser).json
    assert [one["variant"] for one in result["items"]] == ["A", "B"]
    assert result["verdict"].startswith("Nobody has replied yet")
    for winner, status in (("C", 422), ("A", 202), ("A", 202), ("B", 409)):
        answer = client.post(f"{page}/split/decide", json={"winner": winner}, headers=organiser)
        assert answer.status_code == status, answer.json
    listed = client.get(f"{page}/recipients?limit=200", headers=organiser).json["items"]
    assert {one["variant"] for one in listed} == {"A", "B"}
    of_b = [one["id"] for one in listed if one["variant"] == "B"]
    for more in ("", "&status=sent"):
        asked = client.get(f"{page}/recipients?limit=200&variant=B{more}", headers=organiser)
        assert [one["id"] for one in asked.json["items"]] == of_b
    assert client.get(f"{page}/recipients?variant=C", headers=organiser).status_code == 422
    plain = create()
    assert plain["split"] is None
    assert client.get(f"{BASE}/{plain['id']}/split", headers=organiser).status_code == 404
