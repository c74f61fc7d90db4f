"""The results room and operations in Chromium: each main task, by whoever it falls to."""

import re
from collections.abc import Callable

import admin_world
import pytest
from browser_site import DESKTOP, Witness, sign_in, site
from flask import Flask
from one_turn import launch, people, provider, work
from playwright.sync_api import Browser, Page, expect

from obidient import database
from obidient.accounts.models import ApiToken, User
from obidient.admin.base import SecureModelView
from obidient.plugin import Provider
from obidient.results import elections
from obidient.results.models import Decision
from obidient.workers import failed_jobs
from obidient.workers.models import FailedJob

__all__ = ["people", "provider", "site"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def confirm(page: Page, button: str | re.Pattern[str]) -> None:
    page.get_by_role("dialog").get_by_role("button", name=button).click()


def test_a_reviewer_compares_the_evidence_and_settles_a_dispute(
    app: Flask, site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    admin_world.fill()
    page, _ = site
    reviewer = make_user("reviewer", name="Chidi Eze")
    sign_in(page, reviewer)
    page.get_by_role("link", name="Results room", exact=True).click()
    page.get_by_role("link", name=re.compile("^Demo presidential election")).click()
    page.get_by_role("row").filter(has_text=admin_world.UNIT).get_by_role("link").click()
    expect(page.get_by_text("Agents sent different figures.").first).to_be_visible()
    # The figures that differ are marked in words as well; the photo stands under its sheet.
    expect(page.get_by_role("row").filter(has_text="Valid votes")).to_contain_text("differ")
    photo = page.get_by_alt_text("The sheet of ada, as photographed")
    photo.scroll_into_view_if_needed()
    page.wait_for_function("image => image.naturalWidth > 0", arg=photo.element_handle())
    # Figures are typed only by whoever chooses to.
    expect(page.get_by_label("Accredited voters")).to_be_hidden()
    page.get_by_label("Figures typed by hand").check()
    page.get_by_label("LP", exact=True).fill("99")
    page.get_by_label("Reason").fill("The photo shows 99")
    page.get_by_role("button", name="Look at what it does").click()
    # What it does is shown first, and figures that can't be right take a second tick.
    expect(page.get_by_text("These figures can’t be right.")).to_be_visible()
    page.get_by_label("The sheet itself says so").check()
    page.get_by_role("button", name="Settle this polling unit").click()
    expect(page.get_by_text("the decision is on record")).to_be_visible()
    expect(page.get_by_role("list").last).to_contain_text("The photo shows 99")
    assert Decision.get().by == reviewer.email
    page.get_by_role("link", name="Intake", exact=True).click()
    page.get_by_role("searchbox").fill(admin_world.UNIT)
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="dispute-0")).to_be_visible()


def test_an_admin_makes_an_election_and_opens_it(
    app: Flask, site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    page, _ = site
    sign_in(page, make_user("admin"))
    page.get_by_role("link", name="Elections", exact=True).click()
    page.get_by_role("link", name="Make an election").first.click()
    page.get_by_label("Id", exact=True).fill("gov-2027")
    page.get_by_label("Name", exact=True).fill("2027 Lagos governorship")
    page.get_by_label("Kind").select_option(label="Governorship")
    page.get_by_label("Where", exact=True).select_option(label="Lagos")
    for number, (code, name) in enumerate((("LP", "Labour Party"), ("APC", "Progressives")), 1):
        page.get_by_label(f"Code of party {number}").fill(code)
        page.get_by_label(f"Name of party {number}", exact=True).fill(name)
    page.get_by_role("button", name="Make this election").click()
    page.get_by_text("Change the status").click()
    page.get_by_role("button", name="Ongoing").click()
    confirm(page, "Make it ongoing")
    expect(page.get_by_text("The election is ongoing now.")).to_be_visible()
    assert elections.get("gov-2027").status == "ongoing"
    page.get_by_role("link", name="Big screen").click()
    expect(page.get_by_text("2027 Lagos governorship").first).to_be_visible()


def test_a_recount_is_followed_without_loading_the_page_again(
    site: tuple[Page, Witness], worker: Callable[..., object], make_user: Callable[..., User]
) -> None:
    admin_world.fill()
    page, _ = site
    sign_in(page, make_user("reviewer"))
    page.goto(f"/admin/elections/{admin_world.ELECTION}/")
    page.get_by_role("button", name="Count again and compare").click()
    expect(page.get_by_text("Waits for a worker")).to_be_visible()
    worker()
    expect(page.get_by_text("All totals agree")).to_be_visible()


def test_an_admin_adds_a_person_who_signs_in_and_is_shut_out_again(
    site: tuple[Page, Witness], browser: Browser, make_user: Callable[..., User]
) -> None:
    page, witness = site
    sign_in(page, make_user("admin"))
    page.get_by_role("link", name="Team and tokens").click()
    page.get_by_role("link", name="Add a person").click()
    page.get_by_label("Email").fill("bisi@example.org")
    page.get_by_label("Name").fill("Bisi Adeyemi")
    expect(page.get_by_label("Polling unit", exact=True)).to_be_hidden()
    page.get_by_role("radio", name=re.compile("^Viewer")).check()
    page.get_by_role("button", name="Add this person").click()
    password = page.locator("#secret").inner_text()
    page.get_by_role("link", name="I have copied it").click()

    theirs = browser.new_context(base_url=witness.base, viewport=DESKTOP).new_page()
    theirs.goto("/admin/")
    theirs.get_by_label("Email").fill("bisi@example.org")
    theirs.get_by_label("Password").fill(password)
    theirs.get_by_role("button", name="Sign in").click()
    expect(theirs.get_by_role("heading", level=1)).to_contain_text("Hello, Bisi")

    page.reload()
    expect(page.get_by_role("heading", name="Signed in")).to_be_visible()
    page.get_by_role("button", name="Close the account").click()
    confirm(page, "Close it")
    expect(page.get_by_text("can’t sign in any more")).to_be_visible()
    theirs.goto("/admin/campaigns/")
    expect(theirs).to_have_url(re.compile("/login"))
    theirs.context.close()
    # And it stands in the trail, as a sentence, under today.
    page.get_by_role("link", name="Audit trail").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    entry = page.get_by_role("listitem").filter(has_text="Closed the account of bisi@example.org")
    expect(entry).to_be_visible()


def test_an_operator_sees_what_is_stuck_and_tries_what_failed_again(
    site: tuple[Page, Witness], worker: Callable[..., object], make_user: Callable[..., User]
) -> None:
    page, _ = site
    failed_jobs.record("sms-broadcast", "skip_rest", {"campaignId": 999}, ValueError("what broke"))
    database.release()
    sign_in(page, make_user("admin"))
    page.get_by_role("link", name="Queues and workers", exact=True).first.click()
    expect(page.get_by_text("No worker is running.")).to_be_visible()
    page.get_by_role("link", name="skip_rest").click()
    expect(page.locator("#trace")).to_contain_text("ValueError: what broke")
    page.get_by_role("button", name="Try again").click()
    confirm(page, "Try it again")
    expect(page.get_by_text("Tried again: 1 failed job.")).to_be_visible()
    expect(page.get_by_text("Nothing is consuming this queue.")).to_be_visible()
    page.get_by_role("link", name="Queues and workers").first.click()
    expect(page.get_by_text("Nothing is consuming the SMS queue.")).to_be_visible()
    worker()
    # The page sees by itself that somebody works now, and that nothing waits any more.
    expect(page.get_by_text("No worker is running.")).to_be_hidden()
    row = page.get_by_role("row").filter(has_text="sms-broadcast").first
    expect(row).to_contain_text("1 worker")
    row.get_by_role("button", name="Pause").click()
    confirm(page, "Pause the channel")
    expect(row).to_contain_text("Paused by hand")
    row.get_by_role("button", name="Resume").click()
    expect(row).not_to_contain_text("Paused by hand")
    assert FailedJob.select().where(FailedJob.dealt_with_at.is_null()).count() == 0


def test_an_admin_sets_a_plugin_up_and_sends_a_test_through_it(
    site: tuple[Page, Witness], worker: Callable[..., object], make_user: Callable[..., User]
) -> None:
    page, _ = site
    worker()
    sign_in(page, make_user("admin"))
    page.get_by_role("link", name="Plugins").click()
    card = page.get_by_role("region", name="simulator-sms")
    expect(card).to_contain_text("Works")
    card.get_by_role("link", name="Settings and test").click()
    page.get_by_label("Seconds until the delivery report").fill("601")
    # The browser says it first; the server says it to whoever gets past that.
    page.locator("form.form").evaluate("form => { form.noValidate = true; }")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.locator(".has-error")).to_have_count(1)
    page.get_by_label("Seconds until the delivery report").fill("0.2")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_text("Saved. Workers use it")).to_be_visible()
    page.get_by_label("Your phone number").fill("0803 555 9999")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#tests")).to_contain_text(re.compile("Sent|Delivered"))
    expect(page.locator("#hook-delivery")).to_contain_text(
        "/webhooks/simulator-sms/delivery?token="
    )


def test_an_agent_lands_at_their_page_and_is_told_so_elsewhere(
    site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    page, witness = site
    agent = make_user("agent", polling_unit_code=admin_world.UNIT)
    page.goto("/admin/elections/")
    page.get_by_label("Email").fill(agent.email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    # Agents land at their own page, wherever they came from.
    expect(page).to_have_url(re.compile("/agent"))
    page.goto("/admin/elections/")
    expect(page.get_by_text("Your account is that of a polling agent")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_have_count(0)
    expect(page.get_by_role("link", name="Go to the agent’s page")).to_have_attribute(
        "href", "/agent"
    )
    # The refusal was meant to be seen.
    witness.complaints[:] = [one for one in witness.complaints if "403" not in one]


# ---- Flask-Admin’s own pages, with everything a plugin’s view may ask of them --------------------


class TokenView(SecureModelView):
    can_create = can_edit = can_delete = can_view_details = can_export = True
    can_set_page_size = True
    column_list = ("name", "prefix", "created_at")
    column_searchable_list = ("name",)
    column_filters = ("name", "created_at")
    column_editable_list = ("name",)
    form_columns = ("name", "prefix", "digest", "user")
    form_ajax_refs = {"user": {"fields": (User.email,)}}
    noun = ("token", "tokens")


TIMES = ("created_at", "expires_at", "revoked_at", "last_used_at")


class PersonView(SecureModelView):
    can_edit = True
    column_list = ("email",)
    form_columns = ("name",)
    inline_models = ((ApiToken, {"form_excluded_columns": ["scopes", *TIMES]}),)


@pytest.fixture
def own_views(app: Flask) -> None:
    """Two views in the admin, as a plugin may bring them."""
    # Its pages are added when somebody asks for addresses.
    assert list(app.url_map.iter_rules())
    admin = app.extensions["admin"][0]
    admin.add_view(TokenView(ApiToken, "Every token", endpoint="every_token", url="every-token"))
    admin.add_view(PersonView(User, "Every person", endpoint="every_person", url="every-person"))


@pytest.mark.usefixtures("own_views")
def test_flask_admins_own_pages_work_under_the_strict_policy(
    site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    page, _ = site
    admin = make_user("admin")
    for number in range(3):
        ApiToken.create(user=admin, name=f"app {number}", prefix=f"p{number}", digest=f"d{number}")
    sign_in(page, admin)
    page.goto("/admin/every-token/")
    filter_and_rename(page)
    make_one(page, admin)
    look_and_delete(page)
    add_and_delete_inline(page, admin)


def filter_and_rename(page: Page) -> None:
    page.get_by_label("Add a filter").select_option(label="Name")
    page.get_by_label("Value").fill("app 1")
    page.get_by_role("button", name="Apply filters").click()
    expect(page.locator(".model-list tbody tr")).to_have_count(1)
    expect(page.get_by_label("Value")).to_have_value("app 1")
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator(".model-list tbody tr")).to_have_count(3)

    page.get_by_role("link", name="app 2").click()
    page.locator("form.row").get_by_role("textbox").fill("renamed")
    page.locator("form.row").get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="renamed")).to_be_visible()
    assert ApiToken.select().where(ApiToken.name == "renamed").exists()


def make_one(page: Page, admin: User) -> None:
    page.get_by_role("link", name="Add", exact=True).click()
    page.get_by_label("Name").fill("made here")
    page.get_by_label("Prefix").fill("px")
    page.get_by_label("Digest").fill("dx")
    page.get_by_role("searchbox").fill(admin.email[:8])
    page.locator(".pick").get_by_role("button").first.click()
    page.get_by_role("button", name=re.compile("^Save Ctrl")).click()
    expect(page.get_by_role("link", name="made here")).to_be_visible()
    assert ApiToken.get(ApiToken.name == "made here").user_id == admin.id


def look_and_delete(page: Page) -> None:
    row = page.get_by_role("row").filter(has_text="app 0")
    row.get_by_role("link", name=re.compile("^Look")).click()
    expect(page.get_by_role("main")).to_contain_text("p0")
    page.go_back()
    row.get_by_role("button", name=re.compile("^Delete")).click()
    confirm(page, "Delete")
    expect(row).to_have_count(0)
    for name in ("app 1", "renamed"):
        page.get_by_role("row").filter(has_text=name).get_by_role("checkbox").check()
    page.locator(".bulk").get_by_role("button", name="Delete").click()
    confirm(page, "Delete 2")
    expect(page.locator(".model-list tbody tr")).to_have_count(1)


def add_and_delete_inline(page: Page, admin: User) -> None:
    page.goto(f"/admin/every-person/edit/?id={admin.id}")
    page.get_by_role("button", name=re.compile("^Add", re.IGNORECASE)).click()
    fresh = page.locator(".inline-item").last
    for label, text in (("Name", "inline"), ("Prefix", "pi"), ("Digest", "di")):
        fresh.get_by_label(label).fill(text)
    page.get_by_role("button", name=re.compile("^Save")).first.click()
    expect(page.get_by_role("heading", name="Every person")).to_be_visible()
    assert ApiToken.get(ApiToken.name == "inline").user_id == admin.id
    page.goto(f"/admin/every-person/edit/?id={admin.id}")
    page.locator(".inline-item").filter(has=page.locator('[value="inline"]')).get_by_label(
        "Delete this one when saving"
    ).check()
    page.get_by_role("button", name=re.compile("^Save")).first.click()
    expect(page.get_by_role("heading", name="Every person")).to_be_visible()
    assert not ApiToken.select().where(ApiToken.name == "inline").exists()


#: Keeps the last chart that a page draws where a test can look at it.
LAST_CHART = """
Object.defineProperty(window, "uPlot", {
  get() { return this.kept; },
  set(made) {
    const construct = (Chart, given) => (window.lastChart = new Chart(...given));
    this.kept = new Proxy(made, { construct });
  },
});
"""


@pytest.mark.usefixtures("people")
def test_a_chart_of_one_figure_shows_a_minute_and_not_three_years(
    provider: Provider, site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    campaign_id = launch()
    work(campaign_id)
    page, _ = site
    page.add_init_script(LAST_CHART)
    sign_in(page, make_user("organiser"))
    page.goto(f"/admin/campaigns/{campaign_id}/")
    page.wait_for_function("() => Boolean(window.lastChart)")
    page.wait_for_load_state("networkidle")
    shown = page.evaluate("[lastChart.scales.x.min, lastChart.scales.x.max, ...lastChart.data[0]]")
    assert shown[0] <= shown[2] <= shown[1]
    assert shown[1] - shown[0] <= 120
