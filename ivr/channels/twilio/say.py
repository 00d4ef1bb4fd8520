"""A prompt as <Say>, with Twilio's SSML inside (https://www.twilio.com/docs/voice/twiml/say/text-speech#ssml-tags).

Values, and so <say-as>, are put into words by our own rules, which are the same on every channel; what is left for
the voice are silences, pace and emphasis. Amazon's neural and generative voices don't know <emphasis>
(https://docs.aws.amazon.com/polly/latest/dg/supportedtags.html): there a slower pace stands for it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from twilio.twiml import TwiML
from twilio.twiml.voice_response import Say, SsmlEmphasis, SsmlProsody

from ivr.prompts.parts import Part, Prompt
from ivr.prompts.spoken import say, spoken
from ivr.speech.voices import manner

MAX_SAY = 4000
"""Twilio speaks at most 4,096 characters in one <Say>."""
MAX_RATE = 200
_NO_EMPHASIS = re.compile(r"-(Neural|Generative)\Z|^(Google|ElevenLabs)\.", re.IGNORECASE)


def said(prompt: Prompt, voice: str | None, language: str) -> Iterator[Say]:
    """The <Say> elements of a prompt: one, but for what is too long for one. `voice` is Twilio's name of it."""
    if not any(part.kind == "break" or part.manner != (100, "") for part in prompt.parts):
        text = spoken(prompt)
        for piece in [text] if len(text) <= MAX_SAY else textwrap.wrap(text, MAX_SAY):
            yield Say(_clean(piece), voice=voice, language=language)
        return
    texts = [(part, "" if part.kind == "break" else _clean(say(part, prompt.language))) for part in prompt.parts]
    batch: list[tuple[Part, str]] = []
    length = 0
    for part, text in texts:
        for piece in [text] if len(text) <= MAX_SAY else textwrap.wrap(text, MAX_SAY):
            if batch and length + len(piece) > MAX_SAY:
                yield _marked(batch, voice, language)
                batch, length = [], 0
            batch.append((part, piece))
            length += len(piece)
    if batch:
        yield _marked(batch, voice, language)


def _marked(batch: Sequence[tuple[Part, str]], voice: str | None, language: str) -> Say:
    whole = Say(voice=voice, language=language)
    for (silence, _), run in groupby(batch, lambda one: (one[0].kind == "break", one[0].manner)):
        parts = list(run)
        if silence:
            for part, _ in parts:
                whole.break_(time=f"{round(float(part.value) * 1000)}ms")
            continue
        text = ""
        for _, more in parts:
            text += more[1:] if text.endswith(".") and more.startswith(".") else more
        if parts[0][0].manner == (100, "") or not text.strip():
            whole.append(text)
        else:
            _manner(whole, parts[0][0], text, voice or "")
    return whole


def _manner(into: TwiML, part: Part, text: str, voice: str) -> None:
    emphasised = bool(part.emphasis) and not _NO_EMPHASIS.search(voice)
    speed, _ = manner(part.rate, "" if emphasised else part.emphasis)
    rate = f"{min(MAX_RATE, round(speed * 100))}%"
    if not emphasised:
        into.nest(SsmlProsody(text, rate=rate))
    elif part.rate == 100:
        into.nest(SsmlEmphasis(text, level=part.emphasis))
    else:
        outer = SsmlProsody("", rate=rate)
        outer.nest(SsmlEmphasis(text, level=part.emphasis))
        into.nest(outer)


def _clean(text: str) -> str:
    """XML can't hold control characters, and slots may (https://www.w3.org/TR/xml/#charsets)."""
    return "".join(char for char in text if char.isprintable() or char == "\n")
