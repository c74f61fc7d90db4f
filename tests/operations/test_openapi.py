"""The API keeps its own description: schemathesis finds nothing against it."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from results_world import make_world
from schemathesis import GenerationMode

from obidient.api import PROBLEM, WEBHOOKS, ApiModel

Auth = Callable[..., dict[str, str]]


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def operations(app: Flask) -> list[tuple[str, str]]:
    document = app.test_client().get("/openapi/openapi.json").get_json()
    return [
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in {"get", "post", "put", "patch", "delete"}
    ]


#: Parts that the operations are tried in, so that several processes can.
PARTS = 5
#: Where rules go beyond what a schema can say (names that exist, fields of a template, a time
#: in the future), the documented 422 is a right answer to a well-formed body.
WITH_FURTHER_RULES = {
    "POST /api/communications/campaigns",
    "POST /api/communications/campaigns/{id}/move",
    "PUT /api/communications/campaigns/{id}",
    "POST /api/communications/campaigns/{id}/reschedule",
    "POST /api/communications/message-templates",
    "POST /api/communications/saved-audiences",
    "POST /api/live-results/elections/{id}/units/{code}/settle",
    "POST /api/live-results/elections/{id}/units/{code}/undo",
    "POST /api/live-results/elections/{id}/proposals/{proposal}/decline",
    "POST /api/results/{id}/collation",
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("part", range(PARTS))
def test_schemathesis_finds_nothing(app: Flask, auth: Auth, part: int) -> None:
    # An empty list keeps any description.
    make_world()
    headers = auth("admin")
    schema = schemathesis.openapi.from_wsgi("/openapi/openapi.json", app)
    accepted = schema.config.checks.positive_data_acceptance
    usual = list(accepted.expected_statuses)
    # A list longer than described can make a body too large to be read at all.
    schema.config.checks.negative_data_rejection.expected_statuses.append("413")
    seen = [result.ok() for result in schema.get_all_operations()][part::PARTS]
    for operation in seen:
        further = ["422"] if operation.label in WITH_FURTHER_RULES else []
        accepted.expected_statuses = usual + further
        for mode in GenerationMode:
            check_operation(operation, mode, headers)
    assert len(seen) > 10


def check_operation(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(headers=headers)

    try:
        check()
    except Unsatisfiable:
        # Nothing can be wrong about an operation without parameters.
        assert mode.is_negative


def test_every_api_route_is_described(app: Flask) -> None:
    described = {path for _, path in operations(app)}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            path = rule.rule
            for converter in ("int:", "path:", "string:"):
                path = path.replace(converter, "")
            path = path.replace("<", "{").replace(">", "}")
            assert path in described, rule.rule


def test_no_get_behind_a_token_ignores_a_parameter(
    app: Flask, client: FlaskClient, auth: Auth
) -> None:
    admin, asked = auth("admin"), Counter[int]()
    for rule in app.url_map.iter_rules():
        # Networks may send whatever they like.
        is_read = "GET" in (rule.methods or ()) and rule.rule.startswith("/api/")
        if is_read and not rule.rule.startswith(WEBHOOKS):
            with app.test_request_context():
                built = rule.build(dict.fromkeys(rule.arguments, "1"))
            assert built is not None
            answer = client.get(f"{built[1]}?nosuch=1", headers=admin)
            # Who gets past a cache of public results so is answered as without it.
            is_public = rule.rule.startswith("/api/live-results/")
            told = (answer.status_code, "nosuch" in answer.text)
            assert told == (422, True) or (is_public and not told[1]), rule.rule
            asked[answer.status_code] += 1
    assert asked[422] > 20
    assert asked[404] > 2


@pytest.mark.usefixtures("app")
def test_no_two_models_share_a_name_in_the_document() -> None:
    found: list[type] = [ApiModel]
    for model in found:
        found += model.__subclasses__()
    names = [model.__name__ for model in found]
    assert sorted(names) == sorted(set(names))


def test_every_operation_describes_its_problems(app: Flask) -> None:
    document = app.test_client().get("/openapi/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation["responses"]["404"]["content"]
            assert PROBLEM in content, (method, path)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/communications/campaigns", 405),
        ("GET", "/api/communications/campaigns", 401),
    ],
)
def test_errors_are_problems_with_a_sentence(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.content_type == PROBLEM
    assert answer.get_json()["detail"]
    if status == 405:
        assert "POST" in answer.headers["Allow"]


@pytest.mark.slow
def test_malformed_json_and_a_wrong_body_are_422(client: FlaskClient, auth: Auth) -> None:
    path = "/api/communications/campaigns"
    headers = auth("organiser")
    broken = client.post(path, data="{", headers=headers, content_type="application/json")
    assert (broken.status_code, broken.content_type) == (422, PROBLEM)
    wrong = client.post(path, json={"title": 5}, headers=headers)
    assert (wrong.status_code, wrong.content_type) == (422, PROBLEM)
    assert wrong.get_json()["errors"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"launch": "yes"}, "Correct launch: write true or false."),
        ({"audience": {"everyone": 1}}, "Correct audience.everyone: write true or false."),
        ({"audience": "all"}, "Correct audience: write a JSON object, {…}."),
        (
            {"audience": {"wards": ["Ikeja"]}},
            "Correct audience.wards.0: write a ward's code, like 24-11-02.",
        ),
        (
            {"quietHours": "9-5"},
            "Correct quietHours: write the window like 20:00-08:00, or leave it empty for none.",
        ),
        (
            {"scheduledAt": "2027-01-16T09:00:00"},
            "Correct scheduledAt: write the time with its offset, like 2027-01-16T09:00:00+01:00.",
        ),
        ({"channel": "SMS"}, "Correct channel: write a channel's name, like sms or voice."),
        ({"throttledRate": 5.5}, "Correct throttledRate: write a whole number."),
        (
            {"messageTemplate": "Hi\x07"},
            "Correct messageTemplate: it holds a character that may not be there.",
        ),
        ({"audioAssetId": 7}, "There is no audio asset 7. Add it first."),
        ({"titel": "T"}, "Correct titel: there is no such field."),
    ],
)
def test_a_wrong_body_is_told_how_it_is_written(
    client: FlaskClient, auth: Auth, change: dict[str, Any], sentence: str
) -> None:
    body = {"title": "T", "messageTemplate": "Hi", "audience": {"everyone": True}} | change
    answer = client.post("/api/communications/campaigns", json=body, headers=auth("organiser"))
    assert (answer.status_code, answer.get_json()["detail"]) == (422, sentence)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (
            "/api/live-results/elections/x/results.csv?state=Lagos",
            "Correct state: write a state's official code, like 24.",
        ),
        (
            "/api/live-results/elections/x/units?q=a&area=Ikeja",
            "Correct area: write the code of a state, LGA or ward, like 24-11.",
        ),
        (
            "/api/results/x/collation?area=Ikeja",
            "Correct area: write the code of a state, LGA or ward, like 24-11, or NG.",
        ),
        (
            "/api/communications/campaigns/1/recipients?key=star",
            "Correct key: write one digit, as on a phone.",
        ),
    ],
)
def test_a_wrong_address_is_told_how_it_is_written(
    client: FlaskClient, auth: Auth, address: str, sentence: str
) -> None:
    answer = client.get(address, headers=auth("admin"))
    assert (answer.status_code, answer.get_json()["detail"]) == (422, sentence)


def test_a_json_text_is_not_read_as_an_object(client: FlaskClient, auth: Auth) -> None:
    body = '{"title": "T", "messageTemplate": "Hi", "audience": {"everyone": true}}'
    answer = client.post("/api/communications/campaigns", json=body, headers=auth("organiser"))
    assert answer.status_code == 422
    assert answer.get_json()["detail"] == "The body must be a JSON object: {…}."


def test_the_same_values_written_otherwise_are_the_same_request(
    client: FlaskClient, auth: Auth
) -> None:
    headers = auth("organiser") | {"Idempotency-Key": "key-1", "Content-Type": "application/json"}
    path = "/api/communications/campaigns"
    body = {"title": "T", "messageTemplate": "Hi", "audience": {"everyone": True}}
    turned = dict(reversed(body.items()))
    first = client.post(path, data=json.dumps(body), headers=headers)
    second = client.post(path, data=json.dumps(turned, indent=2), headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json()


def test_the_bare_address_shows_the_results(client: FlaskClient) -> None:
    answer = client.get("/", follow_redirects=True)
    assert (answer.status_code, answer.request.path) == (200, "/results/")


@pytest.mark.both
def test_a_repeated_post_under_one_key_is_answered_as_the_first(
    client: FlaskClient, auth: Auth
) -> None:
    headers = auth("organiser") | {"Idempotency-Key": "key-1"}
    body = {"title": "T", "messageTemplate": "Hi", "audience": {"everyone": True}}
    path = "/api/communications/campaigns"
    first = client.post(path, json=body, headers=headers)
    second = client.post(path, json=body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json()
    other = client.post(path, json=body | {"title": "U"}, headers=headers)
    assert other.status_code == 409
    theirs = auth("organiser") | {"Idempotency-Key": "key-1"}
    assert client.post(path, json=body, headers=theirs).get_json()["id"] != first.get_json()["id"]


@pytest.mark.both
def test_a_refused_post_does_not_use_its_key_up(client: FlaskClient, auth: Auth) -> None:
    headers = auth("organiser") | {"Idempotency-Key": "key-2"}
    path = "/api/communications/campaigns"
    body = {"title": "T", "messageTemplate": "{{nope}}", "audience": {"everyone": True}}
    assert client.post(path, json=body, headers=headers).status_code == 422
    body["messageTemplate"] = "Hi"
    assert client.post(path, json=body, headers=headers).status_code == 201
