"""Wrong PINs at sign-in wait where they come from; nobody is shut out for good.

A PIN is one of 9 x 8^5 = 294,912. A wrong one is counted by number and address, by address whatever
the number, and (`pins.SIGN_INS`) by number wherever it comes from; each wait doubles up to its
longest and ends by itself. A phone on which the agent has signed in before is counted by itself.
docs/security.md works out how many guesses a day that leaves, and tests/sync/test_pin_guessing.py
holds it to that.
"""

from dataclasses import dataclass

from flask import request

from obidient.accounts.growing import Growing, Source
from obidient.accounts.guessing import network
from obidient.sync.models import AgentPin

#: For one number from one address.
NUMBER = Source("pin-number", Growing(free=5))
#: From one address, whatever the number; the waits are short, since many may share one.
ADDRESS = Source("pin-address", Growing(free=30, longest=600))
#: On a phone that is known.
PHONE = Source("pin-phone", Growing(free=10))
#: Of IPv6, what one customer may have of a hoster or a tunnel.
IPV6_BITS = 48


@dataclass(frozen=True)
class Attempt:
    """One try of a PIN; `phone` names a known one, else it is empty."""

    number: str
    address: str
    phone: str

    def begin(self) -> None:
        """Raises TooManyRequests, with the seconds to wait, when too many before were wrong."""
        if self.phone:
            PHONE.take(self.number, self.phone)
            return
        ADDRESS.check(self.address)
        NUMBER.take(self.number, self.address)
        ADDRESS.take(self.address)

    def right(self) -> None:
        """What was mistyped before is forgiven, but not what was tried of other numbers.

        Thousands of agents may share an address of a phone company. So each who signs in there
        takes one wrong one off its count, once a day: somebody's own PIN buys one guess.
        """
        if self.phone:
            PHONE.forgive(self.number, self.phone)
            return
        NUMBER.forgive(self.number, self.address)
        ADDRESS.give_back(self.address)
        if ADDRESS.is_first(self.address, self.number):
            ADDRESS.give_back(self.address)


def attempt(number: str, phone: str, pin: AgentPin | None) -> Attempt:
    """A try from the address of the current request; with a new PIN it is counted anew."""
    made = f"{number[:40]}:{pin.set_at.timestamp() if pin else ''}"
    return Attempt(made, network(request.remote_addr or "", IPV6_BITS), phone)
