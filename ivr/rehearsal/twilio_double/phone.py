"""A scripted call's `Phone` on a call of the double: the same scripts that run offline run over TwiML."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ivr.rehearsal.phone import Facts, Heard
from ivr.rehearsal.twilio_double.call import Call
from ivr.rehearsal.twilio_double.heard import Heard as Said

Identify = Callable[[Said], tuple[str, str]]
"""The id of the prompt that words come from ("" for none), and its written text."""


class TwilioPhone:
    """`facts` fetches what is on record; a server that runs elsewhere doesn't tell."""

    text = False
    secret = False
    """What is keyed is never known to be a secret: TwiML can't say so."""

    def __init__(self, call: Call, identify: Identify, facts: Callable[[], Facts] = Facts) -> None:
        self.call = call
        self._identify = identify
        self._facts = facts
        self._listened = 0

    @property
    def ended(self) -> bool:
        return self.call.over

    @property
    def clock(self) -> float:
        return self.call.clock

    @property
    def question(self) -> object:
        return self.call.question

    @property
    def hint(self) -> str:
        question = self.call.question
        if question is None:
            return ""
        if question.tag == "Record":
            return f"recording: say something, or press {question.get('finishOnKey', 'any key')}"
        longest, finish = int(question.get("numDigits", "0")), question.get("finishOnKey", "#")
        count = "1 key" if longest == 1 else f"up to {longest} keys" if longest else "keys"
        words = ", or / and words" if "speech" in question.get("input", "dtmf") else ""
        return count + (f", {finish} ends" if finish and longest != 1 else "") + words

    def start(self) -> TwilioPhone:
        self.call.start()
        return self

    def pass_time(self) -> None:
        self.call.pass_time()

    def listen(self, until: Callable[[Heard], bool], *, patient: bool = True) -> Sequence[Heard]:
        got: list[Heard] = []
        while True:
            while self._listened < len(self.call.heard):
                said = self.call.heard[self._listened]
                self._listened += 1
                id, text = self._identify(said)
                got.append(Heard(id, text, said.at))
                if until(got[-1]):
                    return got
            if self.call.over or not patient or not self.call.finish_keying():
                return got

    def press(self, keys: str) -> None:
        self.call.press(keys)

    def say(self, words: str) -> None:
        self.call.say(words)

    def wait(self, seconds: float) -> None:
        self.call.wait(seconds)

    def hang_up(self) -> None:
        self.call.hang_up()

    def facts(self) -> Facts:
        self.call.hang_up()
        return self._facts()
