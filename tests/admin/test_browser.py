"""The admin in Chromium, on a real server with real workers, as its people use it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser_site import DESKTOP, PASSWORD, PHONE, Witness, sign_in, site
from flask import Flask
from playwright.sync_api import Page, expect

from obidient import database, queues
from obidient.accounts.models import User
from obidient.campaigns import control
from obidient.campaigns.models.campaign import Campaign, CampaignError
from obidient.campaigns.sending import staging
from obidient.contacts import demo as contacts_demo
from obidient.contacts import suppression
from obidient.contacts.models import Contact, ContactList, Tag
from obidient.results import demo as results_demo
from obidient.workers import failed_jobs
from obidient.workers.history import Minutes

__all__ = ["site"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_newcomer_imports_writes_sends_and_watches(
    site: tuple[Page, Witness],
    worker: Callable[..., object],
    make_user: Callable[..., User],
    tmp_path: Path,
) -> None:
    page, _ = site
    worker()
    sign_in(page, make_user("organiser"))
    file = tmp_path / "supporters.csv"
    rows = "".join(f"0803555{n:04d};Adá {n};Lagos;Ikeja\r\n" for n in range(40))
    file.write_bytes(("phone;first_name;state;lga\r\n" + rows + "08;Nobody;;\r\n").encode("cp1252"))

    page.get_by_role("link", name="Contacts").first.click()
    page.get_by_role("link", name="Import").first.click()
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("select[name=column-1]")).to_have_value("phone")
    page.get_by_label("Put them on a list").fill("Ikeja town hall")
    page.get_by_role("button", name="See what would happen").click()
    page.get_by_role("button", name=re.compile("^Import")).click()
    # A line that can't be read is shown with what to do; the others are in.
    expect(page.get_by_text("check for missing, extra or swapped digits")).to_be_visible()
    assert Contact.select().count() == 40
    write_and_send(page)


def write_and_send(page: Page) -> None:
    """What the newcomer does next: a message to the list of forty, tried, sent and watched."""
    page.goto("/admin/compose/")
    page.get_by_label("What is it called?").fill("Town hall")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Ikeja town hall").check()
    page.locator("#message_template").fill(
        "Hello {{first_name|friend}}, come to {{lga}}. ₦500 fare."
    )
    side = page.locator("#side")
    expect(side).to_contain_text("40")
    expect(side).to_contain_text("Hello Adá 0, come to Ikeja")
    expect(side).to_contain_text("1 part")
    page.get_by_role("button", name="Review").click()
    expect(page.locator(".sample")).to_have_count(10)
    page.get_by_label("Your phone number").fill("0803 555 9999")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#trials")).to_contain_text("Delivered")
    page.get_by_role("button", name="Send 40 text messages").click()
    page.get_by_role("dialog").get_by_role("button", name="Send 40 text messages").click()
    # It is watched, not reloaded.
    expect(page.get_by_text("Completed").first).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"40\s*delivered|Delivered\s*40"))


def test_a_delete_asks_first_and_bulk_actions_work(
    site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    page, _ = site
    for number, name in enumerate(("Ada", "Bisi", "Chidi", "Dayo")):
        Contact.create(phone=f"+234803555000{number}", first_name=name)
    Tag.create(name="volunteers")
    sign_in(page, make_user("admin"))
    page.goto("/admin/tags/")
    row = page.get_by_role("row").filter(has_text="volunteers")
    row.get_by_role("button", name=re.compile("Delete")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=re.compile("Cancel|Keep|back", re.IGNORECASE)).click()
    assert Tag.select().count() == 1
    row.get_by_role("button", name=re.compile("Delete")).click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("row").filter(has_text="volunteers")).to_have_count(0)
    assert Tag.select().count() == 0

    page.goto("/admin/contacts/")
    for name in ("Bisi", "Dayo"):
        page.get_by_role("row").filter(has_text=name).get_by_role("checkbox").check()
    page.locator(".bulk").get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete 2").click()
    expect(page.get_by_role("row").filter(has_text="Bisi")).to_have_count(0)
    assert sorted(one.first_name for one in Contact.select()) == ["Ada", "Chidi"]


#: Pages that links lead to with a question mark.
FORMS = ["/admin/tags/new/", "/admin/contacts/edit/?id=1", "/admin/duplicates/compare?id=1&id=2"]


def links(page: Page) -> list[str]:
    found = page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
    return [href.split("#")[0] for href in found if href.startswith("/") and "?" not in href]


def crawl(page: Page) -> Iterator[str]:
    """Visit one page of each kind that an admin can reach, and yield its path."""
    drafts = Campaign.select().where(Campaign.status == "draft")
    reviews = [f"/admin/compose/{draft.id}/review" for draft in drafts]
    tabs = [f"/admin/queues/sms-broadcast/?tab={tab}" for tab in ("waiting", "scheduled", "work")]
    todo, seen = ["/admin/", "/results/", "/password", *reviews, *tabs, *FORMS], set[str]()
    while todo and len(seen) < 90:
        path = todo.pop(0)
        kind = re.sub(r"/\d[\d-]*|/(?:ele|are)[^/]*/[^/]+", "/n", path)
        if kind in seen or path.endswith((".csv", ".json", ".pdf", "/logout")):
            continue
        if path.startswith(("/api/", "/static/")):
            continue
        seen.add(kind)
        answer = page.goto(path)
        assert answer is not None and answer.status < 400, path
        yield path
        todo += links(page)
    assert len(seen) > 25


@pytest.fixture
def full(app: Flask) -> None:
    """People, an election with results, and a campaign that is being sent; names that can't be
    broken among them."""
    contacts_demo.load()
    results_demo.load()
    _unbreakable()
    campaign = control.create(
        {
            "title": "A town hall with quite a long name, which has to fit as well",
            "message_template": "Hi {{first_name}}",
            "audience": {"everyone": True},
        }
    )
    control.launch(campaign.id)
    staging.stage(campaign.id)
    queues.current().enqueue("sms-broadcast", "stage", delay=3600, campaignId=campaign.id)
    minutes = Minutes()
    minutes.note("sms-broadcast", 0.4, 0.2, failed=False)
    minutes.flush(everything=True)
    failed_jobs.record("sms-broadcast", "stage", {"campaignId": campaign.id}, ValueError("why"))
    control.create(
        {
            "title": "Draft",
            "message_template": "Hi",
            "audience": {"states": ["24"]},
            "channel": "sms",
        }
    )
    database.release()


def _unbreakable() -> None:
    """Words as long as people's fields allow, in each place that lists show."""
    word = "Oluwafunmilayomi" * 6
    long = {"first_name": word, "last_name": word, "full_name": word + word}
    Contact.update(long).where(Contact.id < 3).execute()
    Tag.create(name=word.lower())
    ContactList.create(name=word)
    suppression.suppress("+2348035550000", note=word)
    other = control.create(
        {"title": word, "message_template": word, "audience": {"everyone": True}}
    )
    control.launch(other.id)
    CampaignError.create(campaign_id=other.id, code="403", reason=word, count=1)


#: A table may be scrolled on a phone; on a laptop none has to be.
SCROLLED = "[...document.querySelectorAll('.table-wrap')].some(t => t.scrollWidth > t.clientWidth)"


@pytest.mark.usefixtures("full")
def test_every_page_keeps_to_itself_and_fits_a_phone(
    site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    page, _ = site
    sign_in(page, make_user("admin"))
    page.set_viewport_size(PHONE)
    wide = []
    for path in crawl(page):
        if page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]:
            wide.append(f"{path} on a phone")
        page.set_viewport_size(DESKTOP)
        if page.evaluate(SCROLLED):
            wide.append(f"a table of {path}")
        page.set_viewport_size(PHONE)
    assert wide == []


#: What each role finds in the menu, and what it must not.
MENUS = {
    "organiser": (("Campaigns", "Replies", "Contacts", "Import", "Elections"), "Team and tokens"),
    "reviewer": (("Campaigns", "Elections", "Results room"), "Contacts"),
    "viewer": (("Campaigns", "Elections"), "Contacts"),
    "agent": ((), "Campaigns"),
}


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("role", MENUS)
def test_a_role_sees_what_it_may_do_and_nothing_else(
    role: str, site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    page, witness = site
    page.goto("/admin/")
    page.get_by_label("Email").fill(make_user(role).email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()
    seen, unseen = MENUS[role]
    menu = page.get_by_role("navigation", name="Main")
    for name in seen:
        expect(menu.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(menu.get_by_role("link", name=unseen, exact=True)).to_have_count(0)
    answer = page.goto("/admin/team/")
    assert answer is not None and answer.status == 403
    if role != "agent":
        number = 1 if role == "organiser" else 0
        page.goto("/admin/campaigns/")
        expect(page.get_by_role("link", name="Write a campaign")).to_have_count(number)
        page.get_by_role("link", name=re.compile("^A town hall")).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("A town hall")
        expect(page.get_by_role("button", name="Pause", exact=True)).to_have_count(number)
    # The refusals were meant to be seen.
    witness.complaints[:] = [one for one in witness.complaints if "403" not in one]


def test_ctrl_k_leads_anywhere_and_questions_name_how_many_people_they_concern(
    site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    page, _ = site
    contacts_demo.load()
    campaign = control.create(
        {"title": "Town hall", "message_template": "Hi", "audience": {"everyone": True}}
    )
    control.launch(campaign.id)
    staging.stage(campaign.id)
    sign_in(page, make_user("organiser"))
    page.wait_for_load_state("load")
    page.keyboard.press("Control+k")
    page.keyboard.type("camp")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/admin/campaigns/$"))
    page.get_by_label("Select Town hall").check()
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Cancel 1 campaign?")
    expect(dialog).to_contain_text("will not get the message: 400")
    dialog.get_by_role("button", name="Go back").click()
    page.goto("/admin/import/")
    page.keyboard.press("Control+k")
    page.keyboard.type("Ladi")
    page.get_by_role("link", name="Search contacts for “Ladi”").click()
    expect(page.get_by_role("row").filter(has_text="Ladi").first).to_be_visible()
