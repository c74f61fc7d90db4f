"""Lists as programs and people of other places write them: each kind with its right value."""

from pathlib import Path

import pytest
from flask import Flask
from test_contacts_lists import bring, further, names, phones, write

from obidient.contacts import imports
from obidient.contacts.columns import recognise
from obidient.contacts.models import Contact
from obidient.contacts.names import split
from obidient.contacts.phones import normalise

OUTLOOK = (
    "First Name,Last Name,Assistant's Phone,Business Fax,Business Phone,Company Main Phone,"
    "Mobile Phone,Primary Phone,Birthday,Gender,Priority,Private,Sensitivity\r\n"
)


def own(number: str) -> dict[str, str]:
    return Contact.get(Contact.phone == f"+234803555{number}").fields or {}


def numbers() -> list[str]:
    return [row.phone for row in Contact.select().order_by(Contact.phone)]


def test_outlook_writes_to_the_mobile_and_never_to_the_assistant(
    app: Flask, tmp_path: Path
) -> None:
    one = "Ada,Obi,08035559999,0201 999 9999,08035550102,08035550103,08035550101,,"
    two = "Musa,Bello,08035559999,,,08035550104,,,"
    rest = "0/0/00,Unspecified,Normal,False,Normal\r\n"
    report = bring(tmp_path, OUTLOOK + one + rest + two + rest)
    assert (report.new, report.bad) == (2, 0)
    assert phones() == ["0101", "0104"]
    assert further() == {"0102", "0103"}
    assert own("0101") == {"assistant_s_phone": "08035559999", "business_fax": "0201 999 9999"}


def test_what_a_questionnaire_keeps_of_itself_is_nobodys_field(app: Flask, tmp_path: Path) -> None:
    """As KoBo writes it: what people were asked is kept, also when a group stands before it."""
    titles = "start,end,group_a/phone_number,group_a/trade,_id,_uuid,_submission_time,__version__\n"
    cells = "2026-05-01,2026-05-01,08035550101,Tailor,301,a3f0,2026-05-01T08:05:10,vX1\n"
    bring(tmp_path, titles + cells)
    assert list(own("0101").values()) == ["Tailor"]


@pytest.mark.parametrize(
    ("titles", "language"),
    [
        ("Orúkọ,Nọmba fóònù,Ìpínlẹ̀,Ìjọba ìbílẹ̀,Wọ́ọ̀dù,Ibùdó ìdìbò", "Yoruba"),
        ("Suna,Lambar waya,Jiha,Karamar hukuma,Mazaba,Rumfar zabe", "Hausa"),
        ("Aha,Akara ekwentị,Steeti,Okpuru ọchịchị,Ward,Ebe ntuli aka", "Igbo"),
        (
            "Your name,Your number wey dey WhatsApp,Which state you dey,Wetin be your LGA,"
            "Your ward,Polling unit wey you dey",
            "Pidgin",
        ),
    ],
)
def test_titles_are_known_in_each_language(titles: str, language: str) -> None:
    found = recognise(titles.split(","))
    assert [found.of(at) for at in range(6)] == [
        "full_name",
        "phone",
        "state",
        "lga",
        "ward",
        "polling_unit",
    ], language


@pytest.mark.parametrize(
    "cell",
    [
        "08035550101+08035550102",
        "0803555010108035550102",
        "08035550101(08035550102)",
        "1) 08035550101 2) 08035550102",
        "1. 08035550101 2. +234 803 555 0102",
        "08035550101 ext 12 / 08035550102",
        r"08035550101\08035550102",
        "08035550101_08035550102",
        "08035550101 – 08035550102",
        "WhatsApp: 08035550101 Call: 08035550102",
    ],
)
def test_several_numbers_are_told_apart_however_they_are_joined(
    app: Flask, tmp_path: Path, cell: str
) -> None:
    report = bring(tmp_path, f'Name,Phone\nAda Obi,"{cell}"\n')
    assert (report.new, report.bad, phones(), further()) == (1, 0, ["0101"], {"0102"})


@pytest.mark.parametrize(
    "given",
    [
        "+234 (0) 803 555 0101",
        "234-803-555-0101",
        "0803.555.0101",
        "009 234 803 555 0101",
        "\uff10\uff18\uff10\uff13\uff15\uff15\uff15\uff10\uff11\uff10\uff11",
        "\u0660\u0668\u0660\u0663\u0665\u0665\u0665\u0660\u0661\u0660\u0661",
        "'08035550101",
        "8035550101.0",
        "0803\u00a0555\u00a00101",
        "\u202a+234 803 555 0101\u202c",
    ],
)
def test_every_way_of_writing_a_number_is_the_same_number(given: str) -> None:
    assert normalise(given) == "+2348035550101"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("O8035550101", "letters in this number. Is the O a 0"),
        ("447911123456", r"of another country, write \+ before it"),
        ("12345", "swapped digits. Short codes get no messages"),
    ],
)
def test_a_number_that_is_none_says_what_to_do(given: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        normalise(given)


def test_a_country_code_in_a_column_of_its_own_belongs_to_the_number(
    app: Flask, tmp_path: Path
) -> None:
    """Of WhatsApp's exports: 803 555 0101 is one person in Nigeria and another in America."""
    bring(
        tmp_path,
        "Country Code,Phone Number,Saved Name\n234,8035550102,Musa\n1,2125550101,Ada\n"
        "+44,07911123456,Bisi\n44,447911123457,Chidi\n,08035550103,Ngozi\n",
    )
    assert numbers() == [
        "+12125550101",
        "+2348035550102",
        "+2348035550103",
        "+447911123456",
        "+447911123457",
    ]


def test_a_country_code_keeps_a_number_from_being_somebody_elses(
    app: Flask, tmp_path: Path
) -> None:
    bring(tmp_path, "Country code,Phone\n1,8032550101\n+234,8035550101\n")
    assert numbers() == ["+18032550101", "+2348035550101"]


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ("OBI Ada", "Ada", "OBI"),
        ("EZE-NWOSU Chidi Paul", "Chidi", "EZE-NWOSU"),
        ("Alhaji BELLO Musa", "Musa", "BELLO"),
        ("Ada OBI", "Ada", "OBI"),
        ("OBI ADA", "OBI", "ADA"),
        ("AY Balogun", "AY", "Balogun"),
    ],
)
def test_a_family_name_in_capitals_is_no_first_name(given: str, first: str, last: str) -> None:
    assert split(given)[:2] == (first, last)


def test_numbers_that_follow_each_other_are_people(app: Flask, tmp_path: Path) -> None:
    report = bring(tmp_path, "08035550101, 08035550102, 08035550103\n+2348035550104,08035550105\n")
    assert (report.new, report.bad, len(further())) == (5, 0, 0)


def test_two_numbers_in_a_line_are_one_persons(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, "08035550101,08035550102\n08035550103,08035550104\n")
    assert (phones(), further()) == (["0101", "0103"], {"0102", "0104"})


def test_titles_on_each_printed_page_are_no_people(app: Flask, tmp_path: Path) -> None:
    page = "Name,Phone\nAda Obi,08035550101\nName,Phone\nMusa Bello,08035550102\n"
    report = bring(tmp_path, page)
    assert (report.rows, report.new, report.bad) == (2, 2, 0)


def test_ticks_and_noughts_are_answers_in_fields_of_ones_own(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, "Name,Phone,Came,Paid\nAda,08035550101,x,N/A\nMusa,08035550102,,0\n")
    assert (own("0101"), own("0102")) == ({"came": "x"}, {"paid": "0"})


CARDS = """BEGIN:VCARD
VERSION:3.0
N:;;;;
FN:Obi Stores
ORG:Obi Stores;
TEL;type=CELL;type=pref:08035550101
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:Bisi Alao
N:Alao;Bisi;;;
item1.TEL;VALUE=uri;TYPE="voice,cell":tel:+234-803-555-0102
LANG:yo
TITLE:Trader
BDAY:1604-03-01
NOTE:1604-B Main Street\\, mostly
END:VCARD
BEGIN:VCARD
VERSION:4.0
KIND:group
FN:Ward team
END:VCARD
"""


def test_what_a_phone_knows_of_people_is_kept_and_companies_have_no_name(
    app: Flask, tmp_path: Path
) -> None:
    report = imports.run(write(tmp_path, CARDS, name="phone.vcf"))
    assert (report.new, report.bad) == (2, 0)
    assert names() == [("", ""), ("Bisi", "Alao")]
    assert own("0102") == {
        "language": "yo",
        "occupation": "Trader",
        "birthday": "--03-01",
        "note": "1604-B Main Street, mostly",
    }
