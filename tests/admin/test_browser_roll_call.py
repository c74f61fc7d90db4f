"""Roll call and photo viewer in Chromium, and a photo on its way to the public."""

import re
from collections.abc import Callable

import admin_world
import pytest
from browser_site import DESKTOP, PHONE, Witness, sign_in, site
from flask import Flask
from playwright.sync_api import Page, expect

from obidient.accounts.models import User

__all__ = ["site"]
pytestmark = pytest.mark.browser


def test_the_missing_are_named_and_a_photo_is_turned_and_released(
    app: Flask, site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    admin_world.fill()
    page, _ = site
    page.set_viewport_size(PHONE)
    sign_in(page, make_user("admin"))
    page.goto("/admin/agents/")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("row", name="Lagos").get_by_role("link", name="2", exact=True).nth(1).click()
    expect(page.get_by_role("heading", name="Not arrived")).to_be_visible()
    expect(page.get_by_role("row", name="bayo")).to_contain_text(admin_world.UNIT)

    page.set_viewport_size(DESKTOP)
    page.goto(f"/admin/review/{admin_world.ELECTION}/{admin_world.UNIT}/")
    photo = page.get_by_alt_text("The sheet of ada, as photographed")
    page.wait_for_function("image => image.naturalWidth > 0", arg=photo.element_handle())
    frame = page.locator(".photo-frame")
    whole = photo.evaluate("image => image.clientWidth")
    page.get_by_role("button", name="Larger").click()
    assert photo.evaluate("image => image.clientWidth") == pytest.approx(whole * 1.4, abs=2)
    assert frame.evaluate("box => box.scrollWidth > box.clientWidth")
    page.keyboard.press("t")
    expect(photo).to_have_css("transform", "matrix(0, 1, -1, 0, 0, 0)")
    page.get_by_role("button", name="Whole").click()
    # Turned, its other side fills the frame.
    assert photo.evaluate("image => image.clientHeight") == pytest.approx(whole, abs=2)

    page.get_by_role("button", name="Release it").click()
    page.get_by_role("dialog").get_by_role("button", name="Release it").click()
    expect(page.get_by_text("the public sees this photo.")).to_be_visible()
    page.goto(f"/results/{admin_world.ELECTION}/{admin_world.UNIT}")
    shown = page.get_by_alt_text(re.compile("Photo of the result sheet"))
    shown.scroll_into_view_if_needed()
    page.wait_for_function("image => image.naturalWidth > 0", arg=shown.element_handle())
