"""Each case of their voice API, over real sockets: what the provider makes of it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin_africastalking import API_KEY, StandIn

from obidient import testing
from obidient.plugin import (
    Accepted,
    CallProgress,
    Choice,
    DeliveryReport,
    Message,
    Money,
    Outcome,
    ProviderContext,
    ProviderStopped,
    Rejected,
    RequestRetry,
    Script,
    Stop,
    Unknown,
)
from plugins.africastalking import AfricasTalkingVoice, voice_xml

PHONES = ["+2348035550101", "+2348035550102", "+2348035550103"]
CALLER = "+2342013300000"


@pytest.fixture
def network() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


def account(url: str) -> dict[str, Any]:
    return {"username": "sandbox", "api_key": API_KEY, "base_url": url, "caller": CALLER}


def provider(url: str, **changes: Any) -> AfricasTalkingVoice:
    host = testing.RecordingHost()
    return AfricasTalkingVoice(ProviderContext(account(url) | changes, host))


def messages() -> list[Message]:
    return [Message(n, phone, f"Hello {n}", 12) for n, phone in enumerate(PHONES, 1)]


def send(network: StandIn, **changes: Any) -> list[Outcome]:
    return list(provider(network.url, **changes).send(messages()))


def test_one_request_calls_several_people_under_our_reference(network: StandIn) -> None:
    found = send(network)
    assert [type(outcome) for outcome in found] == [Accepted] * 3
    (request,) = network.requests
    assert (request["from"], request["to"]) == (CALLER, ",".join(PHONES))
    assert request["clientRequestId"].startswith("12-")
    assert network.headers[0]["apikey"] == API_KEY
    assert {one.provider_id for one in found} == {i for _, _, i in network.accepted}  # type: ignore[union-attr]


def test_texts_of_their_own_need_no_requests_of_their_own(network: StandIn) -> None:
    found = list(provider(network.url, max_batch=2).send_each(messages()))
    assert all(isinstance(outcome, Accepted) for outcome in found)
    assert len(network.requests) == 2


def test_no_two_requests_have_the_same_reference(network: StandIn) -> None:
    for _ in range(3):
        send(network)
    assert len({request["clientRequestId"] for request in network.requests}) == 3


@pytest.mark.parametrize(
    ("status", "invalid"), [("InvalidPhoneNumber", True), ("DestinationNotSupported", False)]
)
def test_a_bad_number_is_rejected_alone(network: StandIn, status: str, invalid: bool) -> None:
    network.behave(codes={PHONES[1]: status})
    first, second, third = send(network)
    assert isinstance(first, Accepted)
    assert isinstance(third, Accepted)
    assert isinstance(second, Rejected)
    assert (second.code, second.invalid) == (status, invalid)


def test_without_credit_the_campaign_stops_and_who_is_called_stays_called(
    network: StandIn,
) -> None:
    network.behave(codes={PHONES[1]: "InsufficientCredit", PHONES[2]: "InsufficientCredit"})
    accepted, stop = send(network)
    assert isinstance(accepted, Accepted)
    assert isinstance(stop, Stop)
    assert "top up" in stop.reason


def test_a_request_that_is_turned_down_stops_with_their_reason(network: StandIn) -> None:
    network.behave(refusal="Invalid callerId: +2342013300000")
    (stop,) = send(network)
    assert isinstance(stop, Stop)
    assert "Invalid callerId" in stop.reason


def test_a_number_that_is_not_mentioned_is_in_doubt(network: StandIn) -> None:
    network.behave(omit={PHONES[1]})
    kinds = [type(outcome) for outcome in send(network)]
    assert kinds == [Accepted, Unknown, Accepted]


def test_a_status_nobody_has_heard_of_is_in_doubt(network: StandIn) -> None:
    network.behave(codes={PHONES[0]: "Sideways"})
    assert isinstance(send(network)[0], Unknown)


@pytest.mark.parametrize(
    "how",
    [
        {"reset": "after"},
        {"status": 500},
        {"garbage": b"<html>"},
        {"garbage": b"[]"},
        {"cut": 10},
    ],
)
def test_calls_that_may_ring_are_in_doubt(network: StandIn, how: dict[str, Any]) -> None:
    network.behave(**how)
    assert [type(outcome) for outcome in send(network)] == [Unknown] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_a_person_must_mend_stops_everything(network: StandIn, status: int) -> None:
    network.behave(status=status, body="no")
    with pytest.raises(ProviderStopped):
        send(network)


def test_too_many_requests_is_a_rest(network: StandIn) -> None:
    network.behave(status=429, headers={"Retry-After": "7"})
    with pytest.raises(RequestRetry) as refused:
        send(network)
    assert refused.value.after == 7


def test_it_needs_a_number_to_call_from() -> None:
    bare = AfricasTalkingVoice(ProviderContext({"username": "u", "api_key": "k"}))
    assert bare.ready() == "AT_VOICE_CALLER_ID is not set"


# ---- callbacks ----------------------------------------------------------------------------------


def read(**form: str) -> Any:
    one = provider("http://127.0.0.1:9")
    (event,) = one.events("events", testing.webhook(**form))
    return event


def final(cause: str, **more: str) -> DeliveryReport:
    form = {
        "callSessionState": "NotAnswered",
        "hangupCause": cause,
        "direction": "Outbound",
        "durationInSeconds": "0",
        "amount": "0",
        "callerNumber": PHONES[0],
        "status": "NotAnswered",
        "sessionId": "ATVId_1",
        "isActive": "0",
        "currencyCode": "NGN",
        "clientRequestId": "12-ab",
    }
    found: DeliveryReport = read(**form | more)
    assert isinstance(found, DeliveryReport)
    return found


def test_an_answered_call_is_delivered_with_its_length_and_cost() -> None:
    report = final("NORMAL_CLEARING", status="Completed", durationInSeconds="14", amount="7.35")
    assert (report.status, report.duration, report.unanswered) == ("delivered", 14, False)
    assert report.cost == Money(Decimal("7.35"), "NGN")
    assert (report.provider_id, report.phone, report.reference) == ("ATVId_1", PHONES[0], "12-ab")


@pytest.mark.parametrize(
    ("cause", "again"),
    [
        ("USER_BUSY", True),
        ("NO_ANSWER", True),
        ("NO_USER_RESPONSE", True),
        ("SUBSCRIBER_ABSENT", True),
        ("NORMAL_TEMPORARY_FAILURE", True),
        ("", True),
        ("CALL_REJECTED", False),
        ("UNALLOCATED_NUMBER", False),
        ("SOMETHING_NEW", False),
    ],
)
def test_calling_again_makes_sense_for_some_causes_only(cause: str, again: bool) -> None:
    report = final(cause)
    assert (report.status, report.unanswered) == ("undelivered", again)
    assert report.reason
    assert report.invalid == (cause == "UNALLOCATED_NUMBER")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"status": "Completed", "hangupCause": "USER_BUSY"}, "undelivered"),
        ({"status": "NotAnswered", "durationInSeconds": "7"}, "delivered"),
        ({"status": "Completed", "durationInSeconds": ""}, "delivered"),
        ({"status": "", "callSessionState": "Completed"}, "delivered"),
        ({"status": "", "callSessionState": ""}, "undelivered"),
        ({"status": "Teleported", "callSessionState": "", "hangupCause": "NEW"}, "teleported"),
    ],
)
def test_an_end_that_contradicts_itself_is_read_with_sense(
    form: dict[str, str], status: str
) -> None:
    assert final(form.pop("hangupCause", "NORMAL_CLEARING"), **form).status == status


@pytest.mark.parametrize(
    ("form", "network"),
    [
        ({"callerCarrierName": "MTN Nigeria"}, "62130"),
        ({"callerCarrierName": "Airtel", "callerCountryCode": "234"}, "62120"),
        ({"callerCarrierName": "GLO"}, "62150"),
        ({"callerCarrierName": "9mobile (Etisalat)"}, "62160"),
        ({"callerCarrierName": "MTN", "callerCountryCode": "256"}, "MTN"),
        ({"callerCarrierName": "Global Telecom"}, "Global Telecom"),
        ({"networkCode": "62130", "callerCarrierName": "Airtel"}, "62130"),
        ({}, ""),
    ],
)
def test_the_operator_is_known_by_its_name(form: dict[str, str], network: str) -> None:
    assert final("NORMAL_CLEARING", status="Completed", **form).network == network


def test_a_number_that_a_form_made_a_space_of_comes_back_with_its_plus() -> None:
    assert final("NO_ANSWER", callerNumber=" 2348035550101").phone == PHONES[0]


def test_a_key_is_progress_of_the_call() -> None:
    form = {"sessionId": "s", "isActive": "1", "callerNumber": PHONES[0], "dtmfDigits": "2"}
    assert read(**form) == CallProgress("s", PHONES[0], "", "2")


def test_a_call_that_somebody_makes_to_us_changes_nothing() -> None:
    one = provider("http://127.0.0.1:9")
    form = testing.webhook(sessionId="s", isActive="1", direction="Inbound")
    assert list(one.events("events", form)) == []
    reply = one.respond("events", form)
    assert reply is not None
    assert [*ElementTree.fromstring(reply.body)] == []


# ---- XML ----------------------------------------------------------------------------------------

SCRIPT = Script(
    text='Say "yes" & <come>, it\'s free',
    prompt="Press 1",
    choices=(Choice("1", "repeat"), Choice("2", "callback", "We call back"), Choice("9", "stop")),
)


def answer(script: Script | None, **form: str) -> ElementTree.Element:
    one = provider("http://127.0.0.1:9")
    host = one._context.host
    assert isinstance(host, testing.RecordingHost)
    if script is not None:
        host.scripts["s"] = script
    reply = one.respond("events", testing.webhook(**{"sessionId": "s", "isActive": "1"} | form))
    assert reply is not None
    assert reply.content_type.startswith("application/xml")
    return ElementTree.fromstring(reply.body)


def test_a_text_is_spoken_and_then_a_key_is_awaited() -> None:
    say, digits = answer(SCRIPT)
    assert (say.tag, say.text) == ("Say", SCRIPT.text)
    assert (digits.tag, digits.get("numDigits")) == ("GetDigits", "1")
    assert "/africastalking-voice/events?token=" in str(digits.get("callbackUrl"))
    assert [one.text for one in digits] == ["Press 1"]


def test_a_recording_is_played_in_place_of_the_text() -> None:
    (play,) = answer(Script(text="x", audio_url="https://example.org/a.mp3?b=1&c=2"))
    assert (play.tag, play.get("url")) == ("Play", "https://example.org/a.mp3?b=1&c=2")


def test_a_key_leads_to_the_message_again_or_to_a_last_word() -> None:
    assert [one.tag for one in answer(SCRIPT, dtmfDigits="1")] == ["Say", "GetDigits"]
    assert [one.text for one in answer(SCRIPT, dtmfDigits="2")] == ["We call back"]
    assert [one.tag for one in answer(SCRIPT, dtmfDigits="9")] == []
    assert [one.tag for one in answer(SCRIPT, dtmfDigits="5")] == ["GetDigits"]


def test_an_unknown_call_and_an_ended_one_get_an_empty_response() -> None:
    assert [*answer(None)] == []
    assert [*answer(SCRIPT, isActive="0")] == []


@pytest.mark.slow
@given(
    text=st.text(),
    prompt=st.text(),
    reply=st.text(),
    url=st.one_of(st.none(), st.text(min_size=1)),
    key=st.sampled_from(["", "1", "2", "7"]),
    address=st.text(),
    voice=st.one_of(st.sampled_from(["", "woman", "en-US-Standard-C"]), st.text()),
)
def test_the_xml_is_well_formed_for_any_content(
    text: str, prompt: str, reply: str, url: str | None, key: str, address: str, voice: str
) -> None:
    choices = (Choice("1", "repeat"), Choice("2", "answer", reply))
    script = Script(text, url, prompt, choices)
    form = {"isActive": "1", "dtmfDigits": key}
    root = ElementTree.fromstring(voice_xml.reply_to(form, script, address, voice).encode())
    assert root.tag == "Response"
    said = [verb.text or "" for verb in root.iter("Say")]
    wanted = {voice_xml.clean(one) for one in (text, prompt, reply)}
    assert {one.replace("\r\n", "\n").replace("\r", "\n") for one in said} <= {
        one.replace("\r\n", "\n").replace("\r", "\n") for one in wanted
    }


@pytest.mark.slow
@given(st.text())
def test_redirect_is_well_formed_for_any_address(address: str) -> None:
    (verb,) = ElementTree.fromstring(str(voice_xml.Answer().redirect(address)).encode())
    assert verb.tag == "Redirect"


class TestContract(testing.ChannelContract):
    provider_class = AfricasTalkingVoice

    @pytest.fixture
    def settings(self) -> Iterator[dict[str, Any]]:
        with StandIn() as running:
            yield account(running.url)
