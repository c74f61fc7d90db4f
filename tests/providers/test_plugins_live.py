"""Plugins in real worker processes: a channel of their own, jobs of their own, an orderly end."""

import signal
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from following import follow
from servers import wait_for

from obidient.campaigns import control
from obidient.contacts.models import Contact

PIGEON = '''
    from pathlib import Path

    from wtforms import StringField

    from obidient.plugin import Accepted, Form, Provider, task


    class Pigeon(Provider):
        """Carries messages on wings."""

        name = "homing-pigeon"
        channel = "carrier-pigeon"

        class Settings(Form):
            loft = StringField("Folder of the loft")

        def send(self, messages):
            for message in messages:
                yield Accepted(message, provider_id=f"pigeon-{message.id}")
            self.enqueue("feed", birds=len(messages))

        @task()
        def feed(self, birds):
            with (Path(self.settings["loft"]) / "fed").open("a") as book:
                book.write(f"{birds}\\n")
'''


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "live_plugins"
    folder.mkdir()
    (folder / "pigeon.py").write_text(textwrap.dedent(PIGEON))
    return environ | {"HOMING_PIGEON_LOFT": str(tmp_path)}


def people(number: int) -> None:
    rows = [{"phone": f"+23480355{n:05d}", "first_name": f"Ada{n}"} for n in range(number)]
    Contact.insert_many(rows).execute()


def launch(channel: str) -> int:
    campaign = control.create(
        {
            "title": "T",
            "channel": channel,
            "message_template": "Hello",
            "audience": {"everyone": True},
        }
    )
    control.launch(campaign.id)
    return int(campaign.id)


@pytest.fixture
def pigeon_environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    environ["PLUGINS_DIR"] = str(tmp_path / "live_plugins")
    return environ


@pytest.mark.both
@pytest.mark.slow
def test_a_channel_of_a_plugin_has_a_worker_and_runs_its_jobs(
    pigeon_environ: dict[str, str],
    app: Flask,
    tmp_path: Path,
    worker: Callable[..., subprocess.Popen[bytes]],
) -> None:
    people(250)
    worker("carrier-pigeon")
    campaign = follow(launch("carrier-pigeon"), lambda one: one.status == "completed")
    assert campaign.provider == "homing-pigeon"
    assert (campaign.total, campaign.sent) == (250, 250)
    book = tmp_path / "fed"

    def all_fed() -> bool:
        return book.exists() and sum(map(int, book.read_text().split())) == 250

    wait_for(all_fed, what="the plugin's own job")


@pytest.mark.both
@pytest.mark.slow
def test_the_simulator_reports_for_a_worker_that_was_stopped(
    app: Flask,
    server: Callable[[], str],
    worker: Callable[..., subprocess.Popen[bytes]],
) -> None:
    people(700)
    first = worker("sms", SIMULATOR_SMS_DELAY="300", SIMULATOR_SMS_PROGRESS="0")
    campaign_id = launch("sms")
    campaign = follow(campaign_id, lambda one: one.status == "completed")
    assert (campaign.sent, campaign.delivered) == (700, 0)
    first.send_signal(signal.SIGTERM)
    first.wait(60)
    server()
    worker("sms", SIMULATOR_SMS_DELAY="0")
    assert follow(campaign_id, lambda one: one.delivered == 700).sent == 0
