"""A place in one cell: whoever is named in it gets their area, and nobody a wrong one."""

from pathlib import Path

import pytest
from flask import Flask
from test_contacts_lists import bring

from obidient.areas import LGAS, STATES, Area, squeeze
from obidient.contacts import places
from obidient.contacts.addresses import find
from obidient.contacts.columns import PLACE, recognise
from obidient.contacts.csvfile import Row
from obidient.contacts.models import Contact, OwnField


@pytest.fixture
def ward(app: Flask) -> None:
    """A register with one ward and one unit."""
    Area.create(code="24-11-02", parent="24-11", level="ward", name="Ojodu")
    Area.create(code="24-11-02-003", parent="24-11-02", level="unit", name="Town Hall")


def place() -> tuple[str | None, str | None, str | None]:
    person = Contact.get()
    return person.state_code, person.lga_code, person.ward_code


@pytest.mark.parametrize(
    "title", ["Location", "Address", "Place", "Area", "State-LGA-Ward", "State/LGA/Ward", "Info"]
)
@pytest.mark.parametrize(
    "cell",
    [
        "Lagos/Ikeja/Ojodu",
        "Ojodu, Ikeja, Lagos",
        "Lagos - Ikeja - Ojodu",
        "Lagos-Ikeja-Ojodu",
        "Ojodu Ward, Ikeja LGA, Lagos State, Nigeria",
        "State: Lagos; LGA: Ikeja; Ward: Ojodu",
    ],
)
def test_whoever_names_state_lga_and_ward_gets_them(
    ward: None, tmp_path: Path, title: str, cell: str
) -> None:
    report = bring(tmp_path, f'Name,Phone,{title}\nAda,08035550101,"{cell}"\n')
    assert (report.flagged, place()) == (0, ("24", "24-11", "24-11-02"))
    assert Contact.get().fields in (None, {})


@pytest.mark.parametrize(
    ("cell", "state", "lga"),
    [
        ("Ikeja LGA, Lagos State", "24", "24-11"),
        ("Ikeja LGA Lagos State", "24", "24-11"),
        ("Ikeja Lagos", "24", "24-11"),
        ("Ikeja (Lagos)", "24", "24-11"),
        ("Ikeja", "24", "24-11"),
        ("Kano/Nasarawa", "19", "19-31"),
        ("Nasarawa, Nasarawa", "25", "25-09"),
        ("Nasarawa State", "25", ""),
        ("Surulere, Oyo", "30", "30-33"),
        ("Lagos/Oshodi/Isolo", "24", "24-18"),
        ("Eti-Osa, Lagos", "24", "24-08"),
        ("Rivers-Obio-Akpor", "32", "32-15"),
        ("Ado-Ekiti", "13", "13-01"),
        ("Ekiti, Kwara", "23", "23-04"),
        ("Katsina", "20", ""),
        ("AMAC, Abuja", "37", "37-06"),
        ("12 Allen Avenue, Ikeja, Lagos", "24", "24-11"),
        ("Lagos Street, Maiduguri, Borno", "08", "08-21"),
        ("Wuse 2, Abuja, FCT", "37", ""),
    ],
)
def test_names_are_told_in_any_order(cell: str, state: str, lga: str) -> None:
    found = find(cell)
    assert (found.state, found.lga, found.doubt) == (state, lga, "")


FORMS = [
    "{state}/{lga}",
    "{lga}, {state}",
    "{state}-{lga}",
    "{lga} - {state}",
    "{lga} {state}",
    "{state} {lga}",
    "{lga} LGA {state} State",
    "12 Broad Street, {lga}, {state}",
    "{state}/{lga}/Ward 4",
]


@pytest.mark.parametrize("form", FORMS)
def test_every_lga_is_found_beside_its_state(form: str) -> None:
    told = {code: form.format(state=STATES[code[:2]], lga=name) for code, name in LGAS.items()}
    assert {code: find(text).lga for code, text in told.items()} == {code: code for code in told}


def test_no_lga_is_found_beside_another_state() -> None:
    names: dict[str, set[str]] = {}
    for code, name in LGAS.items():
        names.setdefault(squeeze(name), set()).add(code[:2])
    for at, (code, name) in enumerate(LGAS.items()):
        state = f"{at % 37 + 1:02d}"
        if state not in names[squeeze(name)]:
            found = find(f"{name}, {STATES[state]} State")
            assert found.lga == "", (code, found)


@pytest.mark.parametrize(
    "cell",
    [
        "Katsina-Ala Town",
        "Lagos-Ibadan Expressway",
        "Lagos/Ibadan Expressway",
        "Abuja-Kaduna Road",
        "Niger-Delta",
        "5 Obi Street",
    ],
)
def test_what_only_sounds_like_a_place_is_none(cell: str) -> None:
    assert (find(cell).state, find(cell).lga) == ("", "")


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ("Surulere", ""),
        ("Obi", ""),
        ("Nasarawa", ""),
        ("Nasarawa LGA", ""),
        ("Ekiti", ""),
        ("Surulere, Ikeja, Lagos", "24"),
        ("Niger State, Lagos", ""),
        ("Ogun, Surulere, Lagos", ""),
        ("Ikeja LGA, Oyo", ""),
    ],
)
def test_what_can_mean_several_places_is_asked(
    app: Flask, tmp_path: Path, cell: str, state: str
) -> None:
    rows = f'Phone,Location\n08035550101,"{cell}"\n08035550102,Lagos/Ikeja\n'
    report = bring(tmp_path, rows)
    person = Contact.get(Contact.phone == "+2348035550101")
    assert (person.state_code or "", person.lga_code) == (state, None)
    assert (report.flagged, report.warnings[0]["line"]) == (1, 2)
    assert "write which" in report.warnings[0]["problem"]
    assert person.fields == {"location": cell}


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ("5 Obi Street, Aba, Abia", "01"),
        ("12 Allen Avenue, Opebi", None),
        # Ado is an LGA of Benue as well.
        ("7 Market Road, Ado, Ajah", None),
        ("Plot 4, Garki, Abuja", "37"),
    ],
)
def test_a_street_stays_as_it_is_written_and_gives_no_more_than_is_sure(
    app: Flask, tmp_path: Path, cell: str, state: str | None
) -> None:
    rows = (
        f'Phone,Home address\n08035550101,"{cell}"\n08035550102,"2 High Street, Uyo, Akwa Ibom"\n'
    )
    report = bring(tmp_path, rows)
    person = Contact.get(Contact.phone == "+2348035550101")
    assert (person.state_code, person.lga_code, report.flagged) == (state, None, 0)
    assert person.fields == {"home_address": cell}
    assert OwnField.get().title == "Home address"
    assert Contact.get(Contact.phone == "+2348035550102").lga_code == "03-31"


def test_a_column_of_streets_alone_stays_a_field_of_ones_own(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, 'Phone,Address\n08035550101,"12 Allen Avenue, Opebi"\n')
    assert Contact.get().fields == {"address": "12 Allen Avenue, Opebi"}
    assert Contact.get().state_code is None


@pytest.mark.parametrize(
    ("cell", "word", "near"),
    [("Lagos/Ikja", "Ikja", "24-11"), ("Ikja, Lagos", "Ikja", "24-11"),
     ("Lagos/Ikeja/Ojodo", "Ojodo", "24-11-02")],
)  # fmt: skip
def test_a_misspelt_part_gets_the_nearest_match(
    ward: None, tmp_path: Path, cell: str, word: str, near: str
) -> None:
    rows = f'Phone,State/LGA/Ward\n08035550101,"{cell}"\n08035550102,Kano/Nasarawa\n'
    report = bring(tmp_path, rows)
    assert (report.places[0]["word"], report.places[0]["code"]) == (word, near)
    first = Contact.select().order_by(Contact.phone)
    assert first.get().state_code == "24"
    # Somebody says what the word means, and the file is read again.
    places.learn(report.places[0]["level"], report.places[0]["parent"], word, near)
    assert bring(tmp_path, rows).flagged == 0
    assert near in (first.get().lga_code, first.get().ward_code)


def test_an_lga_without_its_state_is_not_believed_beside_an_unknown_word(
    app: Flask, tmp_path: Path
) -> None:
    report = bring(tmp_path, 'Phone,Location\n08035550101,"Ado, Ajah"\n08035550102,Lagos/Ikeja\n')
    assert "Is 'Ado, Ajah' in Benue?" in report.warnings[0]["problem"]
    assert Contact.get(Contact.phone == "+2348035550101").state_code is None


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("Alausa, Ikeja, Lagos", ""),
        ("12 Allen Avenue, Ikeja, Lagos", ""),
        ("Epe, Lagos", "'Epe, Lagos' is in Epe, not Ikeja"),
        ("24-07-01", "24-07-01 is not in Ikeja"),
    ],
)
def test_beside_a_code_nothing_that_a_place_says_is_lost(
    ward: None, tmp_path: Path, cell: str, problem: str
) -> None:
    rows = f'Phone,Polling unit code,Address\n08035550101,24-11-02-003,"{cell}"\n'
    report = bring(tmp_path, rows, mapping={"place": "Address"})
    assert (place(), Contact.get().fields) == (("24", "24-11", "24-11-02"), {"address": cell})
    assert [one["problem"][: len(problem)] for one in report.warnings] == [problem] * bool(problem)


def test_a_place_that_only_repeats_what_is_known_is_not_kept(ward: None, tmp_path: Path) -> None:
    bring(
        tmp_path,
        'Phone,Polling unit code,Address\n08035550101,24-11-02-003,"Ikeja, Lagos"\n',
        mapping={"place": "Address"},
    )
    assert Contact.get().fields in (None, {})


def test_a_code_in_another_state_than_the_one_beside_it_is_told(ward: None, tmp_path: Path) -> None:
    rows = "Phone,State,Location\n08035550101,Kano,24-11-02\n"
    report = bring(tmp_path, rows, mapping={"place": "Location"})
    assert "24-11-02 is not in Kano" in report.warnings[0]["problem"]
    assert (place(), Contact.get().fields) == (("19", None, None), {"location": "24-11-02"})


@pytest.mark.parametrize(("lga", "flagged"), [("Epe", 1), ("Ikeja LGA", 0), ("Lagos/Ikeja", 0)])
def test_two_columns_that_name_different_lgas_are_told(
    app: Flask, tmp_path: Path, lga: str, flagged: int
) -> None:
    report = bring(tmp_path, f"Phone,State,LGA\n08035550101,Lagos/Ikeja,{lga}\n")
    assert (report.flagged, Contact.get().lga_code) == (flagged, "24-11")
    assert [one["problem"] for one in report.warnings] == [
        "The LGA is Ikeja in one column and 'Epe' in another."
    ] * flagged


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("12/05/20", (None, None, None)),
        ("24/11/02", ("24", "24-11", "24-11-02")),
        ("24-11-02", ("24", "24-11", "24-11-02")),
        ("24/11/2/3", ("24", "24-11", "24-11-02")),
    ],
)
def test_a_day_is_no_ward(
    ward: None, tmp_path: Path, cell: str, found: tuple[str | None, ...]
) -> None:
    bring(tmp_path, f"Phone,Location\n08035550101,{cell}\n", mapping={"place": "Location"})
    assert place() == found


@pytest.mark.parametrize(("title", "flagged"), [("Location", 1), ("State/LGA", 0)])
def test_a_name_alone_is_asked_unless_its_title_says_that_it_is_an_lga(
    app: Flask, tmp_path: Path, title: str, flagged: int
) -> None:
    report = bring(tmp_path, f"Phone,{title}\n08035550101,Garki\n", mapping={"place": title})
    assert (report.flagged, Contact.get().fields or {}) == (
        flagged,
        {"location": "Garki"} if flagged else {},
    )
    assert [one["problem"] for one in report.warnings] == [
        "Is 'Garki' in Jigawa? Write Jigawa/Garki."
    ] * flagged


def test_a_unit_in_the_same_cell_is_found(ward: None, tmp_path: Path) -> None:
    bring(tmp_path, "Phone,Location\n08035550101,Lagos/Ikeja/Ojodu/Town Hall\n")
    assert Contact.get().polling_unit_code == "24-11-02-003"


def test_a_state_in_its_own_column_decides(app: Flask, tmp_path: Path) -> None:
    text = 'Phone,State,Location\n08035550101,Oyo,Surulere\n08035550102,Ogun,"Ikeja, Lagos"\n'
    bring(tmp_path, text)
    found = [(row.state_code, row.lga_code) for row in Contact.select().order_by(Contact.phone)]
    assert found == [("30", "30-33"), ("27", None)]


def test_a_state_or_lga_column_may_hold_both(app: Flask, tmp_path: Path) -> None:
    bring(
        tmp_path, "Phone,LGA\n08035550101,Kano/Nasarawa\n08035550102,Uyo\n08035550103,Jos North\n"
    )
    found = [row.lga_code for row in Contact.select().order_by(Contact.phone)]
    assert found == ["19-31", "03-31", "31-05"]


@pytest.mark.parametrize("title", ["Meeting place", "Venue", "Office address", "Place of birth"])
def test_another_place_than_home_gives_nobody_an_area(title: str) -> None:
    rows = [Row(2, ["08035550101", "Lagos/Ikeja"])]
    assert recognise(["Phone", title], rows).of(1) != PLACE
