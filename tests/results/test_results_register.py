"""The polling-unit register: INEC's files in any state of repair, each defect by its line."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from conftest import ROOT
from flask import Flask

from obidient.areas import Area
from obidient.errors import Invalid
from obidient.results import register
from obidient.results.models import RegisterTotal

DATA = ROOT.parent / "shared" / "data"
HEAD = "state,lga,ward,polling_unit_code,polling_unit,registered_voters"
#: With a byte order mark, CRLF, line breaks inside cells, and every defect that we know of.
MESSY = "\r\n".join(
    [
        "\ufeff" + HEAD,
        "LAGOS,IKEJA,ALAUSA,24-11-02-001,TOWN HALL,600",
        "LAGOS,IKEJA,ALAUSA,24/11/02/002,Nâ€™OBOLLO  SQUARE,",
        'LAGOS,IKEJA,ALAUSA,24-11-02-003,"MARKET\nSQUARE, GATE \\B\\",700',
        "LAGOS,IKEJA,ALAUSA,24-11-02-001,TOWN HALL II,600",
        "LAGOS,IKEJA,ALAUSA,24-11-02-001,TOWN HALL,600",
        "LAGOS,IKEJA,ALAUSA,24/11/002/004,SCHOOL,600",
        "LAGOS,IKEJA,ALAUSA,,SCHOOL,600",
        "NOWHERE,NONE,NONE,99-11-02-001,SCHOOL,600",
        "LAGOS,IKEJA,ALAUSA,24-11-02-005,CLINIC,0",
        "LAGOS,IKEJA,ALAUSA,24-11-02-006,CLINIC,many",
        "LAGOS,IKEJA,OREGUN,24-11-03-001,CLINIC,\u00a01,200 ",
        "",
    ]
)


def write(folder: Path, text: str, packed: bool = False) -> Path:
    path = folder / ("register.csv.gz" if packed else "register.csv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return path


@pytest.mark.both
def test_a_messy_register_is_read_and_each_defect_named_by_its_line(
    app: Flask, tmp_path: Path
) -> None:
    text = MESSY.replace("\u00a01,200 ", '"\u00a01,200 "')
    report = register.import_file(write(tmp_path, text))
    lines = [re.match(r"line (\d+): (\S+)", sentence) for sentence in report.defects]
    assert [(int(m[1]), m[2]) for m in lines if m] == [
        (3, "24-11-02-002:"),
        (4, "24-11-02-003:"),
        (6, "24-11-02-001"),
        (7, "24-11-02-001"),
        (8, "'24/11/002/004'"),
        (9, "''"),
        (10, "99-11-02-001"),
        (11, "24-11-02-005:"),
        (12, "24-11-02-006:"),
    ]
    assert "comes again under another name" in report.defects[2]
    assert "comes again; " in report.defects[3]
    assert (report.rows, report.units, report.wards) == (11, 6, 2)
    units = {
        row.code: (row.name, row.registered_voters)
        for row in Area.select().where(Area.level == "unit")
    }
    assert units == {
        "24-11-02-001": ("TOWN HALL", 600),
        "24-11-02-002": ("N’OBOLLO SQUARE", None),
        "24-11-02-003": ("MARKET SQUARE, GATE B", 700),
        "24-11-02-005": ("CLINIC", None),
        "24-11-02-006": ("CLINIC", None),
        "24-11-03-001": ("CLINIC", 1200),
    }
    totals = {row.area_code: row for row in RegisterTotal.select()}
    lagos = totals["24"]
    assert (lagos.units, lagos.voters, lagos.unlisted) == (6, 2500, 3)
    assert set(totals) == {"NG", "24", "24-11", "24-11-02", "24-11-03"}


def test_a_second_copy_adds_and_corrects_and_loses_no_figure(app: Flask, tmp_path: Path) -> None:
    register.import_file(write(tmp_path, f"{HEAD}\nx,x,W,24-11-02-001,OLD,600\n", packed=True))
    register.import_file(write(tmp_path, f"{HEAD}\nx,x,W,24-11-02-001,NEW,\n"))
    row = Area.get(Area.code == "24-11-02-001")
    assert (row.name, row.registered_voters) == ("NEW", 600)


def test_a_file_that_is_no_register_is_refused(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="polling_unit_code"):
        register.import_file(write(tmp_path, "name,phone\nA,1\n"))


@pytest.mark.both
def test_what_a_database_cannot_hold_is_mended(app: Flask, tmp_path: Path) -> None:
    row = "x,x,W\0ARD,24-11-02-001,TOWN\0 HALL,600"
    report = register.import_file(write(tmp_path, f"{HEAD}\n{row}\n"))
    assert Area.get(Area.code == "24-11-02-001").name == "TOWN HALL"
    assert Area.get(Area.code == "24-11-02").name == "WARD"
    assert report.kinds["mended names"] == 1


def test_rows_that_were_cut_wrongly_are_reported_by_line(app: Flask, tmp_path: Path) -> None:
    rows = [
        "x,x,W,24-11-02-001,GATE 500, 2,600",
        "x,x,W,24-11-02-002,HALL",
        'x,x,W,24-11-02-003,"SCHOOL,600',
        "x,x,W,24-11-02-004,CLINIC,600",
        "x,x,W,24/11/02/005,CLINIC,600",
    ]
    report = register.import_file(write(tmp_path, "\n".join([HEAD, *rows, ""])))
    told = "\n".join(report.defects)
    assert "line 2: 1 cell too many" in told
    assert "line 3: 1 cell too few" in told
    assert "line 4: a quotation mark is not closed" in told
    units = Area.select().where(Area.level == "unit").order_by(Area.code)
    assert [(row.code, row.name, row.registered_voters) for row in units] == [
        ("24-11-02-001", "GATE 500", None),
        ("24-11-02-002", "HALL", None),
        ("24-11-02-003", "SCHOOL,600", None),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "packed",
    [b"name,code", gzip.compress(b"x" * 99)[:-9], b"\x1f\x8b\x08junk!!!!"],
    ids=["not packed", "cut off", "junk"],
)
def test_a_damaged_archive_is_refused_plainly(app: Flask, tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "register.csv.gz"
    path.write_bytes(packed)
    with pytest.raises(Invalid, match="can't be unpacked"):
        register.import_file(path)


def test_an_endless_cell_is_refused_by_its_line(app: Flask, tmp_path: Path) -> None:
    text = f'{HEAD}\nx,x,W,24-11-02-001,HALL,\nx,x,W,24-11-02-002,"{"A" * 140_000}\n'
    with pytest.raises(Invalid, match=r"line 3: .*131,072"):
        register.import_file(write(tmp_path, text))


@pytest.mark.slow
def test_the_command_lists_the_defects_and_says_what_it_did(
    app: Flask, cli: Callable[..., Result], tmp_path: Path
) -> None:
    done = cli("register", "import", str(write(tmp_path, MESSY)))
    assert done.exit_code == 0
    assert "line 8: '24/11/002/004' is no polling unit code; the row is left out." in done.output
    assert "2 repeated units" in done.output.splitlines()[-1]
    empty = cli("register", "import", str(write(tmp_path, HEAD + "\n")))
    assert empty.exit_code == 1


@pytest.mark.slow
def test_the_real_register_comes_in_whole(app: Flask) -> None:
    path = DATA / "polling_units.csv.gz"
    if not path.exists():
        pytest.skip("the real register is not beside this repository")
    report = register.import_file(path)
    assert (report.units, report.wards, report.defects) == (176_846, 8_809, [])
    levels = [Area.select().where(Area.level == level).count() for level in ("state", "lga")]
    assert levels == [37, 774]
    root = RegisterTotal.get(RegisterTotal.area_code == "NG")
    assert (root.units, root.voters) == (176_846, 65_225_599)


@pytest.mark.slow
def test_the_real_messy_register_has_the_defects_that_it_is_known_for(app: Flask) -> None:
    path = DATA / "polling_units_messy.csv"
    if not path.exists():
        pytest.skip("the messy register is not beside this repository")
    report = register.import_file(path)
    assert (report.rows, report.units) == (2_000, 1_812 - 38)
    assert report.kinds["malformed codes"] == 38
    assert report.kinds["repeated units"] == 188
    assert report.kinds["impossible voters"] == 24
