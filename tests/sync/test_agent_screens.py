"""The agent page draws itself anew while somebody uses it, and takes nothing out of their hands."""

import pytest
from agent_web import AGENT, Web, opened, phone, web, world
from phones import Phone, fill, sign_in

__all__ = ["phone", "web", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_tap_is_not_lost_when_the_screen_is_drawn_anew_under_the_finger(
    phone: Phone, web: Web
) -> None:
    _, page = opened(phone, web)
    button = page.locator('[data-election="e-00"] button')
    for name in ("offline", "online"):
        # Nobody asked for it: what is sent, or heard from the network, is shown at once.
        button.hover()
        page.mouse.down()
        page.evaluate(f"() => {{ dispatchEvent(new Event('{name}')); }}")
        page.wait_for_timeout(500)
        page.mouse.up()
        page.wait_for_selector("#send")
        page.click("#back")
        page.wait_for_selector(".card")


def test_a_screen_drawn_anew_by_itself_keeps_the_place_of_the_keyboard(
    phone: Phone, web: Web
) -> None:
    _, page = opened(phone, web)
    for place in ("#refresh", '[data-election="e-00"] button'):
        page.focus(place)
        page.evaluate(
            "() => { globalThis.before = document.querySelector('main');"
            " dispatchEvent(new Event('offline')); }"
        )
        page.wait_for_function("() => document.querySelector('main') !== globalThis.before")
        assert page.evaluate("(place) => document.activeElement.matches(place)", place)
    page.focus("#refresh")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog", state="detached")
    assert page.evaluate("() => document.activeElement.id") == "refresh"


def test_a_key_held_down_and_a_long_press_are_not_lost_either(phone: Phone, web: Web) -> None:
    _, page = opened(phone, web)
    button = '[data-election="e-00"] button'
    page.focus(button)
    page.keyboard.down("Space")
    page.evaluate("() => { dispatchEvent(new Event('offline')); }")
    page.wait_for_timeout(300)
    page.keyboard.up("Space")
    page.wait_for_selector("#send")
    page.click("#back")
    page.hover(button)
    page.mouse.down()
    page.evaluate("() => { dispatchEvent(new Event('online')); }")
    page.wait_for_timeout(3500)
    page.mouse.up()
    page.wait_for_selector("#send")


def test_signing_in_again_before_the_time_is_up_is_not_disturbed(phone: Phone, web: Web) -> None:
    _, page = opened(phone, web)
    page.evaluate(
        "async () => { await Agent.store.editSession((session) => {"
        " session.expiresAt = new Date(Date.now() + 1.5 * 86400000).toISOString(); });"
        " await Agent.app.home(); }"
    )
    page.click("#sign-in-again")
    page.fill("#password", "half of")
    # As when the answer to an earlier question comes late, or another window asks.
    page.evaluate("() => { Agent.store.announce('session'); }")
    page.wait_for_timeout(500)
    assert page.input_value("#password") == "half of"
    sign_in(page, AGENT)


def test_what_was_asked_before_disturbs_nobody_who_went_on(phone: Phone, web: Web) -> None:
    context, page = opened(phone, web)
    page.focus("#sign-out")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    context.set_offline(True)
    page.wait_for_timeout(300)
    page.keyboard.press("Escape")
    # What the question covered is shown once it is answered.
    page.wait_for_function("() => document.getElementById('net').textContent === 'No network'")
    context.set_offline(False)
    page.evaluate(
        """() => {
            const ask = Agent.server.ask;
            Agent.server.ask = async (...told) => {
                await new Promise((done) => setTimeout(done, 800));
                globalThis.answered = true;
                return ask(...told);
            };
        }"""
    )
    page.click("#refresh")
    page.click('[data-election="e-00"] button')
    page.wait_for_function("() => globalThis.answered")
    fill(page, {"accredited": 1234567})
    page.wait_for_timeout(500)
    assert page.locator("dialog").count() == 0
    assert page.input_value('[id="f-accredited"]') == "1234567"


def test_who_answers_the_roll_call_by_keyboard_stays_there(phone: Phone, web: Web) -> None:
    _, page = opened(phone, web)
    page.focus("#roll-arrived")
    page.keyboard.press("Enter")
    page.wait_for_selector("p#roll-arrived")
    assert page.evaluate("() => document.activeElement.id") == "roll-arrived"
