"""Nothing of a body is read or parsed before it is known who sends it, nor beyond its limits."""

import gzip
import io
import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from signed_in import sign_in

from obidient import bodies
from obidient.accounts.models import User
from obidient.errors import Invalid
from obidient.jobs import Job

Auth = Callable[..., dict[str, str]]

#: Endpoints of the API without a Bearer token, and why.
PUBLIC = {
    "/api/live-results/elections": "the count is for everybody",
    "/api/live-results/elections/<id>/live-summary": "the count is for everybody",
    "/api/live-results/elections/<id>/results.csv": "the count is for everybody",
    "/api/live-results/elections/<id>/results.nist.json": "the count is for everybody",
    "/api/live-results/elections/<id>/quick-count": "404 until an admin has released it",
    "/api/live-results/elections/<id>/areas/<code>": "the count is for everybody",
    "/api/live-results/elections/<id>/units": "the register and the count are for everybody",
    "/api/live-results/elections/<id>/units/<code>": "what counts there is for everybody",
    "/api/sync/sign-in": "takes a password for a token",
    "/api/communications/webhooks/<provider>/<event>": "has a secret in its address",
}


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule.rule


def address(rule: str) -> str:
    """A rule as an address of something that does not exist."""
    return re.sub(r"<[^>]+>", lambda part: "7" if "int:" in part[0] else "x-y-z-7", rule)


def test_every_endpoint_asks_for_the_token_before_it_looks_at_anything(
    app: Flask, client: FlaskClient
) -> None:
    """Neither a missing row, nor a broken body, nor a wrong parameter is told to a stranger."""
    asked = 0
    for method, rule in routes(app):
        if rule in PUBLIC:
            continue
        asked += 1
        answer = client.open(
            address(rule) + "?limit=none",
            method=method,
            data=b"\x1f\x8b no gzip" if method != "GET" else b"",
            headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
        )
        assert answer.status_code == 401, (method, rule)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert asked > 25


def test_only_what_is_listed_here_is_public(app: Flask) -> None:
    marked = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "__obidient_public__", False)
    }
    assert marked == set(PUBLIC)


def test_a_job_that_exists_looks_to_a_stranger_like_one_that_does_not(
    app: Flask, client: FlaskClient
) -> None:
    job = Job.create(kind="contacts-import")
    answers = [client.get(f"/api/jobs/{number}") for number in (job.id, job.id + 1)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].data == answers[1].data


@pytest.mark.slow
def test_a_stranger_is_answered_before_the_body_has_come(server: Callable[[], str]) -> None:
    """Before, the server waited for a body of eight megabytes, and then unpacked it."""
    port = int(server().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(
            b"POST /api/sync/submissions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
            b"Content-Length: 5000000\r\n\r\n"
        )
        assert line.recv(12) == b"HTTP/1.1 401"


# ---- JSON is measured before it is parsed -------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" * 40 + b"]" * 40, "deeper than 32"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "deeper than 32"),
        (b'["\\"", ' + b"[" * 40 + b"]" * 40 + b"]", "deeper than 32"),
        (b"[" + b"1," * 250_001 + b"1]", "more than 250,000 values"),
        (b"[" + b"[]," * 130_000 + b"[]]", "more than 250,000 values"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
    ],
    ids=["lists", "objects", "after-a-quote", "wide", "wide-lists", "utf-16"],
)
def test_a_body_that_would_become_too_many_objects_is_never_parsed(
    client: FlaskClient, auth: Auth, monkeypatch: pytest.MonkeyPatch, body: bytes, words: str
) -> None:
    def parse(*_: Any, **__: Any) -> None:
        raise AssertionError("it was parsed")

    headers = auth("admin", "sync") | {"Content-Type": "application/json"}
    monkeypatch.setattr("flask.wrappers.Request.get_json", parse)
    for sent, coding in ((body, "identity"), (gzip.compress(body), "gzip")):
        more = headers | {"Content-Encoding": coding}
        answer = client.post("/api/sync/submissions", data=sent, headers=more)
        assert answer.status_code == 422
        assert words in json.loads(answer.data)["detail"]


def test_brackets_and_commas_of_texts_are_not_counted() -> None:
    text = "[{,}]" * 60_000 + '\\"'
    bodies.measure(json.dumps({"text": text, "more": ["[" * 100, "\\"]}).encode())


@pytest.mark.slow
@given(
    st.recursive(
        st.none() | st.integers() | st.text(alphabet='a"\\[]{},:\u1e63'),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='"\\[{'), inner),
        max_leaves=30,
    )
)
def test_the_measure_is_that_of_the_parsed_value(value: Any) -> None:
    def depth(one: Any) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    body = json.dumps(value).encode()
    if depth(value) > bodies.DEEPEST:
        with pytest.raises(Invalid):
            bodies.measure(body)
    else:
        bodies.measure(body)


def test_a_text_that_never_ends_is_passed_over_once() -> None:
    """With a pattern that goes back, this would take hours."""
    bodies.measure(b'{"a": "' + b'\\"' * 500_000)


def test_most_endpoints_take_a_megabyte(client: FlaskClient, auth: Auth) -> None:
    path, headers = "/api/communications/campaigns", auth("organiser")
    large = client.post(path, json={"title": "x" * 2**20}, headers=headers)
    assert large.status_code == 413
    assert large.json["detail"].startswith("The body is larger than 1 MB.")


def test_a_sign_in_of_a_phone_is_small(client: FlaskClient) -> None:
    body = {"email": "a@example.org", "password": "x" * 9_000, "deviceId": "device-1"}
    assert client.post("/api/sync/sign-in", json=body).status_code == 413


# ---- forms --------------------------------------------------------------------------------------

MULTIPART = "multipart/form-data; boundary=x"


def test_a_stranger_sends_no_more_than_a_sign_in_takes(client: FlaskClient) -> None:
    for path in ("/login", "/login/code", "/admin/recordings/upload", "/admin/import/"):
        for kind in (MULTIPART, "application/x-www-form-urlencoded"):
            answer = client.post(path, data=b"x" * (bodies.STRANGERS + 1), content_type=kind)
            assert answer.status_code == 413, (path, kind)
    assert client.post("/login", data={"email": "x" * 1000, "password": "y"}).status_code != 413


@pytest.mark.slow
def test_only_who_may_upload_here_may_send_more_than_a_megabyte(
    app: Flask, client: FlaskClient, make_user: Callable[..., User]
) -> None:

    def upload(megabytes: int) -> Any:
        file = io.BytesIO(bytes(megabytes * 2**20))
        return client.post("/admin/recordings/upload", data={"file": (file, "a.mp3")})

    sign_in(client, make_user("viewer"))
    assert upload(2).status_code == 413
    sign_in(client, make_user("organiser"))
    # Refused for what it is (a form without its token), not for its size.
    assert upload(2).status_code == 400
    answer = upload(17)
    assert answer.status_code == 413
    assert "Save it at a lower quality." in answer.text


def test_a_form_of_very_many_fields_is_refused(
    client: FlaskClient, make_user: Callable[..., User]
) -> None:
    sign_in(client, make_user("admin"))
    kind = "application/x-www-form-urlencoded"
    answer = client.post("/admin/opt-outs/", data=b"a&" * 5_001, content_type=kind)
    assert (answer.status_code, "5,000 fields" in answer.text) == (413, True)
