"""Plugins are found and checked; a broken one is named and stops nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from plugin_folder import BROKEN, GOOD, Folder, folder, registry_of
from signed_in import sign_in

from obidient import create_app
from obidient.accounts.models import User
from obidient.providers.registry import PluginError, Registry

__all__ = ["folder"]


# ---- broken ones --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_plugin_is_named_with_its_trouble_and_the_rest_load(
    folder: Folder, kind: str
) -> None:
    folder.write(kind, BROKEN[kind])
    folder.good("healthy")
    found = registry_of(folder.app())
    assert list(found.broken()) == [kind]
    assert "Traceback" in found.broken()[kind]
    assert [provider.name for provider in found.providers()] == ["healthy"]


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_strict_raises_for_a_broken_plugin_and_names_it(folder: Folder, kind: str) -> None:
    folder.write(kind, BROKEN[kind])
    with pytest.raises(PluginError, match=kind):
        folder.app(PLUGINS_STRICT="1")


def test_the_traceback_of_a_broken_plugin_is_kept_and_logged(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write("fails_when_made", BROKEN["fails_when_made"])
    trace = folder.load().broken()["fails_when_made"]
    assert "no luck today" in trace
    assert "fails_when_made.py" in trace
    assert "no luck today" in caplog.text


def test_of_two_providers_with_one_name_the_second_is_broken(folder: Folder) -> None:
    folder.good("first")
    folder.write("second", GOOD.format(name="first", cls="Copy", channel="sms", extra=""))
    found = folder.load()
    assert list(found.broken()) == ["second"]
    assert "first" in found.broken()["second"]
    assert len(found.providers()) == 1


def test_a_half_imported_plugin_is_tried_anew_by_the_next_app(folder: Folder) -> None:
    folder.write("mended", "raise RuntimeError('later')")
    assert "mended" in folder.load().broken()
    time.sleep(0.01)
    (folder.path / "mended.py").unlink()
    folder.good("mended", extra="max_batch = 7")
    found = folder.load()
    assert found.broken() == {}
    assert found.get("mended").max_batch == 7


# ---- which are loaded ---------------------------------------------------------------------------


def names(found: Registry) -> list[str]:
    return [provider.name for provider in found.providers()]


def test_unset_plugins_means_all_of_the_folder(folder: Folder) -> None:
    folder.good("one")
    folder.good("two")
    assert names(folder.load()) == ["one", "two"]


def test_empty_plugins_means_none(folder: Folder) -> None:
    folder.good("one")
    found = folder.load(PLUGINS="")
    assert found.providers() == []
    assert found.broken() == {}


def test_set_plugins_means_exactly_those_and_the_others_are_not_imported(folder: Folder) -> None:
    folder.good("one")
    folder.write("other", f"open({str(folder.path / 'imported')!r}, 'w')")
    assert names(folder.load(PLUGINS="one, one")) == ["one"]
    assert not (folder.path / "imported").exists()


def test_a_name_in_plugins_that_is_nowhere_is_a_broken_plugin(folder: Folder) -> None:
    folder.good("one")
    found = folder.load(PLUGINS="one,misspelt")
    assert names(found) == ["one"]
    assert "misspelt" in found.broken()["misspelt"]


def test_a_plugin_may_be_a_package_with_modules_of_its_own(folder: Folder) -> None:
    package = folder.path / "roomy"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import Inner\n")
    (package / "inner.py").write_text(
        GOOD.format(name="roomy", cls="Inner", channel="sms", extra="")
    )
    assert names(folder.load()) == ["roomy"]


def test_what_is_no_plugin_is_left_alone(folder: Folder) -> None:
    (folder.path / "notes.txt").write_text("x")
    (folder.path / "_draft.py").write_text("raise RuntimeError")
    (folder.path / "empty_folder").mkdir()
    found = folder.load()
    assert found.providers() == []
    assert found.broken() == {}


def test_several_apps_in_one_process_share_the_module_and_not_the_provider(folder: Folder) -> None:
    folder.good("one")
    first, second = folder.load(), folder.load()
    assert type(first.get("one")) is type(second.get("one"))
    assert first.get("one") is not second.get("one")


@pytest.mark.slow
def test_our_own_plugins_load_from_any_current_folder(
    environ: dict[str, str], tmp_path: Path
) -> None:
    program = (
        "from obidient import create_app; a = create_app(); b = create_app()\n"
        "r = b.extensions['obidient.registry']; print(*(type(p).__module__ for p in r.providers()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=dict(os.environ) | environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == [
        "plugins.africastalking.sms",
        "plugins.africastalking.voice",
        "plugins.kannel",
        "plugins.simulator",
        "plugins.simulator",
        "plugins.simulator.voice",
        "plugins.telegram",
        "plugins.termii",
        "plugins.twilio",
    ]


def test_create_app_with_plugins_opens_no_connection(folder: Folder, no_connections: None) -> None:
    folder.good("one", extra="max_batch = property(lambda self: self.settings['size'])")

    found = registry_of(folder.app(PLUGINS_STRICT="1"))
    assert names(found) == ["one"]
    create_app(folder.environ | {"PLUGINS_DIR": "plugins", "PLUGINS_STRICT": "1"})


# ---- installed ones -----------------------------------------------------------------------------


PAGES = '''
from flask import current_app
from flask_admin import BaseView, expose
from obidient.plugin import Provider

TEXT = """{% extends "admin/base.html" %}{% block body %}All pigeons are home.{% endblock %}"""

class Loft(BaseView):
    @expose("/")
    def index(self):
        return self.render(current_app.jinja_env.from_string(TEXT))

class Pigeon(Provider):
    name = "pigeon"
    channel = "sms"

    def send(self, messages):
        return []

    def views(self):
        yield Loft(name="Loft", endpoint="loft")
        yield Loft(name="The same again", endpoint="loft")
        yield "no page"
'''


def test_a_plugins_page_is_in_the_menu_and_open_to_admins_only(
    folder: Folder, make_user: Callable[..., User]
) -> None:
    folder.write("pigeon", PAGES)
    app = folder.app()
    path = "/admin/loft/"
    assert "/login" in app.test_client().get(path).headers["Location"]
    for role, status in [("organiser", 403), ("admin", 200)]:
        client = app.test_client()
        sign_in(client, make_user(role))
        page = client.get(path)
        assert page.status_code == status
        assert ("All pigeons are home." in page.text) == (status == 200)
    assert f'href="{path}"' in page.text
    # What failed is named, and took nothing else with it.
    trouble = registry_of(app).broken()["pigeon"]
    assert "loft" in trouble
    assert "no Flask-Admin view" in trouble


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution `obidient-pigeon`, as pip would have installed it."""
    site = tmp_path / "site"
    info = site / "obidient_pigeon-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: obidient-pigeon\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[obidient.plugins]\npigeon = pigeon_post\ndove = pigeon_post:Pigeon\n"
    )
    (site / "pigeon_post.py").write_text(
        f"open({str(tmp_path / 'pigeon-imported')!r}, 'w').close()\n"
        + GOOD.format(name="pigeon-post", cls="Pigeon", channel="carrier-pigeon", extra="")
    )
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "pigeon_post", raising=False)
    return site


def test_an_installed_plugin_loads_only_when_it_is_named(
    folder: Folder, installed: Path, tmp_path: Path
) -> None:
    assert folder.load().providers() == []
    assert not (tmp_path / "pigeon-imported").exists()
    assert names(folder.load(PLUGINS="pigeon")) == ["pigeon-post"]


def test_an_entry_point_may_name_the_class(folder: Folder, installed: Path) -> None:
    assert names(folder.load(PLUGINS="dove")) == ["pigeon-post"]


def test_a_plugin_with_a_channel_of_its_own_gets_a_queue(folder: Folder, installed: Path) -> None:
    app = folder.app(PLUGINS="pigeon")
    queues = app.extensions["obidient.queues"]
    assert "carrier-pigeon" in queues.channels
    assert queues["carrier-pigeon"].name == "bulk-communications:carrier-pigeon-broadcast"
    found = registry_of(app).for_channel("carrier-pigeon")
    assert found is not None
    assert found.name == "pigeon-post"


# ---- jobs ---------------------------------------------------------------------------------------


JOBS = """
from obidient.plugin import Provider, periodic_task, task
class P(Provider):
    name, channel = "with-jobs", "sms"
    def send(self, messages): return []
    @task
    def plain(self): pass
    @task(retries=2)
    def stubborn(self): pass
    @periodic_task
    def each_minute(self): pass
    @periodic_task(minute="0")
    def each_hour(self): pass
"""


def test_jobs_are_marked_with_brackets_or_without(folder: Folder) -> None:
    folder.write("with_jobs", JOBS)
    app = folder.app(PLUGINS_STRICT="1")
    queue = app.extensions["obidient.queues"]["sms"]
    known = {name.rpartition("with-jobs.")[2]: of for name, of in queue._registry._registry.items()}
    assert known["plain"].default_retries == 0
    assert known["stubborn"].default_retries == 2
    sometime = datetime(2027, 2, 20, 9, 17, tzinfo=UTC)
    due = {job.name for job in queue.read_periodic(sometime)}
    assert "with-jobs.each_minute" in due
    assert "with-jobs.each_hour" not in due
