"""How a phone becomes an agent's: signed in once, for thirty days, until it is told otherwise."""

import gzip
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from results_world import UNITS, VOTERS, election_document, make_world, sheet

from obidient.accounts import users
from obidient.accounts.models import ApiToken, User
from obidient.clock import utcnow
from obidient.results import elections
from obidient.results.outcomes import STANDINGS
from obidient.results.sheets import MESSAGES
from obidient.sync.models import AgentHeard

PASSWORD = "correct horse battery"
DEVICE = "device-0001"


@pytest.fixture
def agent(app: Flask, make_user: Callable[..., User]) -> User:
    make_world()
    return make_user("agent", "ada@example.org", polling_unit_code=UNITS[0])


def sign_in(client: FlaskClient, **more: Any) -> Any:
    body = {"email": "Ada@example.org", "password": PASSWORD, "deviceId": DEVICE} | more
    return client.post("/api/sync/sign-in", json=body)


def bearer(answer: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json['token']}"}


@pytest.mark.both
def test_signing_in_gives_all_that_a_day_without_network_takes(
    agent: User, client: FlaskClient
) -> None:
    elections.create(election_document("other-state", areaCode="19", state="Kano"))
    elections.create(election_document("lagos", state="Lagos", status="scheduled"))
    answer = sign_in(client)
    assert answer.status_code == 200
    assert answer.json["agent"] == {"id": agent.id, "name": "ada", "email": "ada@example.org"}
    assert answer.json["pollingUnit"]["code"] == UNITS[0]
    assert answer.json["pollingUnit"]["registeredVoters"] == VOTERS
    found = {one["electionId"]: one for one in answer.json["elections"]}
    assert {name: one["status"] for name, one in found.items()} == {
        "abc123": "ongoing",
        "lagos": "scheduled",
    }
    assert [one["partyCode"] for one in found["abc123"]["parties"]] == ["LP", "APC", "PDP"]
    token = ApiToken.get()
    assert token.scopes == "sync"
    assert timedelta(days=29) < token.expires_at - utcnow() <= timedelta(days=30)


def test_the_token_sends_sheets_and_may_do_nothing_else(agent: User, client: FlaskClient) -> None:
    header = bearer(sign_in(client))
    sent = client.post("/api/sync/submissions", json={"submissions": [sheet("s")]}, headers=header)
    assert sent.status_code == 202
    assert AgentHeard.get().user_id == agent.id
    assert client.get("/api/communications/campaigns", headers=header).status_code == 403


@pytest.mark.slow
def test_another_phone_goes_on_with_the_next_revision(agent: User, client: FlaskClient) -> None:
    header = bearer(sign_in(client))
    body = {"submissions": [sheet("s", revision=3)]}
    client.post("/api/sync/submissions", json=body, headers=header)
    other = sign_in(client, deviceId="device-0002")
    assert other.json["elections"][0]["lastRevision"] == 3
    assert client.get("/api/sync/profile", headers=header).status_code == 200


def test_signing_in_again_on_a_phone_ends_its_token_before(
    agent: User, client: FlaskClient
) -> None:
    first, second = bearer(sign_in(client)), bearer(sign_in(client))
    assert client.get("/api/sync/profile", headers=first).status_code == 401
    assert client.get("/api/sync/profile", headers=second).status_code == 200
    assert client.post("/api/sync/sign-out", headers=second).status_code == 204
    assert client.get("/api/sync/profile", headers=second).status_code == 401


def test_signing_out_ends_no_token_that_a_device_did_not_get(
    client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    header = auth("admin")
    answer = client.post("/api/sync/sign-out", headers=header)
    assert answer.status_code == 409
    assert answer.json["detail"].startswith("This token belongs to no device.")
    assert client.get("/api/communications/campaigns", headers=header).status_code == 200


def test_a_token_ends_after_thirty_days_and_with_the_account(
    agent: User, client: FlaskClient
) -> None:
    header = bearer(sign_in(client))
    ApiToken.update(expires_at=utcnow()).execute()
    assert client.get("/api/sync/profile", headers=header).status_code == 401
    header = bearer(sign_in(client))
    users.set_active(agent, False)
    assert client.get("/api/sync/profile", headers=header).status_code == 401
    assert sign_in(client).status_code == 401


@pytest.mark.slow
def test_wrong_passwords_are_throttled_as_on_the_web_and_right_ones_never(
    agent: User, client: FlaskClient
) -> None:
    for _ in range(15):
        assert sign_in(client).status_code == 200
    codes = [sign_in(client, password="wrong").status_code for _ in range(12)]
    assert codes[0] == 401
    assert codes[-1] == 429
    refused = sign_in(client)
    assert "Wait 15 minutes" in refused.json["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= 900


@pytest.mark.parametrize("role", ["admin", "viewer", "organiser", "reviewer"])
def test_only_agents_sign_in_on_phones(
    agent: User, client: FlaskClient, make_user: Callable[..., User], role: str
) -> None:
    make_user(role, "other@example.org")
    answer = sign_in(client, email="other@example.org")
    assert (answer.status_code, "not a polling agent" in answer.json["detail"]) == (403, True)


def test_an_agent_without_a_polling_unit_is_told_whom_to_ask(
    app: Flask, client: FlaskClient, make_user: Callable[..., User]
) -> None:
    make_user("agent", "ada@example.org")
    answer = sign_in(client)
    assert answer.status_code == 403
    assert "Ask your coordinator" in answer.json["detail"]


@pytest.mark.slow
def test_the_page_needs_no_inline_script_and_its_worker_may_have_it_all(
    app: Flask, client: FlaskClient
) -> None:
    page = client.get("/agent")
    assert page.status_code == 200
    assert "nonce" not in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in page.headers
    worker = client.get("/agent/sw.js")
    assert worker.headers["Service-Worker-Allowed"] == "/agent"
    assert worker.headers["Cache-Control"] == "no-cache"


def test_the_whole_page_is_under_80_kb(app: Flask, client: FlaskClient) -> None:
    worker = client.get("/agent/sw.js").text
    files = [one for one in worker.split('"') if one.startswith(("/static/agent/", "/agent"))]
    assert len(files) > 10
    sizes = {file: len(client.get(file).data) for file in files} | {"sw": len(worker)}
    assert sum(sizes.values()) < 80_000, sizes


def test_it_goes_over_the_line_packed_and_only_once(app: Flask, client: FlaskClient) -> None:
    packed = {"Accept-Encoding": "gzip"}
    worker = client.get("/agent/sw.js").text
    files = [one for one in worker.split('"') if one.startswith(("/static/agent/", "/agent"))]
    size = 0
    for file in files:
        plain, answer = client.get(file), client.get(file, headers=packed)
        is_packed = answer.headers.get("Content-Encoding") == "gzip"
        assert (gzip.decompress(answer.data) if is_packed else answer.data) == plain.data
        size += len(answer.data)
        again = client.get(file, headers={"If-None-Match": answer.headers["ETag"]} | packed)
        assert (again.status_code, again.data) == (304, b"")
    assert size < 32_000


def test_every_sentence_of_the_page_is_in_the_catalogue_and_nothing_else(
    app: Flask, client: FlaskClient
) -> None:
    catalogue = client.get("/static/agent/words.en.js").text
    known = set(re.findall(r'^  "([a-z._]+)":', catalogue, re.MULTILINE))
    code = "".join(
        client.get(f"/static/agent/{name}.js").text
        for name in ("app", "form", "parts", "sheet", "photos", "sender", "server")
    )
    said = set(re.findall(r'(?<!h\()(?<!querySelector\()"([a-z]+(?:\.[a-z]+)+)"', code))
    areas = {key.split(".")[0] for key in known}
    for key in {key for key in said if key.split(".")[0] in areas}:
        assert key in known or {f"{key}.one", f"{key}.many"} <= known, key
    # Keys that are put together from a state, a reason or the name of a field.
    families = re.findall(r"`([a-z]+\.(?:[a-z]+\.)?)\$\{", code)
    for key in known - {"locale"}:
        bare = re.sub(r"\.(one|many)$", "", key)
        assert bare in said or any(key.startswith(family) for family in families), key
    # Sentences are nowhere else.
    texts = re.findall(r'"([^"\n]*)"', re.sub(r"/\*.*?\*/|//[^\n]*", "", code, flags=re.DOTALL))
    assert [text for text in texts if re.search(r"[A-Z][a-z]+ [a-z]+ ", text)] == []


def test_each_reason_for_which_a_sheet_is_refused_has_a_sentence_on_the_page(
    app: Flask, client: FlaskClient
) -> None:
    catalogue = client.get("/static/agent/words.en.js").text
    for reason in MESSAGES:
        assert f'"reason.{reason}"' in catalogue
    for standing in STANDINGS.keys() - {"counted"}:
        assert f'"say.accepted.{standing}"' in catalogue
