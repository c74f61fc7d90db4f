"""The admin as its people meet it: who sees what, every page on empty and full data, every form."""

import io
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import signed_in
from flask import Flask
from flask.testing import FlaskClient

from obidient import jobs, queues
from obidient.accounts.models import ApiToken, AuditEntry, User
from obidient.campaigns import audience, control
from obidient.campaigns.models.campaign import Campaign, Recipient, RecipientStatus
from obidient.campaigns.models.texts import TextAnswer
from obidient.campaigns.sending import lifecycle, staging
from obidient.campaigns.texts import answers
from obidient.config import settings
from obidient.contacts import demo, suppression
from obidient.contacts.models import Contact, ContactTag, Suppression, Tag
from obidient.database import db
from obidient.providers.registry import PluginSetting
from obidient.workers import failed_jobs
from obidient.workers.models import FailedJob

EVERYBODY = ("admin", "organiser", "reviewer", "viewer")
#: Page -> the roles that may open it.
PAGES = {
    "/admin/": EVERYBODY,
    "/admin/campaigns/": EVERYBODY,
    "/admin/elections/": EVERYBODY,
    "/admin/collation/": ("admin", "reviewer"),
    "/admin/quick-count/": ("admin", "reviewer"),
    "/admin/compose/": ("admin", "organiser"),
    "/admin/contacts/": ("admin", "organiser"),
    "/admin/import/": ("admin", "organiser"),
    "/admin/tags/": ("admin", "organiser"),
    "/admin/tags/new/": ("admin", "organiser"),
    "/admin/lists/": ("admin", "organiser"),
    "/admin/duplicates/": ("admin", "organiser"),
    "/admin/opt-outs/": ("admin", "organiser"),
    "/admin/privacy/": ("admin", "organiser"),
    "/admin/queues/": ("admin",),
    "/admin/queues/sms-broadcast/": ("admin",),
    "/admin/plugins/": ("admin",),
    "/admin/plugins/simulator-sms/": ("admin",),
    "/admin/team/": ("admin",),
    "/admin/team/new": ("admin",),
    "/admin/audit/": ("admin",),
}
ROLES = (*EVERYBODY, "agent")


class Person:
    """Somebody signed in, who posts forms as a page would: with its CSRF token."""

    def __init__(self, client: FlaskClient, user: User) -> None:
        self.client, self.user = client, user
        signed_in.sign_in(client, user)
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/password").text)
        assert found
        self.token = found[1]

    def get(self, url: str, status: int = 200, **more: Any) -> str:
        response = self.client.get(url, **more)
        assert response.status_code == status, f"{url}: {response.status_code}"
        return response.text

    def post(self, url: str, status: int = 200, **form: Any) -> str:
        """Post a form and follow where it leads."""
        more = {"content_type": "multipart/form-data"} if "file" in form else {}
        response = self.client.post(
            url, data={"csrf_token": self.token} | form, follow_redirects=True, **more
        )
        assert response.status_code == status, f"{url}: {response.status_code} {response.text}"
        return response.text


@pytest.fixture
def sign_in(app: Flask, make_user: Callable[..., User]) -> Callable[..., Person]:
    def make(role: str = "admin") -> Person:
        return Person(app.test_client(), make_user(role))

    return make


@pytest.fixture
def people(app: Flask) -> list[Contact]:
    demo.load()
    return list(Contact.select().order_by(Contact.id))


def written(**more: Any) -> Campaign:
    values = {
        "title": "Town hall",
        "message_template": "Hello {{first_name|friend}}, come to {{lga}}. Reply STOP to opt out.",
        "audience": {"everyone": True},
    }
    return control.create(values | more)


def sent(number: int = 400, **more: Any) -> Campaign:
    """A campaign that is being sent, its recipients in every status there is."""
    campaign = written(**more)
    control.launch(campaign.id)
    staging.stage(campaign.id)
    statuses = [status for status in RecipientStatus if status is not RecipientStatus.QUEUED]
    with db.atomic():
        for place, row in enumerate(Recipient.select().where(Recipient.campaign_id == campaign.id)):
            status = statuses[place % len(statuses)]
            code = "AbsentSubscriber" if status is RecipientStatus.UNDELIVERED else ""
            Recipient.update(status=status, error_code=code).where(Recipient.id == row.id).execute()
        counts = {
            status.column: Recipient.select()
            .where(Recipient.campaign_id == campaign.id, Recipient.status == status)
            .count()
            for status in RecipientStatus
        }
        Campaign.update(**counts, cost_e4=25_000, currency="NGN").where(
            Campaign.id == campaign.id
        ).execute()
    return lifecycle.get(campaign.id)


def pages_of(app: Flask) -> list[str]:
    return list(_pages())


def _pages() -> Iterator[str]:
    """The pages of PAGES, and those of every campaign, contact and person there is."""
    yield from PAGES
    for campaign in Campaign.select():
        if campaign.status == "draft":
            yield f"/admin/compose/{campaign.id}/"
            yield f"/admin/compose/{campaign.id}/review"
            continue
        for tab in ("", "recipients", "timeline", "message", "live", "throughput.json"):
            yield f"/admin/campaigns/{campaign.id}/{tab}"
    for person in Contact.select().limit(1):
        yield f"/admin/contacts/{person.id}/"
        yield f"/admin/contacts/edit/?id={person.id}"
    for tag in Tag.select().limit(1):
        yield f"/admin/tags/edit/?id={tag.id}"
    for user in User.select().limit(1):
        yield f"/admin/team/{user.id}/"
    for name in queues.current().names():
        for tab in ("failed", "waiting", "scheduled"):
            yield f"/admin/queues/{name}/?tab={tab}"
    yield "/admin/now"
    yield "/admin/hours.json"
    yield "/admin/balance"
    yield "/admin/queues/live"
    yield "/admin/compose/lgas?states=24"
    yield "/admin/plugins/africastalking-sms/"
    yield "/admin/plugins/simulator-sms/health"
    yield "/login"
    yield "/password"


# ---- who sees what -----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_pages_and_no_other(role: str, sign_in: Callable[..., Person]) -> None:
    person = sign_in(role)
    for page, roles in PAGES.items():
        assert (page, person.client.get(page).status_code) == (page, 200 if role in roles else 403)


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


# ---- every page --------------------------------------------------------------------------------


@pytest.mark.both
def test_every_page_opens_without_any_data(app: Flask, sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    for page in pages_of(app):
        assert admin.client.get(page).status_code in (200, 286, 302), page


@pytest.mark.both
def test_every_page_opens_on_full_data(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    _fill(people)
    admin = sign_in()
    for page in pages_of(app):
        assert admin.client.get(page).status_code in (200, 286, 302), page


def _fill(people: list[Contact]) -> None:
    sent()
    written(title="<b>A draft</b> & “more”", message_template="Ẹ káàárọ̀ {{first_name}} ₦")
    later = written(scheduled_at=datetime.now(UTC) + timedelta(days=1))
    control.launch(later.id)
    paused = sent(title="Paused")
    control.pause(paused.id, "The account is empty")
    suppression.suppress(people[0].phone, note="Asked by phone")
    failed_jobs.record("sms-broadcast", "send_batch", {"campaignId": 1}, ValueError("a <b>bug"))


def test_no_page_holds_anything_that_the_policy_forbids(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    """Inline handlers, inline styles, scripts in the page, addresses of other hosts."""
    _fill(people)
    admin = sign_in()
    for page in pages_of(app):
        response = admin.client.get(page, follow_redirects=True)
        if "json" in response.content_type:
            continue
        tags = re.findall(r"<[a-zA-Z][^>]*>", response.text)
        for tag in tags:
            assert not re.search(r"\son[a-z]+\s*=", tag), f"{page}: {tag}"
            assert not re.search(r"\sstyle\s*=", tag), f"{page}: {tag}"
            assert "javascript:" not in tag, f"{page}: {tag}"
            for address in re.findall(r'\s(?:src|href|action|hx-get|hx-post)="([^"]*)"', tag):
                assert re.match(r"(/(?!/)|#|\?|\./|tel:|$)", address), f"{page}: {address}"
        assert "<style" not in response.text, page
        assert not re.search(r"<script(?![^>]*\ssrc=)", response.text), page
        assert "<b>A draft</b>" not in response.text, page
        assert "a <b>bug" not in response.text, page


def test_the_live_part_stops_when_nothing_can_change(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    admin = sign_in()
    campaign = sent()
    live = admin.client.get(f"/admin/campaigns/{campaign.id}/live")
    assert live.status_code == 200
    assert 'hx-trigger="every 2s' in live.text
    Campaign.update(status="completed", sent=0, unconfirmed=0, completed_at=None).where(
        Campaign.id == campaign.id
    ).execute()
    live = admin.client.get(f"/admin/campaigns/{campaign.id}/live")
    assert live.status_code == 286
    assert "hx-trigger" not in live.text


def test_no_page_of_a_campaign_counts_its_recipients(
    app: Flask,
    sign_in: Callable[..., Person],
    people: list[Contact],
    caplog: pytest.LogCaptureFixture,
) -> None:
    campaign = sent()
    admin = sign_in()
    with caplog.at_level(logging.DEBUG, "peewee"):
        for tab in ("", "live", "recipients", "recipients?status=sent", "timeline", "message"):
            admin.get(f"/admin/campaigns/{campaign.id}/{tab}")
        admin.get("/admin/campaigns/")
    asked = [str(record.args or record.msg) for record in caplog.records if record.name == "peewee"]
    about = [sql for sql in asked if '"recipient"' in sql]
    assert about
    assert not [sql for sql in about if "COUNT(" in sql.upper()]


# ---- forms -------------------------------------------------------------------------------------


def test_no_form_is_taken_without_its_token(app: Flask, sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    tried = 0
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or not rule.rule.startswith(("/admin", "/logout")):
            continue
        url = re.sub(r"<int:[^>]+>", "1", rule.rule)
        url = re.sub(r"<[^>]+>", "x", url)
        response = admin.client.post(url, data={"action": "delete", "rowid": "1", "id": "1"})
        assert response.status_code == 400, url
        assert "CSRF" in response.text
        tried += 1
    assert tried > 40


def test_a_draft_is_written_reviewed_and_sent(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    organiser.post("/admin/compose/", title="Rally", channel="sms")
    campaign = Campaign.get(Campaign.title == "Rally")
    form = {
        "title": "Rally in Kano",
        "everyone": "no",
        "states": ["20", "24"],
        "message_template": "Hello {{first_name|friend}}. Reply STOP to opt out.",
        "when": "now",
        "pace": "slow",
        "throttled_rate": "36000",
        "quiet": "none",
    }
    page = organiser.post(f"/admin/compose/{campaign.id}/", next="review", **form)
    campaign = lifecycle.get(campaign.id)
    assert campaign.audience["states"] == ["20", "24"]
    assert (campaign.throttled_rate, campaign.quiet_hours) == (36_000, "")
    wanted = sum(person.state_code in ("20", "24") for person in people)
    assert f"Send {wanted} text messages" in page
    assert page.count('class="bubble"') == min(10, wanted)
    organiser.post(f"/admin/compose/{campaign.id}/send", people=str(wanted))
    assert lifecycle.get(campaign.id).status == "sending"
    assert AuditEntry.get(AuditEntry.action == "campaign.launched").actor == organiser.user.email


def test_sending_asks_again_when_the_audience_has_grown(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written()
    page = sign_in("organiser").post(f"/admin/compose/{campaign.id}/send", people="12")
    assert "it was 12, now it is 400" in page
    assert lifecycle.get(campaign.id).status == "draft"


def test_a_test_message_goes_to_one_phone_and_counts_in_no_campaign(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign, organiser = written(), sign_in("organiser")
    review = f"/admin/compose/{campaign.id}/review"
    assert "Send a test to your phone" in organiser.get(review)
    page = organiser.post(f"/admin/compose/{campaign.id}/try", phone="0803 555 0199")
    assert "The test is on its way" in page and "•••99" in page
    made = TextAnswer.get()
    assert made.phone == "+2348035550199"
    assert "{{" not in made.text and "come to" in made.text
    answers.send(made.id)
    assert TextAnswer.get_by_id(made.id).state in ("sent", "delivered", "undelivered", "failed")
    assert not Recipient.select().exists()
    assert lifecycle.get(campaign.id).status == "draft"
    entry = AuditEntry.get(AuditEntry.action == "campaign.tried")
    assert "0803555" not in entry.summary and "35550199" not in entry.summary


def test_a_test_message_is_refused_where_it_may_not_go(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign, organiser = written(), sign_in("organiser")
    url = f"/admin/compose/{campaign.id}/try"
    suppression.suppress("+2348035550199", source="manual")
    assert "has opted out" in organiser.post(url, phone="08035550199")
    assert "digits" in organiser.post(url, phone="0803")
    sign_in("viewer").post(url, status=403, phone="08035550198")
    assert not TextAnswer.select().exists()
    for number in range(answers.MOST_TESTS + 1):
        page = organiser.post(url, phone=f"080355502{number:02d}")
    assert "Wait a while" in page
    assert TextAnswer.select().count() == answers.MOST_TESTS


@pytest.mark.both
def test_a_large_campaign_needs_a_second_person(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    app.extensions["obidient.settings"] = replace(settings(), approval_above=100)
    writer, second = sign_in("organiser"), sign_in("organiser")
    writer.post("/admin/compose/", title="Rally", channel="sms")
    campaign = Campaign.get(Campaign.title == "Rally")
    base = f"/admin/compose/{campaign.id}"
    text = {"message_template": "Come. Reply STOP to opt out.", "everyone": "yes"}
    writer.post(f"{base}/", title="Rally", **text)
    everybody = str(len(people))
    assert "You wrote this campaign" in writer.post(f"{base}/approve")
    assert "has to approve it first" in writer.post(f"{base}/send", people=everybody)

    assert "Approved by" in second.post(f"{base}/approve")
    assert "somebody else has to send it" in second.post(f"{base}/send", people=everybody)
    # A word changed, and it is no longer what was approved.
    control.update(campaign.id, {"message_template": "Stay. Reply STOP to opt out."})
    assert "has to approve it first" in writer.post(f"{base}/send", people=everybody)
    assert lifecycle.get(campaign.id).status == "draft"

    second.post(f"{base}/approve")
    writer.post(f"{base}/send", people=everybody)
    assert lifecycle.get(campaign.id).status == "sending"
    # A small one needs nobody.
    small = written(audience={"states": ["24"]}, title="Small")
    assert audience.count(small.audience, "sms").total <= 100
    assert control.launch(small.id).status == "sending"


def test_an_unfinished_draft_says_what_is_missing_and_is_not_sent(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = control.create({"title": "Empty"})
    organiser = sign_in("organiser")
    page = organiser.get(f"/admin/compose/{campaign.id}/review")
    assert "Choose who to send to." in page
    assert "Write the message." in page
    assert "disabled" in page.split("foot-bar")[1]
    organiser.post(f"/admin/compose/{campaign.id}/send", people="0")
    assert lifecycle.get(campaign.id).status == "draft"


def test_a_mistake_in_one_field_loses_nothing_of_the_others(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written()
    organiser = sign_in("organiser")
    form = {"title": "A new title", "message_template": "Hello {{surname}}", "everyone": "yes"}
    page = organiser.post(f"/admin/compose/{campaign.id}/save", **form)
    assert "There is no field {{surname}}" in page.replace("&#39;", "'")
    campaign = lifecycle.get(campaign.id)
    assert campaign.title == "A new title"
    assert campaign.message_template.startswith("Hello {{first_name")


def test_clearing_the_audience_of_a_draft_really_clears_it(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written()
    form = {"title": "T", "message_template": "Hello", "everyone": "no"}
    sign_in("organiser").post(f"/admin/compose/{campaign.id}/save", **form)
    assert not lifecycle.get(campaign.id).audience


def test_the_writer_sees_people_parts_and_who_is_left_out(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    suppression.suppress(people[0].phone)
    Contact.update(phone_invalid=True).where(Contact.id == people[1].id).execute()
    campaign = written()
    form = {"title": "T", "everyone": "yes", "message_template": "x" * 170}
    page = sign_in("organiser").post(f"/admin/compose/{campaign.id}/check", **form)
    text = re.sub(r"<[^>]+>", " ", page)
    assert re.search(r"Will be written to\s+398", text)
    assert re.search(r"Opted out\s+1 left out", text)
    assert re.search(r"Invalid number\s+1 left out", text)
    assert "796 text messages" in text
    assert "Remove 10 characters" in text


def test_controls_do_what_they_say(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    campaign = sent()
    base = f"/admin/campaigns/{campaign.id}"
    organiser.post(f"{base}/pause")
    assert lifecycle.get(campaign.id).status == "paused"
    organiser.post(f"{base}/resume")
    assert lifecycle.get(campaign.id).status == "sending"
    failed, unconfirmed = campaign.failed, campaign.unconfirmed
    page = organiser.get(f"{base}/")
    assert f"Retry failed ({failed})" in page
    assert f"Resolve unconfirmed ({unconfirmed})" in page
    organiser.post(f"{base}/retry")
    assert lifecycle.get(campaign.id).queued == failed
    organiser.post(f"{base}/resolve", resend="no")
    assert lifecycle.get(campaign.id).failed == unconfirmed
    organiser.post(f"{base}/cancel")
    assert lifecycle.get(campaign.id).status == "cancelled"
    assert "can&#39;t be paused" in organiser.post(f"{base}/pause")
    organiser.post(f"{base}/clone")
    assert Campaign.select().where(Campaign.title == "Town hall (copy)").exists()


def test_a_scheduled_campaign_can_be_moved_but_not_into_the_past(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written(scheduled_at=datetime.now(UTC) + timedelta(days=1))
    control.launch(campaign.id)
    organiser = sign_in("organiser")
    organiser.post(f"/admin/campaigns/{campaign.id}/reschedule", at="2031-02-25T09:30")
    assert lifecycle.get(campaign.id).scheduled_at == datetime(2031, 2, 25, 8, 30)
    page = organiser.post(f"/admin/campaigns/{campaign.id}/reschedule", at="2021-02-25T09:30")
    assert "Choose a time in the future" in page


def test_one_action_on_several_campaigns_names_what_it_could_not_do(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    draft, running = written(), sent()
    ids = [str(draft.id), str(running.id)]
    page = sign_in("organiser").post("/admin/campaigns/bulk", action="pause", rowid=ids)
    assert "Paused 1 campaign." in page
    assert "A campaign that is draft" in page
    assert lifecycle.get(running.id).status == "paused"


def test_recipients_are_masked_found_by_number_and_paged(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = sent()
    viewer = sign_in("viewer")
    base = f"/admin/campaigns/{campaign.id}/recipients"
    page = viewer.get(base)
    assert "+234803•••" in page
    assert people[0].phone not in page
    seen: list[str] = []
    url = f"{base}?status=delivered"
    while url:
        page = viewer.get(url)
        assert re.search(r"\+234803•••\d\d<", page)
        seen += re.findall(rf'href="{base}/(\d+)', page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        url = found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) == campaign.delivered
    organiser = sign_in("organiser")
    assert organiser.get(f"{base}?phone=0803 555 0007").count("•••07") == 1
    assert "There are letters in this number" in organiser.get(f"{base}?phone=hello")


def test_the_export_holds_everybody_and_runs_no_formula(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    Contact.update(full_name="=HYPERLINK(1)").where(Contact.id == people[0].id).execute()
    campaign = sent()
    organiser = sign_in("organiser")
    text = organiser.get(f"/admin/campaigns/{campaign.id}/recipients.csv")
    assert text.startswith("\ufeffphone,name,")
    assert len(text.strip().splitlines()) == 401
    assert ",'=HYPERLINK(1)," in text
    assert AuditEntry.select().where(AuditEntry.action == "campaign.exported").exists()


# ---- contacts ----------------------------------------------------------------------------------


def run_jobs() -> None:
    for job in jobs.Job.select().where(jobs.Job.status == "queued"):
        jobs.run(job.id)


def test_an_import_is_mapped_tried_and_then_done(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    organiser = sign_in("organiser")
    csv = "GSM;Who;Where\n08035550001;Ada Obi;Lagos\n12;Bad Number;Kano\n08035550001;Ada O;\n"
    response = organiser.client.post(
        "/admin/import/",
        data={"csrf_token": organiser.token, "file": (io.BytesIO(csv.encode()), "my list.csv")},
    )
    columns = response.headers["Location"]
    page = organiser.get(columns)
    assert "Ada Obi" in page
    assert re.search(r'name="column-phone".*?<option selected>GSM', page, re.DOTALL)
    form = {"column-phone": "GSM", "column-full_name": "Who", "column-state": "Where"}
    page = organiser.post(columns, tags="Youth", list="Lagos list", go="trial", **form)
    run_jobs()
    trial = jobs.Job.select().order_by(jobs.Job.id.desc()).get()
    page = organiser.get(f"/admin/import/jobs/{trial.id}")
    assert "Import 1 person" in page
    assert "1 row left out" in page
    assert not Contact.select().exists()
    organiser.post(f"/admin/import/jobs/{trial.id}/run")
    run_jobs()
    person = Contact.get()
    assert (person.phone, person.full_name, person.state_code) == ("+2348035550001", "Ada O", "24")
    assert ContactTag.select().count() == 1
    job = jobs.Job.select().order_by(jobs.Job.id.desc()).get()
    assert organiser.client.get(f"/admin/import/jobs/{job.id}/live").status_code == 286
    problems = organiser.get(f"/admin/import/jobs/{job.id}/problems.csv")
    assert "12," in problems
    sign_in("organiser").get(f"/admin/import/jobs/{job.id}", 404)


def test_a_file_that_is_no_table_says_what_it_is(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    page = sign_in("organiser").post(
        "/admin/import/", file=(io.BytesIO(b"PK\x03\x04rest"), "people.xlsx")
    )
    assert "Excel workbook" in page


def test_contacts_are_found_by_name_number_place_and_tag(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    rows = lambda page: page.count('name="rowid"')  # noqa: E731
    assert rows(organiser.get("/admin/contacts/")) == 50
    assert people[0].phone not in organiser.get("/admin/contacts/?page=7")
    assert rows(organiser.get("/admin/contacts/?search=0803 555 0123")) == 1
    some = people[3]
    found = organiser.get(f"/admin/contacts/?search={some.first_name} {some.last_name}")
    assert some.display_name in found
    state = organiser.get(f"/admin/contacts/?state={some.state_code}")
    assert rows(state) == min(50, sum(one.state_code == some.state_code for one in people))
    tag = Tag.get(Tag.name == "youth")
    tagged = ContactTag.select().where(ContactTag.tag_id == tag.id).count()
    assert rows(organiser.get("/admin/contacts/?tag=youth")) == min(50, tagged)
    assert "Nobody fits" in organiser.get("/admin/contacts/?search=Zzzz")


def test_several_contacts_are_tagged_and_deleted_with_a_trace(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    ids = [str(person.id) for person in people[:3]]
    organiser.post("/admin/contacts/action/", action="tag", tag="Ward Leaders", rowid=ids)
    tag = Tag.get(Tag.name == "ward leaders")
    assert ContactTag.select().where(ContactTag.tag_id == tag.id).count() == 3
    organiser.post("/admin/contacts/action/", action="untag", tag="ward leaders", rowid=ids[:1])
    assert ContactTag.select().where(ContactTag.tag_id == tag.id).count() == 2
    trail = AuditEntry.get(AuditEntry.action == "contacts.untagged")
    assert trail.summary == "Took the tag 'ward leaders' from 1 contact"
    page = organiser.post("/admin/contacts/action/", action="untag", tag="nonsense", rowid=ids)
    assert "There is no tag &#39;nonsense&#39;." in page
    suppression.suppress(people[0].phone)
    organiser.post("/admin/contacts/action/", action="delete", rowid=ids)
    assert not Contact.select().where(Contact.id.in_(ids)).exists()
    assert not ContactTag.select().where(ContactTag.contact_id.in_(ids)).exists()
    assert Suppression.select().where(Suppression.lifted_at.is_null()).count() == 1
    assert AuditEntry.get(AuditEntry.action == "contacts.deleted").summary == "Deleted 3 contacts"


def test_opt_outs_are_added_and_lifted(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    organiser = sign_in("organiser")
    page = organiser.post("/admin/opt-outs/", phone="0803 555 0001", channel="*", note="By phone")
    assert "•••01" in page
    assert "is on the list already" in organiser.post(
        "/admin/opt-outs/", phone="08035550001", channel="*"
    )
    assert "letters" in organiser.post("/admin/opt-outs/", phone="hello", channel="*")
    row = Suppression.get()
    organiser.post("/admin/opt-outs/lift", rowid=str(row.id))
    assert Suppression.get().lifted_at is not None


def test_a_tag_that_a_waiting_campaign_needs_stays(
    app: Flask, sign_in: Callable[..., Person], people: list[Contact]
) -> None:
    campaign = written(
        audience={"tags": ["youth"]}, scheduled_at=datetime.now(UTC) + timedelta(days=1)
    )
    control.launch(campaign.id)
    tag = Tag.get(Tag.name == "youth")
    organiser = sign_in("organiser")
    page = organiser.post("/admin/tags/delete/", id=str(tag.id))
    assert "is about to use this tag" in page
    control.cancel(campaign.id)
    organiser.post("/admin/tags/delete/", id=str(tag.id))
    assert Tag.get_or_none(Tag.name == "youth") is None
    assert not ContactTag.select().where(ContactTag.tag_id == tag.id).exists()


# ---- operations --------------------------------------------------------------------------------


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
