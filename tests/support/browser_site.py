"""The admin in Chromium: a page on a running server, and what it complained of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from flask import Flask
from in_process import served
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from obidient.accounts.models import User

PASSWORD = "correct horse battery"


PHONE = {"width": 360, "height": 740}


DESKTOP = {"width": 1366, "height": 768}


@dataclass
class Witness:
    """What a page asked for and complained of."""

    base: str
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.text.startswith("htmx:sendAbort"):
            # It was on its way when somebody left the page: htmx tells it in two lines.
            assert self.complaints.pop().startswith("htmx:afterRequest")
        elif message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob"):
            self.hosts.add(f"{parts.scheme}://{parts.netloc}")


@pytest.fixture
def site(app: Flask, environ: dict[str, str], browser: Browser) -> Iterator[tuple[Page, Witness]]:
    """A page on the running app, and what it witnessed; complaints fail the test."""
    with served(app, int(environ["PORT"])) as base:
        context = browser.new_context(base_url=base, viewport=DESKTOP, timezone_id="Africa/Lagos")
        page = context.new_page()
        page.set_default_timeout(120_000)
        witness = Witness(base)
        witness.watch(page)
        yield page, witness
        context.close()
    assert witness.complaints == [], witness.complaints
    assert witness.hosts <= {base}


def sign_in(page: Page, user: User) -> None:
    page.goto("/admin/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/admin/$"))
