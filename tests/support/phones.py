"""An agent's phone for the tests: a real Chromium that can be killed and started again."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright
from servers import free_port, listening, wait_for

SIZE = {"width": 360, "height": 740}
PASSWORD = "correct horse battery"


class Phone:
    """One profile on the disk; `start` and `kill` the browser on it as often as wanted."""

    def __init__(self, playwright: Playwright, program: str, arguments: list[str], folder: Path):
        self._playwright, self._program, self._arguments = playwright, program, arguments
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._browser: Any = None

    def start(self) -> BrowserContext:
        port = free_port()
        self._child = subprocess.Popen(
            [
                self._program,
                "--headless=new",
                f"--remote-debugging-port={port}",
                f"--user-data-dir={self._folder}",
                f"--window-size={SIZE['width']},{SIZE['height']}",
                *self._arguments,
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(lambda: listening(port), what="Chromium")
        self._browser = self._playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        context: BrowserContext = self._browser.contexts[0]
        context.set_default_timeout(120_000)
        return context

    def page(self, context: BrowserContext, address: str) -> Page:
        page = context.new_page()
        page.set_viewport_size(SIZE)  # type: ignore[arg-type]
        page.goto(address)
        return page

    def kill(self) -> None:
        """As a battery that dies: no farewell to anybody."""
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait(60)
        with contextlib.suppress(Exception):
            self._browser.close()
        self._child = None

    def throw_away(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def sign_in(page: Page, email: str) -> None:
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("#sign-in")
    page.wait_for_selector("#reports, .card")


def fill(page: Page, figures: dict[str, int | str]) -> None:
    """Type figures into the open form, key by key."""
    for name, value in figures.items():
        field = page.locator(f'[id="f-{name}"]')
        field.fill("")
        field.press_sequentially(str(value))


FIGURES: dict[str, int | str] = {
    "registered": 600,
    "accredited": 210,
    "party:LP": 120,
    "party:APC": 45,
    "party:PDP": 33,
    "valid": 198,
    "rejected": 4,
    "cast": 202,
}


def report(page: Page, election_id: str, **more: int | str) -> None:
    """Enter a sheet, figure by figure, and press Send."""
    page.click(f'[data-election="{election_id}"] button')
    page.wait_for_selector("#send")
    for name, value in (FIGURES | more).items():
        page.fill(f'[id="f-{name}"]', str(value))
    page.click("#send")
    page.wait_for_selector("#reports")


def states(page: Page) -> list[str]:
    script = "() => [...document.querySelectorAll('[data-state]')].map((e) => e.dataset.state)"
    found: list[str] = page.evaluate(script)
    return found


def until(page: Page, check: Callable[[], object], seconds: float = 120, what: str = "it") -> None:
    """Wait while the browser goes on."""
    for _ in range(int(seconds * 10)):
        if check():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"waited {seconds} s for {what}")
