"""Queues, plugins, people and the audit trail in the admin."""

import re
from collections.abc import Callable

import pytest
from admin_people import Person, sign_in, written
from flask import Flask
from flask.testing import FlaskClient

from obidient import queues
from obidient.accounts.models import ApiToken, User
from obidient.providers.registry import PluginSetting
from obidient.workers import failed_jobs
from obidient.workers.models import FailedJob

__all__ = ["sign_in"]


# ---- operations --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_queue_without_a_consumer_is_loud(app: Flask, sign_in: Callable[..., Person]) -> None:
    queues.current().enqueue("sms-broadcast", "stage", campaignId=1)
    admin = sign_in()
    assert "Nothing is consuming the SMS queue." in admin.get("/admin/queues/")
    assert "Nothing is consuming this queue" in admin.get("/admin/")
    admin.post("/admin/queues/sms-broadcast/clear")
    assert "Nothing is consuming" not in admin.get("/admin/queues/")


def test_a_channel_is_paused_and_resumed(app: Flask, sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    assert "Paused by hand" in admin.post("/admin/queues/sms-broadcast/pause")
    assert "Paused by hand" not in admin.post("/admin/queues/sms-broadcast/resume")


@pytest.mark.slow
def test_a_failed_job_shows_its_traceback_until_it_is_dealt_with(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    failed_jobs.record("sms-broadcast", "stage", {"campaignId": 7}, ValueError("what broke"))
    row = FailedJob.get()
    admin = sign_in()
    page = f"/admin/queues/sms-broadcast/failed/{row.id}/"
    shown = admin.get("/admin/queues/sms-broadcast/")
    assert "ValueError: what broke" in shown
    assert f'href="{page}#traceback"' in shown
    assert row.traceback.splitlines()[0] in admin.get(page)
    admin.get(f"/admin/queues/voice-broadcast/failed/{row.id}/", 404)
    admin.post("/admin/queues/failed", action="again", rowid=str(row.id))
    assert FailedJob.get().dealt_with_at is not None
    assert "Dealt with</b>" in admin.get(page)
    (job,) = queues.current()["sms-broadcast"].pending()
    assert (type(job).__name__, job.kwargs) == ("stage", {"campaignId": 7})


@pytest.mark.slow
def test_a_secret_setting_is_kept_and_never_shown(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    page = "/admin/plugins/africastalking-sms/"
    form = {"username": "ours", "api_key": "atsk_very-secret", "sender": "OBI", "enqueue": "y"}
    shown = admin.post(page, **form)
    assert "atsk_very-secret" not in shown
    saved = PluginSetting.get().values
    assert saved["api_key"] == "atsk_very-secret"
    admin.post(page, **(form | {"username": "others", "api_key": ""}))
    saved = PluginSetting.get().values
    assert (saved["username"], saved["api_key"]) == ("others", "atsk_very-secret")
    assert "atsk_very-secret" not in admin.get(page)
    assert "atsk_very-secret" not in admin.get("/admin/audit/")


def test_a_wrong_setting_is_refused_with_the_reason(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    page = sign_in().post("/admin/plugins/simulator-sms/", failures="300")
    assert 'class="error"' in page
    assert PluginSetting.get_or_none() is None


def test_a_person_is_added_and_their_password_shown_once(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    page = admin.post("/admin/team/new", email="ada@example.org", name="Ada", role="organiser")
    secret = re.search(r'<code id="secret">([^<]+)<', page)
    assert secret
    user = User.get(User.email == "ada@example.org")
    assert secret[1] not in admin.get(f"/admin/team/{user.id}/")
    admin.post(f"/admin/team/{user.id}/role", role="viewer")
    assert User.get_by_id(user.id).role == "viewer"
    admin.post(f"/admin/team/{user.id}/close")
    assert not User.get_by_id(user.id).active


def test_the_last_admin_stays(app: Flask, sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    page = admin.post(f"/admin/team/{admin.user.id}/role", role="viewer")
    assert "last active admin" in page
    page = admin.post(f"/admin/team/{admin.user.id}/close")
    assert "last active admin" in page


def test_a_token_is_shown_once_and_dies_when_revoked(
    app: Flask, client: FlaskClient, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    person = f"/admin/team/{admin.user.id}"
    page = admin.post(f"{person}/tokens", name="App", scopes=["campaigns:read"], days="30")
    token = re.search(r'<code id="secret">([^<]+)<', page)
    assert token
    header = {"Authorization": f"Bearer {token[1]}"}
    url = "/api/communications/campaigns"
    assert client.get(url, headers=header).status_code == 200
    row = ApiToken.get()
    assert row.expires_at is not None
    assert token[1] not in admin.get(f"{person}/")
    admin.post(f"{person}/tokens/{row.id}/revoke")
    assert client.get(url, headers=header).status_code == 401


def test_the_audit_trail_is_searched_in_sentences(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    written(title="Kano rally")
    written(title="Lagos rally")
    page = admin.get("/admin/audit/?search=Kano&kind=campaign")
    assert "Kano rally" in page
    assert "Lagos rally" not in page
    assert "Today" in page
    assert "No entry matches" in admin.get("/admin/audit/?until=2020-01-01")
