"""What a reviewer lets count, and who they are."""

from dataclasses import dataclass

from obidient.accounts import audit
from obidient.results.sheets import Figures


@dataclass(frozen=True)
class Chosen:
    """What is to count: figures, whose they are, and why they can't be right, if so."""

    figures: Figures | None
    agent: str
    submission: int | None = None
    doubt: str = ""


def decider() -> str:
    """Who decides now, as it is kept: an email, or the command line."""
    user = audit.actor()
    return str(user.email) if user else "command line"
