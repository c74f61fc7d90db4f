"""`/api/sync/sign-in` and around it: how a phone becomes an agent's, and stops being it."""

from flask import Flask, Response, g
from pydantic import Field

from obidient import api, bodies
from obidient.accounts import guessing
from obidient.accounts.models import User
from obidient.accounts.passwords import verify
from obidient.accounts.tokens import public, requires
from obidient.api import ApiModel, json_response
from obidient.clock import isoformat
from obidient.errors import Forbidden, Unauthorized
from obidient.sync import devices

device_api = api.blueprint("sync_devices", "/api/sync", "sync", "Results from polling agents")

#: Bytes of a sign-in, which comes without a token.
LARGEST = 8 * 1024
WRONG = "That email and password don't match an account. Check both and try again."


class SignIn(ApiModel):
    email: str = Field(min_length=3, max_length=254, pattern=r"^[^\x00]*$")
    password: str = Field(min_length=1, max_length=200)
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


class ProfileOut(ApiModel):
    agent: AgentOut
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
    user: User | None = User.get_or_none(User.email == body.email.lower(), User.active)
    known = user is not None and devices.is_known(user, body.device_id)
    attempt = guessing.attempt(body.email, f"{body.email}:{body.device_id}" if known else "")
    attempt.begin()
    if not verify(user, body.password) or user is None:
        attempt.wrong()
        raise Unauthorized(WRONG)
    attempt.right()
    if user.totp_secret:
        raise Forbidden("This account has a second factor: sign in with an agent's account.")
    token, expires = devices.sign_in(user, body.device_id)
    profile = devices.profile(user)
    return json_response(SignedIn(token=token, expires_at=isoformat(expires) or "", **profile))


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
