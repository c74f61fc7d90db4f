"""nginx keeps a copy under the address that it asks the app for, and vouches for every header."""

import json

import pytest
from nginx_front import URL, Front
from nginx_front import front as front

#: The same address as nginx reads it; the app, which reads otherwise, must not be asked for these.
SPELLINGS = (
    URL.replace("live-summary", "%6Cive-summary"),
    URL.replace("abc123", "%61bc123"),
    URL.replace("/elections", "//elections"),
    URL.replace("abc123", "x/../abc123"),
    URL.replace("abc123", "./abc123"),
)


@pytest.mark.slow
@pytest.mark.parametrize("odd", SPELLINGS)
def test_an_odd_spelling_is_the_same_address_all_the_way(front: Front, odd: str) -> None:
    first, body = front.ask(odd)
    assert first.status == 200
    again, same = front.ask(URL)
    assert (again.status, again.headers["X-Cache"], same) == (200, "HIT", body)
    assert front.paths() == [URL]


@pytest.mark.slow
@pytest.mark.parametrize(
    "odd",
    ["/results/abc123%00", "/results/abc123%2Fx%3Fy", "/results/abc123%20", "/results/%E1%B9%A3"],
)
def test_what_has_no_plain_spelling_is_never_kept(front: Front, odd: str) -> None:
    answer, _ = front.ask(odd)
    assert answer.status in (400, 404)
    assert "X-Cache" not in answer.headers
    assert front.ask("/results/abc123")[0].status == 200


@pytest.mark.slow
def test_a_404_is_kept_under_its_own_address_only(front: Front) -> None:
    assert front.ask(URL.replace("abc123", "nope"))[0].status == 404
    assert front.ask(URL + "/")[0].status == 404
    for _ in range(2):
        assert front.ask(URL)[0].status == 200


@pytest.mark.slow
def test_only_the_parameters_of_the_key_reach_the_app(front: Front) -> None:
    listing = "/api/live-results/elections"
    for asked, handed_on in (
        (f"{listing}?limit=1&utm=x&cursor=", "&limit=1"),
        (f"{listing}?x=1&limit=2&limit=3", "&limit=2"),
        ("/results/abc123?screen=big&screen=small&v=2", "screen=big"),
        ("/results/abc123?screen=%62ig", ""),
        (f"{URL}?a=1", ""),
    ):
        front.reached.clear()
        answer, _ = front.ask(asked)
        assert answer.status == 200, asked
        assert front.reached[0]["QUERY_STRING"] == handed_on
    assert len(json.loads(front.ask(f"{listing}?limit=1")[1])["items"]) == 1


@pytest.mark.slow
def test_what_a_client_claims_of_a_proxy_does_not_reach_the_app(front: Front) -> None:
    claimed = {
        "X_Forwarded_For": "198.51.100.7",
        "X_Forwarded_Port": "1",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "other.example.org",
        "X_Forwarded_Prefix": "/other",
        "Forwarded": "for=198.51.100.7",
    }
    for path in ("/healthz", URL, "/admin/"):
        front.ask(path, **claimed)
    for seen in front.reached:
        assert seen["HTTP_X_FORWARDED_PORT"] == str(front.port)
        assert seen["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
        assert seen["HTTP_X_FORWARDED_PROTO"] == "http"
        assert seen["HTTP_X_FORWARDED_HOST"] == "results.example.org"
        assert "HTTP_X_FORWARDED_PREFIX" not in seen
        assert "HTTP_FORWARDED" not in seen
    assert len(front.reached) == 3
