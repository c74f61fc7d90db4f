"""Lists as people have them: each case of the field, with its right value."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from obidient.areas import Area
from obidient.campaigns import audience
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.sending import staging
from obidient.contacts import imports, suppression
from obidient.contacts.columns import assign
from obidient.contacts.lists import ListFile, Reading
from obidient.contacts.models import Contact, FormerNumber, OwnField
from obidient.contacts.phones import normalise, textless
from obidient.errors import Invalid

ONE = "+2348035550001"


def write(tmp_path: Path, content: str | bytes, encoding: str = "utf-8", name: str = "c") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def bring(tmp_path: Path, content: str | bytes, **more: Any) -> imports.Report:
    return imports.run(write(tmp_path, content), **more)


def names() -> list[tuple[str, str]]:
    return [(row.first_name, row.last_name) for row in Contact.select().order_by(Contact.phone)]


def phones() -> list[str]:
    return [row.phone[-4:] for row in Contact.select().order_by(Contact.phone)]


def further() -> set[str]:
    return {row.phone[-4:] for row in FormerNumber.select()}


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ("Hon. Ada Obi", "Ada", "Obi"),
        ("Alhaji (Dr.) Musa Bello", "Musa", "Bello"),
        ("Engr/Barr Ngozi O. Eze", "Ngozi", "Eze"),
        ("Pst. Mrs. Grace", "Grace", ""),
        ("Chief Mrs. Ada Obi, JP", "Ada", "Obi"),
        ("Prince Okafor", "Prince", "Okafor"),
        ("Prince Tony Momoh", "Tony", "Momoh"),
        ("Obi, Ada", "Ada", "Obi"),
        ("Obi, Mrs. Ada", "Ada", "Obi"),
        ("A. B. Okafor", "", "Okafor"),
        ("A.B. Okafor", "", "Okafor"),
        ("Capt. Ada Obi (rtd)", "Ada", "Obi"),
        ("H.E. Ada Obi", "Ada", "Obi"),
        ("High Chief Ada Obi", "Ada", "Obi"),
        ("'Ada' Obi", "Ada", "Obi"),
    ]
    + [(one, "", "") for one in ("Mr.", "Alhaji", "DR", "N/A", "NIL", "-", "null", "#N/A", "0")]
    + [("08035551234", "", ""), ("  ", "", "")],
)
def test_a_first_name_is_no_title_and_no_word_for_nothing(
    app: Flask, tmp_path: Path, given: str, first: str, last: str
) -> None:
    bring(tmp_path, f'Name,Phone\n"{given}",08035550001\n')
    assert names() == [(first, last)]


def test_titles_go_from_columns_of_first_names_too(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, "First name,Surname,Phone\nAlhaji Musa,Bello,08035550001\nN/A,NIL,08035550002")
    assert names() == [("Musa", "Bello"), ("", "")]


def test_a_title_that_says_surname_first_is_believed(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, "Name (Surname first),Phone\nMrs Okafor Ada Ngozi,08035550001\n")
    assert names() == [("Ada", "Okafor")]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ('"Ada \\"Baby\\" Obi"', 'Ada "Baby" Obi'),
        ('"Ada "Baby" Obi"', 'Ada "Baby" Obi'),
        ('"Ada ""Baby"" Obi"', 'Ada "Baby" Obi'),
        ("Ada\u200b Obi\u202c", "Ada Obi"),
        ("\ufeffAda\u00a0Obi", "Ada Obi"),
    ],
)
def test_stray_quotes_and_unseen_signs_go(app: Flask, tmp_path: Path, cell: str, name: str) -> None:
    report = bring(tmp_path, f"Name,Phone\n{cell},08035550001\nBola,08035550002\n")
    assert (report.new, report.bad) == (2, 0)
    assert Contact.get(Contact.phone == ONE).full_name == name


# ---- columns ------------------------------------------------------------------------------------

TITLES = [
    "Tel No", "Contact No", "WhatsApp No", "Phone Nos", "Phone Number 1", "Phone (Mobile)",
    "Phone Number (WhatsApp)", "Primary Phone", "What is your phone number?", "PhoneNumber",
    "group_a/phone_number", "Phone 1 - Value", "Mobile Phone", "Phone #", "Telephone Number(s)",
    "GSM NO.", "TEL.", "Home Phone", "Your WhatsApp number", "Contact phone", "GSM\nNumber",
    "Phone Contact", "Mobile No", "Cell Phone Number", "MSISDN", "Number", "Contact", "phone",
    "Phone number of participant", "Contact (phone)", "Lambar waya", "Handset", "Telephone",
]  # fmt: skip


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("beside", ["Name", "Age"])
def test_every_natural_title_of_a_phone_number_is_found(
    tmp_path: Path, title: str, beside: str
) -> None:
    path = write(tmp_path, f'S/N,{beside},"{title}",LGA\n1,33,08035550001,Ikeja\n')
    with ListFile(path) as found:
        assert assign(found.header, None, found.sample).phones == [2]


@pytest.mark.parametrize(
    ("titles", "row", "name"),
    [
        ("Number,Name,Phone", "1,Ada,08035550001", "Ada"),
        ("Contact,Phone,LGA", "Ada,08035550001,Ikeja", "Ada"),
        ("Name,Phone,Mobile", "Ada,,08035550001", "Ada"),
        ("Name,Phone,Phone", "Ada,,08035550001", "Ada"),
        ("Jina,Simu", "Ada,08035550001", ""),
        ("Name,Next of kin phone,Phone", "Ada,08035550009,08035550001", "Ada"),
        ("NIN,Name,Phone", "12345678901,Ada,08035550001", "Ada"),
        ("Agent,Agent Phone", "Ada,08035550001", "Ada"),
        ("Agent,Agent Phone,Supervisor Phone", "Ada,08035550001,08035550009", "Ada"),
        ("Name,Phone,Agent Phone", "Ada,08035550001,08035550009", "Ada"),
        ("Coordinator's name,Coordinator's phone", "Ada,08035550001", "Ada"),
        ("Column1,Column2", "Ada,08035550001", "Ada"),
        ("personal/name,personal/phone", "Ada,08035550001", "Ada"),
    ],
)
def test_titles_and_cells_decide_together(
    app: Flask, tmp_path: Path, titles: str, row: str, name: str
) -> None:
    report = bring(tmp_path, f"{titles}\n{row}\n")
    assert (report.new, report.bad) == (1, 0)
    assert (Contact.get().phone, Contact.get().first_name) == (ONE, name)


def test_columns_of_one_title_are_told_apart_by_place(app: Flask, tmp_path: Path) -> None:
    bring(
        tmp_path,
        "Name,Phone,Phone\nAda,08035550002,08035550001\n",
        mapping={"#2": "phone2", "#3": "phone"},
    )
    assert (phones(), further()) == (["0001"], {"0002"})
    with pytest.raises(Invalid, match="no column '#9'"):
        bring(tmp_path, "Name,Phone\nAda,08035550002\n", mapping={"#9": "phone"})


def test_heading_lines_are_passed_over_and_shown(app: Flask, tmp_path: Path) -> None:
    text = "LAGOS STATE SUPPORTERS,,,\n,,,\nName,Phone,LGA,Ward\nAda,08035550001,Ikeja,Opebi\n"
    report = bring(tmp_path, text)
    assert (report.rows, report.new) == (1, 1)
    assert report.understood["headings"] == ["LAGOS STATE SUPPORTERS"]
    assert report.understood["titles"] == 3


@pytest.mark.parametrize(
    "text",
    [
        "08035550001\n08035550002\n",
        "LAGOS STATE,,\nAda Obi,08035550001,Lagos\nBola Ade,08035550002,Lagos\n",
        "Ada Obi;08035550001\nBola Ade;08035550002\n",
    ],
)
def test_without_titles_nobody_is_lost(app: Flask, tmp_path: Path, text: str) -> None:
    report = bring(tmp_path, text)
    assert (report.new, report.bad, report.understood["titles"]) == (2, 0, 0)
    assert phones() == ["0001", "0002"]


def test_a_person_may_say_where_the_titles_are(app: Flask, tmp_path: Path) -> None:
    text = "Ada,08035550001\nBola,08035550002\n"
    assert bring(tmp_path, text, reading=Reading(titles=1)).new == 1
    with pytest.raises(Invalid, match="no line 90"):
        bring(tmp_path, text, reading=Reading(titles=90))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_line_break_in_a_title_is_no_trouble(
    app: Flask, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    text = f'"GSM\nNumber"{delimiter}Name\r\n08035550001{delimiter}Ada\r\n'
    assert bring(tmp_path, text.encode(encoding)).new == 1


# ---- encodings ----------------------------------------------------------------------------------


ENCODED = [
    (encoding, name)
    for name in ("René Adébáyò", "RENÉ ÒBI", "Zoë Núñez", "Adéọlá Ọbẹ́", "Ñdidi")
    for encoding in ("cp1252", "mac-roman", "cp437", "cp850", "utf-8", "utf-16")
    # Not every one of them has all letters.
    if name.encode(encoding, "ignore").decode(encoding) == name
]


@pytest.mark.slow
@pytest.mark.parametrize(("encoding", "name"), ENCODED)
def test_names_come_through_every_encoding(
    app: Flask, tmp_path: Path, encoding: str, name: str
) -> None:
    content = f"Name,Phone\n{name},08035550001\n".encode(encoding)
    bring(tmp_path, content)
    assert Contact.get().full_name == name


def test_where_the_encoding_is_in_doubt_it_is_said_and_can_be_chosen(
    app: Flask, tmp_path: Path
) -> None:
    content = "Name,Phone\nFrançois,08035550001\n".encode("cp850")
    found = imports.preview(write(tmp_path, content))
    assert found["doubt"] or found["encoding"] == "cp850"
    bring(tmp_path, content, reading=Reading(encoding="cp850"))
    assert Contact.get().first_name == "François"
    with pytest.raises(Invalid, match="no encoding"):
        bring(tmp_path, content, reading=Reading(encoding="rot13"))


# ---- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "more"),
    [
        ("0803 555 0001 ::: 0803 555 0003", {"0003"}),
        ("08035550001 (MTN)", set()),
        ("08035550001/08055550004", {"0004"}),
        ("08035550001-08055550004", {"0004"}),
        ("08035550001 08055550004", {"0004"}),
        ("08035550001 or 08055550004", {"0004"}),
        ("MTN: 08035550001, Glo: 08055550004", {"0004"}),
        ("8035550001.0", set()),
        ("0201 234 5678 / 08035550001", {"5678"}),
    ],
)
def test_the_first_number_is_written_to_and_the_others_are_kept(
    app: Flask, tmp_path: Path, cell: str, more: set[str]
) -> None:
    report = bring(tmp_path, f'Name,Phone\nAda,"{cell}"\n')
    assert (report.new, report.bad) == (1, 0)
    assert (Contact.get().phone, further()) == (ONE, more)


@pytest.mark.parametrize("cell", ["803123456.0", "0803123456.0", "80312345.60", "O8035550001"])
def test_what_may_be_somebody_elses_number_is_refused(
    app: Flask, tmp_path: Path, cell: str
) -> None:
    report = bring(tmp_path, f"Name,Phone\nAda,{cell}\nBola,08035550002\n")
    assert (report.bad, phones()) == (1, ["0002"])


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("0201 234 5678", "a landline"),
        ("0700 225 5288", "a company's number"),
        ("0800 123 4567", "a toll-free number"),
        ("0803 555 0001", None),
    ],
)
def test_numbers_that_get_no_texts_are_known(
    app: Flask, tmp_path: Path, given: str, kind: str | None
) -> None:
    assert textless(normalise(given)) == kind
    report = bring(tmp_path, f"Name,Phone\nAda,{given}\n")
    assert (Contact.get().textless, report.textless) == (kind, int(bool(kind)))


@pytest.mark.both
def test_the_same_number_twice_tells_which_rows_and_which_name_is_kept(
    app: Flask, tmp_path: Path
) -> None:
    text = "Name,Phone\nAda Obi,08035550001\nAda Obi,08035550002\nBola Ade,08035550001\n"
    for dry_run in (True, False):
        report = bring(tmp_path, text, dry_run=dry_run)
        assert (report.new, report.duplicates, report.met_count) == (2, 1, 1)
        assert report.met == [
            {"line": 4, "earlier": 2, "value": ONE, "kept": "Bola Ade", "dropped": "Ada Obi"}
        ]


# ---- places, tags and fields of one's own -------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("titles", "row", "sentence", "code"),
    [
        ("State", "Nassarawa", "No state is called 'Nassarawa'. Did you mean Nasarawa?", "25"),
        ("State,LGA", "Lagos,Ikejah", "No LGA in Lagos is called 'Ikejah'. Did you mean", "24-11"),
        ("LGA,Ward", "24-11,Ojoduu", "No ward in Ikeja is called 'Ojoduu'. Did you", "24-11-02"),
    ],
)
def test_an_unknown_place_gets_the_nearest_match(
    app: Flask, tmp_path: Path, titles: str, row: str, sentence: str, code: str
) -> None:
    Area.create(code="24-11-02", parent="24-11", level="ward", name="Ojodu")
    report = bring(tmp_path, f"Phone,{titles}\n08035550001,{row}\n")
    assert report.warnings[0]["problem"].startswith(sentence)
    assert (report.places[0]["code"], report.places[0]["count"]) == (code, 1)


def test_wards_without_a_register_are_kept_by_name_and_said(app: Flask, tmp_path: Path) -> None:
    report = bring(tmp_path, "Phone,LGA,Ward\n08035550001,Ikeja,Ojodu\n")
    assert (report.flagged, report.by_name_alone) == (0, 1)
    assert Contact.get().ward_name == "Ojodu"


@pytest.mark.both
def test_unknown_columns_become_fields_of_ones_own(app: Flask, tmp_path: Path) -> None:
    text = "S/N,Name,Phone,Occupation,Size of shirt\n1,Ada,08035550001,Trader,N/A\n"
    bring(tmp_path, text)
    assert Contact.get().fields == {"occupation": "Trader"}
    assert [(row.name, row.title) for row in OwnField.select()] == [("occupation", "Occupation")]
    bring(tmp_path, "Phone,Shirt\n08035550001,XL\n", mapping={"#2": "field:Size of shirt"})
    assert Contact.get().fields == {"occupation": "Trader", "size_of_shirt": "XL"}


# ---- who gets nothing ---------------------------------------------------------------------------


@pytest.mark.both
def test_whoever_opted_out_on_a_further_number_stays_so(app: Flask, tmp_path: Path) -> None:
    suppression.suppress("+2348035550002", "sms", "stop-reply")
    bring(tmp_path, 'Name,Phone\nAda,"08035550001, 08035550002"\n')
    assert suppression.suppressed([ONE], "sms") == {ONE}


@pytest.mark.both
def test_landlines_are_left_out_of_texts_and_called(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, "Name,Phone\nAda,0201 234 5678\nBola,08035550001\nC,0800 123 4567\n")
    everybody = {"everyone": True}
    sms, voice = audience.count(everybody, "sms"), audience.count(everybody, "voice")
    assert (sms.total, sms.textless, sms.invalid) == (1, 2, 0)
    assert (voice.total, voice.textless) == (3, 0)
    campaign = Campaign.create(
        title="T", channel="sms", audience=everybody, status="sending", message_template="x"
    )
    staging.stage_chunk(campaign.id, 100)
    staged = Campaign.get_by_id(campaign.id)
    assert (staged.total, staged.excluded_textless) == (1, 2)
