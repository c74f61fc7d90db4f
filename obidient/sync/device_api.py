"""`/api/sync/sign-in` and around it: how a phone becomes an agent's, and stops being it."""

import re
from typing import Literal

from flask import Flask, Response, g
from flask_login import current_user
from pydantic import Field

from obidient import api, bodies
from obidient.accounts import guessing
from obidient.accounts.growing import too_many
from obidient.accounts.models import User
from obidient.accounts.passwords import verify
from obidient.accounts.tokens import public, requires
from obidient.api import ApiModel, json_response
from obidient.clock import isoformat
from obidient.contacts import phones
from obidient.errors import Forbidden, Unauthorized
from obidient.sync import agents, devices, pin_guessing, pins, roll_call

device_api = api.blueprint("sync_devices", "/api/sync", "sync", "Results from polling agents")

WRONG = "That email and password don't match an account. Check both and try again."
WRONG_PIN = "That number and PIN don't belong together. Check both and try again."
GUESSED_AT = "a wrong PIN for this number, perhaps by somebody else"
#: Bytes of a sign-in, which comes without a token.
LARGEST = 8 * 1024


class SignIn(ApiModel):
    """Either `email` and `password` or `phone` and `pin`; neither if the browser is signed in."""

    email: str | None = Field(None, min_length=3, max_length=254)
    password: str | None = Field(None, min_length=1, max_length=200)
    phone: str | None = Field(None, min_length=3, max_length=40)
    pin: str | None = Field(None, min_length=1, max_length=20, pattern=r"^[0-9 .-]+$")
    device_id: str = Field(
        min_length=8, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+$", description="Made once, kept"
    )


class AgentOut(ApiModel):
    id: int
    name: str
    email: str


class UnitOut(ApiModel):
    code: str
    name: str
    ward: str
    lga: str
    state: str
    registered_voters: int | None = Field(description="As the register has it")
    is_listed: bool = Field(description="Whether the register holds this polling unit")


class BallotPartyOut(ApiModel):
    party_code: str
    party_name: str
    color: str


class OpenElectionOut(ApiModel):
    election_id: str
    election_name: str
    election_type: str
    status: str
    last_revision: int = Field(description="The highest that came from this agent for the unit")
    parties: list[BallotPartyOut]


class RollCallOut(ApiModel):
    """When the agent told what today; null: not yet."""

    arrived: str | None
    opened: str | None
    closed: str | None


class ProfileOut(ApiModel):
    agent: AgentOut
    roll_call: RollCallOut
    polling_unit: UnitOut
    elections: list[OpenElectionOut]


class SignedIn(ProfileOut):
    token: str = Field(description="Scope sync; shown only now")
    expires_at: str


def register(app: Flask) -> None:
    api.register(app, device_api)


@device_api.post("/sign-in", responses={200: SignedIn})
@bodies.takes(LARGEST)
@public
def sign_in(body: SignIn) -> Response:
    """Trust this device for thirty days; returns its token and what it needs without network."""
    user = _signing_in(body)
    if user.totp_secret:
        raise Forbidden("This account has a second factor: sign in with an agent's account.")
    token, expires = devices.sign_in(user, body.device_id)
    profile = devices.profile(user)
    return json_response(SignedIn(token=token, expires_at=isoformat(expires) or "", **profile))


def _signing_in(body: SignIn) -> User:
    """Who signs in, by the first of their proofs that the body holds."""
    if body.phone is not None and body.pin is not None:
        return _by_pin(body, body.phone, re.sub("[ .-]", "", body.pin))
    if body.email is not None and body.password is not None:
        user = User.get_or_none(User.email == body.email.lower(), User.active)
        return _by_password(body, body.email, user, body.password)
    if getattr(current_user, "is_authenticated", False):
        # Only a page of ours can ask so: the cookie does not come along from elsewhere.
        signed_in: User = current_user._get_current_object()
        return signed_in
    raise Forbidden("Give email and password, or phone and pin.")


def _by_password(body: SignIn, email: str, user: User | None, password: str) -> User:
    """The user whose password is right; guesses are slowed down where they come from."""
    known = user is not None and devices.is_known(user, body.device_id)
    attempt = guessing.attempt(email, f"{email}:{body.device_id}" if known else "")
    attempt.begin()
    if not verify(user, password) or user is None:
        attempt.wrong()
        raise Unauthorized(WRONG)
    attempt.right()
    return user


def _by_pin(body: SignIn, phone: str, pin: str) -> User:
    """The agent whose number and PIN belong together; guesses wait, ever longer."""
    number = _number(phone)
    user = agents.by_phone(number) if number else None
    known = user is not None and devices.is_known(user, body.device_id)
    kept = pins.of(user)
    seconds = 0 if known else pins.sign_in_wait(kept)
    if seconds:
        raise too_many(seconds, GUESSED_AT)
    attempt = pin_guessing.attempt(number or phone, body.device_id if known else "", kept)
    attempt.begin()
    standing = pins.may_sign_in(user, pin, known)
    if standing.verdict == "waits":
        raise too_many(standing.seconds, GUESSED_AT)
    if standing.verdict != "right" or user is None:
        raise Unauthorized(WRONG_PIN)
    attempt.right()
    return user


def _number(given: str) -> str:
    """E.164; empty for what is no number."""
    try:
        return phones.normalise(given)
    except ValueError:
        return ""


class Mark(ApiModel):
    mark: Literal["arrived", "opened", "closed"]


@device_api.post("/roll-call", responses={200: RollCallOut}, security=api.BEARER)
@requires("sync")
def roll(body: Mark) -> Response:
    """Tell that you are at your unit, or that its polls opened or closed; the first time counts."""
    if g.api_user.role != "agent":
        raise Forbidden("Only polling agents answer the roll call.")
    return json_response(RollCallOut(**roll_call.told(roll_call.mark(g.api_user, body.mark))))


@device_api.get("/profile", responses={200: ProfileOut}, security=api.BEARER)
@requires("sync")
def profile() -> Response:
    """The agent's unit, elections and parties, as they are now."""
    return json_response(ProfileOut(**devices.profile(g.api_user)))


@device_api.post(
    "/sign-out", responses={204: {"description": "The token is worthless now"}}, security=api.BEARER
)
@requires("sync")
def sign_out() -> Response:
    """Trust this device no longer."""
    devices.sign_out(g.token)
    return Response(status=204)
