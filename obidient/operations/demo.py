"""`obidient demo`: the main job in a terminal: a campaign of 200, then the live count.

It works in a folder of its own, with its own database, queue and web server on a free port, and
sends through the simulator only, whatever is configured: it can't touch real data.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import orjson
from tqdm import tqdm

from obidient import create_app, database
from obidient.campaigns import control
from obidient.campaigns.sending import lifecycle
from obidient.config import ROOT
from obidient.contacts import demo as contacts_demo
from obidient.contacts.models import Contact, ContactList, ContactListMember
from obidient.errors import Problem
from obidient.results import demo as results_demo
from obidient.results.live import copies

HOW_MANY = 200
PATIENCE = 90


def _environment(folder: Path, port: int) -> dict[str, str]:
    return {
        "OBIDIENT_ENV": "development",
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": f"sqlite:///{folder}/demo.db",
        "REDIS_URL": "",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "COMMUNICATIONS_WEBHOOK_TOKEN": secrets.token_urlsafe(24),
        "PLUGINS": "simulator",
        "SMS_PROVIDER": "simulator-sms",
        "QUIET_HOURS": "",
        "LOG_DIR": str(folder),
        "LOG_LEVEL": "error",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@click.command(help="Show the main job: a campaign of 200 through the simulator, and a live count.")
def demo() -> None:
    with tempfile.TemporaryDirectory(prefix="obidient-demo-") as name:
        environment = _environment(Path(name), _free_port())
        os.environ.update(environment)
        app = create_app()
        with app.app_context():
            click.echo("Making a database, 400 invented supporters and an election …")
            _prepare()
            database.release()
        children = _start(environment)
        try:
            with app.app_context():
                _campaign()
                _live_summary()
        except Problem as error:
            raise click.ClickException(error.detail) from error
        finally:
            _stop(children)
    click.echo("\nThat was all pretended. Now the real thing: make run")


def _prepare() -> None:
    database.upgrade()
    contacts_demo.load()
    results_demo.load()


def _start(environment: dict[str, str]) -> list[subprocess.Popen[bytes]]:
    """Web and worker, as `obidient up` runs them, quietly."""
    environ = dict(os.environ) | environment
    config = str(ROOT / "gunicorn.conf.py")
    commands = [
        [sys.executable, "-m", "gunicorn", "-c", config, "--access-logfile", "/dev/null"],
        [sys.executable, "-m", "obidient", "worker", "--grace", "2"],
    ]
    quiet: Any = subprocess.DEVNULL
    return [
        subprocess.Popen(command, env=environ, cwd=ROOT, stdout=quiet, stderr=quiet)
        for command in commands
    ]


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.send_signal(signal.SIGTERM)
    for child in children:
        try:
            child.wait(8)
        except subprocess.TimeoutExpired:
            child.kill()


def _campaign() -> None:
    chosen = ContactList.create(name="Demo 200")
    rows = [
        {"list_id": chosen.id, "contact_id": row.id}
        for row in Contact.select(Contact.id).order_by(Contact.id).limit(HOW_MANY)
    ]
    ContactListMember.insert_many(rows).execute()
    campaign = control.create(
        {
            "channel": "sms",
            "title": "Demo: come to the town hall",
            "message_template": "Hello {{first_name|friend}}, {{lga}} town hall is on Saturday.",
            "audience": {"lists": ["Demo 200"]},
        }
    )
    control.launch(campaign.id)
    click.echo(f"\nSending “{campaign.title}” to {HOW_MANY} people:")
    _follow(campaign.id)


def _follow(campaign_id: int) -> None:
    give_up = time.monotonic() + PATIENCE
    said = time.monotonic()
    with tqdm(total=HOW_MANY, unit="msg", disable=not sys.stderr.isatty()) as bar:
        while time.monotonic() < give_up:
            campaign = lifecycle.get(campaign_id)
            bar.set_postfix_str(f"{campaign.sent + campaign.delivered} sent")
            bar.update(campaign.delivered - bar.n)
            if campaign.status == "completed" and campaign.delivered == campaign.total:
                break
            if campaign.status == "paused":
                raise Problem(f"The campaign paused itself: {campaign.status_reason}")
            if bar.disable and time.monotonic() - said > 3:
                said = time.monotonic()
                click.echo(f"  {campaign.delivered} of {HOW_MANY} delivered")
            database.release()
            time.sleep(0.2)
    campaign = lifecycle.get(campaign_id)
    click.echo(
        f"{campaign.status}: {campaign.delivered} delivered, {campaign.failed} failed, "
        f"{campaign.unconfirmed} unconfirmed, of {campaign.total}. "
        f"Cost: {campaign.currency} {campaign.cost_e4 / 10_000:,.2f} (pretended)."
    )


def _live_summary() -> None:
    body, _etag = copies.summary_bytes(results_demo.ELECTION_ID)
    document = orjson.loads(body)
    election, summary = document["election"], document["summary"]
    click.echo(f"\nLive results: {election['electionName']} ({election['status']})")
    click.echo(
        f"{summary['pollingUnitsReported']:,} polling units reported, turnout "
        f"{summary['voterTurnout']} %, {summary['totalValidVotes']:,} valid votes"
    )
    for party in document["parties"]:
        share = float(party["percentage"])
        bar = "█" * round(share / 2)
        click.echo(f"  {party['partyCode']:<6}{party['totalVotes']:>9,}  {share:5.2f} %  {bar}")
