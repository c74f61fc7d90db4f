"""The public page in a real browser: small, quick, live, and readable by everybody."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from in_process import served
from playwright.sync_api import Browser, Page, Route, expect
from results_world import UNITS, make_world, sheet

from obidient.areas import Area
from obidient.database import db
from obidient.results import deciding, elections
from obidient.results.received import Sender, receive

pytestmark = pytest.mark.browser

PAGE = "/results/abc123"
PHONE = {"width": 360, "height": 740}


def take(*sheets: dict[str, Any]) -> None:
    with db.atomic():
        receive(sheets, Sender())
    deciding.process_waiting()


@pytest.fixture
def address(app: Flask, environ: dict[str, str]) -> Iterator[str]:
    make_world()
    with served(app, int(environ["PORT"])) as base:
        yield base


@pytest.fixture
def counting(address: str) -> str:
    """With a lead, a dispute and a unit whose name would burst a phone."""
    take(sheet("a"), sheet("b", device="other", votes={"LP": 119, "APC": 46}))
    take(sheet("c", UNITS[-1], votes={"LP": 80, "APC": 121}))
    return address


class Traffic:
    """What came over the wire to a page: address and bytes, headers included."""

    def __init__(self, page: Page) -> None:
        self.came: list[tuple[str, int]] = []
        self._addresses: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._finished)

    def _asked(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["request"]["url"]

    def _finished(self, event: dict[str, Any]) -> None:
        url = self._addresses.get(event["requestId"], "")
        self.came.append((url, int(event["encodedDataLength"])))

    def of(self, part: str) -> list[int]:
        """The bytes of each answer from an address with this part."""
        return [size for url, size in self.came if part in url]


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser has to say against the page; nothing, one hopes."""
    found: list[str] = []
    page.on("console", lambda line: found.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


def pass_time(page: Page, until: Callable[[], bool]) -> None:
    """Let the page's clock run, look by look, until something shows."""
    for _ in range(400):
        page.clock.run_for(6_000)
        page.wait_for_timeout(250)
        if until():
            return
    raise AssertionError("it never showed")


def test_the_first_load_is_small_and_an_unchanged_look_next_to_nothing(
    counting: str, page: Page, complaints: list[str]
) -> None:
    traffic = Traffic(page)
    page.clock.install()
    page.goto(counting + PAGE)
    page.wait_for_load_state("networkidle")
    assert 1_000 < sum(traffic.of("")) < 60_000
    pass_time(page, lambda: len(traffic.of("live-summary")) >= 4)
    first, *unchanged = traffic.of("live-summary")
    assert max(unchanged) < min(first, 1_000)


#: What the script keeps up to date.
PARTS = ("[data-lead]", ".facts", ".parties", ".map", ".areas")


def text_of(page: Page, part: str) -> str:
    return " ".join(page.locator(part).inner_text().split())


def test_new_figures_appear_without_a_reload(
    counting: str, page: Page, complaints: list[str]
) -> None:
    page.clock.install()
    page.goto(counting + PAGE)
    expect(page.get_by_text("LP leads", exact=True)).to_be_visible()
    take(sheet("d", UNITS[-2], votes={"LP": 10, "APC": 190}))
    pass_time(page, lambda: page.get_by_text("APC leads", exact=True).is_visible())
    pass_time(page, lambda: "2 of 8" in page.locator('[data-child="19"]').inner_text())
    expect(page.locator("[data-parties] tr").first).to_contain_text("356")
    expect(page.locator('[data-tile="19"]')).to_have_attribute("aria-label", "Kano: APC leads")
    expect(page.locator('[data-child="19"]')).to_contain_text("25 % 2 of 8")
    expect(page.locator('[data-tile="19"] rect')).to_have_attribute("width", "25%")
    expect(page.locator("[data-legend]")).to_contain_text("APC leads in 1, a quarter in 1")
    shares = page.locator('[data-child="19"] [data-value="shares"] rect')
    expect(shares.first).to_have_attribute("width", "77.56%")
    # The server writes the same as the script wrote.
    live = [text_of(page, part) for part in PARTS]
    page.reload()
    assert [text_of(page, part) for part in PARTS] == live


def test_areas_from_before_the_last_change_do_not_stay(
    counting: str, page: Page, complaints: list[str]
) -> None:
    page.clock.install()
    page.goto(counting + PAGE)
    address = page.evaluate("() => document.body.dataset.area")
    copies = [page.request.get(counting + address).json()]

    def first_an_old_copy(route: Route) -> None:
        if copies:
            route.fulfill(json=copies.pop())
        else:
            route.continue_()

    page.route(f"**{address}", first_an_old_copy)
    take(sheet("d", UNITS[-2], votes={"LP": 10, "APC": 190}))
    pass_time(page, lambda: "2 of 8" in page.locator('[data-child="19"]').inner_text())
    assert copies == []


@pytest.mark.parametrize("path", ["", "/24", "/24-11", "/24-11-02", f"/{UNITS[0]}", "?screen=big"])
def test_nothing_is_wider_than_a_small_phone(
    counting: str, page: Page, path: str, complaints: list[str]
) -> None:
    # As the register writes them: joined with slashes, with nowhere to break.
    Area.update(name="ALAUSA/OREGUN/OLUSOSUN/" * 4).where(Area.level << ("ward", "unit")).execute()
    page.set_viewport_size(PHONE)
    page.goto(counting + PAGE + path)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for inner in page.locator(".scroll").all():
        assert inner.evaluate("box => box.scrollWidth <= box.clientWidth")


@pytest.mark.parametrize("size", [(1920, 1080), (1366, 768), (3840, 2160), (1024, 768)])
def test_the_big_screen_shows_everything_at_once(
    counting: str, page: Page, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{counting}{PAGE}?screen=big")
    expect(page.locator(".tiles")).to_be_visible()
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height <= size[1]


def test_the_big_screen_has_room_for_the_state_of_most_areas(counting: str, page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{counting}{PAGE}/19?screen=big")
    assert page.locator("[data-tile]").count() == 44
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080


def test_the_big_screen_of_a_state_shows_who_leads_in_its_areas(counting: str, page: Page) -> None:
    page.goto(f"{counting}{PAGE}/24?screen=big")
    expect(page.get_by_role("link", name="Ikeja: LP leads")).to_be_visible()
    expect(page.get_by_role("link", name="Agege: No results yet")).to_be_visible()
    expect(page.get_by_text("LP leads in 1", exact=True)).to_be_visible()


def test_a_shared_link_tells_the_count(counting: str, page: Page) -> None:
    page.goto(counting + PAGE)
    told = page.locator('meta[property="og:description"]')
    expect(told).to_have_attribute("content", re.compile("^LP leads. .* 2 of 24 polling units rep"))


def test_everything_is_there_without_javascript(counting: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(counting + PAGE)
    expect(page.get_by_role("heading", name="2027 Presidential Election")).to_be_visible()
    expect(page.get_by_text("LP leads", exact=True)).to_be_visible()
    expect(page.get_by_text("Under review: 1 polling unit, 198 votes at most.")).to_be_visible()
    page.get_by_role("link", name="Lagos: LP leads").click()
    page.get_by_role("link", name="Ikeja").click()
    page.get_by_role("link", name="Ward 24-11-02").click()
    page.get_by_role("link", name=f"Unit {UNITS[0]}").click()
    expect(page.locator("[data-parties] tr").first).to_contain_text("120")
    context.close()


def test_a_screen_reader_meets_tables_names_and_no_decoration(counting: str, page: Page) -> None:
    page.goto(counting + PAGE)
    table = page.get_by_role("table").first
    expect(table.get_by_role("columnheader", name="Votes")).to_have_count(1)
    expect(table.get_by_role("rowheader", name="LP Labour Party")).to_have_count(1)
    row = table.get_by_role("row", name="LP Labour Party 200 50.13 %")
    expect(row).to_have_count(1)
    expect(page.get_by_role("link", name="Lagos: LP leads")).to_have_count(1)
    expect(page.get_by_role("cell", name="under review")).to_have_count(1)
    assert page.locator("[aria-live=polite]").count() == 1


def test_the_keyboard_reaches_everything_and_shows_where_it_is(counting: str, page: Page) -> None:
    page.goto(counting + PAGE)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the results")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the results")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    expect(focused).to_have_attribute("data-tile", re.compile(r"\d\d"))
    assert focused.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/results/abc123/\d\d$"))


CONTRAST = """() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const color = parse(getComputedStyle(node).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.getClientRects().length) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(node.outerHTML.slice(0, 80) + " " + ratio.toFixed(2));
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_what_is_behind_it(
    counting: str, page: Page, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for path in (PAGE, f"{PAGE}/24-11-02", "/results/"):
        page.goto(counting + path)
        assert page.evaluate(CONTRAST) == []


def test_before_the_first_sheet_the_page_says_so(
    address: str, page: Page, complaints: list[str]
) -> None:
    page.goto(address + PAGE)
    expect(page.get_by_text("No results yet", exact=True)).to_be_visible()
    expect(page.get_by_text("as soon as a polling unit reports")).to_be_visible()


@pytest.mark.parametrize("path", ["", "/24"])
def test_a_page_that_is_left_open_learns_that_voting_is_over(
    counting: str, page: Page, path: str, complaints: list[str]
) -> None:
    page.clock.install()
    page.goto(counting + PAGE + path)
    expect(page.get_by_text("Counting now")).to_be_visible()
    elections.set_status("abc123", "ended")
    pass_time(page, lambda: page.get_by_text("Voting is over").is_visible())
    expect(page.locator(".dot.ended")).to_have_count(1)


def test_at_the_end_the_page_says_that_nothing_can_change(counting: str, page: Page) -> None:
    elections.set_status("abc123", "certified", knowing=True)
    page.goto(counting + PAGE)
    expect(page.get_by_text("These results are certified.")).to_be_visible()
