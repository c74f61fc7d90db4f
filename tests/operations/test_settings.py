"""Settings are checked once, at the start, and every one of them is written down."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from obidient import create_app
from obidient.config import ConfigError, Settings, documented_settings, parse_quiet_hours
from obidient.providers.loading import load_plugin, local_plugins, providers_of
from obidient.providers.settings import variable_names
from obidient.setting_values import describe_url

ROOT = Path(__file__).parents[2]
OF_PLUGINS = "# -- Settings of plugins --"
STRONG = "0123456789abcdef" * 4


def load(**values: str) -> Settings:
    return Settings.load({"OBIDIENT_ENV": "development"} | values)


def test_the_example_file_names_every_setting_with_its_default() -> None:
    text, _, _ = (ROOT / ".env.example").read_text().partition(OF_PLUGINS)
    assert _shown(text) == {name: default for name, default, _ in documented_settings()}


def test_the_example_file_names_what_plugins_read_by_themselves() -> None:
    _, _, text = (ROOT / ".env.example").read_text().partition(OF_PLUGINS)
    shown, known, aliases = _shown(text), set(), set()
    for plugin in local_plugins(ROOT / "plugins"):
        for provider in providers_of(load_plugin(plugin), plugin):
            for field in provider.Settings()._fields:
                known |= set(variable_names(provider, field))
            aliases |= set(provider.aliases.values())
    assert aliases <= set(shown) <= known
    assert not any(shown.values())


def _shown(text: str) -> dict[str, str]:
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_the_example_file_explains_every_setting() -> None:
    text = (ROOT / ".env.example").read_text()
    for name, _, meaning in documented_settings():
        assert f"# {meaning}\n#{name}=" in text


@pytest.mark.parametrize(
    "key", ["", "changeme", "short", "a" * 64, "your-Secret-key-here-0123456789-abcdef"]
)
def test_production_refuses_a_weak_secret_and_says_how_to_make_one(key: str) -> None:
    with pytest.raises(ConfigError, match=r"SECRET_KEY.*32 random"):
        Settings.load({"SECRET_KEY": key})


@pytest.mark.slow
def test_gunicorn_says_so_without_a_traceback(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "LOG_DIR": str(tmp_path), "SECRET_KEY": "short"}
    environ["OBIDIENT_ENV"] = "production"  # whatever a developer's .env says
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: SECRET_KEY is missing or weak")
    assert "Traceback" not in ended.stderr


def test_production_is_the_default() -> None:
    assert Settings.load({"SECRET_KEY": STRONG}).is_production


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load(PORT="eighty", TIMEZONE="Mars/Olympus", QUIET_HOURS="8pm")
    for name in ("PORT", "TIMEZONE", "QUIET_HOURS"):
        assert name in str(caught.value)


def test_an_empty_plugins_means_none_and_an_unset_one_all() -> None:
    assert load(PLUGINS="").plugins == ()
    assert load().plugins is None
    assert load(PLUGINS="a, b").plugins == ("a", "b")


def test_web_processes_are_one_when_embedded_and_two_with_redis() -> None:
    assert load().web_workers == 1
    assert load(REDIS_URL="redis://127.0.0.1").web_workers == 2


def test_empty_quiet_hours_mean_none() -> None:
    assert load(QUIET_HOURS="").quiet_hours is None
    assert str(load().quiet_hours) == "20:00-08:00"
    assert parse_quiet_hours("08:00-08:00") is None


def test_commands_that_the_readme_names_exist() -> None:
    from click import Context, Group

    from obidient.cli import main

    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`?(?:\.venv/bin/)?obidient ([a-z]+)(?: ([a-z]+))?", text))
    context = Context(main)
    for command, sub in named:
        found = main.get_command(context, command)
        assert found is not None, command
        if sub and isinstance(found, Group):
            assert found.get_command(context, sub) is not None, f"{command} {sub}"


@pytest.mark.parametrize(
    "name, value",
    [
        ("REDIS_URL", "redis://127.0.0.1:abc/0"),
        ("REDIS_URL", "redis://127.0.0.1/abc"),
        ("DATABASE_URL", "postgresql://u@127.0.0.1:abc/x"),
        ("DATABASE_URL", "postgresql://u:tell/noone@127.0.0.1/x"),
        ("DATABASE_URL", "postgresql://u:tell#noone@127.0.0.1/x"),
        ("DATABASE_URL", "postgresql://u:tell?noone@127.0.0.1/x"),
        ("REDIS_URL", "redis://:t@ll/noone@127.0.0.1:6379/0"),
    ],
)
def test_an_address_that_can_not_be_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        load(**{name: value})
    assert "noone" not in str(caught.value)
    assert "%2F" in str(caught.value) or "number" in str(caught.value)


@pytest.mark.parametrize(
    "name, value",
    [
        ("DATABASE_URL", "postgresql://u:a%2Fb%40c@127.0.0.1/x"),
        ("DATABASE_URL", "sqlite:///var/at@home/x.db"),
        ("SMTP_URL", "smtp://me@example.org:secret@mail.example.org:587?from=me@example.org"),
        ("REDIS_URL", "rediss://u:p@redis.example.org:6380/0?ssl_ca_certs=/etc/obidient/ca.pem"),
    ],
)
def test_signs_where_they_belong_are_no_error(name: str, value: str) -> None:
    assert getattr(load(**{name: value}), name.lower()) == value


def test_a_file_of_settings_that_is_another_users_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("obidient.config.dotenv_values", refuse)
    with pytest.raises(ConfigError, match="sudo -u obidient"):
        Settings.load()


@pytest.mark.parametrize(
    "wrong",
    [{"LOG_DIR": "/proc/x"}, {"PLUGINS": "nope", "PLUGINS_STRICT": "1"}],
)
def test_a_setting_found_wrong_later_is_named_in_a_sentence(
    cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    result = cli("queue", "health")
    assert result.exit_code == 1
    assert next(iter(wrong)) in result.output


@pytest.mark.slow
@pytest.mark.parametrize("command", ["status", "upgrade"])
def test_a_database_that_is_away_is_a_sentence(
    cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1:1/x")
    result = cli("db", command)
    assert result.exit_code == 1
    assert "correct DATABASE_URL" in result.output


def test_a_plugins_channel_has_settings_of_its_own_and_those_of_sms_where_it_has_none() -> None:
    found = load(SMS_BATCH_SIZE="700", BULK_MAIL_JOB_ATTEMPTS="5").channel("bulk-mail")
    assert (found.batch_size, found.attempts, found.rate) == (700, 5, 100)


def test_voice_keeps_its_own_defaults_whatever_sms_is_set_to() -> None:
    found = load(SMS_BATCH_SIZE="700", SMS_PROVIDER="pigeon").channel("voice")
    assert (found.batch_size, found.rate, found.backoff, found.providers) == (100, 4, 15, ())


@pytest.mark.parametrize("name", ["SMS_BATCH_SIZE", "VOICE_RATE_LIMIT_PER_SECOND"])
def test_a_wrong_setting_of_a_channel_stops_the_start_and_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        create_app({"OBIDIENT_ENV": "development", name: "many"})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hunter@h:6379/0", "redis://:…@h:6379/0"),
        ("unix:///run/redis.sock?db=1&password=hunter", "unix:///run/redis.sock?db=1&password=…"),
        ("postgresql://h/db?user=u&PASSWORD=hunter&x=1", "postgresql://h/db?user=u&PASSWORD=…&x=1"),
        ("rediss://h/0?ssl_password=hunter", "rediss://h/0?ssl_password=…"),
        ("rediss://h/0?ssl_ca_certs=/etc/ca.pem", "rediss://h/0?ssl_ca_certs=/etc/ca.pem"),
    ],
)
def test_an_address_is_shown_without_its_password_wherever_it_stands(url: str, shown: str) -> None:
    assert describe_url(url) == shown
