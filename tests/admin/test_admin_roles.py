"""Who may see and do what in the admin, by role."""

import re
from collections.abc import Callable

import pytest
from admin_people import EVERYBODY, PAGES, Person, people, sent, sign_in
from flask import Flask
from flask.testing import FlaskClient

from obidient.accounts.models import User
from obidient.campaigns.sending import lifecycle
from obidient.contacts.models import Contact

__all__ = ["people", "sign_in"]


ROLES = (*EVERYBODY, "agent")


# ---- who sees what -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_pages_and_no_other(role: str, sign_in: Callable[..., Person]) -> None:
    person = sign_in(role)
    for page, roles in PAGES.items():
        assert (page, person.client.get(page).status_code) == (page, 200 if role in roles else 403)


@pytest.mark.slow
@pytest.mark.parametrize("role", EVERYBODY)
def test_the_menu_leads_only_where_a_role_may_go(role: str, sign_in: Callable[..., Person]) -> None:
    person = sign_in(role)
    menu = person.get("/admin/").split('id="nav-body"')[1].split("</nav>")[0]
    links = set(re.findall(r'<a class="nav-link" href="([^"]+)"', menu))
    assert "/admin/campaigns/" in links
    assert ("/admin/audit/" in links) == (role == "admin")
    for link in links:
        person.get(link)


def test_a_stranger_is_sent_to_sign_in_and_comes_back(client: FlaskClient) -> None:
    for page in PAGES:
        response = client.get(page)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/login?next=/admin/")


def test_a_refusal_says_why_and_what_to_do(sign_in: Callable[..., Person]) -> None:
    page = sign_in("viewer").get("/admin/audit/", 403)
    assert "Your role, viewer, may not open" in page
    assert "ask an admin" in page
    for page in ("/admin/", "/admin/elections/", "/admin/audit/"):
        refusal = sign_in("agent").get(page, 403)
        assert "polling agent" in refusal
        assert 'href="/agent"' in refusal


@pytest.mark.slow
def test_who_only_looks_can_change_nothing(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent()
    viewer = sign_in("viewer")
    page = viewer.get(f"/admin/campaigns/{campaign.id}/")
    main = page.split('id="main"')[1]
    assert "<form" not in main.split('id="live"')[1].split("</section>")[0]
    for verb in ("pause", "resume", "cancel", "retry", "resolve", "clone", "delete", "launch"):
        viewer.post(f"/admin/campaigns/{campaign.id}/{verb}", 403)
    viewer.post("/admin/campaigns/bulk", 403, action="cancel", rowid=str(campaign.id))
    viewer.get(f"/admin/campaigns/{campaign.id}/recipients.csv", 403)
    assert lifecycle.get(campaign.id).status == "sending"


def test_a_closed_account_is_out_at_once(sign_in: Callable[..., Person]) -> None:
    person = sign_in("organiser")
    User.update(active=False).where(User.id == person.user.id).execute()
    assert person.client.get("/admin/campaigns/").status_code == 302
