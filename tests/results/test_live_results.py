"""The live count over HTTP: its shape, its validators, its cache, and Redis going away."""

import gzip
import json
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from results_world import UNITS, VOTERS, election_document, make_world, sheet
from servers import RedisServer, free_port

from obidient import create_app, database
from obidient.breaker import LOOK_AGAIN
from obidient.database import db
from obidient.results import deciding, elections, generation, review
from obidient.results.live import copies, documents, page, pages
from obidient.results.models import Election, Party, Tally
from obidient.results.received import Sender, receive

URL = "/api/live-results/elections/abc123/live-summary"
LOGGER = "obidient.results.live.copies"


def take(*sheets: dict[str, Any]) -> None:
    with db.atomic():
        receive(sheets, Sender())
    deciding.process_waiting()


@pytest.fixture
def world(app: Flask) -> Election:
    election = make_world()
    take(sheet("a"), sheet("b", UNITS[-1], votes={"LP": 80, "APC": 121}))
    return election


# ---- the document -------------------------------------------------------------------------------


@pytest.mark.both
def test_the_document_has_exactly_the_promised_shape(world: Election, client: FlaskClient) -> None:
    answer = client.get(URL)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    body = answer.json
    assert list(body)[:4] == ["election", "summary", "parties", "lastUpdated"]
    assert (
        body["election"].items()
        >= {
            "electionId": "abc123",
            "electionName": "2027 Presidential Election",
            "electionType": "presidential",
            "state": "National",
            "status": "ongoing",
        }.items()
    )
    assert (
        body["summary"].items()
        >= {
            "pollingUnitsReported": 2,
            "totalRegisteredVoters": 2 * VOTERS,
            "totalAccreditedVoters": 208 + 211,
            "totalValidVotes": 399,
            "totalRejectedVotes": 8,
            "voterTurnout": "34.92",
        }.items()
    )
    assert [(p["partyCode"], p["totalVotes"], p["percentage"]) for p in body["parties"]] == [
        ("LP", 200, "50.13"),
        ("APC", 166, "41.60"),
        ("PDP", 33, "8.27"),
    ]
    assert (
        body["parties"][0].items()
        >= {
            "partyName": "Labour Party",
            "displayName": "Labour Party (LP)",
        }.items()
    )
    moment = Tally.get(Tally.area_code == "NG").updated_at
    assert body["lastUpdated"] == moment.isoformat(timespec="milliseconds") + "Z"


def test_an_election_without_results_shows_zeros(app: Flask, client: FlaskClient) -> None:
    make_world()
    body = client.get(URL).json
    assert body["summary"]["voterTurnout"] == "0.00"
    assert body["parties"][0]["percentage"] == "0.00"
    assert body["sentences"]["leader"] == "No results yet"


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 8, "12.50"), (1, 3, "33.33"), (2, 3, "66.67"), (0, 0, "0.00"),
                                (5, 100_000, "0.01"), (9995, 10_000, "99.95")]
)  # fmt: skip
def test_percentages_have_two_decimals_rounded_half_up(part: int, whole: int, text: str) -> None:
    assert documents.percent(part, whole) == text


def test_whether_the_leader_could_change_is_said_plainly(world: Election) -> None:
    body = json.loads(copies.summary_bytes("abc123")[0])
    assert body["outlook"] == {
        "pollingUnitsOut": len(UNITS) - 2,
        "registeredVotersOut": (len(UNITS) - 2) * VOTERS,
        "lead": 34,
        "leaderCouldChange": True,
    }
    take(*[sheet(f"s{n}", unit, votes={"LP": 300 + n}) for n, unit in enumerate(UNITS[1:-1])])
    body = json.loads(copies.summary_copy("abc123").body)
    elections.set_status("abc123", "ended")
    body = json.loads(copies.summary_copy("abc123").body)
    assert body["outlook"]["leaderCouldChange"] is False
    assert body["sentences"]["outlook"] == "All polling units have reported."


@pytest.mark.both
def test_areas_drill_down_from_the_nation_to_a_unit(world: Election, client: FlaskClient) -> None:
    base = "/api/live-results/elections/abc123/areas/"
    nation = client.get(base + "NG").json
    assert (nation["level"], len(nation["children"])) == ("nation", 37)
    lagos = next(child for child in nation["children"] if child["code"] == "24")
    assert set(lagos) == {"code", "name", "level", "summary", "parties"}
    assert (lagos["name"], lagos["summary"]["totalValidVotes"]) == ("Lagos", 198)
    ward = client.get(base + "24-11-02").json
    assert [child["code"] for child in ward["children"]] == list(UNITS[:8])
    assert [child["summary"]["pollingUnitsReported"] for child in ward["children"]][:2] == [1, 0]
    unit = client.get(base + UNITS[0]).json
    assert (unit["level"], unit["children"]) == ("unit", [])
    assert unit["summary"]["totalValidVotes"] == 198
    for unknown in ("99", "24-99", "24-11-99", "24-11-02-999", "NGX", "2411"):
        assert client.get(base + unknown).status_code in (404, 422)


def test_an_area_that_nothing_changed_in_keeps_its_bytes(
    world: Election, client: FlaskClient
) -> None:
    base = "/api/live-results/elections/abc123/areas/"
    before = client.get(base + "19").headers["ETag"]
    take(sheet("c", UNITS[1]))
    generation.invalidate("abc123")
    assert client.get(base + "19").headers["ETag"] == before
    assert client.get(base + "24").json["summary"]["pollingUnitsReported"] == 2


@pytest.mark.both
@pytest.mark.parametrize("name", ["nope", "no%20such", "x" * 200, "abc123%00", "%F0%9F%98%80"])
def test_an_unknown_election_is_a_problem(world: Election, client: FlaskClient, name: str) -> None:
    answer = client.get(f"/api/live-results/elections/{name}/live-summary")
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"] == "There is no such election."


@pytest.mark.both
@pytest.mark.parametrize("code", ["99", "24-99", "24-11-02-999", "XX", "24-", "24%00", "٢٤", "ng"])
def test_an_unknown_area_is_a_problem(world: Election, client: FlaskClient, code: str) -> None:
    for path in ("/api/live-results/elections/abc123/areas/", "/results/abc123/"):
        assert client.get(path + code).status_code == 404


def test_elections_are_listed_in_parts(world: Election, client: FlaskClient) -> None:
    for name in "wxyz":
        elections.create(election_document(name))
    address, seen = "/api/live-results/elections?limit=2", []
    cursor: str | None = ""
    while cursor is not None:
        body = client.get(address + cursor).json
        seen.append([item["electionId"] for item in body["items"]])
        cursor = body["nextCursor"] and f"&cursor={body['nextCursor']}"
    assert seen == [["z", "y"], ["x", "w"], ["abc123"]]
    assert client.get("/api/live-results/elections").json["nextCursor"] is None
    assert client.get(address + "&cursor=nope").status_code == 404


def test_older_elections_have_a_page_of_their_own(
    world: Election, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ON_A_PAGE", 1)
    elections.create(election_document("other"))
    first = client.get("/results/").text
    assert 'href="/results/other"' in first and 'href="/results/abc123"' not in first
    second = client.get("/results/?cursor=other").text
    assert 'href="/results/abc123"' in second and "Older" not in second


# ---- validators, encodings ----------------------------------------------------------------------


def test_a_client_that_has_the_document_is_told_so_without_a_body(
    world: Election, client: FlaskClient
) -> None:
    etag = client.get(URL).headers["ETag"]
    assert etag.startswith('"')
    for known in (etag, f"W/{etag}", f'"x", W/{etag}', "*", etag[:-1] + '-gzip"'):
        for encoding in ("gzip", "identity"):
            answer = client.get(URL, headers={"If-None-Match": known, "Accept-Encoding": encoding})
            assert answer.status_code == 304, known
            assert answer.data == b""
            assert answer.headers["ETag"] == etag
            assert "Content-Type" not in answer.headers
    for other in ('"x"', "", 'W/"y", "z"', etag.strip('"')[:-1]):
        assert client.get(URL, headers={"If-None-Match": other}).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("br", False),
        ("", False),
    ],
)
def test_gzip_is_used_where_it_is_allowed(
    world: Election, client: FlaskClient, accepted: str, packed: bool
) -> None:
    plain = client.get(URL).data
    answer = client.get(URL, headers={"Accept-Encoding": accepted})
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Cache-Control"] == "public, max-age=2, stale-while-revalidate=30"
    assert ("Content-Encoding" in answer.headers) is packed
    assert (gzip.decompress(answer.data) if packed else answer.data) == plain


@pytest.mark.parametrize("warm", [True, False])
def test_head_is_get_without_the_body(world: Election, client: FlaskClient, warm: bool) -> None:
    got = client.get(URL)
    if not warm:
        generation.invalidate("abc123")
    head = client.head(URL)
    assert head.status_code == 200
    assert head.data == b""
    for name in ("ETag", "Content-Type", "Cache-Control", "Vary", "Content-Length"):
        assert head.headers[name] == got.headers[name]


def test_the_short_path_and_the_long_one_answer_alike(world: Election, client: FlaskClient) -> None:
    long_way, short_way = client.get(URL), client.get(URL)
    assert "X-Request-Id" in long_way.headers
    assert "X-Request-Id" not in short_way.headers
    assert long_way.data == short_way.data
    for name, value in short_way.headers.items():
        assert long_way.headers[name] == value
    assert client.post(URL).status_code == 405


@pytest.mark.parametrize("url", [URL, "/results/abc123"])
def test_what_has_not_changed_costs_little_and_keeps_its_headers(
    world: Election, client: FlaskClient, url: str
) -> None:
    known = {"If-None-Match": client.get(url).headers["ETag"]}
    current = client.application.extensions["obidient.live"]
    current.generation.bump()
    long_way, short_way = client.get(url, headers=known), client.get(url, headers=known)
    for answer in (long_way, short_way):
        assert answer.status_code == 304
        assert "Content-Security-Policy" not in answer.headers
        assert len(str(answer.headers)) < 300


def test_public_answers_depend_on_no_cookie(world: Election, client: FlaskClient) -> None:
    for url in (URL, "/api/live-results/elections", "/results/abc123", "/results/"):
        for _ in range(2):
            answer = client.get(url)
            assert answer.status_code == 200
            assert "Cookie" not in answer.headers.get("Vary", "")
            assert "Set-Cookie" not in answer.headers


# ---- the cache ----------------------------------------------------------------------------------


@pytest.mark.both
def test_misses_are_logged_and_hits_at_once_and_then_once_a_second(
    world: Election,
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(copies.time, "monotonic", lambda: now)
    caplog.set_level(logging.INFO, logger=LOGGER)
    for _ in range(6):
        client.get(URL)
    assert [line for line in caplog.messages if "Cache" in line] == [
        "Cache miss election=abc123 key=abc123",
        "Cache hit election=abc123 hits=1",
    ]
    now += 1.5
    client.get(URL)
    assert caplog.messages[-1] == "Cache hit election=abc123 hits=5"


@pytest.mark.both
def test_what_is_counted_shows_within_a_second_and_the_etag_changes(
    world: Election, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(copies.time, "monotonic", lambda: now)
    before = client.get(URL)
    take(sheet("c", UNITS[1]))
    assert client.get(URL).data == before.data
    now += copies.FRESH
    after = client.get(URL)
    assert after.json["summary"]["pollingUnitsReported"] == 3
    assert after.headers["ETag"] != before.headers["ETag"]


@pytest.mark.both
def test_equal_data_gives_equal_bytes_after_an_invalidation(
    world: Election, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    before = client.get(URL)
    url = URL.replace("live-summary", "invalidate-cache")
    assert client.post(url).status_code == 401
    assert client.post(url, headers=auth("reviewer")).status_code == 403
    assert client.post(url, headers=auth("admin")).status_code == 202
    # Many clients name a type for the body that they don't send.
    empty = client.post(url, headers=auth("admin"), content_type="application/json")
    assert empty.status_code == 202
    assert client.post(url.replace("abc123", "no"), headers=auth("admin")).status_code == 404
    after = client.get(URL)
    assert (after.data, after.headers["ETag"]) == (before.data, before.headers["ETag"])


@pytest.mark.both
def test_an_invalidation_shows_what_was_changed_by_hand(
    world: Election, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    client.get(URL)
    Party.update(name="Labour").where(Party.code == "LP").execute()
    assert client.get(URL).json["parties"][0]["partyName"] == "Labour Party"
    client.post(URL.replace("live-summary", "invalidate-cache"), headers=auth("admin"))
    assert client.get(URL).json["parties"][0]["partyName"] == "Labour"


def test_a_decision_and_a_new_status_show_at_once(world: Election, client: FlaskClient) -> None:
    client.get(URL)
    review.settle("abc123", UNITS[0], "Nothing to see", void=True)
    assert client.get(URL).json["summary"]["pollingUnitsReported"] == 1
    elections.set_status("abc123", "ended")
    assert client.get(URL).json["election"]["status"] == "ended"


def test_the_count_is_served_while_the_database_is_away(
    world: Election, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.get(URL).data
    copies.current().generation.bump()

    def broken(*_: Any) -> Any:
        raise database.OperationalError("gone")

    monkeypatch.setattr(documents, "stamp", broken)
    assert client.get(URL).data == before


def test_two_apps_of_a_host_forget_together_without_redis(
    world: Election, environ: dict[str, str], client: FlaskClient
) -> None:
    client.get(URL)
    other = create_app(environ)
    with other.app_context():
        make = Party.update(name="Labour").where(Party.code == "LP")
        make.execute()
        generation.invalidate("abc123")
    assert client.get(URL).json["parties"][0]["partyName"] == "Labour"


@pytest.fixture
def with_redis(
    environ: dict[str, str], redis_server: RedisServer, world: Election
) -> Iterator[tuple[FlaskClient, redis.Redis]]:
    store = redis.Redis.from_url(redis_server.url)
    store.flushall()
    made = create_app(environ | {"REDIS_URL": redis_server.url})
    with made.app_context():
        yield made.test_client(), store


def test_redis_holds_the_document_itself_for_a_minute(
    with_redis: tuple[FlaskClient, redis.Redis],
) -> None:
    client, store = with_redis
    body = client.get(URL).data
    assert store.get("live-results:abc123") == body
    assert 55 <= store.ttl("live-results:abc123") <= 60
    assert sorted(store.keys("live-results:*")) == [b"live-results:abc123"]


def test_a_key_deleted_by_hand_is_made_again_within_a_second(
    with_redis: tuple[FlaskClient, redis.Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store = with_redis
    now = time.monotonic()
    monkeypatch.setattr(copies.time, "monotonic", lambda: now)
    client.get(URL)
    Party.update(name="Labour").where(Party.code == "LP").execute()
    store.delete("live-results:abc123")
    now += copies.FRESH
    assert client.get(URL).json["parties"][0]["partyName"] == "Labour"
    assert store.exists("live-results:abc123")


def test_what_redis_holds_is_what_is_served_unless_the_count_moved_on(
    with_redis: tuple[FlaskClient, redis.Redis],
) -> None:
    client, store = with_redis
    document = client.get(URL).json
    document["parties"][0]["totalVotes"] = 7
    store.set("live-results:abc123", json.dumps(document), ex=60)
    copies.current()._entries.clear()
    assert client.get(URL).json["parties"][0]["totalVotes"] == 7
    take(sheet("c", UNITS[1]))
    copies.current()._entries.clear()
    assert client.get(URL).json["parties"][0]["totalVotes"] == 320
    store.set("live-results:abc123", "no json", ex=60)
    copies.current()._entries.clear()
    assert client.get(URL).json["parties"][0]["totalVotes"] == 320


def test_an_invalidation_leaves_other_keys_alone(
    with_redis: tuple[FlaskClient, redis.Redis],
) -> None:
    client, store = with_redis
    client.get(URL)
    client.get(URL.replace("live-summary", "areas/NG"))
    store.set("live-results:abc1234", "{}")
    store.set("bulk-communications:sms-broadcast:wait", "x")
    generation.invalidate("abc123")
    assert sorted(store.keys("*")) == [
        b"bulk-communications:sms-broadcast:wait",
        b"live-results:abc1234",
    ]


def test_a_redis_that_swallows_everything_delays_one_request_at_most(
    environ: dict[str, str], world: Election
) -> None:
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    hole.listen(100)
    made = create_app(environ | {"REDIS_URL": f"redis://127.0.0.1:{hole.getsockname()[1]}/0"})
    with made.app_context():
        client = made.test_client()
        assert client.get(URL).status_code == 200
        backend = copies._backend()
        assert backend._breaker.problem().startswith("Redis is silent")
        asked: list[str] = []

        class Watched:
            def __getattr__(self, name: str) -> Any:
                asked.append(threading.current_thread().name)
                raise redis.ConnectionError("still away")

        backend.redis = Watched()
        for _ in range(20):
            copies.current()._entries.clear()
            assert client.get(URL).status_code == 200
        time.sleep(2 * LOOK_AGAIN)
        assert asked == []
    hole.close()


def test_a_document_is_computed_once_for_many_at_the_same_time(
    app: Flask, world: Election, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER)
    real = documents.summary

    def slow(election_id: str) -> dict[str, Any]:
        time.sleep(0.2)
        return real(election_id)

    monkeypatch.setattr(documents, "summary", slow)
    answers: list[int] = []

    def ask() -> None:
        answers.append(app.test_client().get(URL).status_code)

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40
    assert sum("Cache miss" in line for line in caplog.messages) == 1


@pytest.mark.both
@pytest.mark.slow
def test_two_hundred_clients_of_two_processes_cause_one_computation(
    world: Election, environ: dict[str, str], redis_server: RedisServer, tmp_path: Path
) -> None:
    port = free_port()
    more = {
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
        "REDIS_URL": redis_server.url,
        "LOG_LEVEL": "info",
        "LOG_DIR": str(tmp_path / "web"),
    }
    redis.Redis.from_url(redis_server.url).flushall()
    from conftest import ROOT
    from servers import listening, process, wait_for

    config = str(ROOT / "gunicorn.conf.py")
    with process("gunicorn", "-c", config, environ=environ | more, cwd=ROOT):
        wait_for(lambda: listening(port), what="gunicorn")
        url = f"http://127.0.0.1:{port}{URL}"
        asked = subprocess.run(
            ["curl", "-sS", "--parallel", "--parallel-immediate", "--parallel-max", "200"]
            + ["-o", "/dev/null", "-w", "%{http_code}\n"] + [f"{url}?[1-200]"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert asked.stdout.split() == ["200"] * 200
        log = (tmp_path / "web" / "server.log").read_text()
    assert log.count("Cache miss election=abc123") == 1


# ---- letters on parties' colours ----------------------------------------------------------------


@given(st.integers(0, 0xFFFFFF))
def test_letters_on_any_party_colour_are_easy_to_read(number: int) -> None:
    color = f"#{number:06x}"
    rule = page.colors([Party(code="LP", color=color)])
    letters = rule.partition("--on:")[2].partition("}")[0]
    full = letters if len(letters) == 7 else "#" + "".join(2 * digit for digit in letters[1:])
    light, dark = sorted((luminance(color), luminance(full)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(color: str) -> float:
    """As WCAG has it."""
    values = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
