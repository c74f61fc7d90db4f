"""What a plugin says of itself: what its codes mean, and whether its channel is read or heard."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from signed_in import sign_in

from obidient import create_app
from obidient.accounts.models import User
from obidient.campaigns import audience, control
from obidient.campaigns.error_words import explain
from obidient.contacts.models import Contact
from obidient.plugin import Channel, Message, Outcome, Provider
from obidient.providers import registry

CRIER = """
from obidient.plugin import Accepted, Channel, Explanation, Provider

class Crier(Provider):
    name = "crier"
    channel = Channel("town-crier", form="{form}")

    def send(self, messages):
        for message in messages:
            yield Accepted(message, str(message.id))

    def explain(self, code):
        if code == "broken":
            raise RuntimeError("no voice")
        if code == "401":
            return Explanation("The crier is asleep", "Wake him.")
"""


def crier(environ: dict[str, str], folder: Path, form: str) -> Flask:
    (folder / "crier.py").write_text(textwrap.dedent(CRIER.format(form=form)))
    return create_app(environ | {"PLUGINS_DIR": str(folder)})


@pytest.mark.slow
@pytest.mark.parametrize(
    "form, head, label",
    [("spoken", "What they hear.", "Spoken text"), ("written", "read.", "Text")],
)
def test_the_composer_follows_the_form_of_a_channel_of_a_plugins_own(
    app: Flask,
    environ: dict[str, str],
    tmp_path: Path,
    make_user: Callable[..., User],
    form: str,
    head: str,
    label: str,
) -> None:
    with crier(environ, tmp_path, form).app_context():
        values = {"title": "Oyez", "channel": "town-crier", "message_template": "Oyez"}
        campaign = control.create(values | {"audience": {"everyone": True}})
        client = registry.current_app.test_client()
        sign_in(client, make_user("organiser"))
        page = client.get(f"/admin/compose/{campaign.id}/").text
        assert head in page
        assert f">{label}</label>" in page
        review = client.get(f"/admin/compose/{campaign.id}/review").text
        assert ("0 calls" in review) == (form == "spoken")
        # A landline gets no texts, and can be called by whoever calls.
        Contact.create(phone="+2342012345678", textless="a landline")
        assert audience.count({"everyone": True}, "town-crier").total == int(form == "spoken")


def test_a_channel_is_written_or_spoken_and_nothing_else() -> None:
    assert Channel("pigeon").form == "written"
    with pytest.raises(ValueError, match="written or spoken"):
        Channel("pigeon", form="sung")


def test_the_core_channels_have_their_forms(app: Flask) -> None:
    found = registry.current()
    assert (found.form_of("sms"), found.form_of("voice")) == ("written", "spoken")


def test_a_code_means_what_its_own_provider_says(
    app: Flask, environ: dict[str, str], tmp_path: Path
) -> None:
    assert "risky" in explain("401", provider="africastalking-sms").meaning
    assert "out of reach" in explain("AbsentSubscriber", provider="africastalking-voice").meaning
    with crier(environ, tmp_path, "written").app_context():
        assert explain("401", provider="crier").advice == "Wake him."
        # What it does not know, fails to say, or what nobody gave is shown as it was recorded.
        for code, name in (("402", "crier"), ("broken", "crier"), ("401", "gone"), ("401", None)):
            assert explain(code, "As recorded", name).meaning == "As recorded"
        # Ours are the same everywhere.
        assert "opted" not in explain("opted-out", provider="crier").advice
        assert explain("opted-out", provider="crier") == explain("opted-out")


def test_a_provider_explains_nothing_unless_it_says_so() -> None:
    class Plain(Provider):
        name = "plain"
        channel = "sms"

        def send(self, messages: list[Message]) -> list[Outcome]:
            return []

    assert Plain().explain("401") is None
