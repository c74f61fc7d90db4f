"""An import looks its rows up among all contacts; it never reads all contacts for some rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from obidient import jobs
from obidient.contacts import undo, uploads
from obidient.contacts.models import Contact
from obidient.database import db
from obidient.jobs import Job

TITLES = "Name,Phone,Mobile,Occupation,State\n"


def rows(first: int, number: int, name: str) -> str:
    return "".join(
        f"{name} Obi{n},0803555{n:04d},0805555{n:04d},trader,Lagos\n"
        for n in range(first, first + number)
    )


def bring(tmp_path: Path, text: str) -> Job:
    """An import as a worker runs it, to a list and with a tag."""
    path = tmp_path / "c.csv"
    path.write_text(TITLES + text, encoding="utf-8")
    job = uploads.start_import(path, "c.csv", list_name="Ward", tags=["ward"])
    jobs.run(job.id)
    done = Job.get_by_id(job.id)
    assert done.status == "done", done.error
    return done


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """How SQLite goes about what is asked from now on, a line a step with its statement."""
    seen: dict[str, str] = {}
    real = db.obj.execute_sql

    def execute(sql: str, params: Any = None) -> Any:
        if sql.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            steps = real(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
            seen[sql] = "\n".join(str(step[3]) for step in steps)
        return real(sql, params)

    monkeypatch.setattr(db.obj, "execute_sql", execute)

    def walks() -> list[str]:
        """The statements that read every contact."""
        return [
            f"{sql}\n  {step}"
            for sql, plan in seen.items()
            for step in plan.split("\n")
            if step.startswith(("SCAN c", "SCAN contact", "SCAN o")) and "VIRTUAL" not in step
        ]

    return walks


def test_an_import_and_its_undoing_read_no_more_contacts_than_their_own(
    app: Flask, tmp_path: Path, plans: Callable[[], list[str]]
) -> None:
    bring(tmp_path, rows(0, 50, "Ada"))
    # Known people with another name, new ones, a second number that is somebody's first.
    job = bring(
        tmp_path, rows(25, 50, "Ada Ngozi") + "Uche Ike,08055550003,08035550060,nurse,Abia\n"
    )
    undo.run(job)
    assert Contact.select().count() == 50
    assert plans() == []
