"""Rows go into PostgreSQL as arrays that are written by hand: they come out as they went in."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obidient import bulk
from obidient.database import db, is_postgres

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
#: What arrays are made of signs that mean something in them, and words that do.
MARKED = st.text("\"\\{},\n\t '%", max_size=6) | st.sampled_from(["NULL", "null", "", "{}"])
WHOLE = st.integers(-(2**63), 2**63 - 1)
COLUMNS = {
    "text": TEXTS | MARKED,
    "bigint": WHOLE,
    "boolean": st.booleans(),
    "timestamp": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
}


@pytest.mark.both
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("kind", COLUMNS)
def test_an_array_holds_what_was_put_into_it(kind: str) -> None:
    if not is_postgres():
        pytest.skip("SQLite has no arrays")

    @settings(max_examples=60)
    @given(st.lists(COLUMNS[kind] | st.none(), min_size=1, max_size=8))
    def check(values: list[Any]) -> None:
        written = bulk.array(values)
        assert isinstance(written, str)
        assert db.execute_sql(f"SELECT %s::{kind}[]", (written,)).fetchone()[0] == values

    check()


def test_what_has_no_plain_writing_is_left_to_the_driver() -> None:
    moment = datetime(2027, 2, 25, 12, tzinfo=UTC)
    for values in ([moment], [b"x"], [1.5], ["a", {"b": 1}]):
        assert bulk.array(values) == values
