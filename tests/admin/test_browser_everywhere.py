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
#: text: it passes over texts in colours and letters in which another one was found good before,
#: which are `known`. Rules whose findings would be dropped are left out.
SERIOUS = """async (known) => {
  const seen = new Set(known), clear = "rgba(0, 0, 0, 0)", grounds = new Map();
  // What shines through behind a part; null where that hangs on what lies under it on the page.
  const ground = (part) => {
    if (!part) return clear;
    if (!grounds.has(part)) {
      const style = getComputedStyle(part);
      const own = style.backgroundColor, behind = ground(part.parentElement);
      const solid = own.startsWith("rgb(");
      const odd = style.backgroundImage !== "none" || style.opacity !== "1"
        || style.filter !== "none" || style.mixBlendMode !== "normal"
        || (["absolute", "fixed", "sticky"].includes(style.position) && !solid);
      grounds.set(part, odd || behind === null ? null
        : solid ? own : own === clear ? behind : `${own} on ${behind}`);
    }
    return grounds.get(part);
  };
  const fields = [...document.querySelectorAll("input, select, textarea")];
  const looks = new Map(fields.map((one) => [one, null]));
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    if (texts.currentNode.data.trim()) looks.set(texts.currentNode.parentElement, null);
  }
  for (const part of looks.keys()) {
    const behind = ground(part), style = getComputedStyle(part);
    looks.set(part, behind && [style.color, behind, style.fontSize, style.fontWeight,
      style.textShadow].join());
    if (!seen.has(looks.get(part))) part.dataset.fresh = "";
  }
  const mild = axe._audit.rules.filter((one) => ["minor", "moderate"].includes(one.impact));
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-fresh]" },
    ...mild.map((one) => ({ id: one.id, enabled: false }))] });
  const contrast = document.querySelector("[data-fresh]")
    ? await axe.run({ runOnly: ["color-contrast"], elementRef: true })
    : { passes: [], violations: [] };
  const others = await axe.run({ resultTypes: ["violations"],
    rules: { "color-contrast": { enabled: false } } });
  for (const part of looks.keys()) delete part.dataset.fresh;
  const good = contrast.passes.flatMap((one) => one.nodes.map((node) => looks.get(node.element)));
  const found = [...contrast.violations, ...others.violations];
  return [[...new Set(good)].filter((look) => look && !seen.has(look)),
    found.filter((one) => ["serious", "critical"].includes(one.impact))
      .map((one) => `${one.id}: ${one.nodes[0].target}`)];
}"""


def serious_findings(page: Page, known: list[str]) -> list[str]:
    new, found = page.evaluate(SERIOUS, known)
    known += new
    return list(found)


#: Once the page has heard of its new size: what scrolls there is said after that.
WIDTH = """() => new Promise((done) => requestAnimationFrame(() =>
  requestAnimationFrame(() => done(document.documentElement.scrollWidth))))"""


def fits(page: Page) -> bool:
    """Whether nothing sticks out; charts are drawn anew a moment after the size has changed."""
    for _ in range(100):
        if page.evaluate(WIDTH) <= PHONE["width"]:
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
    light: list[str] = []
    dark: list[str] = []
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
