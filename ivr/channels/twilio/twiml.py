"""Folds what a flow wants into TwiML, Twilio's markup for calls (https://www.twilio.com/docs/voice/twiml).

Every URL carries the session and the `seq` that the request will be for, so that a repeated or late request is known
as one: `/twilio/voice/<session>/<seq>/<what>`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from twilio.twiml import TwiML
from twilio.twiml.voice_response import Dial, Gather, Pause, Play, VoiceResponse

from ivr.channels.twilio.addresses import after_payment
from ivr.channels.twilio.say import said
from ivr.flow.effects import Collect, Effect, End, Enqueue, Record, RunAction, Say, Transfer
from ivr.flow.session import Session
from ivr.prompts.parts import Prompt

MAX_TIMEOUT = 600
MAX_RECORDING = 14_400
MAX_DOCUMENTS = 500
_WHERE = "https://here.invalid/"
"""Stands for a question's own address in a kept document."""


@dataclass(frozen=True)
class Fold:
    """`base_url` is the server's public address; `voices` maps a language to a Twilio voice; `speech` lets Twilio
    recognise words where the flow takes them; `boot` names this run of the server, so that a later one knows what died
    with it; `recordings` are the addresses of prompts, by language and id, that are played rather than spoken."""

    base_url: str
    voices: dict[str, str] = field(default_factory=dict)
    speech: bool = False
    boot: str = "0"
    recordings: Mapping[tuple[str, str], str] = field(default_factory=dict)
    music: str = ""
    """The address of what waiting callers hear where the step names nothing."""
    _documents: dict[tuple[str, tuple[Say, ...], Collect, tuple[str | None, ...]], str] = field(
        default_factory=dict, repr=False, compare=False
    )

    def reply(
        self, session: Session, effects: Sequence[Effect], carried: Sequence[Say] = (), *, full: bool = False
    ) -> str:
        """The whole TwiML document. `carried` was said by earlier steps of the same request and leads. `full` tells
        that this answers a number of full length, after which a finishing key may still come."""
        response = VoiceResponse()
        says: list[Say] = list(carried)
        for effect in effects:
            match effect:
                case Say():
                    says.append(effect)
                case Collect():
                    return self._question(session, tuple(says), effect, full)
                case RunAction():
                    self._say(response, says)
                    response.redirect(self.url(session, f"wait/{self.boot}"))
                    return str(response)
                case Record():
                    self._say(response, says)
                    self._record(response, session, effect)
                    return str(response)
                case Transfer(target, timeout):
                    self._say(response, says)
                    self._dial(response, session, target, timeout)
                    return str(response)
                case Enqueue(told=True):
                    self._wait(response, session, says, effect)
                    return str(response)
                case End():
                    break
        self._say(response, says)
        if session.ended and "assisted" in session.capabilities:
            response.redirect(f"{self.base_url}{after_payment(session.id)}")
        elif session.ended:
            response.hangup()
        else:  # it waits for what an earlier reply started
            response.redirect(self.url(session, f"wait/{self.boot}"))
        return str(response)

    def still_waiting(self, session: Session, says: Sequence[Say]) -> str:
        """A filler while an action takes its time."""
        response = VoiceResponse()
        self._say(response, says)
        response.redirect(self.url(session, f"wait/{self.boot}"))
        return str(response)

    def url(self, session: Session, what: str) -> str:
        return f"{self.base_url}/twilio/voice/{session.id}/{session.seq}/{what}"

    def _question(self, session: Session, says: tuple[Say, ...], ask: Collect, full: bool) -> str:
        """A question's document. Most are the same for every caller but for their address, so they are made once."""
        said = (*(say.prompt for say in says), *ask.prompts)
        played = tuple(self.recordings.get((prompt.language, prompt.id)) for prompt in said)
        key = (session.language, says, ask, played)  # recordings come and go
        document = self._documents.get(key)
        if document is None:
            response = VoiceResponse()
            self._gather(response, session.language, says, ask)
            document = self._documents[key] = str(response)
            if len(self._documents) > MAX_DOCUMENTS:
                self._documents.clear()
        return document.replace(_WHERE, self.url(session, f"{_kind(ask)}/full" if full else _kind(ask)))

    def _gather(self, response: VoiceResponse, language: str, says: tuple[Say, ...], ask: Collect) -> None:
        """Keys and words that come while something inside <Gather> is said are taken and cut it short; what may not be
        cut short has to stand before it, where Twilio doesn't listen."""
        speech = self.speech and ask.speech and not ask.secret
        cut_short = ask.barge_in and (ask.voice_barge_in or not speech)
        inside = len(says)
        while cut_short and inside and says[inside - 1].barge_in:
            inside -= 1
        self._say(response, says[:inside])
        if not cut_short:
            self._prompts(response, ask.prompts)
        gather = Gather(
            input="dtmf speech" if speech else "dtmf",
            action=_WHERE,
            # One clock for the first key and for those between: the longer one, or slow callers would be cut off.
            timeout=_whole(max(ask.first_timeout, ask.between_keys)),
            num_digits=_longest(ask),
            finish_on_key="" if ask.accept else ask.finish_on,
            action_on_empty_result=True,
            **(_listening(ask, language) if speech else {}),
        )
        if cut_short:
            self._say(gather, says[inside:])
            self._prompts(gather, ask.prompts)
        response.append(gather)
        # Never reached with actionOnEmptyResult, as documented; if it is, the caller is asked again all the same.
        response.redirect(_WHERE)

    def _record(self, response: VoiceResponse, session: Session, record: Record) -> None:
        response.record(
            action=self.url(session, "recorded"),
            max_length=max(2, _whole(record.max_seconds, MAX_RECORDING)),
            timeout=_whole(record.silence_seconds),
            finish_on_key=record.finish_on,
            play_beep=record.beep,
            recording_status_callback=f"{self.base_url}/twilio/recording-status/{session.contact_id}/{record.kind}",
            recording_status_callback_event="completed",
        )
        # An empty recording makes no request to `action`: the document goes on here instead.
        response.redirect(self.url(session, "recorded"))

    def _dial(self, response: VoiceResponse, session: Session, target: str, timeout: float) -> None:
        dial(response, target, action=self.url(session, "dialled"), timeout=_whole(timeout))

    def _wait(self, response: VoiceResponse, session: Session, says: Sequence[Say], effect: Enqueue) -> None:
        """What is to be said, then music; choices by key at any time, by voice in the first round. Whoever comes back
        hears the music again, from the element on that the address tells (`waiting.music_again`)."""
        within: TwiML = response
        if effect.choices:
            speech = effect.listen is not None and self.speech and effect.listen.speech
            within = Gather(
                input="dtmf speech" if speech else "dtmf",
                action=self.url(session, "chosen"),
                timeout=1,
                num_digits=max(len(choice.key) for choice in effect.choices),
                finish_on_key="",
                **(_listening(effect.listen, session.language) if effect.listen is not None and speech else {}),
            )
        self._say(within, says)
        said = len(within.verbs)
        if effect.music is not None:
            self._speak(within, effect.music)
        elif self.music:
            within.nest(Play(self.music))
        else:
            within.nest(Pause(length=10))
        if within is not response:
            response.append(within)
        response.redirect(self.url(session, f"waiting/{said}"))

    def _say(self, into: TwiML, says: Sequence[Say]) -> None:
        for say in says:
            self._speak(into, say.prompt)

    def _prompts(self, into: TwiML, prompts: Sequence[Prompt]) -> None:
        for prompt in prompts:
            self._speak(into, prompt)

    def _speak(self, into: TwiML, prompt: Prompt) -> None:
        recording = self.recordings.get((prompt.language, prompt.id))
        if recording is not None:
            into.nest(Play(recording))
            return
        voice = self.voices.get(prompt.language) or self.voices.get(prompt.language.partition("-")[0])
        for element in said(prompt, voice, bcp47(prompt.language)):
            into.nest(element)


def dial(response: VoiceResponse, target: str, **attributes: object) -> None:
    """<Dial> a number or a SIP address. The caller's own number is shown to who is called, Twilio's default."""
    element = Dial(**attributes)
    if target.startswith(("sip:", "sips:")):
        element.sip(target)
    else:
        element.number(target)
    response.append(element)


def _longest(ask: Collect) -> int:
    return max(map(len, ask.accept)) if ask.accept else ask.at_most


def _kind(ask: Collect) -> str:
    """How the answer is to be read, as `routes.keyed` knows it."""
    return "menu" if ask.accept else f"{'amount' if ask.point else 'number'}{ask.at_most}"


def voices(setting: str) -> dict[str, str]:
    """TWILIO_VOICES as a mapping. Raises ValueError for what can't be read."""
    found = {}
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        language, equals, voice = entry.partition("=")
        if not (language and equals and voice):
            raise ValueError(f"TWILIO_VOICES: {entry!r} is not LANGUAGE=VOICE, such as en=Polly.Joanna-Neural")
        found[language.strip()] = voice.strip()
    return found


@lru_cache
def bcp47(language: str) -> str:
    """A language with the region that Twilio asks for: en is en-US, es is es-ES (Unicode's likely subtags)."""
    try:
        locale = Locale.parse(language, sep="-" if "-" in language else "_")
        if locale.territory is None:
            from babel.core import get_global

            likely = get_global("likely_subtags").get(locale.language, "")
            territory = likely.rpartition("_")[2]
            return f"{locale.language}-{territory}" if territory else locale.language
        return f"{locale.language}-{locale.territory}"
    except (UnknownLocaleError, ValueError):
        return "en-US"


def _listening(ask: Collect, language: str) -> dict[str, str]:
    """How <Gather> recognises an answer: its language, how long a silence ends it, in whole seconds, and what is likely
    to be said."""
    hints = _hints(ask)
    heard = {"language": bcp47(ask.language or language), "speech_timeout": str(_whole(ask.end_silence))}
    return {**heard, "hints": hints} if hints else heard


def _hints(ask: Collect) -> str:
    """At most 500 phrases of at most 100 characters, as Twilio takes them."""

    words = [*ask.phrases, *ask.hints, *(word for choice in ask.choices for word in choice.words)]
    return ",".join(dict.fromkeys(word.replace(",", " ")[:100] for word in words[:500]))


def _whole(seconds: float, most: int = MAX_TIMEOUT) -> int:
    """Twilio counts whole seconds, from 1."""
    return min(most, max(1, math.ceil(seconds)))
