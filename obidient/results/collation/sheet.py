"""The differences as a CSV that a lawyer can open: a row for each party in each area."""

import csv
import io
from collections.abc import Callable, Iterable

from obidient.contacts.imports import safe_cell
from obidient.results.collation.compare import Finding

COLUMNS = ("area", "name", "level", "kind", "effect", "party", "declared", "ours", "difference",
           "declared_of_parts", "units_reported", "units_total", "voters_out", "most_votes_out",
           "votes_under_review", "source", "revision", "notes", "sheets")  # fmt: skip


def text(found: Iterable[Finding], link: Callable[[str], str]) -> str:
    """`link` gives the address under which an area's sheets are found."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for finding in found:
        for line in finding.lines:
            writer.writerow(
                (
                    finding.code,
                    safe_cell(finding.name),
                    finding.level,
                    finding.kind,
                    finding.effect,
                    line.party,
                    line.declared,
                    line.ours,
                    line.difference,
                    "" if line.parts is None else line.parts,
                    finding.ours.units,
                    finding.units,
                    finding.voters_out,
                    finding.most_out,
                    finding.ours.review_votes,
                    safe_cell(finding.declared.source),
                    finding.declared.revision,
                    " ".join(finding.notes),
                    link(finding.code),
                )
            )
    return out.getvalue()
