"""Finding contacts: the same answers on both databases, and what an index must not change."""

import pytest
from flask import Flask
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from obidient.contacts import search
from obidient.contacts.models import Contact
from obidient.contacts.search import find
from obidient.database import db

NAMES = [
    ("Ṣọlá", "Adébáyọ̀"),
    ("Ngozi", "Okafor-Bello"),
    ("Chidi", "O'Neil"),
    ("Ngozika", "Musa"),
    ("", "www.okafor.ng"),
]


def make(names: list[tuple[str, str]], start: int = 0) -> None:
    Contact.insert_many(
        {
            "phone": f"+234803555{number:04d}",
            "first_name": first,
            "last_name": last,
            "full_name": f"{first} {last}".strip(),
            "state_code": "24" if number % 2 else "20",
        }
        for number, (first, last) in enumerate(names, start)
    ).execute()
    search.Words().learn(f"{first} {last}" for first, last in names)


def numbers(text: str, query: object = None) -> list[str]:
    return [one.phone[-4:] for one in find(query or Contact.select(), text, 50)]


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("window", [0, 1_000])
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("sola", ["0000"]),
        ("ṢỌLÁ adebayo", ["0000"]),
        ("ngozi", ["0003", "0001"]),
        ("bel ngo", ["0001"]),
        ("neil", ["0002"]),
        ("okafor", ["0004", "0001"]),
        ("kafor", ["0004", "0001"]),
        ("bayo", ["0000"]),
        ("af", []),
        ("0001", ["0001"]),
        ("555 00", ["0004", "0003", "0002", "0001", "0000"]),
        ("…", []),
        ('"*) OR', []),
        ("0803555", ["0004", "0003", "0002", "0001", "0000"]),
        ("8035550002", ["0002"]),
        ("+234 803 555 0003", ["0003"]),
        ("0803556", []),
    ],
)
def test_names_and_numbers_are_found_by_their_parts(
    app: Flask, monkeypatch: pytest.MonkeyPatch, window: int, typed: str, found: list[str]
) -> None:
    make(NAMES)
    # Without a window, every answer comes from the index, of which the newest two are asked first.
    monkeypatch.setattr(search, "WINDOW", window)
    monkeypatch.setattr(search, "NEWEST", 2)
    assert numbers(typed) == found


@pytest.mark.both
def test_a_filter_narrows_what_the_index_finds(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make(NAMES)
    monkeypatch.setattr(search, "WINDOW", 0)
    assert numbers("ngozi", Contact.select().where(Contact.state_code == "20")) == []
    assert numbers("okafor", Contact.select().where(Contact.state_code == "20")) == ["0004"]


@pytest.mark.both
def test_a_changed_or_deleted_name_is_found_as_it_is_now(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(NAMES)
    monkeypatch.setattr(search, "WINDOW", 0)
    Contact.update(first_name="Bisi", full_name="Bisi Musa").where(
        Contact.first_name == "Ngozika"
    ).execute()
    Contact.delete().where(Contact.first_name == "Ngozi").execute()
    assert numbers("ngozi") == []
    assert numbers("bisi") == ["0003"]


@pytest.mark.both
@pytest.mark.slow
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(
        st.tuples(*[st.text(alphabet="aAbáẸọ-'.ñ9 ", max_size=6)] * 2), min_size=1, max_size=8
    ),
    typed=st.text(alphabet="aábẹọ9 ", min_size=1, max_size=4).filter(str.strip),
)
def test_the_index_and_the_eye_agree(app: Flask, names: list[tuple[str, str]], typed: str) -> None:
    with db.atomic() as transaction:
        make(names)
        everybody = Contact.select()
        wanted = search.words(typed)
        assume(wanted)
        by_eye = find(everybody, typed, 50)
        by_index = search._by_index(everybody, wanted, 50, 0)
        assert [one.id for one in by_eye] == by_index
        transaction.rollback()
