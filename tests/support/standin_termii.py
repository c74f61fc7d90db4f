"""Stands in for Termii: one id a request, no word about any number, signed reports."""

import hashlib
import hmac
import itertools
import json
from typing import Any

from standin_network import Answer, HttpNetwork, Request

API_KEY, SECRET = "TLtestkey", "tsk_testsecret"


class Termii(HttpNetwork):
    """`fails` is answered in place of a success; `cuts` takes a request and never answers it."""

    def __init__(self) -> None:
        super().__init__(self.say)
        self.fails: Answer | None = None
        self.cuts = False
        #: (message id, number, text, sender, route) of everything accepted.
        self.accepted: list[tuple[str, str, str, str, str]] = []
        self.statuses: dict[str, str] = {}
        self._ids = itertools.count(9_122_821_270_554_876_574)

    def say(self, request: Request) -> Answer | None:
        if request.path == "/api/sms/send":
            return self._take(request.json())
        if request.query.get("api_key") != API_KEY:
            return 401, {"message": "Invalid API key"}, {}
        if request.path == "/api/get-balance":
            return 200, {"user": "Tunde", "balance": 2250.5, "currency": "NGN"}, {}
        if request.path == "/api/sms/inbox":
            return 200, self._known(request.query["message_id"]), {}
        return 404, {"message": "Not found"}, {}

    def _take(self, body: dict[str, Any]) -> Answer | None:
        if body["api_key"] != API_KEY:
            return 401, {"message": "Invalid API key"}, {}
        numbers = body["to"] if isinstance(body["to"], list) else [body["to"]]
        if not 3 <= len(body["from"]) <= 11 or len(numbers) > 100:
            return 422, {"message": "The given data was invalid."}, {}
        if self.fails is not None:
            return self.fails
        provider_id = str(next(self._ids))
        for number in numbers:
            row = (provider_id, number, body["sms"], body["from"], body["channel"])
            self.accepted.append(row)
        if self.cuts:
            return None
        said = {"code": "ok", "message_id": provider_id, "message": "Successfully Sent"}
        return 200, said | {"balance": 2248.5, "user": "Tunde"}, {}

    def _known(self, provider_id: str) -> list[dict[str, Any]]:
        return [
            {"receiver": number, "message_id": provider_id, "amount": 2.5, "status": status}
            for one, number, *_ in self.accepted
            if one == provider_id and (status := self.statuses.get(number))
        ]


def report(provider_id: str, phone: str, status: str, secret: str = SECRET) -> tuple[bytes, str]:
    """A report's body and its signature, byte for byte as they come."""
    body = {
        "type": "outbound",
        "id": "f8a1",
        "message_id": provider_id,
        "receiver": phone.lstrip("+"),
        "sender": "OBIDIENT",
        "message": "Ẹ káàbọ̀",
        "sent_at": "2026-11-28 10:20:30",
        "cost": "2.50",
        "status": status,
        "channel": "generic",
    }
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return raw, hmac.new(secret.encode(), raw, hashlib.sha512).hexdigest()
