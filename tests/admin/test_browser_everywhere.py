"""Every page of the admin in Chromium, for every role: read by all, light and dark, on a phone."""

import re
from collections.abc import Callable

import admin_world
import pytest
from admin_permissions import CLOSER, WHO
from axe_playwright_python.base import AXE_SCRIPT
from browser_site import DESKTOP, PHONE, Witness, sign_in, site
from flask import Flask
from playwright.sync_api import Page, expect

from obidient.accounts.models import User

__all__ = ["site"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: What is fetched into pages, and files: no pages of their own.
PARTS = {"live", "now", "balance", "lgas", "health", "tests", "trials", "recount"}
PARTS |= {"own", "own_values"}
FILES = {"chart", "export", "export_csv", "problems", "photo", "download", "report_file"}
#: Flask-Admin's pages that no view of ours offers lead back to the list, or nowhere.
UNUSED = re.compile(r"/(details|export|ajax/lookup)/|/contacts/new/")
#: The same page, when it shows something else.
MORE = (
    *(f"/admin/queues/sms-broadcast/?tab={tab}" for tab in ("waiting", "scheduled", "work")),
    "/admin/intake/?status=accepted",
    "/admin/intake/?search=nothing",
    "/admin/team/?role=agent",
    "/admin/audit/?search=nothing",
    "/admin/contacts/?own=occupation:trader&own=shirt_size:XL&field=occupation",
)
#: Who may look at the admin.
ROLES = ("admin", "organiser", "reviewer", "viewer")
PUBLIC = ("/results/", f"/results/{admin_world.ELECTION}", "/password", "/account")


def open_to(role: str, app: Flask) -> list[str]:
    """Every page that a role may open, from the app's own map of addresses."""
    found = []
    for endpoint, url in admin_world.addresses(app):
        view, _, page = endpoint.partition(".")
        may = CLOSER.get(endpoint, WHO[view][0])
        if endpoint == "admin_imports.job" and role != "admin":
            # Whose import it is, sees it: this one is nobody's.
            continue
        if role in may and page not in PARTS | FILES and not UNUSED.search(url):
            found.append(url)
            found += [more for more in MORE if more.partition("?")[0] == url]
    return [*found, *PUBLIC]


#: What axe finds that a person would stumble over. Most of its time goes into contrast, text by
#: text: of parts that are built and coloured alike it looks at the first there; `known` are those
#: of earlier pages, as numbers. All other rules are held against the whole page.
SERIOUS = """async (known) => {
  const seen = new Set(known), clear = "rgba(0, 0, 0, 0)";
  const looks = (part) => {
    const style = getComputedStyle(part);
    return [part.tagName, part.getAttribute("class"), style.color, style.backgroundColor,
      style.backgroundImage, style.opacity, style.fontSize, style.fontWeight, style.display,
      style.visibility, style.position].join();
  };
  const behind = (part) => {
    while (part && getComputedStyle(part).backgroundColor === clear) part = part.parentElement;
    return part ? getComputedStyle(part).backgroundColor : clear;
  };
  for (const part of document.querySelectorAll("header, nav, footer, tbody > tr, li")) {
    delete part.dataset.alike;
    if (part.closest("[data-alike]")) continue;
    // Nor does axe look at these: what looks like one of them has not been looked at.
    if (!part.checkVisibility() || part.matches(":disabled") || part.control?.disabled) continue;
    const all = [behind(part), ...[part, ...part.querySelectorAll("*")].map(looks)].join();
    let shape = 0;
    for (let at = 0; at < all.length; at++) shape = (Math.imul(31, shape) + all.charCodeAt(at)) | 0;
    if (seen.has(shape)) part.dataset.alike = "";
    else seen.add(shape);
  }
  const others = "*:not([data-alike], [data-alike] *)";
  axe.configure({ rules: [{ id: "color-contrast", selector: others }] });
  const found = (await axe.run({ resultTypes: ["violations"] })).violations;
  return [[...seen].slice(known.length),
    found.filter((one) => ["serious", "critical"].includes(one.impact))
      .map((one) => `${one.id}: ${one.nodes[0].target}`)];
}"""


def serious_findings(page: Page, known: list[int]) -> list[str]:
    new, found = page.evaluate(SERIOUS, known)
    known += new
    return list(found)


def fits(page: Page) -> bool:
    """Whether nothing sticks out; charts are drawn anew a moment after the size has changed."""
    for _ in range(100):
        if page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]:
            return True
        page.wait_for_timeout(100)
    return False


@pytest.fixture
def full(app: Flask) -> None:
    """One of everything: people, campaigns, an election with a dispute, what went wrong."""
    admin_world.fill()


@pytest.mark.usefixtures("full")
@pytest.mark.timeout(900)
def test_every_page_of_every_role_can_be_read_by_all_and_fits_a_phone(
    app: Flask, site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    page, _ = site
    page.emulate_media(reduced_motion="reduce")
    # Half a megabyte, which the browser takes in once, and each page finds there.
    page.add_init_script(AXE_SCRIPT)
    light: list[int] = []
    dark: list[int] = []
    wrong: list[str] = []
    for role in ROLES:
        page.context.clear_cookies()
        sign_in(page, make_user(role))
        paths = open_to(role, app)
        assert len(paths) > 15
        for path in paths:
            page.set_viewport_size(DESKTOP)
            answer = page.goto(path)
            assert answer is not None and answer.status < 400, f"{path}: {answer and answer.status}"
            found = [f"light: {one}" for one in serious_findings(page, light)]
            page.set_viewport_size(PHONE)
            found += [] if fits(page) else ["does not fit a phone"]
            if role == "admin":
                # Others see some of the same pages; the dark colours are the same for all.
                page.emulate_media(color_scheme="dark")
                found += [f"dark, on a phone: {one}" for one in serious_findings(page, dark)]
                page.emulate_media(color_scheme="light")
            wrong += [f"{role}, {path}: {one}" for one in found]
    assert wrong == []


@pytest.mark.usefixtures("full")
def test_the_menu_leads_to_every_page_it_shows_from_the_one_before(
    app: Flask, site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    page, _ = site
    for role in ROLES:
        page.context.clear_cookies()
        sign_in(page, make_user(role))
        main = page.get_by_role("navigation", name="Main")
        menu = main.locator(".nav-link")
        hrefs = [link.get_attribute("href") or "" for link in menu.all()]
        assert set(hrefs) <= set(open_to(role, app))
        for href in hrefs:
            main.locator(f'.nav-link[href="{href}"]').click()
            expect(page).to_have_url(re.compile(re.escape(href)))
            expect(menu.and_(page.locator('[aria-current="page"]'))).to_have_count(1)
