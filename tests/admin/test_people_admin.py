"""People and what they did, as an admin meets them: many, found, corrected, told apart."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from admin_people import Person, sign_in
from flask import Flask

from obidient.accounts import tokens
from obidient.accounts.models import ApiToken, AuditEntry, User
from obidient.admin.operations import audit, team
from obidient.clock import utcnow

__all__ = ["sign_in"]
pytestmark = pytest.mark.both


def names(page: str) -> list[str]:
    return re.findall(r'row-link" href="/admin/team/\d+/">([^<]+)<', page)


@pytest.mark.slow
def test_the_team_is_not_lost_among_agents(
    app: Flask, sign_in: Callable[..., Person], make_user: Callable[..., User]
) -> None:
    admin = sign_in()
    make_user("agent", "a@example.org", name="Adaeze", polling_unit_code="24-11-02-017")
    make_user("organiser", "b@example.org", name="Bisi")
    assert names(admin.get("/admin/team/")) == [admin.user.name, "Bisi"]
    assert names(admin.get("/admin/team/?role=organiser")) == ["Bisi"]
    page = admin.get("/admin/team/?role=agent")
    assert names(page) == ["Adaeze"]
    assert "Ikeja" in page
    assert names(admin.get("/admin/team/?search=BIS")) == ["Bisi"]
    page = admin.get("/admin/team/?search=adaeze")
    assert "Nobody fits" in page
    assert 'href="/admin/team/?role=agent&amp;search=adaeze">Look among polling agents' in page
    for wanted in ("ada", "24", "24-11-02", "24-11-02-017"):
        assert names(admin.get(f"/admin/team/?role=agent&search={wanted}")) == ["Adaeze"]
    for elsewhere in ("25", "24-11-03", "24-11-02-016"):
        assert names(admin.get(f"/admin/team/?role=agent&search={elsewhere}")) == []


def test_people_come_by_the_page(
    app: Flask,
    sign_in: Callable[..., Person],
    make_user: Callable[..., User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(team, "PAGE", 2)
    admin = sign_in()
    for letter in "bcd":
        make_user("viewer", f"{letter}@example.org", name=letter)
    seen, page = [], admin.get("/admin/team/?role=viewer")
    while True:
        seen += names(page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        if not following:
            break
        page = admin.get(following[1].replace("&amp;", "&"))
    assert seen == ["b", "c", "d"]


@pytest.mark.slow
def test_an_agents_unit_and_phone_are_corrected_and_nonsense_is_told(
    app: Flask, sign_in: Callable[..., Person], make_user: Callable[..., User]
) -> None:
    admin, agent = sign_in(), make_user("agent", "ada@example.org", name="Ada")
    page = admin.get(f"/admin/team/{agent.id}/")
    assert "none yet: they can’t report" in page
    details = f"/admin/team/{agent.id}/details"
    form = {"name": "Ada Obi", "phone": "0803 555 0001", "polling_unit_code": "24-11-02-017"}
    assert "those look like 24-11-02-017" in admin.post(
        details, **form | {"polling_unit_code": "Ikeja"}
    )
    assert "digits" in admin.post(details, **form | {"phone": "0803"})
    assert User.get_by_id(agent.id).phone is None
    assert "Saved." in admin.post(details, **form)
    user = User.get_by_id(agent.id)
    assert (user.name, user.phone, user.polling_unit_code) == (
        "Ada Obi",
        "+2348035550001",
        "24-11-02-017",
    )
    entry = AuditEntry.get(AuditEntry.action == "user.changed")
    assert entry.summary == (
        "Changed the name and phone number and polling unit of ada@example.org"
    )
    # Saved again as it is, it is no change.
    admin.post(details, **form)
    assert AuditEntry.select().where(AuditEntry.action == "user.changed").count() == 1


@pytest.mark.slow
def test_a_new_agent_gets_a_phone_and_a_unit_that_can_be_one(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    form = {"email": "ada@example.org", "role": "agent", "phone": "08035550001"}
    page = admin.post("/admin/team/new", **form, polling_unit_code="24-11")
    assert "those look like 24-11-02-017" in page
    assert 'value="08035550001"' in page
    admin.post("/admin/team/new", **form, polling_unit_code="24-11-02-017")
    assert User.get(User.email == "ada@example.org").phone == "+2348035550001"


def test_ones_own_session_is_named_and_dead_tokens_stand_aside(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    tokens.issue(admin.user, "Volunteer app", ["campaigns:read"])
    tokens.issue(admin.user, "Old app", ["campaigns:read"])
    ApiToken.update(revoked_at=utcnow()).where(ApiToken.name == "Old app").execute()
    page = admin.get(f"/admin/team/{admin.user.id}/")
    assert page.count("This one, yours") == 1
    assert "See campaigns and how they are going" in page
    assert page.index("Volunteer app") < page.index("1 revoked or expired") < page.index("Old app")


def test_every_role_stands_in_one_table_with_what_it_may_do(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    page = sign_in().get("/admin/team/")
    row = re.search(r"<th scope=\"row\">Review and settle results</th>(.*?)</tr>", page)
    assert row
    # Admin and reviewer; not organiser, agent, viewer.
    assert re.findall(r">(yes|no)<", row[1]) == ["yes", "no", "yes", "no", "no"]


def test_every_kind_of_entry_can_be_picked_from_the_trail() -> None:
    source = Path(team.__file__).parents[2]
    text = "".join(path.read_text() for path in source.rglob("*.py"))
    actions = set(re.findall(r'audit\.record\(\s*f?"([a-z-]+\.)', text))
    actions |= {"channel.", "campaign.", "user."}
    beginnings = {one for _, found in audit.KINDS.values() for one in found}
    missing = {one for one in actions if not one.startswith(tuple(beginnings))}
    assert len(actions) > 15
    assert missing == set()


def test_an_entry_leads_to_what_it_is_about(app: Flask, sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    for kind, subject, more in (
        ("polling unit", "24-11-02-017", {"election": "abc123"}),
        ("election", "abc123", {}),
        ("provider", "simulator-sms", {}),
        ("queue", "sms-broadcast", {}),
        ("contact", "7", {}),
        ("contact", "", {}),
        ("token", "9", {}),
    ):
        AuditEntry.create(
            actor="ada@example.org",
            action=f"{kind}.x",
            subject_type=kind,
            subject_id=subject,
            summary=f"About {kind} {subject}",
            details=more,
        )
    page = admin.get("/admin/audit/?search=About")
    found = re.findall(r'<a href="([^"]+)">About ([^<]+)</a>', page)
    assert {text.strip(): url for url, text in found} == {
        "polling unit 24-11-02-017": "/admin/review/abc123/24-11-02-017/",
        "election abc123": "/admin/elections/abc123/",
        "provider simulator-sms": "/admin/plugins/simulator-sms/",
        "queue sms-broadcast": "/admin/queues/sms-broadcast/",
        "contact 7": "/admin/contacts/7/",
    }
