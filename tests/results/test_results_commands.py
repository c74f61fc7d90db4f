"""`obidient election …` and `obidient results …`, as a count runs from its file to its repair."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from results_world import UNITS, election_document, make_register, sheet

from obidient.database import db
from obidient.results.live import copies
from obidient.results.models import Election, Tally
from obidient.results.sheets import snake_keys

Cli = Callable[..., Result]
#: As Windows' editors begin their files.
BOM = b"\xef\xbb\xbf"


@pytest.fixture
def files(app: Flask, tmp_path: Path) -> Callable[..., str]:
    make_register()

    def write(name: str, *lines: Any) -> str:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        path = tmp_path / name
        path.write_bytes(BOM + text.encode())
        return str(path)

    return write


@pytest.fixture
def counting(cli: Cli, files: Callable[..., str]) -> Election:
    made = cli("election", "create", files("election.json", election_document()))
    assert made.output == "Made 2027 Presidential Election (abc123), ongoing.\n"
    return Election.get()


def load(cli: Cli, files: Callable[..., str], *lines: Any) -> dict[str, int]:
    """What became of the lines of a file, as the command tells it."""
    done = cli("results", "load", files("sheets.ndjson", *lines), "--election", "abc123")
    assert done.exit_code == 0, done.output
    *told, last = done.stdout.splitlines()
    assert last.startswith(f"{len(lines)} sheets in ")
    return {line[:32].strip(): int(line[32:]) for line in told}


@pytest.mark.both
@pytest.mark.slow
def test_a_file_of_sheets_comes_to_what_it_should(
    counting: Election, cli: Cli, files: Callable[..., str]
) -> None:
    lines = [
        snake_keys(line)
        for line in (
            sheet("a", revision=2),
            sheet("b", revision=1),
            sheet("a", revision=2),
            sheet("c", UNITS[1]) | {"electionId": "ANOTHER-NAME", "offset_ms": 5},
            sheet("d", UNITS[2], votes={"XYZ": 5}),
            sheet("a", revision=3),
        )
    ]
    assert load(cli, files, *lines) == {
        "accepted": 2,
        "duplicate": 1,
        "rejected: id_reused": 1,
        "rejected: unknown_party": 1,
        "superseded": 1,
    }
    assert json.loads(copies.summary_copy("abc123").body)["summary"]["pollingUnitsReported"] == 2


@pytest.mark.slow
def test_lines_that_are_no_sheets_are_left_out_by_number(
    counting: Election, cli: Cli, files: Callable[..., str]
) -> None:
    path = files("sheets.ndjson", sheet("a"), "", "junk", [1], sheet("b", UNITS[1]))
    done = cli("results", "load", path, "--election", "abc123")
    assert done.stderr.splitlines() == [
        "line 3: not a JSON object; left out",
        "line 4: not a JSON object; left out",
    ]
    assert done.stdout.splitlines()[0].split() == ["accepted", "2"]


@pytest.mark.slow
def test_nothing_is_counted_before_the_election_is_open(
    counting: Election, cli: Cli, files: Callable[..., str]
) -> None:
    assert cli("election", "status", "abc123", "scheduled").exit_code == 0
    assert load(cli, files, sheet("a")) == {"rejected: election_not_open": 1}
    assert cli("election", "status", "abc123", "ongoing").exit_code == 0
    assert load(cli, files, sheet("b")) == {"accepted": 1}
    assert "ongoing" in cli("election", "list").output


@pytest.mark.both
@pytest.mark.slow
def test_a_wrong_total_is_reported_and_repaired(
    counting: Election, cli: Cli, files: Callable[..., str]
) -> None:
    load(cli, files, sheet("a"), sheet("b", UNITS[1]))
    assert cli("results", "verify", "abc123").exit_code == 0
    with db.atomic():
        Tally.update(valid=1).where(Tally.area_code == "24").execute()
    found = cli("results", "verify", "abc123")
    assert found.exit_code == 1
    assert found.output == "24: valid is 1, counted 396\n1 difference.\n"
    assert cli("results", "verify", "abc123", "--repair").output.endswith("Repaired.\n")
    assert cli("results", "verify", "abc123").exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "election.json is not JSON"),
        ("[]", "election.json must hold one JSON object."),
        ('{"electionId": "x"}', "electionType is missing: give it as text."),
    ],
)
def test_an_election_file_that_is_wrong_is_told_what(
    cli: Cli, files: Callable[..., str], text: str, sentence: str
) -> None:
    done = cli("election", "create", files("election.json", text))
    assert done.exit_code == 1
    assert sentence in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "command",
    [("results", "verify", "no"), ("results", "load", "FILE", "--election", "no"),
     ("election", "status", "no", "ended")],
)  # fmt: skip
def test_an_election_that_does_not_exist_is_said_so(
    cli: Cli, files: Callable[..., str], command: tuple[str, ...]
) -> None:
    path = files("sheets.ndjson", sheet("a"))
    done = cli(*(path if part == "FILE" else part for part in command))
    assert done.exit_code == 1
    assert "There is no such election." in done.output
