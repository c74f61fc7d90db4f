"""“My polling unit”: found by code or name, shown with what counts, and its photo once released."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from admin_people import Person, sign_in
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from results_world import UNITS, make_world, sheet

from obidient.accounts.models import AuditEntry, User
from obidient.areas import Area
from obidient.database import db
from obidient.results import deciding, register, review
from obidient.results.received import Sender, receive
from obidient.results.units import names
from obidient.results.units.models import ReleasedPhoto
from obidient.sync import photos

__all__ = ["sign_in"]

API, PAGE = "/api/live-results/elections/abc123/units", "/results/abc123"


@pytest.fixture
def world(app: Flask) -> None:
    make_world()
    for code, name in (
        (UNITS[0], "ST. MARY'S PRIMARY SCHOOL, ỌJẸ I"),
        (UNITS[8], "UNGUWAR SARKI/KOFAR GIDA 017"),
        (UNITS[16], "OPEN SPACE, SARKI'S SCHOOL II"),
    ):
        Area.update(name=name).where(Area.code == code).execute()
    register.add_up()


@pytest.mark.parametrize(
    "typed",
    ["24-11-02-017", "24/11/02/017", "241102017", "24 11 2 17", "PU: 24.11.02.017", "24–11–02–017"],
)
def test_any_usual_spelling_is_a_code(typed: str) -> None:
    assert names.code_in(typed) == "24-11-02-017"


def test_a_name_is_no_code() -> None:
    assert names.code_in("10203004") == "01-02-03-004"
    assert names.code_in("24/11/2") == "24-11-02"
    assert [names.code_in(name) for name in ("WARD 24 SCHOOL", "11", "sarki")] == [None] * 3


@pytest.mark.both
@pytest.mark.slow
def test_units_are_found_by_parts_of_names_within_an_area(world: None, client: FlaskClient) -> None:
    def found(**query: Any) -> list[str]:
        answer = client.get(API, query_string=query)
        assert answer.status_code == 200, answer.json
        return [item["code"] for item in answer.json["items"]]

    assert found(q="sarki") == [UNITS[16], UNITS[8]]
    assert found(q="ool sarki") == [UNITS[16]]
    assert found(q="oje mary s") == [UNITS[0]]
    # With an apostrophe, with that of a phone, and without one.
    assert found(q="mary's") == found(q="Mary’s") == found(q="marys") == [UNITS[0]]
    # Short parts begin a word; the code's own digits are no part of the name.
    assert found(q="school i") == [UNITS[16], UNITS[0]]
    assert (found(q="017"), found(q="241")) == ([UNITS[8]], [])
    assert (found(q="sarki", area="19"), found(q="sarki", area="24-11-03")) == (
        [UNITS[16]],
        [UNITS[8]],
    )
    assert found(q=UNITS[3].replace("-", "/")) == [UNITS[3]]
    assert len(found(q="24-11-02")) == 8
    narrowed = client.get(API, query_string={"q": "unit", "limit": 2}).json
    assert narrowed["total"] == 21
    assert [(one["code"], one["units"]) for one in narrowed["areas"]] == [("19", 7), ("24", 14)]
    for wrong in ({"q": "ab"}, {"q": "sarki", "x": "1"}, {}, {"q": "sarki", "area": "x"}):
        assert client.get(API, query_string=wrong).status_code == 422
    # A register imported meanwhile is searched at once.
    Area.update(name="NEW MARKET").where(Area.code == UNITS[0]).execute()
    register.add_up()
    assert (found(q="market"), found(q="mary")) == ([UNITS[0]], [])


def picture() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Maker of the phone"
    exif.get_ifd(0x8825)[2] = (6.0, 27.0, 0.0)
    out = io.BytesIO()
    Image.new("RGB", (400, 300), "#cfd8d2").save(out, "JPEG", exif=exif)
    return out.getvalue()


def send(agent: User, submission: str, unit: str, photo: str = "", **more: Any) -> None:
    with db.atomic():
        receive([sheet(submission, unit, **more)], Sender(agent=f"user:{agent.id}"))
    deciding.process_waiting()
    if photo:
        data = picture()
        digest = hashlib.sha256(data).hexdigest()
        photos.begin(agent, photo, submission, digest, len(data), "image/jpeg")
        photos.take(agent, photo, 0, data)


class Public:
    """What anybody sees of a unit; no page or document may hold a trace of an agent."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def unit(self, code: str = UNITS[0]) -> dict[str, Any]:
        answer, page = self.client.get(f"{API}/{code}"), self.client.get(f"{PAGE}/{code}")
        assert (answer.status_code, page.status_code) == (200, 200)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["ETag"] and "max-age=2" in answer.headers["Cache-Control"]
        for secret in ("Ada", "Bayo", "example.org", "0803555", "DEV-1", "photo-of", "user:"):
            assert secret not in answer.text + page.text
        document: dict[str, Any] = answer.json
        return document | {"page": page.text}


@pytest.fixture
def public(world: None, app: Flask) -> Public:
    return Public(app)


@pytest.fixture
def agents(world: None, make_user: Callable[..., User]) -> list[User]:
    """Ada and Bayo; a sheet of hers counts, of his one is refused for over-voting, one counts."""
    ada, bayo = (
        make_user("agent", f"agent{number}@example.org", name=name, phone=f"+23480355500{number}")
        for number, name in enumerate(("Ada Obi", "Bayo Ige"), 10)
    )
    send(ada, "s-1", UNITS[0], "photo-of-ada-1")
    send(bayo, "s-2", UNITS[1], "photo-of-bayo-1", votes={"LP": 700})
    send(bayo, "s-3", UNITS[2], "photo-of-bayo-2", votes={"LP": 77, "APC": 12, "PDP": 5})
    return [ada, bayo]


@pytest.mark.slow
def test_a_unit_shows_what_counts_and_nothing_else(public: Public, agents: list[User]) -> None:
    nothing = public.unit(UNITS[3])
    assert (nothing["status"], nothing["figures"], nothing["receivedAt"]) == ("none", None, None)
    assert "No sheet yet" in nothing["page"] and "Votes by party" not in nothing["page"]
    counted = public.unit()
    assert (counted["status"], counted["registeredVoters"]) == ("counted", 600)
    assert counted["figures"]["parties"][0]["totalVotes"] == 120
    assert counted["receivedAt"] and counted["photos"] == []
    # Refused for over-voting: in doubt, and no figure of it is shown.
    doubted = public.unit(UNITS[1])
    assert (doubted["status"], doubted["figures"], "700" in doubted["page"]) == (
        "review",
        None,
        False,
    )
    page = public.client.get(f"{PAGE}/units?q=mary").text
    assert f'href="{PAGE}/{UNITS[0]}"' in page and "Counted" in page
    by_code = public.client.get(f"{PAGE}/units?q={UNITS[0].replace('-', '/')}")
    assert by_code.location == f"{PAGE}/{UNITS[0]}"
    for missing in (f"{API}/24-11-02-999", f"{PAGE}/units?q=mary&area=x", "/results/photos/1.jpg"):
        assert public.client.get(missing).status_code == 404
    review.settle("abc123", UNITS[0], "Read from paper", void=True)
    assert (public.unit()["status"], public.unit()["figures"]) == ("void", None)


@pytest.mark.both
@pytest.mark.slow
def test_a_photo_is_public_while_it_is_released(
    public: Public, agents: list[User], sign_in: Callable[..., Person]
) -> None:
    admin, here = sign_in("admin"), "/admin/photos/abc123"
    admin.post(f"{here}/area", verb="release", area="24")
    released = ReleasedPhoto.select().order_by(ReleasedPhoto.unit_code)
    assert [row.unit_code for row in released] == [UNITS[0], UNITS[2]]
    assert "Lagos" in admin.get(f"{here}/")
    (photo,) = public.unit()["photos"]
    assert photo["counts"] and photo["url"] in public.unit()["page"]
    shown = public.client.get(photo["url"])
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-cache")
    drawn = Image.open(io.BytesIO(shown.data))
    assert (drawn.size, dict(drawn.getexif()), "exif" in drawn.info) == ((400, 300), {}, False)
    known = {"If-None-Match": shown.headers["ETag"]}
    assert public.client.get(photo["url"], headers=known).status_code == 304

    admin.post(f"{here}/{UNITS[0]}/photo-of-ada-1/withdraw")
    # At once, also for who has it: no copy may be used unasked.
    assert public.client.get(photo["url"], headers=known).status_code == 404
    assert public.unit()["photos"] == [] and photo["url"] not in public.unit()["page"]
    # The photo of a sheet that was refused stays in the house.
    admin.post(f"{here}/{UNITS[1]}/photo-of-bayo-1/release")
    assert public.unit(UNITS[1])["photos"] == []
    admin.post(f"{here}/{UNITS[0]}/photo-of-ada-1/release")
    assert len(public.unit()["photos"]) == 1
    admin.post(f"{here}/area", verb="withdraw")
    assert (public.unit()["photos"], ReleasedPhoto.select().count()) == ([], 0)
    actions = [row.action for row in AuditEntry.select().order_by(AuditEntry.id)]
    assert [one for one in actions if one.startswith("photos.")] == [
        "photos.released", "photos.withdrawn", "photos.released", "photos.withdrawn",
    ]  # fmt: skip

    reviewer = sign_in("reviewer")
    reviewer.post(f"{here}/area", 403, verb="release")
    reviewer.post(f"{here}/{UNITS[0]}/photo-of-ada-1/release", 403)
    assert not ReleasedPhoto.select().exists()
    room = reviewer.get(f"/admin/review/abc123/{UNITS[0]}/")
    assert "not public" in room and "Release it" not in room
