"""nginx with deploy/nginx.conf in front of the app: what the nation asks and what reaches us."""

import gzip
import http.client
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from nginx_front import URL, Front
from nginx_front import front as front
from results_world import election_document
from servers import wait_for

from obidient.results import elections

#: Older than two seconds for nginx, which counts whole ones.
OLD = 3.2


@pytest.mark.slow
def test_a_copy_is_handed_out_for_two_seconds(front: Front) -> None:
    first, body = front.ask(URL)
    assert (first.status, first.headers["X-Cache"]) == (200, "MISS")
    for _ in range(20):
        answer, again = front.ask(URL)
        assert (answer.status, again) == (200, body)
    assert front.paths() == [URL]
    assert first.headers["Cache-Control"] == "public, max-age=2, stale-while-revalidate=30"


@pytest.mark.slow
def test_everybody_gets_the_same_copy_packed_or_not(front: Front) -> None:
    plain, body = front.ask(URL)
    assert "Content-Encoding" not in plain.headers
    for accepted in ("gzip", "gzip, deflate, br", "br;q=1, gzip;q=0.8"):
        packed, data = front.ask(URL, Accept_Encoding=accepted)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(data) == body
    front.ask(f"{URL}?_=12345")
    assert front.paths() == [URL]


def test_who_has_the_document_is_told_so(front: Front) -> None:
    plain, _ = front.ask(URL)
    packed, _ = front.ask(URL, Accept_Encoding="gzip")
    strong = packed.headers["ETag"]
    assert plain.headers["ETag"] in (strong, f"W/{strong}")
    for known in (strong, f"W/{strong}", f'"x", {strong}'):
        for encoding in ("gzip", "identity"):
            answer, body = front.ask(URL, If_None_Match=known, Accept_Encoding=encoding)
            assert (answer.status, body) == (304, b"")
    assert front.ask(URL, If_None_Match='"other"')[0].status == 200
    assert front.paths() == [URL]


@pytest.mark.slow
def test_head_is_answered_from_the_same_copy(front: Front) -> None:
    front.ask(URL)
    answer, nothing = front.ask(URL, method="HEAD")
    assert (answer.status, nothing) == (200, b"")
    assert front.paths() == [URL]


@pytest.mark.slow
def test_when_the_two_seconds_are_over_only_the_validator_travels(front: Front) -> None:
    front.lasting = False
    front.ask(URL)
    time.sleep(OLD)
    stale, _ = front.ask(URL)
    assert stale.status == 200
    wait_for(lambda: len(front.reached) == 2, what="the look behind the scenes")
    assert front.reached[1]["HTTP_IF_NONE_MATCH"].startswith('"')


@pytest.mark.slow
def test_under_load_one_request_in_two_seconds_comes_through(front: Front) -> None:
    front.lasting = False
    front.ask(URL)
    began = time.monotonic()
    answers: list[int] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
        while time.monotonic() - began < 5:
            connection.request("GET", URL, headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            answer.read()
            answers.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    assert set(answers) == {200}
    assert len(answers) > 200
    assert 2 <= len(front.reached) <= 2 + took / 2


@pytest.mark.slow
def test_the_last_count_is_shown_while_the_app_is_away(front: Front, app: Flask) -> None:
    front.lasting = False
    _, body = front.ask(URL)

    def broken(environ: Any, start_response: Any) -> Any:
        start_response("503 Service Unavailable", [("Content-Length", "0")])
        return [b""]

    app.wsgi_app = broken  # type: ignore[method-assign]
    time.sleep(OLD)
    for _ in range(3):
        answer, old = front.ask(URL)
        assert (answer.status, old) == (200, body)


@pytest.mark.slow
def test_pages_are_kept_by_what_they_show_and_know_no_visitor(front: Front) -> None:
    for path in ("/results/abc123", "/results/abc123?screen=big", "/results/abc123/24"):
        for _ in range(2):
            answer, _ = front.ask(path, Cookie="session=secret", Authorization="Bearer secret")
            assert answer.status == 200
            assert "Set-Cookie" not in answer.headers
    front.ask("/results/abc123?screen=small&utm_source=sms")
    assert len(front.reached) == 3
    assert not any("HTTP_COOKIE" in request for request in front.reached)
    assert not any("HTTP_AUTHORIZATION" in request for request in front.reached)


@pytest.mark.slow
def test_each_part_of_the_list_of_elections_is_kept_for_itself(front: Front) -> None:
    elections.create(election_document("other"))
    for path in ("/api/live-results/elections?limit=1", "/api/live-results/elections"):
        listed = [len(json.loads(front.ask(path)[1])["items"]) for _ in range(2)]
        assert listed == [1, 1] if "limit" in path else [2, 2]
    assert len(front.reached) == 2


@pytest.mark.slow
def test_what_is_not_public_is_never_kept(front: Front) -> None:
    for path in ("/healthz", "/admin/", "/api/live-results/elections/abc123/reviews"):
        for _ in range(2):
            answer, _ = front.ask(path, Authorization="Bearer nothing")
            assert "X-Cache" not in answer.headers
    assert len(front.reached) == 6
    assert front.reached[4]["HTTP_AUTHORIZATION"] == "Bearer nothing"


@pytest.mark.slow
def test_searches_and_photos_are_asked_of_the_app_each_time(front: Front) -> None:
    for path in ("/results/abc123/units?q=unit", "/results/photos/1.jpg"):
        for _ in range(2):
            answer, _ = front.ask(path)
            assert "X-Cache" not in answer.headers
    assert [request["QUERY_STRING"] for request in front.reached] == ["q=unit", "q=unit", "", ""]


@pytest.mark.slow
def test_unknown_elections_reach_the_app_once_in_two_seconds(front: Front) -> None:
    for _ in range(5):
        assert front.ask(URL.replace("abc123", "nope"))[0].status == 404
    assert len(front.reached) == 1


@pytest.mark.slow
def test_no_query_string_is_logged(front: Front, tmp_path: Path) -> None:
    front.ask("/healthz?token=secret")
    log = tmp_path / "nginx" / "access.log"
    wait_for(lambda: log.exists() and re.search("GET /healthz 200", log.read_text()), what="a line")
    assert "secret" not in log.read_text()
