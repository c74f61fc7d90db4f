"""The labelled texts in tests/data."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "texts"


def read(name: str) -> list[tuple[str, str, str]]:
    """(label, language, text) of each row."""
    lines = (FOLDER / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t")[0] == "label"
    rows = [line.split("\t", 2) for line in lines[1:] if line]
    # A line break within a text is written \\n.
    return [(label, language, text.replace("\\n", "\n")) for label, language, text in rows]
