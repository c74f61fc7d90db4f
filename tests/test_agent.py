"""The agent page in a real browser, with the network really cut, and a server that misbehaves."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from flaky_proxy import FlakyProxy
from flask import Flask
from phones import Phone, report, sign_in, states, until
from playwright.sync_api import BrowserContext, Page, Playwright
from results_world import UNITS, election_document, make_register
from servers import listening, process, wait_for

from obidient.results import elections
from obidient.results.models import AgentSheet, Submission, UnitResult

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ELECTIONS = [f"e-{number:02d}" for number in range(20)]
AGENT = "ada@example.org"


@pytest.fixture
def world(app: Flask, make_user: Callable[..., Any]) -> None:
    make_register()
    for place, election_id in enumerate(ELECTIONS):
        elections.create(election_document(election_id, electionName=f"Election {place + 1}"))
    make_user("agent", AGENT, name="Ada", polling_unit_code=UNITS[0])


@pytest.fixture
def web(world: None, environ: dict[str, str]) -> Iterator["Web"]:
    with Web(environ) as made:
        yield made


class Web:
    """Gunicorn that can be stopped and started, behind a line that can be cut."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ, self._port = environ, int(environ["PORT"])
        self._running = contextlib.ExitStack()
        self.line = FlakyProxy(self._port)

    def __enter__(self) -> "Web":
        self.line.__enter__()
        self.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()
        self.line.__exit__(None, None, None)

    def start(self) -> None:
        config = str(ROOT / "gunicorn.conf.py")
        command = process("gunicorn", "-c", config, environ=self._environ, cwd=ROOT)
        self._running.enter_context(command)
        wait_for(lambda: listening(self._port), what="gunicorn")

    def stop(self) -> None:
        self._running.close()
        self._running = contextlib.ExitStack()

    @property
    def address(self) -> str:
        return f"{self.line.url}/agent"


@pytest.fixture
def phone(
    playwright: Playwright, browser_type_launch_args: dict[str, Any], tmp_path: Path
) -> Iterator[Phone]:
    program = browser_type_launch_args["executable_path"]
    made = Phone(playwright, program, browser_type_launch_args["args"], tmp_path / "phone")
    yield made
    made.throw_away()


def ready_for_a_day(page: Page) -> None:
    """Signed in, and the page kept by its service worker."""
    sign_in(page, AGENT)
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    page.wait_for_function("() => navigator.serviceWorker.controller")


def opened(phone: Phone, web: Web) -> tuple[BrowserContext, Page]:
    context = phone.start()
    page = phone.page(context, web.address)
    page.wait_for_selector("#email")
    ready_for_a_day(page)
    return context, page


def check_counted_once(number: int = 20) -> None:
    """On the server: so many sheets, each decided once, each unit counted once."""
    firsts = Submission.select().where(Submission.repeat == 0)
    assert firsts.count() == number
    assert firsts.where(Submission.status == "accepted").count() == number
    assert AgentSheet.select().count() == number
    assert UnitResult.select().where(UnitResult.figures != "").count() == number


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
    until(page, lambda: states(page) == ["counted"] * 20, 90, "20 counted")
    check_counted_once()


@pytest.mark.parametrize("trouble", ["500", "413", "401", "429", "reset", "lost"])
def test_whatever_the_server_answers_each_report_is_counted_once(
    phone: Phone, web: Web, worker: Callable[..., Any], trouble: str
) -> None:
    worker("results-sync")
    context, page = opened(phone, web)
    context.set_offline(True)
    for election_id in ELECTIONS:
        report(page, election_id)
    web.line.set(trouble)
    context.set_offline(False)
    until(page, lambda: sum(one.startswith(trouble) for one in web.line.seen) >= 2, what=trouble)
    # While the trouble lasts the agent sees all reports as waiting, none as lost or refused.
    assert states(page) == ["waiting"] * 20
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
    until(page, lambda: states(page) == ["counted"] * 20, 90, "20 counted")
    check_counted_once()


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
    until(page, lambda: states(page) == ["counted"] * 20, 90, "20 counted")
    assert any(one.startswith("413") for one in web.line.seen)
    check_counted_once()
