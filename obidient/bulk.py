"""Many rows in one statement, on both databases.

Peewee takes five times as long to write such a statement as the database takes to carry it out.
PostgreSQL gets an array a column: the statement's text is then the same for any number of rows, so
the driver and the server read and plan it once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from peewee import chunked

from obidient.database import BaseModel, db, is_postgres

#: Rows of one statement.
MOST = 500
#: What PostgreSQL calls the columns that it can take as arrays.
_TYPES = {
    "BIGAUTO": "bigint",
    "BIGINT": "bigint",
    "BOOL": "boolean",
    "DATETIME": "timestamp",
    "INT": "integer",
    "JSON": "jsonb",
    "TEXT": "text",
    "VARCHAR": "text",
}


def insert(
    table: type[BaseModel], names: Sequence[str], rows: Sequence[Mapping[str, Any]], ending: str
) -> list[tuple[Any, ...]]:
    """Insert these columns of some rows; what the `ending` returns, if anything."""
    columns = ", ".join(f'"{name}"' for name in names)
    start = f'INSERT INTO "{table._meta.table_name}" ({columns})'
    returned: list[tuple[Any, ...]] = []
    for some in chunked(rows, MOST):
        source, values = _source(table, names, some)
        cursor = db.execute_sql(f"{start} {source} {ending}", values)
        if "RETURNING" in ending:
            returned += cursor.fetchall()
    return returned


def _source(
    table: type[BaseModel], names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, list[Any]]:
    """The rows as SQL, and its parameters."""
    if is_postgres():
        fields = table._meta.fields
        arrays = ", ".join(f"%s::{_TYPES[fields[name].field_type]}[]" for name in names)
        return f"SELECT * FROM unnest({arrays})", [[row.get(x) for row in rows] for x in names]
    marks = "(" + ", ".join("?" * len(names)) + ")"
    values = [row.get(name) for row in rows for name in names]
    return f"VALUES {', '.join([marks] * len(rows))}", values


def put(table: type[BaseModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of a table with a composite key, or write them over those that are there."""
    names = list(table._meta.fields)
    key: tuple[str, ...] = table._meta.primary_key.field_names  # type: ignore[union-attr]
    sets = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in names if name not in key)
    insert(table, names, rows, f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}")


def rows_sql(columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """`v (id, status) AS (…)` for a WITH, and its parameters; `columns` names each one's type."""
    names = ", ".join(columns)
    if is_postgres():
        arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
        body = f"SELECT * FROM unnest({arrays})"
        return f"v ({names}) AS ({body})", [list(column) for column in zip(*rows, strict=True)]
    cells = "(" + ", ".join("?" * len(columns)) + ")"
    body = ", ".join([cells] * len(rows))
    return f"v ({names}) AS (VALUES {body})", [value for row in rows for value in row]


def in_sql(values: Sequence[Any]) -> tuple[str, list[Any]]:
    """` = ANY(…)` or ` IN (…)` with its parameters."""
    if is_postgres():
        return "= ANY(%s)", [list(values)]
    return f"IN ({', '.join('?' * len(values))})", list(values)
