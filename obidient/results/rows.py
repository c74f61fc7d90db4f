"""Many rows in one statement.

Peewee takes five times as long to put such a statement together as the database to carry it out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from peewee import chunked

from obidient.database import BaseModel, db, mark

#: Rows of one statement; PostgreSQL takes no more than 65,535 values.
MOST = 500


def insert(
    table: type[BaseModel], names: Sequence[str], rows: Sequence[Mapping[str, Any]], ending: str
) -> list[tuple[Any, ...]]:
    """Insert these columns of some rows; what the `ending` returns, if anything."""
    columns = ", ".join(f'"{name}"' for name in names)
    start = f'INSERT INTO "{table._meta.table_name}" ({columns}) VALUES '
    marks = "(" + ", ".join([mark()] * len(names)) + ")"
    returned: list[tuple[Any, ...]] = []
    for some in chunked(rows, MOST):
        sql = f"{start}{', '.join([marks] * len(some))} {ending}"
        cursor = db.execute_sql(sql, [row.get(name) for row in some for name in names])
        if "RETURNING" in ending:
            returned += cursor.fetchall()
    return returned


def put(table: type[BaseModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of a table with a composite key, or write them over those that are there."""
    names = list(table._meta.fields)
    key: tuple[str, ...] = table._meta.primary_key.field_names  # type: ignore[union-attr]
    sets = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in names if name not in key)
    insert(table, names, rows, f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}")
