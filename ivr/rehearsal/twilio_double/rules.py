"""What TwiML may be: verbs, attributes, their values and nesting, as https://www.twilio.com/docs/voice/twiml and the
page of each verb say. Real Twilio ignores some mistakes with a warning; here every one is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree

MAX_BYTES = 64 * 1024
"""https://www.twilio.com/docs/api/errors/11750"""
MAX_SAY = 4096
MAX_HINTS = 500


class RefusedTwiml(Exception):
    """A reply that isn't TwiML as documented; `code` is Twilio's error."""

    def __init__(self, what: str, code: int = 12200) -> None:
        super().__init__(f"{code}: {what}")
        self.code = code


Check = Callable[[str], bool]


def _one_of(*values: str) -> Check:
    return lambda value: value in values


def _matches(pattern: str) -> Check:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _whole(least: int, most: int) -> Check:
    return lambda value: re.fullmatch(r"\d{1,9}", value) is not None and least <= int(value) <= most


def _any(value: str) -> bool:
    return True


def _hints(value: str) -> bool:
    phrases = value.split(",")
    return len(phrases) <= MAX_HINTS and all(len(phrase) <= 100 for phrase in phrases)


_URL = _matches(r"(https?://[^\s#?]+|/?[^\s:#?]+)(\?[^\s#]*)?(#\S*)?")
_METHOD = _one_of("GET", "POST")
_BOOLEAN = _one_of("true", "false")
_LANGUAGE = _matches(r"[a-z]{2,3}-[A-Z]{2}|[a-z]{2,3}-[A-Za-z]{4}-[A-Z]{2}|[a-z]{2}-\d{3}")
_CALLBACK = {"recordingStatusCallback": _URL, "recordingStatusCallbackMethod": _METHOD}
_RECORDING_EVENTS = _matches(r"(in-progress|completed|absent)( (in-progress|completed|absent))*")

_CONFERENCE_EVENT = "(start|end|join|leave|mute|hold|modify|speaker|announcement)"


@dataclass(frozen=True)
class Rule:
    attributes: dict[str, Check] = field(default_factory=dict)
    children: tuple[str, ...] = ()
    text: Check | None = None
    some: tuple[str, ...] = ()
    """Of these children there must be one at least, if there is no text."""


_SSML = ("break", "emphasis", "prosody")
_SAYING = ("Say", "Play", "Pause")
_VERBS = (*_SAYING, "Gather", "Record", "Dial", "Redirect", "Hangup", "Reject")

RULES: dict[str, Rule] = {
    "Response": Rule(children=_VERBS),
    "Say": Rule(
        {"voice": _matches(r"[A-Za-z][\w.-]*"), "language": _LANGUAGE, "loop": _whole(0, 1000)},
        children=_SSML,
        text=lambda value: len(value) <= MAX_SAY,
    ),
    # https://www.twilio.com/docs/voice/twiml/say/text-speech: the tags that a server of ours uses
    "break": Rule({
        "time": _matches(r"\d{1,5}ms|\d{1,2}(\.\d+)?s"),
        "strength": _one_of("none", "x-weak", "weak", "medium", "strong", "x-strong"),
    }),
    "emphasis": Rule({"level": _one_of("strong", "moderate", "reduced")}, children=_SSML, text=_any),
    "prosody": Rule(
        {
            "rate": _matches(r"x-slow|slow|medium|fast|x-fast|[2-9]\d%|1\d\d%|200%"),
            "volume": _matches(r"silent|x-soft|soft|medium|loud|x-loud|[+-]\d+dB"),
            "pitch": _matches(r"x-low|low|medium|high|x-high|[+-]\d+%"),
        },
        children=_SSML,
        text=_any,
    ),
    "Play": Rule({"loop": _whole(0, 1000), "digits": _matches(r"[0-9*#wW]+")}, text=_URL),
    "Pause": Rule({"length": _whole(0, 600)}),
    "Gather": Rule(
        {
            "action": _URL,
            "method": _METHOD,
            "input": _one_of("dtmf", "speech", "dtmf speech"),
            "timeout": _whole(1, 600),
            "numDigits": _whole(1, 1000),
            "finishOnKey": _matches(r"[0-9*#]?"),
            "actionOnEmptyResult": _BOOLEAN,
            "hints": _hints,
            "language": _LANGUAGE,
            "speechTimeout": _matches(r"auto|[1-9]\d{0,2}"),
            "speechModel": _matches(r"[a-z0-9_-]+"),
            "enhanced": _BOOLEAN,
            "profanityFilter": _BOOLEAN,
            "partialResultCallback": _URL,
            "partialResultCallbackMethod": _METHOD,
        },
        children=_SAYING,
    ),
    "Record": Rule(
        {
            "action": _URL,
            "method": _METHOD,
            "timeout": _whole(1, 600),
            "finishOnKey": _matches(r"[0-9*#]*"),
            "maxLength": _whole(2, 14400),
            "playBeep": _BOOLEAN,
            "trim": _one_of("trim-silence", "do-not-trim"),
            "recordingStatusCallbackEvent": _RECORDING_EVENTS,
            "transcribe": _BOOLEAN,
            "transcribeCallback": _URL,
            **_CALLBACK,
        }
    ),
    "Dial": Rule(
        {
            "action": _URL,
            "method": _METHOD,
            "timeout": _whole(1, 600),
            "timeLimit": _whole(1, 14400),
            "callerId": _matches(r"\+?\d{3,15}|client:\S+|sip:\S+"),
            "answerOnBridge": _BOOLEAN,
            "hangupOnStar": _BOOLEAN,
            "sequential": _BOOLEAN,
            "ringTone": _matches(r"[a-z]{2}(-[a-z]+)?"),
            "record": _one_of(
                "do-not-record", "record-from-answer", "record-from-ringing", "record-from-answer-dual",
                "record-from-ringing-dual",
            ),
            "trim": _one_of("trim-silence", "do-not-trim"),
            "recordingStatusCallbackEvent": _RECORDING_EVENTS,
            **_CALLBACK,
        },
        children=("Number", "Sip", "Conference"),
        text=_matches(r"\+?[\d() .-]{3,20}"),
        some=("Number", "Sip", "Conference"),
    ),
    "Number": Rule(
        {"sendDigits": _matches(r"[0-9*#wW]+"), "url": _URL, "method": _METHOD}, text=_matches(r"\+?[\d() .-]{3,20}")
    ),
    "Sip": Rule({"username": _matches(r".+"), "password": _matches(r".+"), "url": _URL, "method": _METHOD},
                text=_matches(r"sips?:[^\s@<>]+(@[^\s@<>]+)?")),
    # https://www.twilio.com/docs/voice/twiml/conference
    "Conference": Rule(
        {
            "muted": _BOOLEAN,
            "beep": _one_of("true", "false", "onEnter", "onExit"),
            "startConferenceOnEnter": _BOOLEAN,
            "endConferenceOnExit": _BOOLEAN,
            "participantLabel": _matches(r".{1,128}"),
            "waitUrl": lambda value: not value or _URL(value),
            "waitMethod": _METHOD,
            "maxParticipants": _whole(2, 250),
            "coach": _matches(r"CA[0-9a-f]{32}"),
            "statusCallback": _URL,
            "statusCallbackMethod": _METHOD,
            "statusCallbackEvent": _matches(f"{_CONFERENCE_EVENT}( {_CONFERENCE_EVENT})*"),
        },
        text=_matches(r"[^\s?&/]{1,128}"),
    ),
    "Redirect": Rule({"method": _METHOD}, text=_URL),
    "Hangup": Rule(),
    "Reject": Rule({"reason": _one_of("rejected", "busy")}),
}  # fmt: skip


def parse(document: bytes, content_type: str) -> ElementTree.Element:
    """The <Response> of a reply. Raises `RefusedTwiml`."""
    if len(document) > MAX_BYTES:
        raise RefusedTwiml(f"the document has {len(document)} bytes, more than 64 kB", 11750)
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("text/xml", "application/xml"):
        raise RefusedTwiml(f"the content type is {content_type!r}, not text/xml", 12300)
    try:
        root = ElementTree.fromstring(document)  # noqa: S314  our own server's reply, of at most 64 kB
    except ElementTree.ParseError as error:
        raise RefusedTwiml(f"no XML: {error}", 12100) from None
    if root.tag != "Response":
        raise RefusedTwiml(f"the document is <{root.tag}>, not <Response>", 12100)
    _check(root)
    return root


def _check(element: ElementTree.Element) -> None:
    rule = RULES[element.tag]
    for name, value in element.attrib.items():
        if name not in rule.attributes:
            raise RefusedTwiml(f"<{element.tag}> has no attribute {name}")
        if not rule.attributes[name](value):
            raise RefusedTwiml(f"<{element.tag} {name}={value!r}> is not allowed")
    if "hints" in element.attrib and "speech" not in element.get("input", "dtmf"):
        raise RefusedTwiml("hints are for speech input")
    if element.tag == "Say" and not 0 < len("".join(element.itertext()).strip()) <= MAX_SAY:
        raise RefusedTwiml("<Say> holds no words, or too many", 13520)
    text = "".join([element.text or "", *(child.tail or "" for child in element)]).strip()
    if rule.text is None:
        if text:
            raise RefusedTwiml(f"<{element.tag}> holds no text: {text[:40]!r}")
    elif element.tag == "Play" and "digits" in element.attrib and not text:
        pass  # https://www.twilio.com/docs/voice/twiml/play: tones need no sound beside them
    elif not any(child.tag in rule.some for child in element) and not rule.text(element.text or ""):
        raise RefusedTwiml(f"<{element.tag}>{(element.text or '')[:60]}</{element.tag}> is not allowed", 13520)
    for child in element:
        if child.tag not in RULES:
            raise RefusedTwiml(f"there is no verb <{child.tag}>")
        if child.tag not in rule.children:
            raise RefusedTwiml(f"<{child.tag}> can't stand in <{element.tag}>")
        _check(child)
