"""Recording the message of a voice campaign in Chromium, with a microphone that beeps."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from browser_site import Witness, sign_in, site
from playwright.sync_api import Page, expect
from recordings import wav
from servers import wait_for

from obidient.accounts.models import User
from obidient.campaigns import control
from obidient.campaigns.models.voice import AudioAsset
from obidient.campaigns.sending import lifecycle

__all__ = ["site"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def policy(page: Page, address: str) -> str:
    answer = page.goto(address)
    assert answer is not None
    return answer.headers["permissions-policy"]


def plays(campaign_id: int) -> Any:
    return lifecycle.get(campaign_id).audio_asset_id


def test_an_organiser_records_the_message_or_uploads_it_where_that_fails(
    site: tuple[Page, Witness], make_user: Callable[..., User]
) -> None:
    pytest.importorskip("av")
    page, _ = site
    campaign = control.create({"title": "Rally", "channel": "voice"})
    sign_in(page, make_user("organiser"))
    assert "microphone=()" in policy(page, f"/admin/compose/{campaign.id}/review")
    assert "microphone=(self)" in policy(page, f"/admin/compose/{campaign.id}/")
    recorder = page.get_by_role("group", name="Record or upload one")
    # By keyboard alone: the focus goes to what comes next.
    recorder.get_by_role("button", name="Record", exact=True).press("Enter")
    expect(recorder.get_by_role("status")).to_contain_text("Recording")
    page.wait_for_function("() => document.querySelector('#recorder meter').value > 0.02")
    expect(recorder.get_by_role("timer")).to_have_text("0:02 of 10:00")
    page.keyboard.press("Enter")
    expect(recorder.get_by_role("status")).to_contain_text("Listen to it")
    expect(recorder.get_by_label("What you recorded")).to_be_visible()
    page.keyboard.press("Enter")
    expect(recorder.get_by_role("status")).to_contain_text(
        re.compile("plays “Rally, recorded .*” now, [1-5] seconds? long")
    )
    # Chromium writes no length into its file: this one was found by decoding.
    row = AudioAsset.get()
    assert 1.5 < row.seconds < 5
    assert (row.filename, row.content_type) == ("recording.webm", "audio/mpeg")
    expect(page.get_by_label("Recording", exact=True)).to_have_value(str(row.id))
    wait_for(lambda: plays(campaign.id) == row.id, what="the draft to be saved")

    denied = "() => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = {denied}; }}")
    recorder.get_by_role("button", name="Record again").click()
    expect(recorder.get_by_role("status")).to_contain_text("may not use the microphone")
    file = {"name": "memo.wav", "mimeType": "audio/wav", "buffer": wav(2)}
    recorder.get_by_label("Or a file").set_input_files(file)  # type: ignore[arg-type]
    expect(recorder.get_by_role("status")).to_contain_text("plays “memo.wav”")
    wait_for(lambda: plays(campaign.id) != row.id, what="the draft to be saved again")
    # Leaving while the page still asks something would be told as a complaint.
    page.wait_for_load_state("networkidle")
