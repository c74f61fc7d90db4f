"""What `obidient plugins new` writes; `@name@` and the like are filled in."""

PROVIDER = '''"""@title@: carries @channel@."""

from collections.abc import Iterable

from wtforms import StringField
from wtforms.validators import Length

from obidient.plugin import Accepted, Form, Message, Outcome, Provider


class @cls@(Provider):
    """Replace this line by what people should know when they choose this provider."""

    name = "@name@"
    channel = "@channel@"
    #: Recipients of one equal text that your network takes in one request.
    max_batch = 100
    #: It only pretends so far. Take this away when send() really sends.
    simulated = True

    class Settings(Form):
        sender = StringField("Sender", [Length(max=11)], default="OBIDIENT")

    def ready(self) -> str | None:
        """None when it can work, or what is missing."""
        return None

    def send(self, messages: list[Message]) -> Iterable[Outcome]:
        """Hand messages, all with the same text, to the network; an outcome for each.

        Accepted, Retry, Rejected, Defer, Unknown or Stop: docs/plugins.md says which is which.
        """
        for message in messages:
            self.log.info("message %s would go out now", message.id)
            yield Accepted(message, provider_id=f"@name@-{message.id}-{message.attempt}", parts=1)
'''

TESTS = '''"""@title@ keeps the contract of every provider; its own cases come after it."""

from pathlib import Path

from obidient.plugin import Accepted
from obidient.testing import ChannelContract, load_plugin, make_messages, make_provider

@cls@ = load_plugin("@module@", Path(__file__).parents[2]).@cls@


class TestContract(ChannelContract):
    provider_class = @cls@


def test_a_message_is_accepted() -> None:
    (outcome,) = make_provider(@cls@).send(make_messages(1))
    assert isinstance(outcome, Accepted)
'''
