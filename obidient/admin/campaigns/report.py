"""What came of a campaign, for whoever asks: one page to print, a PDF and a CSV from one source."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flask import Response

from obidient.admin import charts, formats
from obidient.admin.campaigns import report_pdf
from obidient.admin.campaigns.look import Look, audience_words, look, provider_title, throughput
from obidient.campaigns.followup import networks, reasons, said
from obidient.campaigns.models.campaign import Campaign
from obidient.campaigns.split import results, terms
from obidient.campaigns.voice import keys
from obidient.clock import utcnow
from obidient.contacts.imports import safe_cell

#: Reasons of their own line; the rarer ones are summed up.
MOST_REASONS = 8
_FIGURES = {"People", "Share", "Delivered", "Not reached", "On the way"}
_FIGURES |= {"Sent", "Replied", "Of 100", "Opted out"}
CHANNELS = {"sms": "SMS"}


@dataclass(frozen=True)
class Table:
    """One part of the report: a title, what its columns hold, and its lines."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    @property
    def figures(self) -> list[bool]:
        """Which columns hold figures: narrow, and to the right."""
        return [name in _FIGURES for name in self.columns]


@dataclass(frozen=True)
class Report:
    """Everything that all three forms show; `parts` are (status, people) for the bar."""

    title: str
    lead: str
    facts: list[tuple[str, str]]
    parts: list[tuple[str, int]]
    total: int
    message: str
    tables: list[Table]
    pace: charts.Drawing = field(default_factory=lambda: charts.Drawing(0))
    pace_from: str = ""
    pace_to: str = ""
    made: str = ""


def of(campaign: Campaign) -> Report:
    shown = look(campaign)
    slots = throughput(campaign)
    drawing = charts.stacked([one[1:] for one in slots], ("delivered", "unreached"))
    channel = CHANNELS.get(campaign.channel, campaign.channel.capitalize())
    return Report(
        title=campaign.title,
        lead=f"{formats.status_word(campaign.status)} · {channel} to "
        + audience_words(campaign.audience, 12),
        facts=_facts(shown),
        parts=shown.parts,
        total=campaign.total,
        message="\n\n".join(
            f"{terms.word(campaign).capitalize()} {letter}: {results.said(campaign, letter)}"
            for letter in terms.texts_of(campaign)
        )
        or campaign.message_template,
        tables=[one for one in _tables(shown) if one.rows],
        pace=drawing,
        pace_from=formats.full(slots[0][0]) if slots else "",
        pace_to=formats.full(slots[-1][0]) if slots else "",
        made=formats.full(utcnow()),
    )


def _facts(shown: Look) -> list[tuple[str, str]]:
    c = shown.campaign
    found = [
        ("Began", formats.full(c.started_at)),
        ("Ended", formats.full(c.completed_at)),
        ("Took", shown.took or "–"),
        ("Through", provider_title(c.provider) or "–"),
        ("People", formats.number(c.total)),
        ("Reached", f"{formats.number(c.delivered)} ({formats.percent(c.delivered, c.total)})"),
        ("Not reached", formats.number(shown.unreached)),
        ("Left out before", formats.number(shown.excluded)),
        ("Cost", shown.cost),
    ]
    if c.delivered and c.cost_e4:
        each = formats.money(c.cost_e4 // c.delivered, c.currency)
        found.append(("Cost of each reached", each))
    return found


def _tables(shown: Look) -> list[Table]:
    c = shown.campaign
    states = [(formats.status_word(name), number) for name, number in shown.parts]
    sent_by_network = [one for one in networks.delivery(c) if one["code"]]
    return [
        Table("What became of it", ("State", "People", "Share"), _shares(states, c.total)),
        Table(f"{terms.word(c).capitalize()}s A and B in the trial", _arms(c), _both(c)),
        Table("Not reached, by reason", ("Reason", "What to do", "People"), _reasons(c)),
        Table(
            "Keys people pressed",
            ("Key", "Meaning", "People"),
            [
                (str(one["key"]), str(one["label"]), formats.number(one["people"]))
                for one in (keys.answers(c) if c.keypad else [])
            ],
        ),
        Table(
            "What people replied",
            ("Reply", "People"),
            [(one.title, formats.number(one.people)) for one in said.replies(c)],
        ),
        Table(
            "Delivery by network",
            ("Network", "Delivered", "Not reached", "On the way"),
            [
                (str(one["network"]), *(formats.number(one[key]) for key in _OUTCOMES))
                for one in sent_by_network
            ],
        ),
        Table("Left out before sending", ("Why", "People"), _left_out(c)),
    ]


def _arms(campaign: Campaign) -> tuple[str, ...]:
    shown = "Text", "What it says", "Sent", "Delivered", "Replied"
    if terms.word(campaign) == "call":
        shown = "Call", "What it says", "Made", "Answered", f"Pressed {terms.keys_words(campaign)}"
    return (*shown, "Of 100", "Opted out")


def _both(campaign: Campaign) -> list[tuple[str, ...]]:
    """A line for A, one for B, and what they say together."""
    arms = results.arms(campaign)
    rows: list[tuple[str, ...]] = [
        (
            one.variant,
            one.text,
            *(formats.number(n) for n in (one.sent, one.delivered, one.answers)),
            f"{one.rate:.1f}",
            formats.number(one.opted_out),
        )
        for one in arms
    ]
    chosen = f"For the rest, {terms.word(campaign)} {campaign.winner} was chosen. "
    chosen = chosen if campaign.winner else ""
    return [*rows, ("", chosen + results.verdict(arms), "", "", "", "", "")] if arms else []


_OUTCOMES = ("delivered", "undelivered", "sent")


def _shares(states: Sequence[tuple[str, int]], total: int) -> list[tuple[str, ...]]:
    return [
        (word, formats.number(number), formats.percent(number, total))
        for word, number in states
        if number
    ]


def _reasons(campaign: Campaign) -> list[tuple[str, ...]]:
    found = reasons.reasons(campaign)
    rows: list[tuple[str, ...]] = []
    for one in found[:MOST_REASONS]:
        words = reasons.words(campaign, one.code, one.said)
        rows.append((words.meaning, words.advice, formats.number(one.people)))
    rest = sum(one.people for one in found[MOST_REASONS:])
    return [*rows, ("Rarer reasons", "", formats.number(rest))] if rest else rows


def _left_out(campaign: Campaign) -> list[tuple[str, ...]]:
    found = {
        "Opted out": campaign.excluded_opted_out,
        "Invalid number": campaign.excluded_invalid,
        "Gets no texts": campaign.excluded_textless,
        "Twice in the audience": campaign.excluded_duplicate,
    }
    return [(why, formats.number(number)) for why, number in found.items() if number]


# ---- the files ----------------------------------------------------------------------------------


def as_csv(campaign: Campaign) -> str:
    """A line a fact, then a line a row: part, then what the page has; times with their offset."""
    report, text = of(campaign), io.StringIO()
    writer = csv.writer(text)
    facts = dict(report.facts) | {
        "Began": formats.with_offset(campaign.started_at),
        "Ended": formats.with_offset(campaign.completed_at),
        "Cost": f"{campaign.cost_e4 / 10_000:.2f} {campaign.currency}".strip(),
    }
    facts |= {"Campaign": report.title, "Audience": report.lead, "Message": report.message}
    for name, value in facts.items():
        writer.writerow(["Facts", name, safe_cell(value)])
    for table in report.tables:
        writer.writerow([table.title, *table.columns])
        for row in table.rows:
            # Figures as figures: a spreadsheet adds them up.
            writer.writerow([table.title, *(_figure(cell) for cell in row)])
    return "\ufeff" + text.getvalue()


def _figure(cell: str) -> str:
    plain = cell.replace(",", "")
    return plain if plain.isdigit() else safe_cell(cell)


def _pdf(campaign: Campaign) -> bytes:
    return report_pdf.made(of(campaign))


FORMS: dict[str, tuple[str, Callable[[Campaign], str | bytes]]] = {
    "csv": ("text/csv", as_csv),
    "pdf": ("application/pdf", _pdf),
}


def file(campaign: Campaign, form: str) -> Response:
    """The report as a file to keep or send on."""
    content_type, make = FORMS[form]
    name = f"campaign-{campaign.id}-report.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(make(campaign), content_type=content_type, headers=headers)
