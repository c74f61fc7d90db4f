"""Callbacks as networks send them: who may, what is stored, what is answered."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from network_reports import TOKEN, Network, Post, network, post
from signed_in import sign_in

from obidient import create_app
from obidient.campaigns.models.callbacks import RawCallback
from obidient.campaigns.receipts import applying
from obidient.providers import registry

__all__ = ["network", "post"]


# ---- the door -----------------------------------------------------------------------------------


def test_a_wrong_or_missing_token_stores_nothing(post: Post, client: FlaskClient) -> None:
    for token in ("", "wrong", TOKEN + "x", TOKEN[:-1], "ẹ", "%00"):
        assert post("delivery", token=token, id="1").status_code == 403
    assert client.post(f"/api/communications/webhooks/{Network.name}/delivery").status_code == 403
    # Strangers learn nothing of what is installed here.
    assert post("delivery", token="wrong", provider="nobody").status_code == 403
    assert RawCallback.select().count() == 0


def test_without_a_token_in_the_settings_the_door_is_shut(environ: dict[str, str]) -> None:
    app = create_app(environ | {"COMMUNICATIONS_WEBHOOK_TOKEN": ""})
    with app.app_context():
        registry.current().add(Network)
        url = f"/api/communications/webhooks/{Network.name}/delivery"
        client = app.test_client()
        assert client.post(url, data={"id": "1"}).status_code == 403
        assert client.post(f"{url}?token=", data={"id": "1"}).status_code == 403
        assert RawCallback.select().count() == 0


def test_the_body_is_not_read_before_the_token(client: FlaskClient, network: Network) -> None:
    read: list[str] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            read.append("the body was read")
            return super().read(size)

        def readinto(self, buffer: Any) -> int:
            read.append("the body was read")
            return super().readinto(buffer)

    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        answer = client.post(
            f"/api/communications/webhooks/{network.name}/delivery?token=wrong",
            input_stream=Watched(b"{broken"),
            content_type=content_type,
        )
        assert answer.status_code == 403
        assert read == []


def test_an_unknown_provider_or_event_is_404(post: Post) -> None:
    assert post("delivery", provider="nobody", id="1").status_code == 404
    assert post("weather", id="1").status_code == 404
    assert RawCallback.select().count() == 0


@pytest.mark.both
def test_whatever_comes_is_stored_as_it_came(client: FlaskClient, network: Network) -> None:
    url = f"/api/communications/webhooks/{network.name}/delivery?token={TOKEN}&campaign=7"
    bodies = [b"{broken", b"", b"\xff\xfe\x00", b"a=1&a=2", b"[1, 2]", b'{"id": "\\u0000"}']
    kinds = ["application/json", "application/x-www-form-urlencoded", "text/plain", ""]
    for body in bodies:
        for kind in kinds:
            answer = client.post(
                url,
                data=body,
                content_type=kind,
                headers={"Authorization": "Bearer secret", "X-Signature": "s1"},
            )
            assert answer.status_code == 200, (body, kind)
    rows = list(RawCallback.select().order_by(RawCallback.id))
    assert [bytes(row.body) for row in rows] == [body for body in bodies for _ in kinds]
    assert "secret" not in rows[0].headers
    assert '"X-Signature":"s1"' in rows[0].headers
    assert rows[0].query == '{"campaign":"7"}'
    assert TOKEN not in str([row.__data__ for row in rows])
    applying.apply_due()
    assert {row.state for row in RawCallback.select()} == {"nothing"}


def test_whatever_came_can_be_looked_at(
    client: FlaskClient, network: Network, make_user: Callable[..., Any]
) -> None:
    url = f"/api/communications/webhooks/{network.name}/delivery?token={TOKEN}"
    deep = b"[" * 300 + b"]" * 300
    for body in (b"{broken", b"", b"\xff\xfe\x00", b'{"id": "1"}', deep):
        client.post(url, data=body, content_type="application/json")
    sign_in(client, make_user("admin"))
    page = client.get("/admin/callbacks/")
    assert page.status_code == 200
    assert deep.decode() in page.text


def test_too_much_is_413(client: FlaskClient, network: Network) -> None:
    url = f"/api/communications/webhooks/{network.name}/delivery?token={TOKEN}"
    assert client.post(url, data=b"x" * 70_000).status_code == 413
    assert client.post(url, data=b"x" * 60_000).status_code == 200
    assert RawCallback.select().count() == 1


@pytest.mark.slow
def test_a_network_that_wants_an_answer_gets_it(post: Post) -> None:
    answer = post("voice", id="1")
    assert (answer.data, answer.content_type) == (b"<Response/>", "application/xml")
    # A plugin that fails there still has its callback stored, and the network its 200.
    assert post("voice", crash="respond").status_code == 200
    assert RawCallback.select().count() == 2
