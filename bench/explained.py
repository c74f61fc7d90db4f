"""What statements cost: blocks, WAL and time of each, from EXPLAIN (ANALYZE, BUFFERS, WAL)."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from obidient.database import db

#: Bytes of a block.
BLOCK = 8192
_PLANNED = re.compile(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b", re.I)


@dataclass
class Cost:
    """Of one or more statements: blocks found in PostgreSQL's own cache, and those it asked for."""

    statements: int = 0
    hit: int = 0
    read: int = 0
    dirtied: int = 0
    wal: int = 0
    images: int = 0
    ms: float = 0.0

    def add(self, plan: dict[str, Any], ms: float) -> None:
        self.statements += 1
        self.hit += plan.get("Shared Hit Blocks", 0)
        self.read += plan.get("Shared Read Blocks", 0)
        self.dirtied += plan.get("Shared Dirtied Blocks", 0)
        self.wal += plan.get("WAL Bytes", 0)
        self.images += plan.get("WAL FPI", 0)
        self.ms += ms

    def sentence(self) -> str:
        return (
            f"{self.statements:>3} statements, {self.hit + self.read:>8,} blocks "
            f"({self.read:,} from outside the cache), {self.ms:>9,.1f} ms"
        )


@contextmanager
def explained() -> Iterator[Cost]:
    """The cost of what this thread's database is asked while the block lasts.

    Each statement is explained in a transaction that is rolled back, and then done: so it is done
    twice, and what is measured is the first time, with the blocks not yet fetched.
    """
    database = db.obj
    do: Callable[..., Any] = database.execute_sql
    cost = Cost()

    def both(sql: str, params: Any = None, *rest: Any) -> Any:
        if _PLANNED.match(sql):
            database.execute_sql = do
            try:
                with database.atomic() as transaction:
                    asked = f"EXPLAIN (ANALYZE, BUFFERS, WAL, FORMAT JSON) {sql}"
                    (found,) = do(asked, params).fetchone()
                    transaction.rollback()
            finally:
                database.execute_sql = both
            cost.add(found[0]["Plan"], found[0]["Execution Time"])
        return do(sql, params, *rest)

    database.execute_sql = both
    try:
        yield cost
    finally:
        # The class's own again.
        del database.execute_sql
