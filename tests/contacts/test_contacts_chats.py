"""WhatsApp: whoever wrote or was added comes in by number, once, and nobody else does."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from admin_people import Person, sign_in
from flask import Flask
from test_contacts_lists import bring, names, phones
from test_contacts_pages import finish

from obidient.contacts import imports
from obidient.contacts.chats import ChatFile
from obidient.contacts.models import Contact
from obidient.errors import Invalid

__all__ = ["sign_in"]

ANDROID = """\
12/03/2023, 14:01 - Messages and calls are end-to-end encrypted. Tap to learn more.
12/03/2023, 14:01 - Ada Obi created group "Ward team"
12/03/2023, 14:02 - Ada Obi added you
12/03/2023, 14:03 - Ada Obi added +234 803 555 0101, +234 803 555 0102 and Musa
12/03/2023, 14:04 - +234 803 555 0103 joined using this group's invite link
12/03/2023, 14:05 - Ada Obi: Call 0803 555 0999, or +234 803 555 0998
12/03/2023, 14:06 - +234 803 555 0101: Good afternoon
everybody: 12/03/2023 is the day
12/03/2023, 14:07 - +234 803 555 0104: Bola added +234 803 555 0997
12/03/2023, 14:08 - +234 803 555 0102 left
12/03/2023, 14:09 - Ada Obi removed +234 803 555 0105
12/03/2023, 14:10 - +234 803 555 0103 changed to +234 803 555 0106
12/03/2023, 14:11 - +234 803 555 0104 changed the subject from "a" to "added +234 803 555 0996"
"""
IPHONE = """\
[12/03/2023, 2:01:33\u202fPM] Ward team: \u200eMessages and calls are end-to-end encrypted.
[12/03/2023, 2:02:33\u202fPM] Ward team: \u200eAda Obi added \u200e\u202a+2348035550101\u202c
\u200e[12/03/2023, 2:03:33\u202fPM] \u202a+234\u00a0803\u00a05550103\u202c: \u200eimage omitted
[12/03/2023, 2:04:33\u202fPM] ~\u202fBola: Hello
[12/03/2023, 2:05:33\u202fPM] +234 803 555 0104 ~ Ngozi: Hello
[12/03/2023, 2:06:33\u202fPM] Ward team: \u200e+234 803 555 0106 joined using an invite link
[12/03/2023, 2:07:33\u202fPM] +234 803 555 0104: Bola added +234 803 555 0997
[12/03/2023, 2:08:33\u202fPM] Ward team: \u200e+234 803 555 0101 left
"""


def test_the_members_of_an_android_chat_come_in(app: Flask, tmp_path: Path) -> None:
    report = bring(tmp_path, ANDROID)
    assert (report.understood["kind"], report.rows, report.bad) == ("chat", 3, 0)
    assert phones() == ["0101", "0104", "0106"]
    assert names() == [("", "")] * 3
    assert [one.split(": ")[1][:2] for one in report.understood["remarks"]] == ["1.", "3."]


def test_the_members_of_an_iphones_chat_come_in(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, IPHONE)
    assert phones() == ["0103", "0104", "0106"]
    assert names()[1] == ("Ngozi", "")


@pytest.mark.parametrize(
    "begin",
    [
        "12/03/2023, 14:05 - ",
        "3/12/23, 2:05 PM - ",
        "12/03/2023, 2:05\u202fpm - ",
        "12.03.23, 14:05 - ",
        "2023-03-12, 14:05 - ",
        "[12/03/2023, 14:05:33] ",
        "\u200e[12/03/23, 2:05:33 p.m.] ",
        "[14:05, 12/03/2023] ",
    ],
)
def test_a_chat_is_known_by_its_first_line(app: Flask, tmp_path: Path, begin: str) -> None:
    report = bring(tmp_path, f"{begin}+234 803 555 0101: Hello, 08035550999\n")
    assert (report.understood["kind"], phones()) == ("chat", ["0101"])


PASTED = "[14:01, 12/03/2023] +234 803 555 9999: Hello"
SAID = "12/03/2023, 14:05 - +234 803 555 0101: "


def test_what_is_pasted_from_another_chat_is_nobody_here(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, f"{SAID}see\n{PASTED}\n")
    assert phones() == ["0101"]


def test_the_rest_of_a_long_line_is_no_line_of_its_own(app: Flask, tmp_path: Path) -> None:
    long = SAID + "x" * (4_000 - len(SAID)) + SAID.replace("0101", "0109")
    path = tmp_path / "chat.txt"
    path.write_text(f"{long}\n{SAID.replace('0101', '0102')}Hello\n")
    assert [row.line for row in ChatFile(path)] == [0, 1, 2]


def test_a_chat_without_numbers_says_what_to_do(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"everybody stands by name.*\.vcf"):
        bring(tmp_path, "12/03/2023, 14:05 - Ada: Call 08035550999\n")
    packed = tmp_path / "chat.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("_chat.txt", ANDROID)
    with pytest.raises(Invalid, match="This is a packed WhatsApp chat"):
        imports.run(packed)


MEMBERS = "Ada Obi, +234 803 555 0101, +234 803 555 0102, +44 7911 123456, You"


def test_the_members_of_a_group_are_people_and_names_alone_are_told(
    app: Flask, tmp_path: Path
) -> None:
    report = bring(tmp_path, MEMBERS)
    assert (report.new, report.bad) == (3, 0)
    assert report.understood["remarks"] == ["Named without a number, so not read: Ada Obi."]


def test_a_person_with_two_numbers_is_no_group(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path, "Ada Obi,+2348035550101,+2348035550102\n")
    assert names() == [("Ada", "Obi")]


@pytest.mark.slow
def test_a_list_may_be_pasted(app: Flask, sign_in: Callable[..., Person]) -> None:
    admin = sign_in()
    page = admin.post("/admin/import/", pasted=MEMBERS)
    assert "Named without a number, so not read: Ada Obi." in page
    assert "Choose a file first, or paste" in admin.post("/admin/import/", pasted=" ")
    url = admin.client.post(
        "/admin/import/", data={"pasted": MEMBERS, "csrf_token": admin.token}
    ).headers["Location"]
    admin.post(url, go="now", **{"column-1": "phone"})
    assert finish().report["new"] == 3
    assert Contact.select().count() == 3
