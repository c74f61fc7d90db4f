"""People are chosen by fields of one's own, however a value is spelt and whatever befell them."""

from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obidient import jobs
from obidient.campaigns import audience
from obidient.contacts import editing, erasure, merge, own_values, undo, uploads
from obidient.contacts.models import Contact, OwnField
from obidient.contacts.rows import clean
from obidient.database import db
from obidient.errors import Invalid
from obidient.jobs import Job
from obidient.letters import CAPITALS, SMALL, one_spelling

LIST = """Name,Phone,Occupation,Shirt size
Ada Obi,08035550001,Trader,XL
Bola Ade,08035550002, TRADER ,m
Chidi Eze,08035550003,market trader,XL
Dayo Ojo,08035550004,Tràdér,L
Efe Uwa,08035550005,,XL
"""


def bring(tmp_path: Path, text: str = LIST) -> Job:
    path = tmp_path / "c.csv"
    path.write_text(text, encoding="utf-8")
    job = uploads.start_import(path, "c.csv", tags=[])
    jobs.run(job.id)
    done = Job.get_by_id(job.id)
    assert done.status == "done", done.error
    return done


def chosen(*near: range, **own: list[str]) -> str:
    """First names of those with these values, told by looking at each and by the index alike."""
    wanted = {"fields": own}
    found = []
    for among in (None, audience.EVERYBODY, *near):
        one = audience.selection(wanted, among)
        rows = db.execute_sql(
            f"SELECT c.full_name FROM contact c WHERE {one.condition} ORDER BY 1", one.params
        ).fetchall()
        found.append(" ".join(row[0].split()[0] for row in rows))
    assert len(set(found)) == 1, found
    return found[0]


@pytest.mark.both
def test_a_value_is_found_however_it_is_spelt_and_nothing_else(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path)
    assert chosen(occupation=["trader"]) == "Ada Bola Dayo"
    assert chosen(occupation=["  MARKET   Trader "]) == "Chidi"
    assert chosen(occupation=["market"]) == ""
    assert chosen(shirt_size=["trader"]) == ""
    assert chosen(occupation=["traders"]) == ""


@pytest.mark.both
def test_values_of_a_field_are_united_and_fields_intersect(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path)
    assert chosen(occupation=["trader", "market trader"]) == "Ada Bola Chidi Dayo"
    assert chosen(occupation=["trader", "market trader"], shirt_size=["xl"]) == "Ada Chidi"
    assert chosen(shirt_size=["XL"]) == "Ada Chidi Efe"


@pytest.mark.both
def test_a_contact_that_changes_is_chosen_by_what_it_is_now(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path)
    ada = Contact.get(Contact.phone == "+2348035550001")
    given = editing.values_of(ada)
    assert editing.change(ada, given | {"own-occupation": "Nurse"}) == {}
    assert chosen(occupation=["nurse"]) == "Ada"
    assert chosen(occupation=["trader"]) == "Bola Dayo"
    given = editing.values_of(ada)
    assert editing.change(ada, given | {"own-occupation": "", "own-shirt_size": ""}) == {}
    assert chosen(shirt_size=["xl"]) == "Chidi Efe"


@pytest.mark.both
def test_merged_and_deleted_contacts_are_chosen_once_or_not_at_all(
    app: Flask, tmp_path: Path
) -> None:
    bring(tmp_path)
    bola, efe = (Contact.get(Contact.phone.endswith(last)) for last in ("0002", "0005"))
    merge.merge([bola.id, efe.id], dict.fromkeys(merge.CHOICES, efe.id))
    assert chosen(occupation=["trader"]) == "Ada Dayo Efe"
    assert chosen(shirt_size=["m"]) == ""
    with db.atomic():
        erasure.remove([efe.id])
    assert chosen(occupation=["trader"]) == "Ada Dayo"


@pytest.mark.both
def test_an_import_that_is_undone_takes_its_values_along(app: Flask, tmp_path: Path) -> None:
    bring(tmp_path)
    again = bring(
        tmp_path, "Name,Phone,Occupation\nAda Obi,08035550001,Nurse\nNew,08035550009,Nurse\n"
    )
    assert chosen(occupation=["nurse"]) == "Ada New"
    undo.run(again)
    assert chosen(occupation=["nurse"]) == ""
    assert chosen(occupation=["trader"]) == "Ada Bola Dayo"


@pytest.mark.both
def test_the_most_frequent_values_are_suggested_as_they_are_mostly_spelt(
    app: Flask, tmp_path: Path
) -> None:
    assert own_values.frequent("occupation") == []
    rows = ["Trader"] * 3 + ["trader"] * 2 + ["Nurse"] * 6 + ["the only smith"]
    text = "\n".join(f"P,0803555{at:04d},{value}" for at, value in enumerate(rows))
    bring(tmp_path, f"Name,Phone,Occupation\n{text}\n")
    assert own_values.frequent("occupation") == ["Nurse", "Trader"]
    assert own_values.frequent("shirt_size") == []


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"profession": ["trader"]}, "profession"),
        ({"occupation": "trader"}, "list"),
        ({"occupation": []}, "Write a value of Occupation"),
        ({"occupation": ["  "]}, "Write a value of Occupation"),
        ({"occupation": [str(n) for n in range(201)]}, "200"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    app: Flask, given: dict[str, list[str]], word: str
) -> None:
    OwnField.create(name="occupation", title="Occupation")
    with pytest.raises(Invalid) as refused:
        own_values.validate(given)
    assert word in refused.value.detail


def test_a_field_is_known_by_name_and_title_and_a_value_is_kept_once(app: Flask) -> None:
    OwnField.create(name="meeting_place", title="Meeting place")
    found = own_values.validate(
        {"Meeting  PLACE": ["Town hall", " TOWN  hall"], "meeting_place": ["School"]}
    )
    assert found == {"meeting_place": ["TOWN hall", "School"]}


# ---- one spelling -------------------------------------------------------------------------------

#: Letters of our languages and their neighbours, signs, spaces, and all else now and then.
letters = st.one_of(
    st.sampled_from("abyzABYZ019 -.&'\"<>%_ẹỌṣḾńɓƁƙŋŊßøØŁıİæ\u0301\u0323\t\u00a0"),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
)
texts = st.text(letters, max_size=12)


@given(texts)
def test_one_spelling_of_a_spelling_is_itself(text: str) -> None:
    plain = one_spelling(text)
    assert one_spelling(plain) == plain
    assert one_spelling(f"  {text} ") == plain


@given(st.text(st.sampled_from("abzẹọṣńéüƁɓŋ 1"), max_size=12))
def test_capitals_marks_and_further_spaces_make_no_difference(text: str) -> None:
    assert one_spelling(text.upper().replace(" ", "  ")) == one_spelling(text)
    assert one_spelling(text + "\u0301") == one_spelling(text)


def test_a_capital_has_one_small_letter() -> None:
    assert len(CAPITALS) == len(SMALL) == len(set(CAPITALS))
    assert {"Ɓ": "ɓ", "Ŋ": "ŋ", "A": "a"}.items() <= dict(zip(CAPITALS, SMALL, strict=True)).items()


@pytest.mark.both
@pytest.mark.slow
@given(values=st.lists(texts, max_size=6), wanted=st.lists(texts, min_size=1, max_size=3))
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_database_and_the_index_agree_with_the_rule(
    app: Flask, values: list[str], wanted: list[str]
) -> None:
    kept = [clean(one) for one in (*values, *wanted, *(one.upper() for one in wanted))]
    plain = {one_spelling(clean(one)) for one in wanted} - {""}
    if not plain:
        return
    with db.atomic() as transaction:
        Contact.delete().execute()
        for at, value in enumerate(kept):
            name = f"{at:02d}"
            fields = {"word": value, "other": "a trader"} if value else None
            Contact.create(phone=f"+23480355500{name}", full_name=name, fields=fields)
        meant = [f"{at:02d}" for at, value in enumerate(kept) if one_spelling(value) in plain]
        assert chosen(word=list(plain)) == " ".join(meant)
        transaction.rollback()
