"""Guessing a PIN is hopeless, and whoever guesses shuts no agent out.

The figures of docs/security.md are those of this file.
"""

from collections.abc import Callable
from typing import Any

import pytest
from agent_texts import GOOD, PHONE, PIN, agent, last, sent, text
from flask import Flask
from flask.testing import FlaskClient
from later import Later, later
from signed_in import sign_in
from werkzeug.exceptions import TooManyRequests

from obidient.accounts.growing import Growing, Source
from obidient.accounts.models import User
from obidient.plugin import Message
from obidient.sync import guessed, pin_guessing, pins, roll_call
from obidient.sync.models import AgentPin

__all__ = ["agent", "later", "sent", "text"]

HERE, THERE = "192.0.2.1", "198.51.100.7"
WRONG = "000000"
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.fixture
def enter(agent: User, app: Flask) -> Callable[..., Any]:
    """enter("4821") on a phone somewhere."""
    User.update(phone=PHONE).where(User.id == agent.id).execute()

    def sign_in(
        pin: str, address: str = HERE, device: str = "device-0001", phone: str = PHONE
    ) -> Any:
        body = {"phone": phone, "pin": pin, "deviceId": device}
        base = {"REMOTE_ADDR": address}
        return app.test_client().post("/api/sync/sign-in", json=body, environ_base=base)

    return sign_in


def guess(user: User, many: int) -> None:
    """Wrong PINs from so many addresses."""
    for _ in range(many):
        pins.may_sign_in(user, WRONG)


def a_day(later: Later, allowed: Callable[[], bool], days: int = 1) -> list[int]:
    """How many tries of each day somebody has who tries every minute."""
    tries = []
    for _ in range(days):
        number = 0
        for _ in range(DAY // MINUTE):
            number += allowed()
            later(MINUTE)
        tries.append(number)
    return tries


# ---- who guesses waits, and nobody else ---------------------------------------------------------


@pytest.mark.both
def test_who_mistypes_waits_a_minute_and_others_none(enter: Callable[..., Any]) -> None:
    assert [enter(WRONG).status_code for _ in range(5)] == [401] * 5
    waits = enter(PIN)
    assert waits.status_code == 429
    assert 0 < int(waits.headers["Retry-After"]) <= MINUTE
    assert "wrong PIN from here. Wait 1 minute," in waits.json["detail"]
    assert enter(PIN, THERE).status_code == 200


@pytest.mark.both
def test_a_new_pin_ends_every_wait(enter: Callable[..., Any], agent: User) -> None:
    for _ in range(5):
        enter(WRONG)
    guess(agent, pins.SIGN_INS.free)
    assert "perhaps by somebody else" in enter(PIN, THERE).json["detail"]
    new = pins.set_pin(agent)
    assert enter(new).status_code == 200


def test_the_wait_doubles_and_ends_by_itself(enter: Callable[..., Any], later: Later) -> None:
    for _ in range(4):
        enter(WRONG)
    waits = []
    for _ in range(8):
        assert enter(WRONG).status_code == 401
        seconds = int(enter(WRONG).headers["Retry-After"])
        waits.append(seconds // MINUTE)
        later(seconds)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert enter(PIN).status_code == 200
    # What was mistyped is forgiven.
    assert [enter(WRONG, device="device-0002").status_code for _ in range(5)] == [401] * 5


@pytest.mark.both
def test_a_phone_that_is_known_is_held_up_by_nobody(enter: Callable[..., Any], agent: User) -> None:
    assert enter(PIN).status_code == 200
    for _ in range(7):
        enter(WRONG, device="device-9999")
    guess(agent, pins.SIGN_INS.free)
    assert enter(PIN, device="device-9999").status_code == 429
    assert enter(PIN, THERE, "device-9999").status_code == 429
    assert enter(PIN).status_code == 200
    # Nor may it guess for ever, and what it mistypes holds up no other.
    assert [enter(WRONG).status_code for _ in range(11)] == [401] * 10 + [429]
    assert AgentPin.get().sign_in_failures == pins.SIGN_INS.free


@pytest.mark.slow
def test_one_address_alone_never_makes_others_wait(
    enter: Callable[..., Any], agent: User, later: Later
) -> None:
    held_up = 0
    for _ in range(3 * 24 * 4):
        if enter(WRONG).status_code == 401:
            held_up += pins.sign_in_wait(pins.of(agent)) > 0
        later(HOUR / 4)
    assert held_up == 0
    assert enter(PIN, THERE).status_code == 200


def test_one_address_waits_whatever_the_number(enter: Callable[..., Any]) -> None:
    codes = [enter(WRONG, phone=f"+23480355522{n:02d}").status_code for n in range(31)]
    assert codes == [401] * 30 + [429]
    assert enter(PIN).status_code == 429
    assert enter(PIN, THERE).status_code == 200


def test_a_customers_many_addresses_are_one(enter: Callable[..., Any]) -> None:
    for number in range(30):
        enter(WRONG, f"2001:db8:7:{number:x}::1", phone=f"+23480355522{number:02d}")
    assert enter(PIN, "2001:db8:7:ffff::9").status_code == 429
    assert enter(PIN, "2001:db8:8::9").status_code == 200


def test_of_many_tries_at_one_moment_one_is_looked_at(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source("moment", Growing(free=3))
    for _ in range(2):
        source.take("a")
    # All have seen that nothing waits before the first is counted.
    monkeypatch.setattr(Source, "check", lambda self, *key: None)
    source.take("a")
    with pytest.raises(TooManyRequests):
        source.take("a")


def test_of_many_numbers_tried_at_one_moment_one_is_looked_at(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = [pin_guessing.Attempt(f"+2348035552{n:03d}:", HERE, "") for n in range(31)]
    for one in tries[:29]:
        one.begin()
    monkeypatch.setattr(Source, "check", lambda self, *key: None)
    tries[29].begin()
    with pytest.raises(TooManyRequests):
        tries[30].begin()


@pytest.mark.slow
def test_agents_behind_one_address_do_not_wait_for_each_others_slips(
    enter: Callable[..., Any], make_user: Callable[..., User], agent: User
) -> None:
    for number in range(12):
        phone, device = f"+23480355533{number:02d}", f"device-1{number:03d}"
        made = make_user("agent")
        User.update(phone=phone, polling_unit_code=agent.polling_unit_code).where(
            User.id == made.id
        ).execute()
        right = pins.set_pin(User.get_by_id(made.id))
        slips = [enter(WRONG, phone=phone, device=device).status_code for _ in range(3)]
        assert [*slips, enter(right, phone=phone, device=device).status_code] == [401] * 3 + [200]
        # Signing in again and again buys nothing.
        assert enter(right, phone=phone, device=device).status_code == 200
    codes = [enter(WRONG, phone=f"+23480355522{n:02d}").status_code for n in range(7)]
    assert codes == [401] * 6 + [429]


# ---- how many guesses that leaves ---------------------------------------------------------------


@pytest.mark.slow
def test_guesses_a_day_of_one_pin_from_everywhere(agent: User, later: Later) -> None:
    def allowed() -> bool:
        return pins.may_sign_in(agent, WRONG).verdict == "wrong"

    for _ in range(pins.SIGN_INS.free):
        assert allowed()
    first, second, third = a_day(later, allowed, 3)
    assert pins.SIGN_INS.free + first <= 80
    assert (second, third) == (24, 24)


@pytest.mark.slow
def test_guesses_a_day_of_one_pin_by_text(agent: User, later: Later) -> None:
    def allowed() -> bool:
        return pins.check(agent, "0000").verdict == "wrong"

    first, second = a_day(later, allowed, 2)
    assert first <= 35
    assert second <= 25


@pytest.mark.parametrize(
    ("source", "most"),
    [(pin_guessing.NUMBER, 35), (pin_guessing.PHONE, 40), (pin_guessing.ADDRESS, 180)],
    ids=["one number from one address", "on a known phone", "any numbers from one address"],
)
def test_guesses_a_day_of_one_source(app: Flask, later: Later, source: Source, most: int) -> None:
    def allowed() -> bool:
        try:
            source.take("a")
        except TooManyRequests:
            return False
        return True

    for _ in range(source.growing.free - 1):
        assert allowed()
    (tries,) = a_day(later, allowed)
    assert most - 10 < source.growing.free - 1 + tries <= most


# ---- by text ------------------------------------------------------------------------------------


@pytest.mark.both
def test_a_forged_number_finds_no_pin_and_shuts_nobody_out(
    agent: User, text: Callable[..., None], sent: list[Message], later: Later
) -> None:
    for number in range(5):
        text(f"HERE 10000{number}")
    text(f"HERE {PIN}")
    assert "too many wrong PINs came from your number" in sent[-1].text
    assert roll_call.of(agent).arrived_at is None
    text(f"{GOOD} PIN {PIN}")
    assert last().state == "review"
    # What is forged does not touch the sign-in, and the wait ends by itself.
    assert pins.may_sign_in(agent, PIN).verdict == "right"
    later(MINUTE)
    text(f"HERE {PIN}")
    assert roll_call.of(agent).arrived_at is not None
    assert AgentPin.get().failures == 0


# ---- who looks after the agents sees it ---------------------------------------------------------


@pytest.mark.both
def test_a_supervisor_sees_whose_pin_is_guessed_at(
    agent: User, client: FlaskClient, make_user: Callable[..., User], later: Later
) -> None:
    guess(agent, guessed.MANY - 1)
    sign_in(client, make_user("reviewer"))
    assert "Somebody is guessing" not in client.get("/admin/agents/").text
    guess(agent, 1)
    page = client.get("/admin/agents/").text
    assert "Somebody is guessing at PINs" in page
    assert agent.name in page
    assert PHONE not in page
    assert "guessing" in client.get("/admin/agents/?area=24").text
    assert "guessing" not in client.get("/admin/agents/?area=19").text
    (one,) = guessed.guessed_at()
    assert (one.sign_ins, one.texts, guessed.wrong_lately()) == (10, 0, 1)
    for _ in range(pins.TEXTS.free):
        pins.check(agent, "0000")
    assert guessed.guessed_at()[0].texts == 5
    later(DAY + MINUTE)
    assert (guessed.guessed_at(), guessed.wrong_lately()) == ([], 0)


def test_an_admin_makes_a_new_pin_there(
    agent: User, app: Flask, client: FlaskClient, make_user: Callable[..., User]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    guess(agent, 20)
    sign_in(client, make_user("admin"))
    page = client.get("/admin/agents/").text
    assert f'name="email" value="{agent.email}"' in page
    assert "Wrong at sign-in within a day: 1 agent’s PIN." in page
    client.post("/admin/intake/pin", data={"email": agent.email})
    assert "Somebody is guessing" not in client.get("/admin/agents/").text
