"""Results as files: CSV and NIST JSON, streamed, from one moment, for any site to read."""

import csv
import gzip
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from live_world import take
from results_world import UNITS, VOTERS, election_document, make_register, make_world, sheet

from obidient.areas import Area
from obidient.database import db
from obidient.results import downloads, elections, exports, generation
from obidient.results.models import Election, Tally

BASE = "/api/live-results/elections/abc123"
CSV, NIST = f"{BASE}/results.csv", f"{BASE}/results.nist.json"
DAY = "2027-02-20"
SCHEMA = Path(__file__).parents[1] / "data" / "nist_v2_election_results_reporting.json"


@pytest.fixture
def world(app: Flask) -> Election:
    election = make_world(startDate=DAY)
    take(sheet("a"), sheet("b", UNITS[-1], votes={"LP": 80, "APC": 121}))
    take(
        sheet("c", UNITS[1], votes={"LP": 110}),
        sheet("d", UNITS[1], device="other", votes={"LP": 1}),
    )
    return election


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# ---- CSV ----------------------------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.slow
def test_every_unit_that_reported_has_a_row(world: Election, client: FlaskClient) -> None:
    answer = client.get(CSV)
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = rows_of(answer.text)
    assert [row["area"] for row in rows] == [UNITS[-1], UNITS[0], UNITS[1]]
    first = rows[1]
    assert [first[name] for name in ("LP", "APC", "PDP", "valid", "rejected")] == [
        "120", "45", "33", "198", "4",
    ]  # fmt: skip
    assert (first["registered"], first["accredited"]) == (str(VOTERS), "208")
    assert (first["state"], first["lga"], first["ward"]) == ("Lagos", "Ikeja", "Ward 24-11-02")
    assert [row["under_review"] for row in rows] == ["0", "0", "1"]
    assert first["last_changed"].endswith("Z")


@pytest.mark.both
@pytest.mark.slow
def test_rows_of_each_level_are_the_totals(world: Election, client: FlaskClient) -> None:
    for level, codes in {
        "nation": ["NG"],
        "state": ["19", "24"],
        "lga": ["19-07", "24-11"],
        "ward": ["19-07-01", "24-11-02"],
    }.items():
        rows = rows_of(client.get(f"{CSV}?level={level}").text)
        assert [row["area"] for row in rows] == codes
        for row in rows:
            total = Tally.get(Tally.area_code == row["area"])
            votes = json.loads(total.votes)
            assert int(row["valid"]) == total.valid == sum(votes.values())
            assert {code: int(row[code]) for code in votes} == votes
            assert int(row["units_reported"]) == total.units
    assert rows[0]["units_total"] == "8"
    assert [row["area"] for row in rows_of(client.get(f"{CSV}?state=24").text)] == list(UNITS[:2])


@pytest.mark.slow
def test_a_name_is_no_formula_for_a_spreadsheet(world: Election, client: FlaskClient) -> None:
    Area.update(name="=HYPERLINK(1)").where(Area.code == UNITS[0]).execute()
    assert rows_of(client.get(CSV).text)[1]["name"] == "'=HYPERLINK(1)"


@pytest.mark.slow
def test_an_election_of_one_lga_keeps_to_it(app: Flask, client: FlaskClient) -> None:
    make_world(electionType="chairmanship", state="Lagos", areaCode="24-11", startDate=DAY)
    take(sheet("a"), sheet("b", UNITS[-1]))
    assert [row["area"] for row in rows_of(client.get(CSV).text)] == [UNITS[0]]
    report = client.get(NIST).json
    assert report["Election"][0]["ElectionScopeId"] == "gp-24-11"
    check_report(report)
    refused = client.get(f"{CSV}?level=state")
    assert (refused.status_code, refused.json["detail"]) == (
        422,
        "There is no state in this part: use lga, ward, unit.",
    )
    assert client.get(f"{CSV}?state=19").json["detail"] == "Kano does not vote in this election."


# ---- NIST ---------------------------------------------------------------------------------------


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from nodes(part)


def check_report(report: dict[str, Any]) -> None:
    """Valid as the schema has it, and every reference leads to something of a fitting type."""
    schema = json.loads(SCHEMA.read_text())
    checker = jsonschema.FormatChecker()
    jsonschema.Draft4Validator(schema, format_checker=checker).validate(report)
    kinds: dict[str, str] = {}
    for node in nodes(report):
        if "@id" in node:
            assert node["@id"] not in kinds, "an id is given twice"
            kinds[node["@id"]] = node["@type"]
    found = 0
    for node in nodes(report):
        properties = schema["definitions"][node["@type"]]["properties"]
        for name, value in node.items():
            wanted = properties[name].get("refTypes") or properties[name].get("items", {}).get(
                "refTypes"
            )
            for one in value if wanted and isinstance(value, list) else [value] if wanted else []:
                assert kinds.get(one) in wanted, f"{name} leads to {one}"
                found += 1
    assert found >= 6


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?state=24", "?level=unit", "?level=state", "?level=nation",
                                   "?state=24&level=lga"])  # fmt: skip
def test_the_nist_report_is_valid_and_its_references_lead_somewhere(
    world: Election, client: FlaskClient, query: str
) -> None:
    check_report(client.get(NIST + query).json)


def test_the_nist_report_tells_the_count(world: Election, client: FlaskClient) -> None:
    report = client.get(f"{NIST}?state=24").json
    assert report["Format"] == "precinct-level"
    assert report["Status"] == "unofficial-partial"
    assert report["IsTest"] is False
    assert "not official" in report["Issuer"]
    moment = Tally.get(Tally.area_code == "NG").updated_at
    assert report["GeneratedDate"] == moment.isoformat(timespec="seconds")[:19] + "Z"
    election = report["Election"][0]
    assert (election["StartDate"], election["EndDate"]) == (DAY, DAY)
    selections = election["Contest"][0]["ContestSelection"]
    lp = {count["GpUnitId"]: count["Count"] for count in selections[0]["VoteCounts"]}
    assert lp == {"gp-24": 230, "gp-24-11": 230, "gp-24-11-02": 230, f"gp-{UNITS[0]}": 120,
                  f"gp-{UNITS[1]}": 110}  # fmt: skip
    ballots = {row["GpUnitId"]: row for row in election["BallotCounts"]}
    assert ballots[f"gp-{UNITS[0]}"]["BallotsCast"] == 202
    assert ballots[f"gp-{UNITS[0]}"]["BallotsRejected"] == 4
    units = {unit["@id"]: unit for unit in report["GpUnit"]}
    assert [units[f"gp-{unit}"]["CountStatus"][0]["Status"] for unit in UNITS[:3]] == [
        "completed", "in-process", "not-processed",
    ]  # fmt: skip
    kinds = [(units[f"gp-{code}"]["Type"], units[f"gp-{code}"].get("OtherType"))
             for code in ("24", "24-11", "24-11-02", UNITS[0])]  # fmt: skip
    assert kinds == [("state", None), ("other", "lga"), ("ward", None), ("polling-place", None)]
    ward = units["gp-24-11-02"]
    assert (ward["SubUnitsReported"], ward["TotalSubUnits"]) == (2, 8)
    assert ward["ComposingGpUnitIds"] == [f"gp-{unit}" for unit in UNITS[:8]]
    assert report["Party"][2]["Color"] == "1f5fa8"


@pytest.mark.slow
def test_the_whole_nation_comes_as_a_summary(world: Election, client: FlaskClient) -> None:
    report = client.get(NIST).json
    assert report["Format"] == "summary-contest"
    kinds = {unit["Type"] for unit in report["GpUnit"]}
    assert kinds == {"country", "state", "other", "ward"}


@pytest.mark.slow
def test_an_invented_election_says_so_and_one_without_a_day_is_refused(
    app: Flask, client: FlaskClient
) -> None:
    make_register()
    document = election_document(issuer="Count Watch", issuerAbbreviation="CW", startDate=DAY)
    elections.create(document, is_demo=True)
    report = client.get(NIST).json
    assert (report["IsTest"], report["IssuerAbbreviation"]) == (True, "CW")
    assert report["Issuer"].startswith("Count Watch (parallel count")
    elections.change("abc123", document | {"startDate": ""})
    refused = client.get(NIST)
    assert refused.status_code == 409
    assert "give it a startDate" in refused.json["detail"]
    assert client.get(CSV).status_code == 200


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"startDate": "20 Feb"}, "startDate must be a day like 2027-02-20."),
        ({"endDate": DAY}, "endDate has no startDate: give both days, or the first alone."),
        ({"startDate": DAY, "endDate": "2027-02-19"}, "endDate 2027-02-19 lies before startDate"),
        ({"quarterStates": 38}, "quarterStates: write a whole number from 1 to 37."),
        ({"quarterOf": "all"}, "quarterOf 'all': use one of valid, cast."),
    ],
)
def test_terms_that_cannot_be_are_refused(app: Flask, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Exception, match=sentence[:40]):
        elections.create(election_document(**more))


# ---- as it is sent ------------------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.parametrize("url", [CSV, NIST])
def test_the_validator_moves_with_the_count(world: Election, client: FlaskClient, url: str) -> None:
    first = client.get(url)
    etag = first.headers["ETag"]
    assert (
        first.headers["Cache-Control"]
        == client.get(f"{BASE}/live-summary").headers["Cache-Control"]
    )
    same = client.get(url, headers={"If-None-Match": etag})
    assert (same.status_code, same.data) == (304, b"")
    assert client.get(url + "?state=24").headers["ETag"] != etag
    take(sheet("e", UNITS[2]))
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.slow
def test_whoever_can_read_gzip_gets_it(world: Election, client: FlaskClient) -> None:
    packed = client.get(CSV, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == client.get(CSV).data
    assert packed.headers["ETag"] == client.get(CSV).headers["ETag"]


@pytest.mark.both
@pytest.mark.slow
def test_a_file_is_of_one_moment_and_holds_up_no_sheet(
    world: Election, client: FlaskClient, app: Flask
) -> None:
    with exports.snapshot():
        part = exports.part("abc123", None, "unit")
        pieces = exports.csv_text(part)
        head = next(pieces)

        def send() -> None:
            with app.app_context():
                take(sheet("f", UNITS[0], revision=2, votes={"LP": 500}))
                db.close()

        other = threading.Thread(target=send)
        other.start()
        other.join(20)
        assert not other.is_alive()
        rows = rows_of(head + "".join(pieces))
    assert {row["area"]: row["LP"] for row in rows}[UNITS[0]] == "120"
    assert rows_of(client.get(CSV).text)[1]["LP"] == "500"


@pytest.mark.slow
def test_a_reader_who_goes_away_leaves_nothing_open(world: Election, app: Flask) -> None:
    for _ in range(2 * downloads.MOST_AT_ONCE):
        with app.test_request_context(f"{CSV}?level=unit"):
            response = app.full_dispatch_request()
            response.close()
        with app.test_request_context(CSV):
            response = app.full_dispatch_request()
            next(iter(response.response))
            response.close()
    assert not db.in_transaction()
    assert app.test_client().get(CSV).status_code == 200


def test_too_many_downloads_at_once_are_asked_to_wait(world: Election, client: FlaskClient) -> None:
    for _ in range(downloads.MOST_AT_ONCE):
        assert downloads._turns.acquire(blocking=False)
    try:
        refused = client.get(CSV)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert client.get(f"{BASE}/live-summary").status_code == 200
    finally:
        for _ in range(downloads.MOST_AT_ONCE):
            downloads._turns.release()
    assert client.get(CSV).status_code == 200


@pytest.mark.slow
def test_the_command_writes_the_same_bytes(
    world: Election, client: FlaskClient, cli: Callable[..., Result]
) -> None:
    expected = client.get(CSV).text
    assert cli("results", "export", "abc123").stdout.replace("\r\n", "\n") == expected.replace(
        "\r\n", "\n"
    )
    report = cli("results", "export", "abc123", "--format", "nist", "--state", "Lagos")
    assert json.loads(report.stdout) == client.get(f"{NIST}?state=24").json
    unknown = cli("results", "export", "nothing")
    assert (unknown.exit_code, unknown.output) == (1, "Error: There is no such election.\n")


# ---- for pages of other sites -------------------------------------------------------------------

PUBLIC = ("/live-summary", "/areas/NG", "/results.csv", "/results.nist.json")


@pytest.mark.parametrize("path", PUBLIC)
def test_pages_of_any_site_may_read_what_is_public(
    world: Election, client: FlaskClient, path: str
) -> None:
    for _ in range(2):  # the second time from this process's memory
        answer = client.get(BASE + path, headers={"Origin": "https://example.org"})
        assert answer.headers.get_all("Access-Control-Allow-Origin") == ["*"]
        assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    same = client.get(BASE + path, headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304
    assert same.headers.get_all("Access-Control-Allow-Origin") == ["*"]
    generation.invalidate("abc123")
    asked = client.options(BASE + path)
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "If-None-Match" in asked.headers["Access-Control-Allow-Headers"]


@pytest.mark.slow
def test_errors_can_be_read_too_but_nothing_that_needs_a_token(
    world: Election, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    elsewhere = "/api/live-results/elections"
    for path in (f"{elsewhere}/none/live-summary", f"{elsewhere}/abc123/nowhere", elsewhere,
                 f"{CSV}?state=99"):  # fmt: skip
        assert client.get(path).headers["Access-Control-Allow-Origin"] == "*"
    unit = f"/units/{UNITS[0]}"
    for path, method in (("/reviews", "GET"), (f"{unit}/history", "GET"),
                         (f"{unit}/settle", "OPTIONS"), ("/reviews", "OPTIONS")):  # fmt: skip
        answer = client.open(BASE + path, method=method, headers=auth("admin"))
        assert "Access-Control-Allow-Origin" not in answer.headers
