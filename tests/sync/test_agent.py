"""The agent page on a bad day: no network, a dead battery, a server that misbehaves."""

from collections.abc import Callable
from typing import Any

import pytest
from agent_web import ELECTIONS, Web, check_counted_once, opened, phone, web, world
from phones import Phone, report, states, until

__all__ = ["phone", "web", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


#: The store of a slow phone: photos are read when `photos()` is called; `reads` are on their way.
SLOW_PHOTOS = """() => {
  window.reads = 0;
  const { all } = Agent.store;
  const ready = new Promise((done) => { window.photos = done; });
  Agent.store.all = async (name) => {
    if (name !== "photos") return all(name);
    window.reads += 1;
    await ready;
    const found = await all(name);
    window.reads -= 1;
    return found;
  };
}"""
#: Reports in each kind of trouble; the long day without network has twenty.
FEW = 8


def test_twenty_reports_survive_a_day_without_network_and_a_dead_battery(
    phone: Phone, web: Web, worker: Callable[..., Any]
) -> None:
    context, page = opened(phone, web)
    web.stop()
    context.set_offline(True)
    for election_id in ELECTIONS[:10]:
        report(page, election_id)
    assert states(page) == ["waiting"] * 10
    phone.kill()

    # Started without network: the page is there, and so is everything on it.
    context = phone.start()
    context.set_offline(True)
    page = phone.page(context, web.address)
    page.wait_for_selector("#reports")
    assert states(page) == ["waiting"] * 10
    for election_id in ELECTIONS[10:]:
        report(page, election_id)
    phone.kill()

    # The network is back, the server comes a little later.
    context = phone.start()
    page = phone.page(context, web.address)
    page.wait_for_selector("#reports")
    assert states(page) == ["waiting"] * 20
    web.start()
    worker("results-sync")
    until(page, lambda: states(page) == ["counted"] * 20, what="20 counted")
    check_counted_once()


@pytest.mark.parametrize("trouble", ["500", "413", "401", "429", "reset", "lost"])
def test_whatever_the_server_answers_each_report_is_counted_once(
    phone: Phone, web: Web, worker: Callable[..., Any], trouble: str
) -> None:
    worker("results-sync")
    context, page = opened(phone, web)
    context.set_offline(True)
    for election_id in ELECTIONS[:FEW]:
        report(page, election_id)
    web.line.set(trouble)
    context.set_offline(False)
    until(page, lambda: sum(one.startswith(trouble) for one in web.line.seen) >= 2, what=trouble)
    # While the trouble lasts the agent sees all reports as waiting, none as lost or refused.
    assert states(page) == ["waiting"] * FEW
    if trouble == "401":
        page.wait_for_selector("#sign-in-again")
        web.line.set("pass")
        page.click("#sign-in-again")
        page.fill("#password", "correct horse battery")
        page.click("#sign-in")
    else:
        # It goes on for one more request, in the middle of everything.
        web.line.set(trouble, times=1)
    page.wait_for_selector("#reports")
    until(page, lambda: states(page) == ["counted"] * FEW, what="all counted")
    check_counted_once(FEW)


def test_a_home_screen_that_comes_late_takes_no_password_away(
    phone: Phone, web: Web, worker: Callable[..., Any]
) -> None:
    worker("results-sync")
    _context, page = opened(phone, web)
    web.line.set("401")
    report(page, ELECTIONS[0])
    page.wait_for_selector("#sign-in-again")
    # A slow phone: the home screen is asked for, and is there only when the agent types already.
    page.evaluate(SLOW_PHOTOS)
    page.evaluate("() => dispatchEvent(new Event('offline'))")
    page.wait_for_function("() => window.reads > 0")
    page.click("#sign-in-again")
    page.fill("#password", "correct horse")
    page.evaluate("() => window.photos()")
    page.wait_for_function("() => window.reads === 0")
    assert page.input_value("#password") == "correct horse"


def test_a_batch_that_is_too_large_is_sent_in_parts(
    phone: Phone, web: Web, worker: Callable[..., Any]
) -> None:
    worker("results-sync")
    context, page = opened(phone, web)
    context.set_offline(True)
    for election_id in ELECTIONS:
        report(page, election_id)
    web.line.large = 500
    context.set_offline(False)
    until(page, lambda: states(page) == ["counted"] * 20, what="20 counted")
    assert any(one.startswith("413") for one in web.line.seen)
    check_counted_once()


def test_one_report_over_which_the_server_stumbles_holds_up_no_other(
    phone: Phone, web: Web, worker: Callable[..., Any]
) -> None:
    worker("results-sync")
    context, page = opened(phone, web)
    context.set_offline(True)
    for election_id in ELECTIONS[:FEW]:
        report(page, election_id)
    web.line.poison = b'"electionId":"e-03"'
    context.set_offline(False)
    until(page, lambda: sorted(states(page)) == ["counted"] * (FEW - 1) + ["waiting"])
    web.line.poison = None
    page.click("#send-now")
    until(page, lambda: states(page) == ["counted"] * FEW)
    check_counted_once(FEW)
