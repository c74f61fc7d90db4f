"""Who a campaign is for: checked, resolved, counted, and never anybody else."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obidient.campaigns import audience
from obidient.clock import utcnow
from obidient.contacts.models import (
    Contact,
    ContactList,
    ContactListMember,
    ContactTag,
    Suppression,
    Tag,
)
from obidient.database import db
from obidient.errors import Invalid

STATES = ["24", "25"]
LGAS = ["24-11", "24-12", "25-01"]
WARDS = ["24-11-01", "24-11-02", "25-01-01"]
UNITS = ["24-11-01-001", "24-11-02-002", "25-01-01-003"]
TAGS = ["youth", "driver"]
LISTS = ["Ikeja meeting", "Volunteers"]


def phone(number: int) -> str:
    return f"+234803555{number:04d}"


@st.composite
def person(draw: st.DrawFn) -> dict[str, Any]:
    state, lga, ward, unit = draw(
        st.sampled_from(
            [(None, None, None, None), ("24", None, None, None), ("24", "24-12", None, None)]
            + [(u[:2], u[:5], u[:8], u) for u in UNITS]
        )
    )
    return {
        "state_code": state,
        "lga_code": lga,
        "ward_code": ward,
        "polling_unit_code": unit,
        "phone_invalid": draw(st.booleans()),
        "tags": draw(st.sets(st.sampled_from(TAGS))),
        "lists": draw(st.sets(st.sampled_from(LISTS))),
        "suppressed": draw(st.sampled_from([None, None, "sms", "voice", "*", "lifted"])),
    }


chosen = st.fixed_dictionaries(
    {
        "everyone": st.booleans(),
        "states": st.lists(st.sampled_from(STATES), max_size=1),
        "lgas": st.lists(st.sampled_from(LGAS), max_size=2),
        "wards": st.lists(st.sampled_from(WARDS), max_size=1),
        "pollingUnits": st.lists(st.sampled_from(UNITS), max_size=2),
        "tags": st.lists(st.sampled_from(TAGS), max_size=2),
        "lists": st.lists(st.sampled_from(LISTS), max_size=2),
    }
)


def is_meant(one: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """The rule, said once more in plain Python."""
    groups = []
    columns = {
        "states": "state_code",
        "lgas": "lga_code",
        "wards": "ward_code",
        "pollingUnits": "polling_unit_code",
    }
    if any(wanted[key] for key in columns):
        groups.append(any(one[column] in wanted[key] for key, column in columns.items()))
    if wanted["tags"]:
        groups.append(bool(one["tags"] & set(wanted["tags"])))
    if wanted["lists"]:
        groups.append(bool(one["lists"] & set(wanted["lists"])))
    return all(groups) if groups else bool(wanted["everyone"])


def store(people: list[dict[str, Any]]) -> None:
    for table in (Contact, Tag, ContactTag, ContactList, ContactListMember, Suppression):
        table.delete().execute()
    tags = {name: Tag.create(name=name).id for name in TAGS}
    lists = {name: ContactList.create(name=name).id for name in LISTS}
    for number, one in enumerate(people):
        values = {k: v for k, v in one.items() if k not in ("tags", "lists", "suppressed")}
        row = Contact.create(phone=phone(number), **values)
        for name in one["tags"]:
            ContactTag.create(contact_id=row.id, tag_id=tags[name])
        for name in one["lists"]:
            ContactListMember.create(contact_id=row.id, list_id=lists[name])
        if one["suppressed"]:
            lifted = one["suppressed"] == "lifted"
            Suppression.create(
                phone=phone(number),
                channel="*" if lifted else one["suppressed"],
                source="manual",
                lifted_at=utcnow() if lifted else None,
            )


@pytest.mark.both
@pytest.mark.slow
@given(people=st.lists(person(), max_size=8), wanted=chosen)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_exactly_those_are_chosen_whom_the_rule_means(
    app: Flask, people: list[dict[str, Any]], wanted: dict[str, Any]
) -> None:
    with db.atomic() as transaction:
        store(people)
        meant = [i for i, one in enumerate(people) if is_meant(one, wanted)]
        found = audience.selection(wanted)
        rows = db.execute_sql(
            f"SELECT c.phone FROM contact c WHERE {found.condition}", found.params
        ).fetchall()
        assert sorted(row[0] for row in rows) == [phone(i) for i in meant]

        invalid = [i for i in meant if people[i]["phone_invalid"]]
        out = [i for i in meant if i not in invalid and people[i]["suppressed"] in ("sms", "*")]
        counts = audience.count(wanted, "sms")
        assert (counts.invalid, counts.opted_out) == (len(invalid), len(out))
        assert counts.total == len(meant) - len(invalid) - len(out)
        reached = {phone(i) for i in meant if i not in invalid and i not in out}
        assert {one.phone for one in audience.sample(wanted, "sms")} == reached
        transaction.rollback()


def test_areas_are_resolved_to_official_codes(app: Flask) -> None:
    found = audience.validate(
        {"states": ["Lagos", "24", "lagos state"], "lgas": ["Lagos/Ikeja", "24-11"]}
    )
    assert found["states"] == ["24"]
    assert found["lgas"] == ["24-11"]
    assert found["everyone"] is False


@pytest.mark.slow
def test_an_lga_name_of_two_states_is_refused_with_both(app: Flask) -> None:
    with pytest.raises(Invalid) as refused:
        audience.validate({"lgas": ["Surulere"]})
    assert "Lagos/" in refused.value.detail.title()
    assert "Oyo/" in refused.value.detail.title()


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({}, "everyone"),
        ({"everyone": False, "states": []}, "everyone"),
        ({"everyone": "false"}, "everyone"),
        ({"states": ["Atlantis"]}, "Atlantis"),
        ({"lgas": ["Atlantis/Ikeja"]}, "Atlantis/Ikeja"),
        ({"wards": ["24-11"]}, "24-11-02"),
        ({"pollingUnits": ["24-11-02"]}, "24-11-02-017"),
        ({"tags": ["nobody"]}, "nobody"),
        ({"lists": ["nobody"]}, "nobody"),
        ({"states": "24"}, "list"),
        ({"cities": ["Lagos"]}, "cities"),
    ],
)
def test_what_can_not_be_meant_is_refused_by_name(
    app: Flask, wanted: dict[str, Any], word: str
) -> None:
    with pytest.raises(Invalid) as refused:
        audience.validate(wanted)
    assert word in refused.value.detail


def test_tags_and_lists_are_known_whatever_their_capitals(app: Flask) -> None:
    Tag.create(name="youth")
    ContactList.create(name="Ikeja Meeting")
    found = audience.validate({"tags": ["Youth", "youth"], "lists": ["ikeja meeting"]})
    assert found["tags"] == ["youth"]
    assert found["lists"] == ["Ikeja Meeting"]


def test_a_tag_deleted_since_reaches_nobody_rather_than_everybody(app: Flask) -> None:
    Contact.create(phone=phone(1))
    wanted = {**audience.empty(), "everyone": True, "tags": ["gone"]}
    assert audience.count(wanted, "sms").total == 0
    assert audience.count(audience.empty(), "sms").total == 0
