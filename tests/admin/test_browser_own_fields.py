"""People are chosen by a field of one's own in Chromium: on the page of contacts and composing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from browser_site import Witness, sign_in, site
from playwright.sync_api import Page, expect
from servers import wait_for

from obidient.accounts.models import User
from obidient.campaigns import control
from obidient.campaigns.sending import lifecycle
from obidient.contacts import imports

__all__ = ["site"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_field_and_its_values_are_suggested_and_narrow_the_audience(
    site: tuple[Page, Witness], make_user: Callable[..., User], tmp_path: Path
) -> None:
    page, _ = site
    rows = "\n".join(f"P,080355500{at:02d},{'Trader' if at < 30 else 'Nurse'}" for at in range(40))
    path = tmp_path / "c.csv"
    path.write_text(f"Name,Phone,Occupation\n{rows}\n")
    imports.run(path)
    campaign = control.create({"title": "Rally", "message_template": "Reply STOP to opt out"})
    sign_in(page, make_user("organiser"))
    expect(page.locator("#balance")).not_to_contain_text("…")

    page.goto("/admin/contacts/")
    page.get_by_label("Field of your own").select_option("Occupation")
    value = page.get_by_label("Value of Occupation")
    expect(page.locator("#own-values option")).to_have_count(2)
    value.fill("nurse")
    value.press("Enter")
    expect(page.get_by_text("Occupation: nurse")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_label("Not only Occupation: nurse").click()
    expect(page.locator("tbody tr")).to_have_count(40)

    page.goto(f"/admin/compose/{campaign.id}/")
    page.get_by_role("button", name="One more value").click()
    lines = page.locator(".own-row")
    expect(lines).to_have_count(2)
    last = lines.last
    last.get_by_label("Field of your own").select_option("Occupation")
    expect(last.locator("datalist option")).to_have_count(2)
    last.get_by_label("Value of the field").fill("TRADER")
    expect(page.locator("#side")).to_contain_text("30 people")
    # The page saves after each change: on a busy machine this one may be answered only now.
    chosen = {"occupation": ["TRADER"]}
    wait_for(lambda: lifecycle.get(campaign.id).audience.get("fields") == chosen, what="the save")
