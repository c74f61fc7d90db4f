"""The agent page in a real browser, with the network really cut, and a server that misbehaves."""

import contextlib
import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from flaky_proxy import FlakyProxy
from flask import Flask
from phones import FIGURES, Phone, fill, report, sign_in, states, until
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Playwright
from results_world import UNITS, election_document, make_register, sheet
from servers import listening, process, wait_for

from obidient.accounts import tokens
from obidient.accounts.models import ApiToken, User
from obidient.clock import utcnow
from obidient.results import elections
from obidient.results.models import AgentSheet, Submission, UnitResult
from obidient.sync.models import Photo

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ELECTIONS = [f"e-{number:02d}" for number in range(20)]
AGENT = "ada@example.org"
#: Reports in each kind of trouble; the long day without network has twenty.
FEW = 8


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


# ---- what else happens in a day ----------------------------------------------------------------


def test_every_keystroke_is_kept_when_the_battery_dies(phone: Phone, web: Web) -> None:
    context, page = opened(phone, web)
    context.set_offline(True)
    page.click('[data-election="e-00"] button')
    page.wait_for_selector("#send")
    fill(page, {"registered": 600, "party:LP": 12})
    page.wait_for_function("() => document.getElementById('saved').textContent")
    phone.kill()
    context = phone.start()
    context.set_offline(True)
    page = phone.page(context, web.address)
    page.wait_for_selector('[data-election="e-00"] .is-saved')
    page.click('[data-election="e-00"] button')
    assert page.input_value('[id="f-registered"]') == "600"
    assert page.input_value('[id="f-party:LP"]') == "12"


def test_sums_and_over_voting_are_explained_while_typing_and_before_sending(
    phone: Phone, web: Web, worker: Callable[..., Any]
) -> None:
    worker("results-sync")
    _, page = opened(phone, web)
    page.click('[data-election="e-00"] button')
    fill(page, FIGURES | {"party:LP": 130})
    said = page.locator("#notes")
    assert "The parties make 208. The sheet says 198 valid votes: 10 too many." in said.inner_text()
    fill(page, {"party:LP": 120, "accredited": 190})
    assert "202 votes, but only 190 accredited voters: that is over-voting." in said.inner_text()
    fill(page, {"accredited": "21O"})
    assert "Use digits only." in page.locator('[id="f-accredited-row"]').inner_text()
    page.click("#send")
    assert page.locator("#send").count() == 1
    fill(page, {"accredited": 190})
    page.click("#send")
    assert "send it as it is" in said.inner_text()
    page.click("#send")
    page.wait_for_selector("#reports")
    until(page, lambda: states(page) == ["attention"])
    assert "the results room looks at it" in page.inner_text("#reports")

    # The button to correct opens the same figures, and makes the next revision of them.
    page.click("[data-report] .primary")
    page.wait_for_selector("#send")
    assert page.input_value('[id="f-accredited"]') == "190"
    fill(page, {"accredited": 210})
    page.click("#send")
    until(page, lambda: states(page) == ["counted", "replaced"])
    rows = [(row.revision, row.status) for row in Submission.select().order_by(Submission.id)]
    assert rows == [(1, "rejected"), (2, "accepted")]


def test_two_windows_send_each_report_once_and_never_undo_each_other(
    phone: Phone, web: Web, worker: Callable[..., Any]
) -> None:
    worker("results-sync")
    context, one = opened(phone, web)
    context.set_offline(True)
    other = phone.page(context, web.address)
    other.wait_for_selector(".card")
    for election_id in ELECTIONS[:4]:
        report(one, election_id)
    for election_id in ELECTIONS[4:8]:
        report(other, election_id)
    # Both have the same sheet open, and one of them sends it.
    for page in (one, other):
        page.click('[data-election="e-08"] button')
        page.wait_for_selector("#send")
    fill(one, FIGURES)
    until(other, lambda: other.input_value('[id="f-cast"]') == "202", what="the other window")
    one.click("#send")
    other.wait_for_selector("dialog")
    other.click("dialog .primary")
    context.set_offline(False)
    until(one, lambda: states(one) == ["counted"] * 9)
    until(other, lambda: states(other) == ["counted"] * 9)
    check_counted_once(9)
    # One of them worked at a time: nothing came twice.
    assert Submission.select().count() == 9


def test_a_clock_that_is_a_day_wrong_harms_nothing_and_is_told(
    phone: Phone, web: Web, worker: Callable[..., Any]
) -> None:
    worker("results-sync")
    context = phone.start()
    context.add_init_script(
        "const now = Date.now; Date.now = () => now() - 26 * 3600 * 1000;"
        "const Real = Date; globalThis.Date = class extends Real {"
        " constructor(...given) { given.length ? super(...given) : super(Real.now()); } };"
        "globalThis.Date.now = Real.now; globalThis.Date.parse = Real.parse;"
    )
    page = phone.page(context, web.address)
    page.wait_for_selector("#email")
    ready_for_a_day(page)
    report(page, "e-00")
    until(page, lambda: states(page) == ["counted"])
    assert "wrong by 26 hours" in page.inner_text("main")
    check_counted_once(1)


def test_signing_out_with_unsent_reports_warns_and_keeps_them(
    phone: Phone, web: Web, worker: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    worker("results-sync")
    make_user("agent", "bola@example.org", name="Bola", polling_unit_code=UNITS[1])
    context, page = opened(phone, web)
    context.set_offline(True)
    report(page, "e-00")
    page.click("#sign-out")
    assert "1 report has not reached the server. It stays on this phone" in page.inner_text(
        "dialog"
    )
    page.click("dialog .primary")
    page.wait_for_selector("#email")
    assert "1 report is safe on this phone" in page.inner_text("main")
    context.set_offline(False)

    # Somebody else's sign-in does not send it under their name.
    sign_in(page, "bola@example.org")
    assert "1 report of another agent waits" in page.inner_text("main")
    report(page, "e-01")
    until(page, lambda: states(page) == ["counted"])
    assert Submission.select().count() == 1
    page.click("#sign-out")
    page.click("dialog .primary")
    page.wait_for_selector("#email")
    sign_in(page, AGENT)
    until(page, lambda: states(page) == ["counted"])
    check_counted_once(2)


def test_a_result_counts_before_its_photo_which_goes_on_where_it_stopped(
    phone: Phone, web: Web, worker: Callable[..., Any], tmp_path: Path
) -> None:
    worker("results-sync")
    file = tmp_path / "sheet.jpg"
    Image.effect_noise((1600, 1200), 90).convert("RGB").save(file, quality=95)
    context, page = opened(phone, web)
    context.set_offline(True)
    page.click('[data-election="e-00"] button')
    fill(page, FIGURES)
    page.set_input_files("#camera", file)
    page.wait_for_selector("#photo img")
    page.click("#send")
    page.wait_for_selector("#reports")
    # The line takes only little at once, and loses answers: the result is not held up by that.
    web.line.only = "/pieces/"
    web.line.large = 20_000
    web.line.set("lost", times=2)
    context.set_offline(False)
    until(page, lambda: states(page) == ["counted"])
    if "Everything you sent is with the server" in page.inner_text("main"):
        assert Photo.get().state == "stored"
    until(page, lambda: Photo.select().where(Photo.state == "stored").exists(), what="the photo")
    until(page, lambda: "Photo received" in page.inner_text("#reports"))
    assert any(one.startswith("lost") and "pieces" in one for one in web.line.seen)
    assert Photo.get().submission_id == Submission.get().submission_id


def test_what_happens_elsewhere_is_told_and_what_the_server_lost_goes_out_again(
    phone: Phone, web: Web, worker: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    worker("results-sync")
    other = make_user("agent", "bola@example.org", name="Bola", polling_unit_code=UNITS[0])
    send(web, other, sheet("theirs", electionId="e-00", votes={"LP": 120, "APC": 45, "PDP": 33}))
    _, page = opened(phone, web)
    report(page, "e-00", **{"accredited": 208})
    until(page, lambda: states(page) == ["counted"])
    assert "It agrees with the sheet of another agent" in page.inner_text("#reports")
    report(page, "e-01")
    until(page, lambda: states(page) == ["counted", "counted"])

    # Meanwhile: a correction by another way, and a server that was restored from a backup.
    ada = User.get(User.email == AGENT)
    send(web, ada, sheet("by-text", revision=2, electionId="e-00"))
    kept = Submission.get(Submission.election_id == "e-01")
    kept.delete_instance()
    AgentSheet.delete().where(AgentSheet.election_id == "e-01").execute()
    page.reload()
    until(page, lambda: states(page) == ["counted", "replaced"])
    until(page, lambda: Submission.select().where(Submission.election_id == "e-01").exists())
    assert Submission.get(Submission.election_id == "e-01").submission_id == kept.submission_id


def test_a_wrong_polling_unit_is_corrected_without_entering_anything_again(
    phone: Phone, web: Web, worker: Callable[..., Any]
) -> None:
    worker("results-sync")
    context, page = opened(phone, web)
    context.set_offline(True)
    report(page, "e-00")
    # The coordinator gives the agent the right unit, while the phone has no network.
    User.update(polling_unit_code=UNITS[1]).where(User.email == AGENT).execute()
    context.set_offline(False)
    until(page, lambda: states(page) == ["attention"])
    assert "This is not your polling unit." in page.inner_text("#reports")
    page.reload()
    until(page, lambda: UNITS[1] in page.inner_text("header"))
    page.click("[data-report] .primary")
    page.wait_for_selector("#send")
    page.click("#send")
    until(page, lambda: states(page) == ["counted", "replaced"])
    assert Submission.get(Submission.status == "accepted").unit_code == UNITS[1]


def test_a_session_that_ended_is_told_before_there_is_anything_to_send(
    phone: Phone, web: Web
) -> None:
    _, page = opened(phone, web)
    ApiToken.update(expires_at=utcnow() + timedelta(days=2)).execute()
    page.evaluate(
        "async () => { await Agent.store.editSession((session) => {"
        " session.expiresAt = new Date(Date.now() + 1.5 * 86400000).toISOString(); });"
        " await Agent.app.home(); }"
    )
    assert "Your sign-in ends within 2 days." in page.inner_text("main")
    ApiToken.update(revoked_at=utcnow()).execute()
    page.reload()
    until(page, lambda: "Everything you entered is safe" in page.inner_text("main"))


def send(web: Web, agent: User, *sheets: Any) -> None:
    """Straight to the server, as another device would."""
    token = tokens.issue(agent, "another", ["sync"])
    asked = urllib.request.Request(
        f"http://127.0.0.1:{web.port}/api/sync/submissions",
        json.dumps({"submissions": sheets}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert answer.status == 202
    wait_for(
        lambda: not Submission.select().where(Submission.status == "received").exists(),
        what="the worker",
    )


def test_a_full_phone_says_so_and_loses_nothing_that_was_kept(phone: Phone, web: Web) -> None:
    context, page = opened(phone, web)
    context.set_offline(True)
    report(page, "e-00")
    page.evaluate(
        """() => {
            const real = IDBObjectStore.prototype.put;
            globalThis.makeRoom = () => { IDBObjectStore.prototype.put = real; };
            IDBObjectStore.prototype.put = () => {
                throw new DOMException("full", "QuotaExceededError");
            };
        }"""
    )
    page.click('[data-election="e-01"] button')
    page.wait_for_selector("#send")
    fill(page, {"registered": 600})
    page.wait_for_selector("#saved.bad")
    assert "Not saved!" in page.inner_text("#saved")
    assert page.input_value('[id="f-registered"]') == "600"
    page.evaluate("() => makeRoom()")
    fill(page, {"accredited": 7})
    page.wait_for_function("() => !document.getElementById('saved').className.includes('bad')")
    page.click("#back")
    page.wait_for_selector("#reports")
    assert states(page) == ["waiting"]
    page.click('[data-election="e-01"] button')
    page.wait_for_selector("#send")
    # What could not be kept then is kept with what came next.
    assert page.input_value('[id="f-registered"]') == "600"


def test_it_fits_a_small_phone_and_has_no_script_of_its_own_in_the_page(
    phone: Phone, web: Web
) -> None:
    context = phone.start()
    page = phone.page(context, "about:blank")
    wrong: list[str] = []
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(web.address)
    page.wait_for_selector("#email")
    ready_for_a_day(page)
    report(page, "e-00")
    for place in ("#reports", "#send"):
        page.wait_for_selector(place)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        small = page.evaluate(
            "[...document.querySelectorAll('button, label.button, input.figure')]"
            ".filter((one) => one.offsetHeight && one.offsetHeight < 44).length"
        )
        assert small == 0
        if place == "#reports":
            page.click('[data-election="e-01"] button')
    assert wrong == []
