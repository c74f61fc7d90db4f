"""The files of deploy/: what can be checked without a service manager or a container engine."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from conftest import missing

from obidient import cli, create_app
from obidient.config import Settings, documented_settings
from obidient.operations.backups import archive

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted(path.name for path in (DEPLOY / "systemd").iterdir())
#: A setting that is not in every version yet, and what belongs to others.
OTHERS = {"BIND", "PYTHONUNBUFFERED", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}


def settings() -> set[str]:
    return {name for name, _, _ in documented_settings()} | OTHERS | {"REDISCLI_AUTH"}


def keys(unit: str, name: str) -> list[str]:
    text = (DEPLOY / "systemd" / unit).read_text()
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def needs_systemd() -> None:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze is not installed")


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units as they would be installed, but for programs and a user that are not here."""
    needs_systemd()
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text()
        text = re.sub(r"/opt/obidient/\.venv/bin/\w+", "/bin/true", text)
        text = re.sub(r"^(User|Group)=obidient$", r"\1=root", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(text)
    return [str(tmp_path / name) for name in UNITS]


def test_systemd_finds_nothing_to_object_to_in_the_units(units: list[str]) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("unit", [name for name in UNITS if name.endswith(".service")])
def test_a_service_may_do_little(unit: str) -> None:
    needs_systemd()
    path = DEPLOY / "systemd" / unit
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True,
        text=True,
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) < 2.5


def test_what_units_start_exists() -> None:
    started = [line.split() for unit in UNITS for line in keys(unit, "ExecStart")]
    assert {Path(words[0]).name for words in started} == {"gunicorn", "obidient"}
    for words in started:
        if Path(words[0]).name == "obidient":
            found = cli.main.get_command(None, words[1])  # type: ignore[arg-type]
            assert found is not None, words
            told = CliRunner().invoke(found, ["--help"]).output
            for option in (word for word in words if word.startswith("--")):
                assert option in told
        else:
            assert (ROOT / Path(words[2]).name).exists()
    for unit in UNITS:
        for pair in " ".join(keys(unit, "Environment")).split():
            assert pair.partition("=")[0] in settings(), pair
        for name in [*keys(unit, "Requires"), *keys(unit, "Wants")]:
            for one in name.split():
                known = re.sub(r"@\w+\.", "@.", one)
                assert known in UNITS or one == "network-online.target", one
    assert keys("obidient-web.socket", "ListenStream") == ["127.0.0.1:5000"]


def test_pm2_knows_the_workers_by_their_familiar_names() -> None:
    if shutil.which("node") is None:
        missing("node is not installed")
    script = "console.log(JSON.stringify(require(process.argv[1]).apps))"
    file = str(DEPLOY / "pm2" / "ecosystem.config.js")
    done = subprocess.run(["node", "-e", script, file], capture_output=True, check=True)
    apps: list[dict[str, Any]] = json.loads(done.stdout)
    assert {app["name"] for app in apps} >= {"sms-worker", "voice-worker", "web"}
    queues = {word for app in apps for word in app["args"] if word not in ("worker", "-c")}
    assert queues >= {"sms", "voice", "results-sync", "maintenance"}
    for app in apps:
        assert app["cwd"] == str(ROOT) and app["interpreter"] == "none"
        assert Path(app["script"]).relative_to(ROOT).parts[:2] == (".venv", "bin")
        # Longer than the grace time of a worker that was told to stop.
        assert app["kill_timeout"] > 35_000


def test_compose_names_only_what_there_is() -> None:
    file = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services: dict[str, dict[str, Any]] = file["services"]
    assert set(services) == {"postgres", "redis", "upgrade", "web", "worker", "nginx"}
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services
            if how["condition"] == "service_healthy":
                own = "healthcheck" in services[needed]
                assert own or services[needed].get("build"), f"{needed} has no health check"
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            there = (DEPLOY / source).exists() if source.startswith(".") else False
            assert there or source in file["volumes"], (name, source)
        assert set(service.get("environment", {})) <= settings(), name
        if (command := service.get("command", [""]))[0] == "obidient":
            assert cli.main.get_command(None, command[1]) is not None  # type: ignore[arg-type]
    assert (DEPLOY / services["web"]["build"]["context"]).resolve() == ROOT


def test_the_dockerfile_copies_only_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    copied = [word for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for word in line.split()]
    assert {"obidient", "plugins", "templates", "wsgi.py", "gunicorn.conf.py"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists() and source not in ignored, source
    assert re.search(r"^USER obidient$", text, re.MULTILINE)
    for name in re.findall(r"^(?:ENV|   ) (\w+)=", text, re.MULTILINE):
        assert name in settings(), name


def test_the_settings_that_the_document_writes_start_a_server_in_production() -> None:
    """As a shell would write them, with its secrets; nothing then is left for who follows it."""
    document = (ROOT / "docs" / "deploy.md").read_text()
    written = document.partition("cat >> .env <<END\n")[2].partition("\nEND\n")[0]
    assert written
    filled = re.sub(r"\$\(openssl[^)]*\)|\$[A-Z_]+", "0123456789abcdef" * 4, written)
    environ = dict(line.split("=", 1) for line in filled.splitlines())
    assert set(environ) <= settings()
    loaded = Settings.load(environ)
    assert loaded.is_production and not loaded.embedded
    assert str(loaded.data_dir) in keys("obidient-web.service", "Environment")[0]


def test_the_document_starts_units_that_there_are() -> None:
    document = (ROOT / "docs" / "deploy.md").read_text()
    named = re.findall(r"\bobidient(?:-[a-z]+)?@?\.(?:service|socket|target|timer)", document)
    assert "obidient-backup.service" in named
    assert set(named) <= set(UNITS)


def test_logrotate_reads_its_file(tmp_path: Path) -> None:
    program = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
    if program is None:
        missing("logrotate is not installed")
        return
    text = (DEPLOY / "logrotate" / "obidient").read_text()
    log = tmp_path / "server.log"
    log.write_text("line\n" * 100)
    text = text.replace("/var/log/obidient/*.log", str(log))
    text = re.sub(r"\bobidient obidient\b", "root root", text)
    (tmp_path / "conf").write_text(text)
    done = subprocess.run(
        [program, "--debug", "--force", "--state", str(tmp_path / "state"), str(tmp_path / "conf")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "renaming" in done.stderr and "error" not in done.stderr


def test_a_server_writes_only_where_its_unit_lets_it(tmp_path: Path) -> None:
    """As under ProtectSystem=strict: the program's own folder can't be written to."""
    data, log = tmp_path / "data", tmp_path / "log"
    environ = {
        "OBIDIENT_ENV": "development",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DATA_DIR": str(data),
        "LOG_DIR": str(log),
    }
    app = create_app(environ)
    with app.app_context():
        app.extensions["obidient.generation"].bump()
    assert (data / "live-results.generation").exists()
    assert archive_folders(environ) <= {data}


def archive_folders(environ: dict[str, str]) -> set[Path]:
    """Where what people gave us is kept."""
    with create_app(environ).app_context():
        return {path.parent for path in archive.folders().values()}
