"""The agent page in a real browser, with the network really cut."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from flaky_proxy import FlakyProxy
from flask import Flask
from phones import Phone, sign_in
from playwright.sync_api import BrowserContext, Page, Playwright
from results_world import UNITS, election_document, make_register
from servers import listening, process, wait_for

from obidient.results import elections
from obidient.results.models import AgentSheet, Submission, UnitResult

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
        self._environ, self.port = environ, int(environ["PORT"])
        self._running = contextlib.ExitStack()
        self.line = FlakyProxy(self.port)

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
        wait_for(lambda: listening(self.port), what="gunicorn")

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
