"""Many rows in one statement, on both databases.

Peewee takes five times as long to write such a statement as the database takes to carry it out.
PostgreSQL gets an array a column: the statement's text is then the same for any number of rows, so
the driver and the server read and plan it once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from peewee import SQL, NodeList, chunked

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
        columns = [array([row.get(name) for row in rows]) for name in names]
        return f"SELECT * FROM unnest({arrays})", columns
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
    """`v (id, status) AS (…)` for a WITH, and its parameters; `columns` names each one's type.

    At least one row. A column that is the same in all of them goes to PostgreSQL once, not as an
    array: of what comes of a call, most is.
    """
    names = ", ".join(columns)
    if not is_postgres():
        cells = "(" + ", ".join("?" * len(columns)) + ")"
        body = ", ".join([cells] * len(rows))
        return f"v ({names}) AS (VALUES {body})", [value for row in rows for value in row]
    picked: list[str] = []
    arrays: list[str] = []
    same: list[Any] = []
    differing: list[Any] = []
    for kind, column in zip(columns.values(), zip(*rows, strict=True), strict=True):
        # The first always is an array, which says how many rows there are.
        if picked and column.count(column[0]) == len(column):
            picked.append(f"%s::{kind}")
            same.append(column[0])
        else:
            picked.append(f"a{len(arrays)}")
            arrays.append(f"%s::{kind}[]")
            differing.append(array(column))
    given = ", ".join(f"a{place}" for place in range(len(arrays)))
    body = f"SELECT {', '.join(picked)} FROM unnest({', '.join(arrays)}) AS a ({given})"
    return f"v ({names}) AS ({body})", [*same, *differing]


def in_sql(values: Sequence[Any]) -> tuple[str, list[Any]]:
    """` = ANY(…)` or ` IN (…)` with its parameters."""
    if is_postgres():
        kinds = set(map(type, values))
        cast = "::bigint[]" if kinds == {int} else "::text[]" if kinds == {str} else ""
        return f"= ANY(%s{cast})", [array(values) if cast else list(values)]
    return f"IN ({', '.join('?' * len(values))})", list(values)


def among(column: Any, values: Sequence[Any]) -> Any:
    """`column.in_(values)` of a Peewee query, without its node a value; at least one value."""
    return NodeList((column, SQL(*in_sql(values))))


def delete_oldest(ids: Any, too_old: Any, some: int, seconds: float) -> None:
    """Delete rows that are `too_old`, `some` in a statement, for about so many seconds.

    `ids` is a query for the ids of those that may go at all. Only the oldest of them are looked at:
    a month's worth may be tens of millions, and other sweeps wait meanwhile.
    """
    table, end = ids.model, time.monotonic() + seconds
    old = table.id.in_(ids.order_by(table.id).limit(some)) & too_old
    while table.delete().where(old).execute() == some and time.monotonic() < end:
        pass


def array(values: Sequence[Any]) -> Any:
    """A value for a parameter that is cast to an array: PostgreSQL's own writing of it, or a list.

    psycopg writes a list down value by value, with a search for signs to escape in each: that took
    two fifths of the time in which a file of sheets was read. The values have to fit the column.
    """
    kinds = set(map(type, values))
    if kinds == {int}:
        return f"{{{','.join(map(str, values))}}}"
    if kinds == {str}:
        # Plain words, as most are, in one.
        joined = '","'.join(values)
        if "\\" not in joined and joined.count('"') == 2 * (len(values) - 1):
            return f'{{"{joined}"}}'
    if not kinds <= _WRITTEN.keys() or (datetime in kinds and any(map(_has_zone, values))):
        return list(values)
    return f"{{{','.join([_WRITTEN[type(one)](one) for one in values])}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _has_zone(value: Any) -> bool:
    """Whether a moment has an offset, which PostgreSQL would drop from its writing."""
    return type(value) is datetime and value.tzinfo is not None


#: How values stand in an array.
_WRITTEN: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    bool: lambda value: "t" if value else "f",
    int: str,
    str: _quoted,
    datetime: lambda moment: f'"{moment.isoformat(" ")}"',
}
