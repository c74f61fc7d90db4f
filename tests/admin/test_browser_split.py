"""A split test in Chromium: text B is written beside A, and one of them is chosen for the rest."""

from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from browser_site import Witness, sign_in, site
from flask import Flask
from one_turn import people, provider, work
from playwright.sync_api import Page, Response, expect

from obidient.accounts.models import User
from obidient.campaigns import control
from obidient.campaigns.sending import lifecycle, staging, sweeper
from obidient.plugin import Provider

__all__ = ["people", "provider", "site"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_an_organiser_tries_two_texts_and_chooses_one(
    app: Flask, provider: Provider, site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    campaign = control.create({"title": "Rally", "audience": {"everyone": True}})
    page, _ = site
    sign_in(page, make_user("organiser"))
    # What a page still asks for when it is left would be cut off, and complained of.
    expect(page.locator("#balance")).not_to_contain_text("…")
    page.goto(f"/admin/compose/{campaign.id}/")
    expect(page.get_by_label("Text B")).to_be_hidden()
    page.get_by_label("Text", exact=True).fill("Come to Ikeja, {{first_name}}")
    page.get_by_label("Try a second text on some").check()
    page.get_by_label("the text that somebody chooses").check()
    expect(page.get_by_label("hours after the last message")).to_be_hidden()
    page.get_by_label("People who try each text").fill("30")
    page.get_by_label("Text B").fill("See you in Ikeja, ")
    chips = page.get_by_label("Insert a field into B")
    with page.expect_response(lambda answer: _saves(answer, "Ikeja, {{first_name}}")):
        chips.get_by_role("button", name="First name").click()
    preview = page.get_by_label("Preview", exact=True)
    expect(preview).to_contain_text("Come to Ikeja, Ada")
    expect(preview).to_contain_text("See you in Ikeja, Ada")
    page.get_by_role("button", name="Review").last.click()
    expect(page.get_by_text("The rest wait until somebody chooses.")).to_be_visible()

    control.launch(campaign.id)
    while not staging.stage_chunk(campaign.id, 500):
        pass
    work(campaign.id)
    sweeper.sweep()
    page.goto(f"/admin/campaigns/{campaign.id}/")
    expect(page.get_by_text("Your choice is needed.")).to_be_visible()
    page.get_by_role("button", name="Send B to the rest").click()
    with page.expect_response(lambda answer: "/live" in answer.url):
        pass
    page.get_by_role("dialog").get_by_role("button", name="Send text B").click()
    expect(page.get_by_text("The rest get text B.").first).to_be_visible()
    assert lifecycle.get(campaign.id).winner == "B"


def _saves(answer: Response, text: str) -> bool:
    said = parse_qs(answer.request.post_data or "") if answer.url.endswith("/save") else {}
    return text in said.get("split_text", [""])[0]
