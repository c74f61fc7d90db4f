"""What every HTTP endpoint shares: the app with its OpenAPI document, problems, pages, scopes.

A package's own `api.py` makes a blueprint here and declares pydantic models. Every endpoint takes a
Bearer token, checked before anything else; `accounts.tokens` says which.
"""

import inspect
import logging
import math
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Self

import orjson
from flask import Flask, Response, current_app, g, render_template, request
from flask_login import AnonymousUserMixin
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from peewee import DataError, InterfaceError, ModelSelect, OperationalError
from peewee import Field as Column
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from obidient import __version__, bodies, files
from obidient.accounts import tokens
from obidient.config import ROOT, Settings
from obidient.database import is_storable
from obidient.errors import Invalid, Problem, first_line
from obidient.extensions import csrf, limiter

logger = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
MAX_LIMIT = 200
#: Networks' callbacks: their token is checked before anything is read, and nothing is refused.
WEBHOOKS = "/api/communications/webhooks/"
NO_OBJECT = "The body must be a JSON object: {…}."
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class ApiModel(BaseModel):
    """camelCase outside, snake_case inside; unknown keys are refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", str_strip_whitespace=True
    )

    @model_validator(mode="after")
    def _is_storable(self) -> Self:
        """No text that one database takes and the other refuses gets past here."""
        for name in type(self).model_fields:
            if not is_storable(getattr(self, name)):
                raise PydanticCustomError(
                    "storable",
                    "{field} holds a character that no text may hold (NUL or half a letter)",
                    {"field": to_camel(name)},
                )
        return self


class ProblemOut(BaseModel):
    """An error as RFC 9457 has it; `detail` is one sentence that says what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[dict[str, Any]] | None = None


def written(sentence: str) -> WrapValidator:
    """Says how a value is written where pydantic would show its pattern."""

    def check(value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError:
            raise PydanticCustomError("written", "{how}", {"how": sentence}) from None

    return WrapValidator(check)


FROM_NEXT = "take it from nextCursor of the page before"


class PageQuery(ApiModel):
    """`cursor` is the `nextCursor` of the page before; the first page has none."""

    cursor: Annotated[
        str | None,
        Field(max_length=40, pattern=r"^[0-9]{1,18}$"),
        written(FROM_NEXT),
    ] = None
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


def problem(
    status: int,
    title: str,
    detail: str | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An `application/problem+json` response."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = list(errors)
    response = Response(orjson.dumps(body, default=str), status, content_type=PROBLEM)
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """JSON of a pydantic model (camelCase) or of plain values."""
    if isinstance(body, BaseModel):
        body = body.model_dump(by_alias=True, mode="json")
    response = Response(orjson.dumps(body, default=str), status, content_type="application/json")
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def is_api_path(path: str) -> bool:
    return path.startswith(("/api/", "/openapi"))


def page(query: "ModelSelect[Any]", key: Column, asked: PageQuery) -> tuple[list[Any], str | None]:
    """One page of a query, newest (highest key) first, and the cursor of the next or None."""
    if asked.cursor is not None:
        query = query.where(key < int(asked.cursor))
    rows = list(query.order_by(key.desc()).limit(asked.limit + 1))
    more = len(rows) > asked.limit
    rows = rows[: asked.limit]
    return rows, str(getattr(rows[-1], key.name)) if more else None


_PROBLEM_RESPONSE = {
    "description": "What is wrong, and what to do about it",
    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
}


class Guarded(APIBlueprint):
    """A blueprint whose endpoints take a token with one of the scopes that `needs` returns.

    None at all: any live token. `tokens.requires` and `tokens.public` go before this.
    """

    needs: Callable[[], tuple[str, ...]] = tuple


def blueprint(name: str, prefix: str, tag: str, description: str = "") -> Guarded:
    """A blueprint whose endpoints document the problems that every endpoint may answer."""
    statuses = (400, 401, 403, 404, 409, 413, 415, 422, 429)
    made = Guarded(
        name,
        __name__,
        url_prefix=prefix,
        abp_tags=[Tag(name=tag, description=description)],
        abp_responses={status: _PROBLEM_RESPONSE for status in statuses},
    )
    # The API knows no cookies, only Bearer tokens, so there is nothing to forge.
    csrf.exempt(made)
    return made


def register(app: Flask, blueprint: APIBlueprint) -> None:
    """Put a blueprint's endpoints into the app and its OpenAPI document."""
    assert isinstance(app, OpenAPI)  # noqa: S101 - build_app makes nothing else
    app.register_api(blueprint)


#: Where pydantic's own words speak of Python.
_PLAIN = {
    "missing": "it is required",
    "extra_forbidden": "there is no such field",
    "model_type": "write a JSON object, {…}",
    "dict_type": "write a JSON object, {…}",
    "list_type": "write a list, […]",
    "bool_type": "write true or false",
    "string_type": "write a text",
    "string_pattern_mismatch": "it holds a character that may not be there",
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "timezone_aware": "write the time with its offset, like 2027-01-16T09:00:00+01:00",
    "datetime_from_date_parsing": "write a time like 2027-01-16T09:00:00+01:00",
    "datetime_parsing": "write a time like 2027-01-16T09:00:00+01:00",
}


def _on_invalid(error: ValidationError) -> Response:
    if any(item["type"] == "model_type" and not item["loc"] for item in error.errors()):
        if request.mimetype != "application/json":
            sentence = "Send the body as JSON, with the header Content-Type: application/json."
            return problem(415, "Unsupported Media Type", sentence)
        return problem(422, "Invalid request", NO_OBJECT)
    refused = unfit(error)
    return problem(refused.status, refused.title, refused.detail, refused.errors)


def unfit(error: ValidationError, within: tuple[str, ...] = ()) -> Invalid:
    """The same words for what doesn't fit a model, wherever it is met; `within` is its place."""
    found = [
        {
            "field": ".".join(str(part) for part in (*within, *item["loc"])),
            "message": _PLAIN.get(item["type"], item["msg"].removeprefix("Value error, ")),
        }
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    first = found[0] if found else {"field": "", "message": "it can't be read"}
    return Invalid(f"Correct {first['field'] or 'the body'}: {first['message']}.", found)


def _on_http_error(error: HTTPException) -> Response | HTTPException:
    if (error.code or 500) < 400:
        return error
    kept = {
        name: value
        for name, value in error.get_headers()
        if name.lower() not in {"content-type", "content-length"}
    }
    if error.code == 429 and limiter.current_limit and "Retry-After" not in kept:
        wait = math.ceil(limiter.current_limit.reset_at - time.time())
        kept["Retry-After"] = str(max(1, wait))
    if not is_api_path(request.path):
        page = render_template(
            "error.html", status=error.code, title=error.name, detail=error.description
        )
        return Response(page, error.code or 500, kept, mimetype="text/html")
    return problem(error.code or 500, error.name, error.description, headers=kept)


def _on_problem(error: Problem) -> Response | tuple[str, int]:
    if is_api_path(request.path):
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        return problem(error.status, error.title, error.detail, error.errors, headers)
    page = render_template(
        "error.html", status=error.status, title=error.title, detail=error.detail
    )
    return page, error.status


def _on_crash(error: Exception) -> Response | tuple[str, int]:
    logger.exception("request failed", exc_info=error)
    sentence = f"Something went wrong on our side; it is logged as {g.get('request_id', '-')}."
    if is_api_path(request.path):
        return problem(500, "Internal Server Error", sentence)
    return render_template("error.html", status=500, title="Our mistake", detail=sentence), 500


def _on_no_room(error: OSError) -> Response | tuple[str, int]:
    """A full disk, met while a body was put aside: told as such, whatever else is our mistake."""
    if not files.is_full(error):
        return _on_crash(error)
    logger.error("the disk is full: %s", first_line(error))
    return _on_problem(files.DiskFull())


def _on_no_database(error: Exception) -> Response | tuple[str, int]:
    """Answer 503: the request is right, and its sender may send it again."""
    logger.error("the database does not answer: %s", first_line(error))
    sentence = "The database does not answer just now. Try again in a minute."
    if files.is_full(error):
        sentence = "The disk is full: nothing can be written just now. Tell whoever runs this."
    if is_api_path(request.path):
        return problem(503, "Service Unavailable", sentence, headers={"Retry-After": "5"})
    # The page asks who is signed in, and that is in the database.
    g._login_user = AnonymousUserMixin()
    return render_template("error.html", status=503, title="Not just now", detail=sentence), 503


def _on_unstorable(error: Exception) -> Response | tuple[str, int]:
    """A number that no column holds, a NUL in a text: the address or form is wrong, not we."""
    logger.warning("request holds what no database can: %s", first_line(error))
    if is_api_path(request.path):
        sentence = "A number here is far too large, or a text holds a sign that none can hold."
        return problem(422, "Invalid request", sentence)
    sentence = (
        "Something in this address or form can’t be right: a number far too large, or a sign that "
        "no text can hold. Go back and try it otherwise."
    )
    return render_template("error.html", status=400, title="Can’t be read", detail=sentence), 400


def _note_request_id() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _return_request_id(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "-")
    return response


def refuse_query() -> Response | None:
    """Before each GET of an endpoint that takes no query: nothing in one is ignored.

    Those that take one refuse what they don't know by their model. What is public takes any: pages
    of other sites and load tests put a number there to get past a cache.
    """
    is_read = request.method in {"GET", "HEAD"} and request.path.startswith("/api/")
    if not is_read or not request.args or request.endpoint is None:
        return None
    view = current_app.view_functions[request.endpoint]
    if request.path.startswith(WEBHOOKS) or getattr(view, "__obidient_public__", False):
        return None
    if "query" in inspect.unwrap(view).__annotations__:
        return None
    name = next(iter(request.args))
    told = _PLAIN["extra_forbidden"]
    found = [{"field": name, "message": told}]
    return problem(422, "Invalid request", f"Correct {name}: {told}.", found)


def check_json_body() -> None:
    """Before each API request: a body that is no JSON is refused here, not found empty later."""
    if not request.path.startswith("/api/") or request.method not in {"POST", "PUT", "PATCH"}:
        return
    if request.endpoint is None or request.path.startswith(WEBHOOKS):
        return
    if request.mimetype == "application/json":
        bodies.unpack(request.max_content_length or bodies.USUAL)
        data = request.get_data()
        if not data:
            # Many clients name a type for no body; where one is needed, its fields are missed.
            return
        bodies.measure(data)
        try:
            body = request.get_json()
        except BadRequest:
            raise Invalid("The body is no valid JSON. Correct it and send it again.") from None
        if isinstance(body, str):
            raise Invalid(NO_OBJECT)


def build_app(settings: Settings) -> Flask:
    """The bare Flask app with OpenAPI at /openapi/openapi.json and errors as problems."""
    app = OpenAPI(
        "obidient",
        info=Info(
            title="Obidient",
            version=__version__,
            description="Campaigns, contacts, results and sync of the Obidient backbone.",
        ),
        security_schemes={"bearer": {"type": "http", "scheme": "bearer"}},
        validation_error_status=422,
        validation_error_model=ProblemOut,
        validation_error_callback=_on_invalid,
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "obidient" / "static"),
        static_url_path="/static",
        doc_ui=False,
    )
    app.extensions["obidient.settings"] = settings
    app.config.update(
        SECRET_KEY=settings.secret_key or "development-only",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=bool(settings.public_url and settings.public_url[:6] == "https:"),
    )
    app.add_url_rule("/openapi/openapi.json", "openapi", lambda: json_response(app.api_doc))
    app.before_request(_note_request_id)
    app.after_request(_return_request_id)
    # In this order: who asks, how much may be sent, what was sent.
    app.before_request(tokens.admit)
    bodies.init_app(app)
    app.before_request(refuse_query)
    app.before_request(check_json_body)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_crash)
    app.register_error_handler(Problem, _on_problem)
    app.register_error_handler(OSError, _on_no_room)
    app.register_error_handler(OverflowError, _on_unstorable)
    app.register_error_handler(DataError, _on_unstorable)
    app.register_error_handler(OperationalError, _on_no_database)
    app.register_error_handler(InterfaceError, _on_no_database)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, count, count, count, count)  # type: ignore[method-assign]
    return app
