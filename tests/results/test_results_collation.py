"""Declared figures beside the sheets: taken in whole or not at all, compared, and led to sheets."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from admin_people import Person
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from live_world import take
from results_world import UNITS, VOTERS, make_world, sheet

from obidient.accounts.models import AuditEntry, User
from obidient.areas import Area
from obidient.errors import Invalid
from obidient.results import review
from obidient.results.collation import compare, declare, largest
from obidient.results.collation.models import CollationRevision, DeclaredFigure
from obidient.results.models import Election

URL = "/api/results/abc123/collation"
WARD = "24-11-02"
Auth = Callable[..., dict[str, str]]


@pytest.fixture
def world(app: Flask) -> Election:
    """Two of eight units of a ward have reported: LP 240, APC 95."""
    election = make_world()
    take(sheet("a", UNITS[0], votes={"LP": 120, "APC": 45}))
    take(sheet("b", UNITS[1], votes={"LP": 120, "APC": 50}))
    return election


def declared(area: str = WARD, **votes: int) -> dict[str, Any]:
    return {"area": area, "votes": votes}


def only(**votes: int) -> compare.Finding:
    declare.declare("abc123", [declared(**votes)])
    (finding,) = compare.findings("abc123")
    return finding


# ---- what it makes of a difference --------------------------------------------------------------


@pytest.mark.both
def test_sheets_that_exceed_the_declared_figure_need_no_assumption(world: Election) -> None:
    finding = only(LP=239, APC=3000)
    assert (finding.kind, finding.effect) == ("exceeds", 1)
    assert finding.notes[0] == (
        "LP: the sheets of 2 units hold 240 votes, 1 more than the 239 declared, "
        "and 6 of 8 units are still out."
    )
    assert [(line.party, line.difference) for line in finding.lines] == [("APC", -2905), ("LP", 1)]


@pytest.mark.parametrize(
    ("lp", "kind", "effect"),
    [
        (240, "agrees", 0),
        (241, "open", 1),
        (240 + 6 * VOTERS, "open", 6 * VOTERS),
        (241 + 6 * VOTERS, "short", 1),
    ],
)
def test_what_is_still_out_explains_no_more_than_its_voters(
    world: Election, lp: int, kind: str, effect: int
) -> None:
    finding = only(LP=lp, APC=95)
    assert (finding.kind, finding.effect) == (kind, effect)
    assert (finding.voters_out, finding.most_out) == (6 * VOTERS, 6 * VOTERS)


@pytest.mark.slow
def test_units_without_a_known_register_make_it_hard_to_explain_but_not_impossible(
    world: Election,
) -> None:
    from obidient.results import register

    Area.update(registered_voters=None).where(Area.code == UNITS[7]).execute()
    register.add_up()
    finding = only(LP=241 + 6 * VOTERS, APC=95)
    assert (finding.kind, finding.effect) == ("unlikely", 1)
    row = declared(LP=241 + 6 * VOTERS, APC=95) | {"registered": 8 * VOTERS}
    declare.declare("abc123", [row])
    (finding,) = compare.findings("abc123")
    assert finding.kind == "short", "more can't be out than were declared to be registered"


@pytest.mark.slow
def test_an_excess_that_is_under_review_comes_later(world: Election) -> None:
    take(sheet("c", UNITS[1], device="other", votes={"LP": 1}))
    finding = only(LP=239, APC=95)
    assert (finding.kind, finding.effect) == ("doubted", 1)
    assert "Under review: 1 unit, 170 votes at most." in finding.notes
    review.settle("abc123", UNITS[1], "photo seen", figures={
        "accredited_voters": 200, "votes": {"LP": 120, "APC": 50}, "valid_votes": 170,
    })  # fmt: skip
    assert compare.findings("abc123")[0].kind == "exceeds"


@pytest.mark.slow
def test_a_sum_that_stops_being_the_sum(world: Election) -> None:
    lgas = [row.code for row in Area.select().where(Area.parent == "24")]
    rows = [declared(code, LP=500, APC=95) for code in lgas]
    declare.declare("abc123", [*rows, declared("24", LP=500 * len(lgas) - 9, APC=95 * len(lgas))])
    first = compare.findings("abc123")[0]
    assert (first.code, first.kind, first.effect) == ("24", "sum", 9)
    assert "LP: the declared figures of all LGAs add up to 10,000" in first.notes[0]
    declare.declare("abc123", [declared(lgas[0], LP=491, APC=95)])
    assert all(one.kind != "sum" for one in compare.findings("abc123"))


def test_figures_that_contradict_themselves_are_told(world: Election) -> None:
    row = declared(LP=240, APC=95, PDP=0) | {
        "valid": 336, "rejected": 5, "accredited": 340, "registered": 339,
    }  # fmt: skip
    declare.declare("abc123", [row])
    (finding,) = compare.findings("abc123")
    assert finding.notes == [
        "The declared parties add up to 335, valid says 336.",
        "Declared: 341 votes, but 340 accredited.",
        "Declared: 340 accredited, but 339 registered.",
    ]


def test_the_gravest_stand_first(world: Election) -> None:
    take(sheet("k", UNITS[-1], votes={"LP": 80, "APC": 121}))
    declare.declare(
        "abc123",
        [
            declared("24", LP=240, APC=95),
            declared("NG", LP=320, APC=100),
            declared("19-07-01", LP=10_000, APC=121),
            declared("19", LP=79, APC=121),
            declared(WARD, LP=300, APC=95),
        ],
    )
    found = [(one.code, one.kind, one.effect) for one in compare.findings("abc123")]
    assert found[:3] == [("NG", "exceeds", 116), ("19", "exceeds", 1), ("19-07-01", "short", 5720)]
    assert [one[1] for one in found[3:]] == ["open", "agrees"]
    assert [one.code for one in compare.findings("abc123", "24")] == [WARD, "24"]


def test_a_slip_on_one_sheet_is_told_from_a_wrong_sum(world: Election) -> None:
    (one,) = largest.carried(only(LP=121, APC=95))
    assert (one.party, one.excess, one.needed) == ("LP", 119, 1)
    assert one.sheets == [(UNITS[0], 120), (UNITS[1], 120)]
    assert one.sentence.startswith("LP: one sheet alone holds as many votes as the difference")
    (two,) = largest.carried(only(LP=100, APC=95))
    assert two.sentence == (
        "LP: to make up for the difference of 140, at least 2 sheets would have to hold none of "
        "the votes they show."
    )
    declare.declare("abc123", [declared("24", LP=1), declared("24-11", LP=1), declared("NG", LP=1)])
    found = compare.findings("abc123")
    needed = {one.code: [c.needed for c in largest.carried(one)] for one in found}
    assert needed == {"NG": [], "24": [2], "24-11": [2], WARD: [2]}


# ---- taking in ----------------------------------------------------------------------------------


@pytest.mark.both
@pytest.mark.slow
def test_a_second_import_is_a_new_revision_and_the_first_is_kept(world: Election) -> None:
    first = declare.declare("abc123", [declared(LP=1), declared("24", LP=9)], "radio")
    second = declare.declare("abc123", [declared(LP=2)], "form EC8B")
    rows = DeclaredFigure.select().order_by(DeclaredFigure.id)
    assert [(row.area_code, row.revision, row.is_current, row.source) for row in rows] == [
        (WARD, first.id, False, "radio"),
        ("24", first.id, True, "radio"),
        (WARD, second.id, True, "form EC8B"),
    ]
    entries = AuditEntry.select().where(AuditEntry.action == "collation.declared")
    assert [row.summary.split(" in ")[0] for row in entries.order_by(AuditEntry.id)] == [
        "Entered declared figures of 2 areas",
        "Entered declared figures of 1 area",
    ]


def test_bad_rows_are_named_and_then_none_is_taken(world: Election) -> None:
    text = (
        "area,registered,LP,A.P.C,source\n"
        f"{WARD},4800,240,95,EC8B\n"
        "24-11-99,,1,2,\n"
        f"{UNITS[0]},,1,2,\n"
        "19,,-4,2,\n"
        f"{WARD},,7,8,\n"
        "24,,,,\n"
        "Lagos,,1,2,\n"
        ",,,,\n"
    )
    with pytest.raises(Invalid) as wrong:
        declare.declare("abc123", declare.read_csv(text.encode()))
    assert wrong.value.detail.startswith("6 of 7 rows are wrong, so none was taken. line 3: ")
    assert wrong.value.errors == [
        {"field": "line 3", "message": "The register has no area 24-11-99."},
        {"field": "line 4",
         "message": f"{UNITS[0]} is a polling unit: its figures are those of its sheet."},
        {"field": "line 5", "message": "LP: '-4' is no whole number from 0."},
        {"field": "line 6", "message": f"{WARD} comes twice, first in line 2."},
        {"field": "line 7", "message": "There is no party with a number."},
        {"field": "line 8",
         "message": "'Lagos' is not an area code: write e.g. 24, 24-11 or 24-11-02-017."},
    ]  # fmt: skip
    assert not DeclaredFigure.select().exists()
    assert not CollationRevision.select().exists()


@pytest.mark.parametrize(
    "text",
    [
        '\ufeffarea,registered,LP,A.P.C,source\r\n24-11-02,"4,800",240,95,EC8B\r\n',
        "area;registered;LP;APC;source\n 24-11-02 ;4800;240;95;EC8B\n",
        "Area;Registered;LP;APC;Source\n24-11-02;4\u00a0800;240.0;95;EC8B;;\n",
    ],
)
def test_files_as_spreadsheets_write_them(world: Election, text: str) -> None:
    declare.declare("abc123", declare.read_csv(text.encode()))
    row = DeclaredFigure.get()
    assert (row.registered, row.votes, row.source) == (4800, '{"APC":95,"LP":240}', "EC8B")


def test_codes_as_forms_and_spreadsheets_have_them(world: Election) -> None:
    rows = "area,LP\n24/11/2,1\n 24 - 11 ,2\nng,3\n24,4\n"
    declare.declare("abc123", declare.read_csv(rows.encode()))
    codes = [row.area_code for row in DeclaredFigure.select().order_by(DeclaredFigure.id)]
    assert codes == [WARD, "24-11", "NG", "24"]
    with pytest.raises(Invalid, match="24-11-02 comes twice, first in line 2"):
        declare.declare("abc123", declare.read_csv(b"area,LP\n24-11-02,1\n24/11/2,2\n"))
    with pytest.raises(Invalid, match="The register has no area 09-99"):
        declare.declare("abc123", [declared("9/99", LP=1)])
    declare.declare("abc123", [declared("9", LP=1)])


def test_an_export_can_be_taken_in_as_it_is(world: Election, client: FlaskClient) -> None:
    exported = client.get("/api/live-results/elections/abc123/results.csv?level=ward").data
    declare.declare("abc123", declare.read_csv(exported))
    (finding,) = compare.findings("abc123")
    assert (finding.kind, finding.code) == ("agrees", WARD)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ward,LP\n24,1\n", "no column 'area'"),
        ("", "no column 'area'"),
        ("area,LP,XYZ\n24,1,2\n", "XYZ does not stand in this election"),
        ("area,LP\n", "There are no rows"),
        ("area,LP,APC,LP\n24,1,2,3\n", "two columns 'LP'"),
        ("area,LP,APC\n24,1,234,2\n", "line 2: It has more cells than there are columns"),
        ("area;LP\n24;12,5\n", "line 2: LP: '12,5' is no whole number"),
        ("area;LP\n24;1.234\n", "line 2: LP: '1.234' is no whole number"),
        ("area;LP\n24;1,23,456\n", "is no whole number"),
        ("area;LP\n24;9999999999\n", "is no whole number"),
    ],
)
def test_files_of_another_kind_are_refused(world: Election, text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        declare.declare("abc123", declare.read_csv(text.encode()))


# ---- over HTTP, on the command line, on the page ------------------------------------------------


@pytest.mark.slow
def test_programs_enter_and_read(world: Election, client: FlaskClient, auth: Auth) -> None:
    assert client.post(URL, json={"areas": [declared(LP=1)]}).status_code == 401
    assert client.get(URL, headers=auth("organiser")).status_code == 403
    headers = auth("reviewer")
    body = {"areas": [declared(LP=239, APC=95), declared("24", LP=240)], "source": "EC8B"}
    made = client.post(URL, json=body, headers=headers)
    assert (made.status_code, made.json["areas"]) == (201, 2)
    first = client.get(URL + "?limit=1", headers=headers).json
    assert (first["items"][0]["area"], first["items"][0]["kind"]) == (WARD, "exceeds")
    assert first["items"][0]["differences"][0] == {
        "partyCode": "LP", "declared": 239, "ours": 240, "difference": 1, "declaredOfParts": None,
    }  # fmt: skip
    assert client.get(first["items"][0]["sheets"]).json["code"] == WARD
    rest = client.get(f"{URL}?cursor={first['nextCursor']}", headers=headers).json
    assert ([one["area"] for one in rest["items"]], rest["nextCursor"]) == (["24"], None)
    wrong = client.post(URL, json={"areas": [declared("99", LP=1)]}, headers=headers)
    assert (wrong.status_code, wrong.json["errors"]) == (
        422,
        [{"field": "areas.0", "message": "The register has no area 99."}],
    )


@pytest.mark.slow
def test_commands_import_and_check(
    world: Election, cli: Callable[..., Result], tmp_path: Path
) -> None:
    file = tmp_path / "declared.csv"
    file.write_text(f"area,LP,APC\n{WARD},239,95\n")
    done = cli("collation", "import", str(file), "--election", "abc123")
    assert done.output == "Took in 1 area as revision 1.\n"
    checked = cli("collation", "check", "abc123")
    rows = list(csv.DictReader(io.StringIO(checked.stdout)))
    assert [(row["party"], row["kind"], row["difference"]) for row in rows] == [
        ("LP", "exceeds", "1"),
        ("APC", "exceeds", "0"),
    ]
    assert rows[0]["sheets"].endswith(f"/results/abc123/{WARD}")
    assert "Declared for 1: 1 exceeds." in checked.stderr
    file.write_text("area,LP\n24,x\n19,y\n")
    refused = cli("collation", "import", str(file), "--election", "abc123")
    assert refused.exit_code == 1
    assert "line 3: LP: 'y' is no whole number" in refused.output
    assert "none was taken. line 2: LP: 'x' is no" in refused.output


@pytest.mark.slow
def test_the_room_enters_imports_and_follows_a_line_to_its_sheets(
    world: Election, client: FlaskClient, make_user: Callable[..., User]
) -> None:
    room = Person(client, make_user("reviewer"))
    here = "/admin/collation/abc123/"
    assert "No declared figures yet" in room.get(here)
    before = room.get(f"{here}area/{WARD}")
    assert "No figures were declared for this area yet" in before
    assert f"/admin/review/abc123/{UNITS[0]}/" in before
    figures: dict[str, Any] = {"votes-LP": "239", "votes-APC": "95", "source": "EC8B"}
    room.post(f"{here}area/{WARD}", **figures)
    listed = room.get(here)
    assert "Sheets exceed it" in listed
    assert f"area/{WARD}" in listed
    ward = room.get(f"{here}area/{WARD}")
    assert f"/admin/review/abc123/{UNITS[0]}/" in ward
    assert "EC8B" in ward
    assert "24-11" in room.get(f"{here}area/24")
    assert "one sheet alone" in ward
    assert f"/admin/collation/abc123/area/{WARD}" in room.get(f"{here}differences.csv")
    wrong = room.post(f"{here}import", file=(io.BytesIO(b"area,LP\n24,1\n99,2\n"), "x.csv"))
    assert "1 of 2 rows are wrong, so none was taken" in wrong
    assert DeclaredFigure.select().count() == 1
    room.get(f"{here}area/{UNITS[0]}", 404)
    room.get("/admin/collation/")


def test_others_may_not_open_it(
    world: Election, client: FlaskClient, make_user: Callable[..., User]
) -> None:
    Person(client, make_user("organiser")).get("/admin/collation/abc123/", 403)
