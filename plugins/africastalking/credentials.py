"""Whose account it is, apart from the SDK: that is loaded when there is something to send."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """Whose account, and where; `sandbox` as the user name selects their sandbox."""

    username: str
    api_key: str
    base_url: str = ""
    connections: int = 64
    read_timeout: float = 25.0
