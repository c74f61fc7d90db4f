"""Signing in, roles, tokens and the audit trail."""

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obidient import create_app
from obidient.accounts import passwords, tokens, users
from obidient.accounts.login import safe_next
from obidient.accounts.models import ApiToken, AuditEntry, User
from obidient.clock import utcnow
from obidient.errors import Conflict, Forbidden, Invalid, Unauthorized
from obidient.roles import ROLES, SCOPES, scopes_of

PASSWORD = "correct horse battery"
MakeUser = Callable[..., User]
Cli = Callable[..., Result]


def csrf(client: FlaskClient) -> str:
    text = client.get("/login").text
    return text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD, **more: str) -> object:
    form = {"email": email, "password": password, "csrf_token": csrf(client)}
    return client.post("/login", data=form, **more)  # type: ignore[arg-type]


def test_a_hash_for_nobody_costs_what_others_cost_and_fits_no_password() -> None:
    hasher = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)
    text = passwords.nobodys(hasher)
    assert not hasher.check_needs_rehash(text)
    with pytest.raises(VerifyMismatchError):
        hasher.verify(text, "nobody at all")


@pytest.mark.slow
def test_a_person_signs_in_and_out(client: FlaskClient, make_user: MakeUser) -> None:
    user = make_user("organiser")
    answer = sign_in(client, user.email.upper())
    assert answer.status_code == 302
    assert answer.location == "/admin/"
    assert client.get("/login").status_code == 302
    token = client.get("/password").text.partition('name="csrf_token"')[2]
    token = token.partition('value="')[2].partition('"')[0]
    assert client.post("/logout", data={"csrf_token": token}).status_code == 302
    assert client.get("/login").status_code == 200


def test_who_signs_in_without_tls_is_told_where_it_is(environ: dict[str, str]) -> None:
    """A browser sends our cookie over https alone, so the form's token has nothing to match."""
    place = "https://obidient.example.org"
    client = create_app(environ | {"PUBLIC_URL": place}).test_client()
    answer = client.post("/login", data={"email": "a@example.org", "csrf_token": "its"})
    assert answer.status_code == 400
    assert f"open {place} instead" in answer.text
    again = client.post("/login", data={}, base_url=place)
    assert again.status_code == 400 and "instead" not in again.text


@pytest.mark.parametrize("email", ["nobody@example.org", "known"])
def test_a_wrong_password_and_an_unknown_email_look_the_same(
    client: FlaskClient, make_user: MakeUser, email: str
) -> None:
    known = make_user("viewer").email
    answer = sign_in(client, known if email == "known" else email, "wrong password")
    assert answer.status_code == 401
    assert "don&#39;t match an account" in answer.text


def test_signing_in_without_a_csrf_token_is_refused(
    client: FlaskClient, make_user: MakeUser
) -> None:
    form = {"email": make_user().email, "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 400


@pytest.mark.slow
def test_without_redis_people_sign_in_and_guessing_is_throttled_all_the_same(
    app: Flask, environ: dict[str, str], make_user: MakeUser
) -> None:
    user = make_user()
    client = create_app(environ | {"REDIS_URL": "redis://127.0.0.1:1/0"}).test_client()
    codes = [sign_in(client, user.email, "wrong password").status_code for _ in range(12)]
    assert codes[:10] == [401] * 10
    assert codes[-1] == 429
    assert client.get("/healthz").status_code == 200
    assert sign_in(client, make_user("organiser").email).status_code == 302


def test_a_closed_account_can_neither_sign_in_nor_use_its_token(
    client: FlaskClient, make_user: MakeUser
) -> None:
    make_user("admin")
    user = make_user("organiser")
    token = tokens.issue(user, "t")
    users.set_active(user, False)
    assert sign_in(client, user.email).status_code == 401
    with pytest.raises(Unauthorized):
        tokens.authorize(f"Bearer {token}", ())


def test_a_new_password_ends_all_sessions(app: Flask, make_user: MakeUser) -> None:
    user = make_user()
    elsewhere = app.test_client()
    sign_in(elsewhere, user.email)
    users.set_password(user, "another good password")
    assert elsewhere.get("/password").status_code == 302


def test_the_last_admin_can_be_neither_closed_nor_demoted(make_user: MakeUser) -> None:
    only = make_user("admin")
    with pytest.raises(Conflict):
        users.set_active(only, False)
    with pytest.raises(Conflict):
        users.set_role(only, "viewer")


@pytest.mark.slow
@settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    target=st.one_of(
        st.text(max_size=30),
        st.sampled_from(["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil"]),
        st.from_regex(r"[/\\]{1,3}[a-z.:/\\]{0,20}", fullmatch=True),
    )
)
def test_next_never_leads_to_another_site(target: str) -> None:
    safe = safe_next(target)
    assert safe.startswith("/")
    assert not safe.startswith("//")
    assert "\\" not in safe


@pytest.mark.slow
@pytest.mark.parametrize("role", list(ROLES))
@pytest.mark.parametrize("scope", list(SCOPES))
def test_a_token_may_do_what_its_role_may_and_no_more(
    app: Flask, make_user: MakeUser, role: str, scope: str
) -> None:
    token = tokens.issue(make_user(role), "t")
    with app.test_request_context():
        if scope in scopes_of(role):
            tokens.authorize(f"Bearer {token}", (scope,))
        else:
            with pytest.raises(Forbidden):
                tokens.authorize(f"Bearer {token}", (scope,))


def test_a_scoped_token_loses_what_its_user_loses(app: Flask, make_user: MakeUser) -> None:
    make_user("admin")
    user = make_user("organiser")
    token = tokens.issue(user, "t", ["campaigns:write"])
    users.set_role(user, "viewer")
    with app.test_request_context(), pytest.raises(Forbidden):
        tokens.authorize(f"Bearer {token}", ("campaigns:write",))


def test_a_token_can_ask_for_no_more_than_its_role(make_user: MakeUser) -> None:
    with pytest.raises(Invalid, match="may not hold"):
        tokens.issue(make_user("viewer"), "t", ["admin"])


@pytest.mark.slow
def test_tokens_are_stored_hashed_expire_and_can_be_revoked(
    app: Flask, make_user: MakeUser
) -> None:
    user = make_user()
    token = tokens.issue(user, "t")
    row = ApiToken.get(ApiToken.user == user)
    assert token not in (row.digest, row.prefix)
    with app.test_request_context():
        tokens.authorize(f"Bearer {token}", ())
        ApiToken.update(expires_at=utcnow()).execute()
        with pytest.raises(Unauthorized):
            tokens.authorize(f"Bearer {token}", ())
        ApiToken.update(expires_at=None).execute()
        tokens.revoke(row)
        with pytest.raises(Unauthorized):
            tokens.authorize(f"Bearer {token}", ())


def test_the_list_of_tokens_says_which_still_work(
    app: Flask, cli: Cli, make_user: MakeUser
) -> None:
    user = make_user()
    for name in ("works", "over", "gone"):
        tokens.issue(user, name)
    ApiToken.update(expires_at=utcnow()).where(ApiToken.name == "over").execute()
    tokens.revoke(ApiToken.get(ApiToken.name == "gone"))
    lines = cli("token", "list").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["live", "expired", "revoked"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer nonsense"])
def test_a_missing_or_wrong_token_is_401(app: Flask, header: str) -> None:
    with app.test_request_context(), pytest.raises(Unauthorized):
        tokens.authorize(header, ())


@pytest.mark.slow
def test_the_command_makes_a_user_and_a_token_alone_on_the_last_line(cli: Cli, app: Flask) -> None:
    made = cli(
        "user", "create", "a@example.org", "--role", "admin", "--password-stdin",
        input=f"{PASSWORD}\n",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    result = cli("token", "create", "--user", "a@example.org", "--name", "script")
    token = result.stdout.splitlines()[-1]
    with app.test_request_context():
        assert tokens.authorize(f"Bearer {token}", ("admin",)).email == "a@example.org"


@pytest.mark.slow
@pytest.mark.parametrize("scopes", ["--scope sync --scope admin", "--scope sync admin"])
def test_scopes_are_named_one_by_one_or_in_a_row(
    cli: Cli, app: Flask, make_user: Callable[..., User], scopes: str
) -> None:
    email = make_user("admin").email
    assert cli("token", "create", "--user", email, "--name", "x", *scopes.split()).exit_code == 0
    assert ApiToken.get().scopes == "admin sync"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("user", "create", "a@example.org", "--role", "king"), "organiser"),
        (("user", "create", "not-an-email", "--role", "admin"), "not an email"),
        (("token", "create", "--user", "x@example.org", "--name", "n"), "no user"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    cli: Cli, app: Flask, arguments: tuple[str, ...], word: str
) -> None:
    result = cli(*arguments, input=f"{PASSWORD}\n")
    assert result.exit_code == 1
    assert word in result.output
    assert "Traceback" not in result.output


def test_changes_are_in_the_audit_trail_with_who_made_them(
    client: FlaskClient, make_user: MakeUser
) -> None:
    user = make_user()
    sign_in(client, user.email)
    last = AuditEntry.select().order_by(AuditEntry.id.desc()).first()
    assert (last.action, last.actor) == ("user.signed-in", user.email)


@pytest.mark.slow
def test_every_page_has_strict_headers(client: FlaskClient) -> None:
    headers = client.get("/login").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Request-Id" in headers
