"""Sheets received and decided in this process, and the totals that follow."""

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from results_world import make_world

from obidient.database import db
from obidient.results import deciding
from obidient.results.models import (
    AgentSheet,
    Decision,
    Election,
    ReviewFlag,
    Submission,
    Tally,
    UnitResult,
)
from obidient.results.received import Sender, receive
from obidient.results.tally import Total, as_total

NOBODY = Sender()


def take(*sheets: Mapping[str, Any], sender: Sender = NOBODY) -> list[str]:
    """Send sheets in and have them decided; returns `status` or `status: reason` of each."""
    with db.atomic():
        ids = receive(sheets, sender)
    deciding.process_waiting()
    return [outcome(row_id) for row_id in ids]


def outcome(row_id: int) -> str:
    row = Submission.get_by_id(row_id)
    return f"{row.status}: {row.reason}" if row.reason else str(row.status)


def total(area: str = "NG") -> Total:
    row = Tally.get_or_none(Tally.election_id == "abc123", Tally.area_code == area)
    return as_total(row) if row else Total()


@pytest.fixture
def world(app: Flask) -> Election:
    return make_world()


def clear() -> None:
    for table in (Submission, AgentSheet, UnitResult, Tally, ReviewFlag, Decision):
        table.delete().execute()
