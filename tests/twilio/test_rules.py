"""The double refuses what isn't TwiML as documented."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import pytest

from ivr.channels.twilio.routes import confidence
from ivr.channels.twilio.twiml import Fold, bcp47, voices
from ivr.flow.effects import Choice, Collect, End, Record, Say, Transfer
from ivr.flow.session import VOICE, Session
from ivr.flow.template import parse as parse_text
from ivr.prompts.parts import Part, Prompt
from ivr.rehearsal.twilio_double.rules import RefusedTwiml, parse

XML = "text/xml; charset=utf-8"


@pytest.mark.parametrize(
    "inside",
    [
        "<Speak>hello</Speak>",
        "<Say volume='3'>hello</Say>",
        "<Say language='English'>hello</Say>",
        "<Say></Say>",
        "<Say><break/></Say>",
        "<Say>Hello <break time='long'/></Say>",
        "<Say>Hello <prosody rate='5%'>you</prosody></Say>",
        "<Say>Hello <speak>you</speak></Say>",
        "<prosody rate='slow'>you</prosody>",
        f"<Say>{'x' * 4097}</Say>",
        "<Gather timeout='0'/>",
        "<Gather timeout='2.5'/>",
        "<Gather numDigits='all'/>",
        "<Gather finishOnKey='12'/>",
        "<Gather actionOnEmptyResult='yes'/>",
        "<Gather hints='pay'/>",
        "<Gather><Record/></Gather>",
        "<Gather><Gather/></Gather>",
        "<Record><Say>now</Say></Record>",
        "<Record maxLength='1'/>",
        "<Dial></Dial>",
        "<Dial timeout='900'><Number>+15550100</Number></Dial>",
        "<Dial><Number>call me</Number></Dial>",
        "<Dial><Sip>alice</Sip></Dial>",
        "<Redirect></Redirect>",
        "<Hangup after='3'/>",
        "words",
    ],
)
def test_refused(inside: str) -> None:
    with pytest.raises(RefusedTwiml):
        parse(f"<Response>{inside}</Response>".encode(), XML)


@pytest.mark.parametrize(
    ("document", "kind", "code"),
    [
        (b"", XML, 12100),
        (b"<Response>", XML, 12100),
        (b"<html/>", XML, 12100),
        (b"<Response/>", "text/plain", 12300),
        (b"<Response>" + b" " * 65536 + b"</Response>", XML, 11750),
    ],
)
def test_refused_documents(document: bytes, kind: str, code: int) -> None:
    with pytest.raises(RefusedTwiml) as refused:
        parse(document, kind)
    assert refused.value.code == code


def prompt(text: str) -> Prompt:
    return Prompt((Part("text", text),), "en")


def session(**changes: object) -> Session:
    return Session("s" * 32, "c", "twilio", VOICE, "h", "en", seq=4, **changes)  # type: ignore[arg-type]


FOLD = Fold("https://voice.example.com/sub", {"en": "Polly.Joanna-Neural"})


def test_what_may_not_be_cut_short_stands_before_the_question() -> None:
    ask = Collect((prompt("Your account?"),), "digits", at_least=8, at_most=8)
    says = [Say(prompt("Listen."), barge_in=False), Say(prompt("Hello."))]
    root = parse(FOLD.reply(session(), [*says, ask]).encode(), XML)
    assert [child.tag for child in root] == ["Say", "Gather", "Redirect"]
    gather = root[1]
    assert [said.text for said in gather] == ["Hello.", "Your account?"]
    assert gather.attrib == {
        "input": "dtmf", "numDigits": "8", "finishOnKey": "#", "timeout": "6", "actionOnEmptyResult": "true",
        "action": f"https://voice.example.com/sub/twilio/voice/{'s' * 32}/4/number8",
    }  # fmt: skip
    assert gather[0].get("voice") == "Polly.Joanna-Neural"


@pytest.mark.parametrize(
    ("voice", "marked"),
    [
        (None, '<emphasis level="strong">not</emphasis>'),
        ("Polly.Joanna", '<emphasis level="strong">not</emphasis>'),
        ("Polly.Joanna-Neural", '<prosody rate="80%">not</prosody>'),
        ("Google.en-US-Wavenet-A", '<prosody rate="80%">not</prosody>'),
    ],
)
def test_tags_of_a_prompt_are_twilio_s(voice: str | None, marked: str) -> None:
    text = (
        'This is <emphasis level="strong">not</emphasis> paid.<break time="0.5s"/> Account '
        '<prosody rate="slow"><say-as interpret-as="digits">{x}</say-as></prosody>, due '
        '<say-as interpret-as="date">2026-11-23</say-as>.'
    )
    marked_up = Prompt(parse_text(text).fill({"x": "427"}), "en")
    reply = Fold("https://x.example", {"en": voice} if voice else {}).reply(session(ended=True), [Say(marked_up)])
    parse(reply.encode(), XML)
    said = reply.partition("<Say")[2].partition(">")[2].partition("</Say>")[0]
    assert said == (
        f'This is {marked} paid.<break time="500ms" /> Account <prosody rate="80%">4 2 7</prosody>, due '
        "Monday, November the twenty-third, twenty twenty-six."
    )


def test_a_long_text_with_tags_is_said_in_several_pieces() -> None:
    long = Prompt(parse_text("word " * 770 + "<break/>" + "<emphasis>" + "so " * 10 + "</emphasis>").fill({}), "en")
    both = Prompt((*long.parts, *long.parts, Part("text", "x" * 9000)), "en")
    root = parse(FOLD.reply(session(ended=True), [Say(both)]).encode(), XML)
    assert sum("".join(said.itertext()).count("word") for said in root) == 2 * 770
    assert len(root) > 4


def spoken_gather(**changes: object) -> Element:
    given = {"speech": True, "open": True, "language": "es", "hints": ("factura, luz",), **changes}
    ask = Collect((prompt("¿Qué desea?"),), "open", **given)  # type: ignore[arg-type]
    root = parse(Fold("https://x.example", speech=True).reply(session(), [Say(prompt("Hola.")), ask]).encode(), XML)
    return root


def test_an_open_question_is_heard_in_its_language_with_hints() -> None:
    gather = spoken_gather(end_silence=0.7)[0]
    assert (gather.get("input"), gather.get("language")) == ("dtmf speech", "es-ES")
    assert (gather.get("speechTimeout"), gather.get("hints")) == ("1", "factura  luz")
    assert spoken_gather(end_silence=1.2, hints=())[0].get("speechTimeout") == "2"
    assert spoken_gather(hints=())[0].get("hints") is None


def test_secrets_are_never_recognised_by_twilio() -> None:
    gather = spoken_gather(secret=True)[0]
    assert (gather.get("input"), gather.get("hints"), gather.get("language")) == ("dtmf", None, None)


def test_words_that_may_not_cut_a_prompt_short_come_after_it() -> None:
    assert [child.tag for child in spoken_gather(voice_barge_in=False)] == ["Say", "Say", "Gather", "Redirect"]
    assert [child.tag for child in spoken_gather()] == ["Gather", "Redirect"]


@pytest.mark.parametrize(
    ("given", "counts"), [("0.92", 0.92), ("1.7", 1.0), ("0.0", 0.8), ("", 0.8), ("nan", 0.8), ("high", 0.8)]
)
def test_confidence(given: str, counts: float) -> None:
    assert confidence(given) == counts


def test_a_menu_takes_star_and_pound_as_keys() -> None:
    ask = Collect((prompt("Menu"),), "menu", ("1", "12", "0", "*", "#"), choices=(Choice("1", prompt("pay")),))
    gather = parse(FOLD.reply(session(), [ask]).encode(), XML)[0]
    assert (gather.get("numDigits"), gather.get("finishOnKey")) == ("2", "")


def test_two_sessions_never_share_an_address() -> None:
    ask = Collect((prompt("Menu"),), "menu", ("1",))
    other = Session("t" * 32, "c", "twilio", VOICE, "h", "en", seq=9)
    FOLD.reply(session(), [ask])
    reply = FOLD.reply(other, [ask])
    assert "s" * 32 not in reply
    assert reply.count(f"/twilio/voice/{'t' * 32}/9/menu") == 2


@pytest.mark.parametrize("target", ["+15550100", "sip:desk@pbx.example.com"])
def test_transfers_recordings_and_ends_are_valid(target: str) -> None:
    for effect in (Transfer(target), Record(120, 4), Record(0.5, 0.1)):
        parse(FOLD.reply(session(), [Say(prompt("x" * 9000)), effect]).encode(), XML)
    parse(FOLD.reply(session(ended=True), [Say(prompt("Bye \x00\x1f & <soon>")), End()]).encode(), XML)


def test_languages_get_the_region_that_twilio_wants() -> None:
    assert [bcp47(tag) for tag in ("en", "es", "pt-BR", "de_AT", "nonsense!")] == [
        "en-US", "es-ES", "pt-BR", "de-AT", "en-US",
    ]  # fmt: skip


def test_voices_are_checked() -> None:
    assert voices(" en=Polly.Joanna , es=Polly.Mia") == {"en": "Polly.Joanna", "es": "Polly.Mia"}
    with pytest.raises(ValueError, match="LANGUAGE=VOICE"):
        voices("Polly.Joanna")
