"""`obidient plugins`: what is there, what is wrong, and a new one that works."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

ROOT = Path(__file__).parents[2]
Cli = Callable[..., Result]

HEALTHY = """
from obidient.plugin import Accepted, Health, Provider

class P(Provider):
    name, channel = "healthy", "sms"
    def send(self, messages):
        return [Accepted(message, str(message.id)) for message in messages]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "our_plugins"
    path.mkdir()
    monkeypatch.setenv("PLUGINS_DIR", str(path))
    return path


@pytest.mark.slow
def test_list_shows_every_plugin_and_what_it_does(cli: Cli, folder: Path) -> None:
    (folder / "healthy.py").write_text(HEALTHY)
    (folder / "sick.py").write_text("raise RuntimeError('no luck today')")
    result = cli("plugins", "list")
    assert result.exit_code == 0
    healthy, sick = result.stdout.splitlines()
    assert healthy.split() == ["healthy", "healthy", "sms", "carries", "sms"]
    assert "BROKEN: RuntimeError: no luck today" in sick


def test_list_shows_what_is_disabled(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "healthy.py").write_text(HEALTHY)
    monkeypatch.setenv("PLUGINS", "")
    assert "disabled" in cli("plugins", "list").stdout


def test_check_is_content_with_what_works(cli: Cli, folder: Path) -> None:
    (folder / "healthy.py").write_text(HEALTHY)
    result = cli("plugins", "check")
    assert result.exit_code == 0
    assert result.stdout == "healthy: OK\n"


def test_check_exits_1_and_shows_the_traceback_of_a_broken_plugin(cli: Cli, folder: Path) -> None:
    (folder / "healthy.py").write_text(HEALTHY)
    (folder / "sick.py").write_text("raise RuntimeError('no luck today')")
    result = cli("plugins", "check")
    assert result.exit_code == 1
    assert "sick: BROKEN\nTraceback" in result.stdout
    assert "healthy: OK" in result.stdout


def test_check_exits_1_when_a_network_says_no(cli: Cli, folder: Path) -> None:
    sick = HEALTHY + "    def check(self): return Health(False, 'the account is closed')\n"
    (folder / "healthy.py").write_text(sick)
    result = cli("plugins", "check")
    assert result.exit_code == 1
    assert "the account is closed" in result.stdout
    assert cli("plugins", "check", "--offline").exit_code == 0


def test_check_exits_1_when_a_check_raises(cli: Cli, folder: Path) -> None:
    (folder / "healthy.py").write_text(HEALTHY + "    def check(self): return 1 / 0\n")
    result = cli("plugins", "check")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stdout


def test_what_nobody_has_set_up_is_no_error_until_it_is_named(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "healthy.py").write_text(HEALTHY + "    def ready(self): return 'KEY is not set'\n")
    assert cli("plugins", "check").exit_code == 0
    monkeypatch.setenv("SMS_PROVIDER", "healthy")
    result = cli("plugins", "check")
    assert result.exit_code == 1
    assert "KEY is not set" in result.stdout


def test_a_misspelt_provider_is_named_by_list_and_check(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "healthy.py").write_text(HEALTHY)
    monkeypatch.setenv("SMS_PROVIDER", "heathly")
    said = "SMS_PROVIDER names 'heathly', but no such provider is loaded"
    assert f"Nobody carries sms: {said}" in cli("plugins", "list").stdout
    result = cli("plugins", "check", "--offline")
    assert result.exit_code == 1
    assert f"sms: NOT RIGHT: {said}" in result.stdout


def test_a_check_that_says_nothing_is_named(cli: Cli, folder: Path) -> None:
    (folder / "healthy.py").write_text(HEALTHY + "    def check(self): return None\n")
    result = cli("plugins", "check")
    assert result.exit_code == 1
    assert "check() gives None" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["my-gateway", "gateway2", "carrier_pigeon"])
def test_a_new_plugin_passes_the_contract_it_comes_with(
    cli: Cli, folder: Path, environ: dict[str, str], name: str
) -> None:
    result = cli("plugins", "new", name)
    assert result.exit_code == 0, result.output
    module = name.replace("-", "_")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / module)],
        cwd=ROOT,
        env=dict(os.environ) | environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    checked = cli("plugins", "check")
    assert checked.exit_code == 0
    assert checked.stdout == f"{name.replace('_', '-')}: OK\n"


def test_a_new_plugin_may_bring_a_channel(cli: Cli, folder: Path) -> None:
    assert cli("plugins", "new", "pigeon", "--channel", "carrier-pigeon").exit_code == 0
    assert "carries carrier-pigeon" in cli("plugins", "list").stdout


def test_a_new_plugin_only_pretends_until_its_author_says_otherwise(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("plugins", "new", "gateway")
    monkeypatch.setenv("OBIDIENT_ENV", "production")
    assert "only pretends" in cli("plugins", "list").stdout


@pytest.mark.parametrize("name", ["Bad", "../up", "9lives", "class", "", "a--b", "a b", "x" * 60])
def test_a_bad_name_is_refused_and_nothing_is_written(cli: Cli, folder: Path, name: str) -> None:
    result = cli("plugins", "new", "--", name)
    assert result.exit_code == 1
    assert list(folder.iterdir()) == []


def test_a_plugin_that_is_there_is_never_overwritten(cli: Cli, folder: Path) -> None:
    (folder / "healthy.py").write_text(HEALTHY)
    result = cli("plugins", "new", "healthy")
    assert result.exit_code == 1
    assert "already" in result.output
    assert [path.name for path in folder.glob("healthy*")] == ["healthy.py"]
