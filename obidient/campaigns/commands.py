"""`obidient campaign …`: see how campaigns are going, and stop one in a hurry."""

import click
from flask import g

from obidient.campaigns import control, progress
from obidient.campaigns.models.campaign import CAMPAIGN_STATUSES, Campaign, RecipientStatus
from obidient.campaigns.sending import lifecycle
from obidient.clock import local
from obidient.command import with_app
from obidient.config import settings


@click.group(help="See how campaigns are going; pause, resume or cancel one.")
def campaign() -> None:
    """Filled by the commands below."""


def _share(row: Campaign) -> str:
    """`1,234 of 5,000 done`: those who will not be tried any more."""
    open_ones = row.queued + row.sending
    return f"{row.total - open_ones:,} of {row.total:,} done" if row.total else "nobody yet"


@campaign.command("list", help="The latest campaigns, newest first.")
@click.option("--status", type=click.Choice(CAMPAIGN_STATUSES), help="Only those.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@with_app
def list_campaigns(status: str | None, limit: int) -> None:
    query = Campaign.select().order_by(Campaign.id.desc()).limit(limit)
    if status is not None:
        query = query.where(Campaign.status == status)
    rows = list(query)
    if not rows:
        click.echo("There are no campaigns." if status is None else f"None is {status}.")
    for row in rows:
        click.echo(f"{row.id:>6}  {row.channel:<6} {row.status:<10} {_share(row):<26} {row.title}")


@campaign.command("show", help="One campaign: counts, cost, pace, and why it waits.")
@click.argument("campaign_id", metavar="ID", type=int)
@with_app
def show(campaign_id: int) -> None:
    row = lifecycle.get(campaign_id)
    click.echo(f"{row.title} ({row.channel}, {row.provider or 'no provider yet'})")
    click.echo(f"{row.status}{': ' + row.status_reason if row.status_reason else ''}")
    for status in RecipientStatus:
        number = getattr(row, status.column)
        if number:
            click.echo(f"{status.column:>12} {number:>11,}")
    click.echo(f"{'total':>12} {row.total:>11,}")
    left_out = (
        row.excluded_opted_out
        + row.excluded_invalid
        + row.excluded_textless
        + row.excluded_duplicate
    )
    if left_out:
        click.echo(
            f"Left out: {row.excluded_opted_out:,} opted out, {row.excluded_invalid:,} invalid, "
            f"{row.excluded_textless:,} that get no texts, "
            f"{row.excluded_duplicate:,} twice"
        )
    if row.cost_e4:
        click.echo(f"Cost: {row.currency} {row.cost_e4 / 10_000:,.2f}")
    rate = progress.rate(row)
    done_at = progress.eta(row, rate)
    if done_at is not None:
        clock = local(done_at, settings().timezone)
        click.echo(f"{rate:,.1f} messages a second; done at about {clock:%H:%M on %d %B}")


def _changed(row: Campaign) -> None:
    click.echo(f"Campaign {row.id} is {row.status}: {row.title}")


@campaign.command("pause", help="Stop new messages within a second.")
@click.argument("campaign_id", metavar="ID", type=int)
@click.option("--reason", default="", help="Shown to everybody who looks at the campaign.")
@with_app
def pause(campaign_id: int, reason: str) -> None:
    g.audit_actor = "command line"
    _changed(control.pause(campaign_id, reason or "Paused from the command line"))


@campaign.command("resume", help="Go on exactly where it stopped.")
@click.argument("campaign_id", metavar="ID", type=int)
@with_app
def resume(campaign_id: int) -> None:
    g.audit_actor = "command line"
    _changed(control.resume(campaign_id))


@campaign.command("cancel", help="End it for good; what has not been sent is skipped.")
@click.argument("campaign_id", metavar="ID", type=int)
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_app
def cancel(campaign_id: int, yes: bool) -> None:
    g.audit_actor = "command line"
    row = lifecycle.get(campaign_id)
    if not yes:
        click.confirm(f"Cancel {row.title!r} for good, {row.queued:,} not sent?", abort=True)
    _changed(control.cancel(campaign_id))
