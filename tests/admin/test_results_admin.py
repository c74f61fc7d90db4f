"""The results room and the elections' pages, as their people meet them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import signed_in
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, make_world, sheet

from obidient import jobs
from obidient.accounts.models import AuditEntry, User
from obidient.admin.results import review as review_page
from obidient.database import db
from obidient.results import deciding, demo, elections, recount, review
from obidient.results.models import Decision, Election, Submission, Tally
from obidient.results.received import Sender, receive
from obidient.sync import overview
from obidient.sync.models import Photo

UNIT = f"/admin/review/abc123/{UNITS[0]}/"


def take(*sheets: dict[str, Any]) -> None:
    with db.atomic():
        receive(sheets, Sender())
    deciding.process_waiting()


def total() -> Tally:
    found: Tally = Tally.get(Tally.election_id == "abc123", Tally.area_code == "NG")
    return found


class Person:
    """Somebody signed in, who posts forms with the page's CSRF token."""

    def __init__(self, client: FlaskClient, user: User) -> None:
        self.client, self.user = client, user
        signed_in.sign_in(client, user)
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/password").text)
        assert found
        self.token = found[1]

    def get(self, url: str, status: int = 200) -> str:
        answer = self.client.get(url)
        assert answer.status_code == status, f"{url}: {answer.status_code}"
        return re.sub(r"\s+", " ", answer.text)

    def post(self, url: str, status: int = 200, **form: Any) -> str:
        data = {"csrf_token": self.token} | form
        answer = self.client.post(url, data=data, follow_redirects=True)
        assert answer.status_code == status, f"{url}: {answer.status_code}"
        return re.sub(r"\s+", " ", answer.text)


@pytest.fixture
def sign_in(app: Flask, make_user: Callable[..., User]) -> Callable[..., Person]:
    return lambda role="admin": Person(app.test_client(), make_user(role))


@pytest.fixture
def dispute(app: Flask) -> Election:
    election = make_world()
    take(sheet("a", device="A", votes={"LP": 120}), sheet("b", device="B", votes={"LP": 90}))
    return election


FORM = {
    "electionId": "gov-2027",
    "electionName": "2027 Lagos governorship",
    "electionType": "governorship",
    "state": "Lagos",
    "areaCode": "",
    "order": ["2", "1", "3"],
    "code": ["APC", "LP", ""],
    "name": ["All Progressives Congress", "Labour Party", ""],
    "display": ["", "Labour", ""],
    "color": ["#0b7a3b", "#c8102e", "#000000"],
    "aliases": ["A.P.C, Broom", "", ""],
}


@pytest.mark.both
def test_an_election_is_made_in_the_admin(sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    assert "2027 Lagos governorship" in admin.post("/admin/elections/new", **FORM)
    made = elections.get("gov-2027")
    assert (made.area_code, made.status) == ("24", "scheduled")
    parties = elections.parties_of("gov-2027")
    assert [(p.code, p.display_name, p.color, p.aliases) for p in parties] == [
        ("LP", "Labour", "#c8102e", []),
        ("APC", "All Progressives Congress (APC)", "#0b7a3b", ["A.P.C", "Broom"]),
    ]


def test_a_form_that_is_wrong_comes_back_as_it_was_filled_in(
    sign_in: Callable[..., Person],
) -> None:
    page = sign_in().post("/admin/elections/new", **FORM | {"aliases": ["LP", "", ""]})
    assert "Two parties share a code or an alias" in page
    assert 'value="2027 Lagos governorship"' in page
    assert 'value="#c8102e"' in page
    assert Election.get_or_none(Election.id == "gov-2027") is None


@pytest.mark.slow
def test_an_election_is_changed_but_no_sheet_becomes_unreadable(
    dispute: Election, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    page = admin.get("/admin/elections/abc123/edit")
    assert 'value="Labour Party (LP)"' in page
    rows = {
        "electionName": "Presidential, again",
        "electionType": "presidential",
        "state": "National",
        "order": ["1", "2", "3", "4"],
        "code": ["PDP", "LP", "APC", "NNPP"],
        "name": ["Peoples Democratic Party", "Labour", "All Progressives Congress", "New Nigeria"],
        "display": ["", "", "", ""],
        "color": ["#1f5fa8", "#c8102e", "#0b7a3b", "#d97706"],
        "aliases": ["", "", "A.P.C", ""],
    }
    gone = {name: value[1:] for name, value in rows.items() if isinstance(value, list)}
    refusal = admin.post("/admin/elections/abc123/edit", **rows | gone)
    assert "keep the party PDP" in refusal
    renamed = rows | {"code": ["PDP", "LP", "BROOM", "NNPP"]}
    assert "keep the party APC" in admin.post("/admin/elections/abc123/edit", **renamed)
    elsewhere = rows | {"state": "Kano"}
    assert "where the election is held" in admin.post("/admin/elections/abc123/edit", **elsewhere)
    assert "Saved" in admin.post("/admin/elections/abc123/edit", **rows)
    assert [p.code for p in elections.parties_of("abc123")] == ["PDP", "LP", "APC", "NNPP"]
    assert elections.get("abc123").name == "Presidential, again"
    assert recount.differences("abc123") == []


@pytest.mark.both
@pytest.mark.slow
def test_a_newcomer_finds_one_dispute_in_the_demo_election(app: Flask) -> None:
    assert demo.load()
    assert not demo.load()
    (doubt,) = review.under_review(demo.ELECTION_ID)
    assert doubt.reasons == ["Agents sent different figures."]
    assert len(doubt.sheets) == 2


@pytest.mark.slow
def test_a_dispute_is_shown_with_its_evidence_and_settled_with_a_reason(
    dispute: Election, sign_in: Callable[..., Person]
) -> None:
    reviewer = sign_in("reviewer")
    assert "Agents sent different figures." in reviewer.get("/admin/review/abc123/")
    page = reviewer.get(UNIT)
    assert "Under review.</b> Agents sent different figures. 120 votes could count at most." in page
    for words in ("device A", "device B", "Unit 24-11-02-001", "Ward 24-11-02, Ikeja, Lagos"):
        assert words in page
    chosen = Submission.get(Submission.submission_id == "b").id
    assert "Write the reason" in reviewer.post(f"{UNIT}settle", choice=chosen, reason=" ")
    assert total().review_units == 1
    page = reviewer.post(f"{UNIT}settle", choice=chosen, confirmed="1", reason="The photo shows 90")
    assert "<b>Settled.</b>" in page
    told = "decided: 90 valid votes (LP 90; none for APC, PDP) count. The photo shows 90"
    assert f"{reviewer.user.email} {told}" in page
    assert (total().valid, total().review_units) == (90, 0)
    entry = AuditEntry.get(AuditEntry.action == "results.settled")
    assert entry.actor == reviewer.user.email
    assert "Nothing in doubt" in reviewer.get("/admin/review/abc123/")


@pytest.mark.both
@pytest.mark.slow
def test_the_photo_of_a_sheet_stands_under_its_figures_and_only_its_senders(
    app: Flask, sign_in: Callable[..., Person], make_user: Callable[..., User]
) -> None:
    make_world()
    mine, other = make_user("agent"), make_user("agent")
    with db.atomic():
        receive([sheet("a", votes={"LP": 120})], Sender(agent=f"user:{mine.id}"))
    take(sheet("b", device="B", votes={"LP": 90}))
    for sender, name in ((mine, "of-the-agent"), (other, "of-somebody-else")):
        Photo.create(
            photo_id=name,
            user_id=sender.id,
            submission_id="a",
            sha256="0" * 64,
            size=1,
            media_type="image/jpeg",
            state="stored",
        )
    reviewer = sign_in("reviewer")
    row = Submission.get(Submission.submission_id == "a").id
    for page in (reviewer.get(UNIT), reviewer.get(f"/admin/intake/sheets/{row}/")):
        assert "/admin/intake/photos/of-the-agent.jpg" in page
        assert "of-somebody-else" not in page
    assert "none sent" in reviewer.get(UNIT)


@pytest.mark.both
@pytest.mark.slow
def test_doubts_come_weightiest_first_and_can_be_narrowed_to_a_state(
    app: Flask, sign_in: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_page, "PAGE", 2)
    make_world()
    # Two in Lagos and one in Kano, the more votes the later their code.
    for number, unit in enumerate((UNITS[0], UNITS[1], UNITS[16])):
        votes = 100 + 10 * ((number + 1) % 3)
        take(
            sheet(f"a{unit}", unit, device="A", votes={"LP": votes}),
            sheet(f"b{unit}", unit, device="B", votes={"LP": 50}),
        )
    reviewer = sign_in("reviewer")

    def shown(page: str) -> list[str]:
        return re.findall(r'row-link" href="/admin/review/abc123/([\d-]+)/"', page)

    first = reviewer.get("/admin/review/abc123/")
    assert shown(first) == [UNITS[1], UNITS[0]]
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following
    assert shown(reviewer.get(following[1].replace("&amp;", "&"))) == [UNITS[16]]
    assert shown(reviewer.get("/admin/review/abc123/?order=place&area=24")) == list(UNITS[:2])
    assert shown(reviewer.get("/admin/review/abc123/?area=19")) == [UNITS[16]]
    assert "Nothing in doubt in Abia" in reviewer.get("/admin/review/abc123/?area=01")
    # From one to the next without going back to the list.
    assert f"Next in doubt: {UNITS[1]}" in reviewer.get(UNIT)


@pytest.mark.both
def test_a_page_of_many_doubts_asks_for_their_names_together(
    sign_in: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_world()
    reviewer, real = sign_in("reviewer"), db.obj.execute_sql
    asked: list[str] = []

    def execute(sql: str, params: Any = None) -> Any:
        asked.append(sql)
        return real(sql, params)

    monkeypatch.setattr(db.obj, "execute_sql", execute)
    statements = []
    for units in (UNITS[:2], UNITS[2:12]):
        for unit in units:
            votes = ({"LP": 120}, {"LP": 90})
            take(*(sheet(f"{unit}{n}", unit, device=f"D{n}", votes=votes[n]) for n in (0, 1)))
        asked.clear()
        page = reviewer.get("/admin/review/abc123/")
        assert all(unit in page for unit in units)
        assert "Lagos" in page
        statements.append(sum('FROM "area"' in sql for sql in asked))
    assert statements[0] == statements[1] > 0


@pytest.mark.both
def test_sheets_are_counted_by_status_as_if_each_was_looked_at(
    dispute: Election, sign_in: Callable[..., Person]
) -> None:
    take(sheet("c", device="A", revision=2, votes={"LP": 120}), sheet("a", device="A"))
    take(sheet("d", "nonsense"), sheet("e", votes={"LP": 500}, accreditedVoters=300))
    with db.atomic():
        receive([sheet("f", UNITS[3])], Sender())
    statuses, reasons = overview.by_status("abc123")
    counted = {row.status: 0 for row in Submission.select()}
    for row in Submission.select().where(Submission.election_id == "abc123"):
        counted[row.status] += 1
    assert {name: number for name, number in statuses.items() if number} == counted
    refused = {name: number for name, _, number in reasons}
    assert refused == {"malformed_code": 1, "over_voting": 1, "id_reused": 1}
    reviewer = sign_in("reviewer")
    page = reviewer.get("/admin/intake/?status=rejected&reason=over_voting")
    assert re.findall(r'row-link" href="/admin/intake/sheets/\d+/">(\w+)<', page) == ["e"]
    assert "No sheet is superseded now" not in page


@pytest.mark.slow
def test_figures_can_be_corrected_by_hand_or_voided(
    dispute: Election, sign_in: Callable[..., Person]
) -> None:
    reviewer = sign_in("reviewer")
    typed = {"registered": "600", "accredited": "1,00", "rejected": "2", "votes-LP": "85"}
    for wrong in ("x", "9²"):
        page = reviewer.post(
            f"{UNIT}settle", choice="figures", reason="r", **typed | {"votes-LP": wrong}
        )
        assert "LP: write a whole number." in page
    assert "Choose one" in reviewer.post(f"{UNIT}settle", choice="²", reason="r")
    reviewer.post(
        f"{UNIT}settle", choice="figures", confirmed="1", reason="The paper says 85", **typed
    )
    assert (total().valid, total().accredited) == (85, 100)
    reviewer.post(f"{UNIT}settle", choice="void", confirmed="1", reason="Boxes were snatched")
    assert (total().units, total().valid) == (0, 0)
    assert Decision.select().count() == 2
    assert recount.differences("abc123") == []


@pytest.mark.slow
def test_a_refused_sheet_with_too_many_votes_can_be_looked_at_and_chosen(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    make_world()
    take(sheet("a", votes={"LP": 500}, accreditedVoters=300))
    page = sign_in("reviewer").get(UNIT)
    assert "refused for over-voting" in page
    assert "500 votes could count at most" in page


@pytest.mark.slow
def test_a_sheet_with_more_votes_than_any_unit_has_is_evidence_and_no_choice(
    app: Flask, sign_in: Callable[..., Person]
) -> None:
    make_world()
    take(sheet("a", votes={"LP": 5_000_000}))
    page = sign_in("reviewer").get(UNIT)
    assert "5,000,004 votes, but 600 registered voters" in page
    assert "600 votes could count at most" in page
    assert page.count('name="choice"') == 2


@pytest.mark.slow
def test_any_unit_can_be_opened_by_its_code_and_nonsense_is_told(
    dispute: Election, sign_in: Callable[..., Person]
) -> None:
    reviewer = sign_in("reviewer")
    assert "Nothing has come in" in reviewer.get(f"/admin/review/abc123/?unit={UNITS[5]}")
    reviewer.get("/admin/review/abc123/?unit=24-11", status=404)
    reviewer.get("/admin/review/nope/", status=404)


@pytest.mark.parametrize("role", ["organiser", "viewer", "agent"])
def test_who_only_looks_at_results_starts_no_recount(
    dispute: Election, sign_in: Callable[..., Person], role: str
) -> None:
    sign_in(role).post("/admin/elections/abc123/verify", status=403)
    assert jobs.Job.select().count() == 0


@pytest.mark.slow
def test_the_totals_are_counted_again_by_a_worker_and_repaired_by_an_admin(
    dispute: Election, sign_in: Callable[..., Person]
) -> None:
    admin = sign_in()
    page = admin.post("/admin/elections/abc123/verify")
    assert "Waits for a worker" in page
    assert "data-poll" in admin.get("/admin/elections/abc123/recount")
    jobs.run(jobs.Job.get().id)
    assert "data-poll" not in admin.get("/admin/elections/abc123/recount")
    assert "All totals agree" in admin.get("/admin/elections/abc123/")
    Tally.update(valid=7).where(Tally.area_code == "24").execute()
    sign_in("reviewer").post("/admin/elections/abc123/verify")
    jobs.run(jobs.Job.select().order_by(jobs.Job.id.desc()).get().id)
    page = admin.get("/admin/elections/abc123/")
    assert "24: valid is 7, counted 120" in page
    sign_in("reviewer").post("/admin/elections/abc123/verify", status=403, repair="1")
    admin.post("/admin/elections/abc123/verify", repair="1")
    jobs.run(jobs.Job.select().order_by(jobs.Job.id.desc()).get().id)
    assert recount.differences("abc123") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "room", "making"),
    [("admin", 200, 200), ("reviewer", 200, 403), ("organiser", 403, 403), ("viewer", 403, 403)],
)
def test_only_reviewers_settle_and_only_admins_make_elections(
    dispute: Election, sign_in: Callable[..., Person], role: str, room: int, making: int
) -> None:
    person = sign_in(role)
    person.get("/admin/review/", status=room)
    person.get(UNIT, status=room)
    person.get("/admin/elections/new", status=making)
    person.get("/admin/elections/abc123/edit", status=making)
    if room == 403:
        person.post(f"{UNIT}settle", status=403, choice="void", reason="x")
        assert Decision.select().count() == 0
