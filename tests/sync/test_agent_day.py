"""What else the agent page meets in a day: windows, clocks, photos, corrections, a full phone."""

import json
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from agent_web import (
    AGENT,
    ELECTIONS,
    Web,
    check_counted_once,
    opened,
    phone,
    ready_for_a_day,
    web,
    world,
)
from phones import FIGURES, Phone, fill, report, sign_in, states, until
from PIL import Image
from results_world import UNITS, sheet
from servers import wait_for

from obidient.accounts import tokens
from obidient.accounts.models import ApiToken, User
from obidient.clock import utcnow
from obidient.results.models import AgentSheet, Submission
from obidient.sync.models import Photo

__all__ = ["phone", "web", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
