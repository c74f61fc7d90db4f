"""The live count over HTTP: its shape, its areas, its validators."""

import gzip
import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from live_world import URL, take, world
from results_world import UNITS, VOTERS, election_document, make_world, sheet

from obidient.results import elections, generation
from obidient.results.live import copies, documents, page, pages
from obidient.results.models import Election, Party, Tally

__all__ = ["world"]


# ---- the document -------------------------------------------------------------------------------


@pytest.mark.both
def test_the_document_has_exactly_the_promised_shape(world: Election, client: FlaskClient) -> None:
    answer = client.get(URL)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    body = answer.json
    assert list(body)[:4] == ["election", "summary", "parties", "lastUpdated"]
    assert (
        body["election"].items()
        >= {
            "electionId": "abc123",
            "electionName": "2027 Presidential Election",
            "electionType": "presidential",
            "state": "National",
            "status": "ongoing",
        }.items()
    )
    assert (
        body["summary"].items()
        >= {
            "pollingUnitsReported": 2,
            "totalRegisteredVoters": 2 * VOTERS,
            "totalAccreditedVoters": 208 + 211,
            "totalValidVotes": 399,
            "totalRejectedVotes": 8,
            "voterTurnout": "34.92",
        }.items()
    )
    assert [(p["partyCode"], p["totalVotes"], p["percentage"]) for p in body["parties"]] == [
        ("LP", 200, "50.13"),
        ("APC", 166, "41.60"),
        ("PDP", 33, "8.27"),
    ]
    assert (
        body["parties"][0].items()
        >= {
            "partyName": "Labour Party",
            "displayName": "Labour Party (LP)",
        }.items()
    )
    moment = Tally.get(Tally.area_code == "NG").updated_at
    assert body["lastUpdated"] == moment.isoformat(timespec="milliseconds") + "Z"


def test_an_election_without_results_shows_zeros(app: Flask, client: FlaskClient) -> None:
    make_world()
    body = client.get(URL).json
    assert body["summary"]["voterTurnout"] == "0.00"
    assert body["parties"][0]["percentage"] == "0.00"
    assert body["sentences"]["leader"] == "No results yet"


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 8, "12.50"), (1, 3, "33.33"), (2, 3, "66.67"), (0, 0, "0.00"),
                                (5, 100_000, "0.01"), (9995, 10_000, "99.95")]
)  # fmt: skip
def test_percentages_have_two_decimals_rounded_half_up(part: int, whole: int, text: str) -> None:
    assert documents.percent(part, whole) == text


def test_whether_the_leader_could_change_is_said_plainly(world: Election) -> None:
    body = json.loads(copies.summary_bytes("abc123")[0])
    assert body["outlook"] == {
        "pollingUnitsOut": len(UNITS) - 2,
        "registeredVotersOut": (len(UNITS) - 2) * VOTERS,
        "lead": 34,
        "leaderCouldChange": True,
    }
    take(*[sheet(f"s{n}", unit, votes={"LP": 300 + n}) for n, unit in enumerate(UNITS[1:-1])])
    body = json.loads(copies.summary_copy("abc123").body)
    elections.set_status("abc123", "ended")
    body = json.loads(copies.summary_copy("abc123").body)
    assert body["outlook"]["leaderCouldChange"] is False
    assert body["sentences"]["outlook"] == "All polling units have reported."


@pytest.mark.both
def test_areas_drill_down_from_the_nation_to_a_unit(world: Election, client: FlaskClient) -> None:
    base = "/api/live-results/elections/abc123/areas/"
    nation = client.get(base + "NG").json
    assert (nation["level"], len(nation["children"])) == ("nation", 37)
    lagos = next(child for child in nation["children"] if child["code"] == "24")
    assert set(lagos) == {"code", "name", "level", "summary", "parties"}
    assert (lagos["name"], lagos["summary"]["totalValidVotes"]) == ("Lagos", 198)
    ward = client.get(base + "24-11-02").json
    assert [child["code"] for child in ward["children"]] == list(UNITS[:8])
    assert [child["summary"]["pollingUnitsReported"] for child in ward["children"]][:2] == [1, 0]
    unit = client.get(base + UNITS[0]).json
    assert (unit["level"], unit["children"]) == ("unit", [])
    assert unit["summary"]["totalValidVotes"] == 198
    for unknown in ("99", "24-99", "24-11-99", "24-11-02-999", "NGX", "2411"):
        assert client.get(base + unknown).status_code in (404, 422)


def test_an_area_that_nothing_changed_in_keeps_its_bytes(
    world: Election, client: FlaskClient
) -> None:
    base = "/api/live-results/elections/abc123/areas/"
    before = client.get(base + "19").headers["ETag"]
    take(sheet("c", UNITS[1]))
    generation.invalidate("abc123")
    assert client.get(base + "19").headers["ETag"] == before
    assert client.get(base + "24").json["summary"]["pollingUnitsReported"] == 2


@pytest.mark.both
@pytest.mark.parametrize("name", ["nope", "no%20such", "x" * 200, "abc123%00", "%F0%9F%98%80"])
def test_an_unknown_election_is_a_problem(world: Election, client: FlaskClient, name: str) -> None:
    answer = client.get(f"/api/live-results/elections/{name}/live-summary")
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"] == "There is no such election."


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("code", ["99", "24-99", "24-11-02-999", "XX", "24-", "24%00", "٢٤", "ng"])
def test_an_unknown_area_is_a_problem(world: Election, client: FlaskClient, code: str) -> None:
    for path in ("/api/live-results/elections/abc123/areas/", "/results/abc123/"):
        assert client.get(path + code).status_code == 404


@pytest.mark.slow
def test_elections_are_listed_in_parts(world: Election, client: FlaskClient) -> None:
    for name in "wxyz":
        elections.create(election_document(name))
    address, seen = "/api/live-results/elections?limit=2", []
    cursor: str | None = ""
    while cursor is not None:
        body = client.get(address + cursor).json
        seen.append([item["electionId"] for item in body["items"]])
        cursor = body["nextCursor"] and f"&cursor={body['nextCursor']}"
    assert seen == [["z", "y"], ["x", "w"], ["abc123"]]
    assert client.get("/api/live-results/elections").json["nextCursor"] is None
    assert client.get(address + "&cursor=nope").status_code == 404


def test_older_elections_have_a_page_of_their_own(
    world: Election, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ON_A_PAGE", 1)
    elections.create(election_document("other"))
    first = client.get("/results/").text
    assert 'href="/results/other"' in first and 'href="/results/abc123"' not in first
    second = client.get("/results/?cursor=other").text
    assert 'href="/results/abc123"' in second and "Older" not in second


# ---- validators, encodings ----------------------------------------------------------------------


def test_a_client_that_has_the_document_is_told_so_without_a_body(
    world: Election, client: FlaskClient
) -> None:
    etag = client.get(URL).headers["ETag"]
    assert etag.startswith('"')
    for known in (etag, f"W/{etag}", f'"x", W/{etag}', "*", etag[:-1] + '-gzip"'):
        for encoding in ("gzip", "identity"):
            answer = client.get(URL, headers={"If-None-Match": known, "Accept-Encoding": encoding})
            assert answer.status_code == 304, known
            assert answer.data == b""
            assert answer.headers["ETag"] == etag
            assert "Content-Type" not in answer.headers
    for other in ('"x"', "", 'W/"y", "z"', etag.strip('"')[:-1]):
        assert client.get(URL, headers={"If-None-Match": other}).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("br", False),
        ("", False),
    ],
)
def test_gzip_is_used_where_it_is_allowed(
    world: Election, client: FlaskClient, accepted: str, packed: bool
) -> None:
    plain = client.get(URL).data
    answer = client.get(URL, headers={"Accept-Encoding": accepted})
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Cache-Control"] == "public, max-age=2, stale-while-revalidate=30"
    assert ("Content-Encoding" in answer.headers) is packed
    assert (gzip.decompress(answer.data) if packed else answer.data) == plain


@pytest.mark.parametrize("warm", [True, False])
def test_head_is_get_without_the_body(world: Election, client: FlaskClient, warm: bool) -> None:
    got = client.get(URL)
    if not warm:
        generation.invalidate("abc123")
    head = client.head(URL)
    assert head.status_code == 200
    assert head.data == b""
    for name in ("ETag", "Content-Type", "Cache-Control", "Vary", "Content-Length"):
        assert head.headers[name] == got.headers[name]


def test_the_short_path_and_the_long_one_answer_alike(world: Election, client: FlaskClient) -> None:
    long_way, short_way = client.get(URL), client.get(URL)
    assert "X-Request-Id" in long_way.headers
    assert "X-Request-Id" not in short_way.headers
    assert long_way.data == short_way.data
    for name, value in short_way.headers.items():
        assert long_way.headers[name] == value
    assert client.post(URL).status_code == 405


@pytest.mark.slow
@pytest.mark.parametrize("url", [URL, "/results/abc123"])
def test_what_has_not_changed_costs_little_and_keeps_its_headers(
    world: Election, client: FlaskClient, url: str
) -> None:
    known = {"If-None-Match": client.get(url).headers["ETag"]}
    current = client.application.extensions["obidient.live"]
    current.generation.bump()
    long_way, short_way = client.get(url, headers=known), client.get(url, headers=known)
    for answer in (long_way, short_way):
        assert answer.status_code == 304
        assert "Content-Security-Policy" not in answer.headers
        assert len(str(answer.headers)) < 300


@pytest.mark.slow
def test_public_answers_depend_on_no_cookie(world: Election, client: FlaskClient) -> None:
    for url in (URL, "/api/live-results/elections", "/results/abc123", "/results/"):
        for _ in range(2):
            answer = client.get(url)
            assert answer.status_code == 200
            assert "Cookie" not in answer.headers.get("Vary", "")
            assert "Set-Cookie" not in answer.headers


# ---- letters on parties' colours ----------------------------------------------------------------


@pytest.mark.slow
@given(st.integers(0, 0xFFFFFF))
def test_letters_on_any_party_colour_are_easy_to_read(number: int) -> None:
    color = f"#{number:06x}"
    rule = page.colors([Party(code="LP", color=color)])
    letters = rule.partition("--on:")[2].partition("}")[0]
    full = letters if len(letters) == 7 else "#" + "".join(2 * digit for digit in letters[1:])
    light, dark = sorted((luminance(color), luminance(full)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(color: str) -> float:
    """As WCAG has it."""
    values = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
