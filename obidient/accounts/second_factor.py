"""A second factor: six digits from an app (TOTP, RFC 6238), and recovery codes for a lost phone."""

import hashlib
import io
import secrets
import time

import pyotp

from obidient.accounts import audit
from obidient.accounts.models import RecoveryCode, User
from obidient.clock import utcnow
from obidient.config import settings
from obidient.database import db
from obidient.errors import Invalid

ISSUER = "Obidient"
#: Seconds of a step; one step of drift is forgiven in either direction.
STEP = 30
RECOVERY_CODES = 10
WRONG = "That code is not right. Type the six digits that the app shows now."


def is_required(user: User) -> bool:
    """Whether people of this role have to have one."""
    return user.role in settings().require_second_factor


def new_secret() -> str:
    return pyotp.random_base32()


def picture(user: User, secret: str) -> str:
    """The QR code that an app reads, as SVG."""
    import segno

    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)
    out = io.BytesIO()
    segno.make(uri, error="m").save(
        out, kind="svg", scale=5, border=3, light="#fff", xmldecl=False, svgns=True, nl=False
    )
    return out.getvalue().decode()


def turn_on(user: User, secret: str, code: str) -> list[str]:
    """Begin to ask for it; returns the recovery codes, to be shown once. Raises Invalid."""
    step = _step_of(secret, code)
    if step is None:
        raise Invalid(WRONG)
    with db.atomic():
        User.update(totp_secret=secret, totp_last_step=step).where(User.id == user.id).execute()
        codes = _new_codes(user)
        audit.record("user.factor-on", f"{user.email} set up a second factor", "user", user.id)
    return codes


def turn_off(user: User, why: str) -> None:
    """Ask for it no more; `why` is the sentence for the audit trail."""
    with db.atomic():
        User.update(totp_secret=None, totp_last_step=0).where(User.id == user.id).execute()
        RecoveryCode.delete().where(RecoveryCode.user_id == user.id).execute()
        audit.record("user.factor-off", why, "user", user.id)


def renew_codes(user: User) -> list[str]:
    """New recovery codes in place of the old ones, to be shown once."""
    with db.atomic():
        codes = _new_codes(user)
        sentence = f"{user.email} made new recovery codes"
        audit.record("user.recovery-codes", sentence, "user", user.id)
    return codes


def codes_left(user: User) -> int:
    unused = RecoveryCode.select().where(
        RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_null()
    )
    return int(unused.count())


def check(user: User, given: str) -> bool:
    """Whether a code is right: one of the app, or a recovery code. Each is taken only once."""
    code = "".join(given.split()).replace("-", "").lower()
    if len(code) == 6 and code.isdigit():
        return _check_step(user, code)
    mine = (RecoveryCode.user_id == user.id) & (RecoveryCode.digest == _digest(user, code))
    used = RecoveryCode.update(used_at=utcnow()).where(mine, RecoveryCode.used_at.is_null())
    with db.atomic():
        taken = bool(used.execute())
        if taken:
            sentence = f"{user.email} signed in with a recovery code"
            audit.record("user.recovered", sentence, "user", user.id)
    return taken


def _check_step(user: User, code: str) -> bool:
    """Who has looked over a shoulder can't use the same digits again, nor any from before."""
    step = _step_of(user.totp_secret or "", code) if user.totp_secret else None
    if step is None:
        return False
    newer = User.update(totp_last_step=step).where(
        User.id == user.id, User.totp_last_step < step, User.totp_secret == user.totp_secret
    )
    return bool(newer.execute())


def _step_of(secret: str, code: str) -> int | None:
    """The step that a code belongs to, if it is one of now."""
    now = int(time.time()) // STEP
    totp = pyotp.TOTP(secret, interval=STEP)
    given = "".join(code.split())
    for step in (now, now - 1, now + 1):
        if secrets.compare_digest(totp.at(step * STEP).encode(), given.encode()):
            return step
    return None


def _new_codes(user: User) -> list[str]:
    codes = [f"{secrets.token_hex(4)}-{secrets.token_hex(4)}" for _ in range(RECOVERY_CODES)]
    RecoveryCode.delete().where(RecoveryCode.user_id == user.id).execute()
    RecoveryCode.insert_many(
        [{"user_id": user.id, "digest": _digest(user, one.replace("-", ""))} for one in codes]
    ).execute()
    return codes


def _digest(user: User, code: str) -> str:
    """64 random bits need no slow hash."""
    return hashlib.sha256(f"{user.id}:{code}".encode()).hexdigest()
