"""Questions that are answered in words: confidence bands, alternatives, confirmation, corrections, escalation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ivr.actions import specs
from ivr.flow.effects import Collect, Event, Say
from ivr.flow.inputs import Input, Keys, Started, Words
from ivr.flow.load import load
from ivr.flow.model import FlowSet
from ivr.flow.secret import Secret
from ivr.flow.session import SPEECH, TEXT, VOICE, Session
from ivr.flow.step import step
from ivr.prompts.written import written
from ivr.rehearsal.reading import read_scripts
from ivr.rehearsal.run import rehearse
from ivr.rehearsal.sandbox import Sandbox
from tests.flow import sample

ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)


@dataclass
class Talk:
    """A session that remembers what was said to it last."""

    flows: FlowSet
    session: Session
    asked: Collect | None = None
    heard: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __call__(self, given: Input) -> Talk:
        self.session, effects = step(self.flows, self.session, given, NOW)
        self.asked, self.heard = None, []
        for effect in effects:
            match effect:
                case Say(prompt):
                    self.heard.append(written(prompt))
                case Collect(prompts):
                    self.asked = effect
                    self.heard += [written(prompt) for prompt in prompts]
                case Event():
                    self.events.append(effect)
        return self

    def say(self, words: str, confidence: float = 1.0, *alternatives: str) -> Talk:
        return self(Words(words, confidence, alternatives))

    @property
    def slots(self) -> dict[str, Any]:
        return dict(self.session.slots)

    @property
    def at(self) -> str:
        return self.session.stack[-1][1] if self.session.stack else ""


Begin = Callable[..., Talk]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    def make(
        steps: str,
        can: frozenset[str] = SPEECH,
        language: str = "en",
        changes: dict[str, str] | None = None,
        **files: str,
    ) -> Talk:
        every: dict[str, str | None] = {
            "flows/main.yaml": f"steps:\n{steps}\n  last: {{ask: main.bye, as: yes_no, next: end}}\n",
            "flows/bill.yaml": None,
            **{f"flows/{name}.yaml": text for name, text in files.items()},
            **(changes or {}),
        }
        flows = sample.usable(tmp_path, every)
        return Talk(flows, Session("s", "c", "x", can, flows.hash, language))(Started())

    return make


ACCOUNT = "  account: {ask: 'Account?', as: digits, length: 4, next: last}"
TOWN = "  town: {ask: 'Which town?', as: one_of, options: [Springfield, Shelbyville], next: last}"
MENU = """\
  what:
    menu: What is it?
    choices:
      - {key: 1, label: pay a bill, words: [bill, payment], go: last}
      - {key: 2, label: hear our hours, words: [hours], go: last}
"""


def test_sure_words_are_taken(begin: Begin) -> None:
    talk = begin(ACCOUNT).say("one oh two oh", 0.9)
    assert talk.at == "last"
    assert talk.slots["account"] == "1020"


def test_half_sure_words_are_confirmed(begin: Begin) -> None:
    talk = begin(ACCOUNT).say("one oh two oh", 0.6)
    assert talk.heard == ["Did you say 1020?"]
    assert talk.asked is not None
    assert talk.asked.kind == "yes_no"
    assert "account" not in talk.slots
    assert talk.say("yeah that's right", 0.8).slots["account"] == "1020"


def test_doubtful_words_are_not_believed(begin: Begin) -> None:
    talk = begin(ACCOUNT).say("one oh two oh", 0.3)
    assert talk.heard == ["That is no choice.", "Account?"]


def test_a_step_has_bands_of_its_own(begin: Begin) -> None:
    steps = ACCOUNT.replace("next", "confidence: {accept: 0.5, confirm: 0.2}, next")
    assert begin(steps).say("one oh two oh", 0.55).at == "last"
    assert begin(steps).say("one oh two oh", 0.25).heard == ["Did you say 1020?"]


def test_no_means_another_try(begin: Begin) -> None:
    talk = begin(ACCOUNT).say("one oh two oh", 0.6).say("no")
    assert talk.heard == ["Once more, then.", "Account?"]
    assert talk.say("one oh two two", 0.9).slots["account"] == "1022"


def test_a_correction_in_one_breath(begin: Begin) -> None:
    talk = begin(ACCOUNT).say("one oh two oh", 0.6).say("no, one oh two two", 0.9)
    assert talk.slots["account"] == "1022"


def test_a_key_answers_a_confirmation(begin: Begin) -> None:
    assert begin(ACCOUNT).say("one oh two oh", 0.6)(Keys("1")).slots["account"] == "1020"


def test_alternatives_are_used_when_the_first_cant_be_right(begin: Begin) -> None:
    talk = begin(ACCOUNT).say("one oh two", 0.9, "one oh two oh oh", "one oh two oh")
    assert talk.heard == ["Did you say 1020?"], "what wasn't the first choice has to be confirmed"
    assert talk.say("yes").slots["account"] == "1020"


def test_an_alternative_with_a_check_digit_proves_itself(begin: Begin) -> None:
    steps = "  card: {ask: 'Card?', as: card, exits: {done: last, unsupported: last}}"
    good, bad = "four two " * 8, "four two " * 7 + "four one"
    talk = begin(steps).say(bad, 0.8, good)
    assert talk.slots["card"] == Secret("42" * 8)


def test_a_check_chooses_among_meanings(begin: Begin) -> None:
    steps = "  day: {ask: 'When?', as: date, check: {if: answer < today, otherwise: Before today!}, next: last}"
    talk = begin(steps).say("november tenth", 0.9)
    assert talk.heard == ["Did you say Tuesday, November 10, 2026?"]
    assert begin(steps).say("tomorrow", 0.9).heard == ["Before today!", "When?"]


def test_secrets_are_never_read_back(begin: Begin) -> None:
    steps = "  code: {ask: 'Code?', as: security_code, exits: {done: last, unsupported: last}}"
    talk = begin(steps).say("one two three", 0.6)
    assert talk.heard == ["That is no choice.", "Code?"]
    assert talk.say("one two three", 0.9).at == "last"
    assert not [event for event in talk.events if "one two three" in str(event.data)]


@pytest.mark.parametrize(
    "said",
    [
        "4242 4242 4242 4242",
        "my card is 4242-4242-4242-4242 thank you",
        "here is my card four two four two forty two forty two four two four two double four two two",
    ],
)
def test_what_sounds_like_a_card_isnt_logged(begin: Begin, said: str) -> None:
    talk = begin(ACCOUNT).say(said)
    heard = [event.data for event in talk.events if event.kind == "heard"]
    assert [data["words"] for data in heard] == ["•••"]


def test_answers_that_cant_be_right_say_why(begin: Begin) -> None:
    assert begin(ACCOUNT).say("one oh two", 0.9).heard == ["Too short.", "Account?"]


def test_no_input_and_no_match_are_counted_apart(begin: Begin) -> None:
    talk = begin(ACCOUNT.replace("next", "attempts: 2, exits: {no_input: end, no_match: last}, next"))
    assert talk(Words("")).heard == ["Nothing came.", "Account?"]
    assert talk.say("bananas").heard == ["That is no choice.", "Account?"]
    assert talk(Keys("")).session.ended


def test_after_two_failures_only_keys_are_left(begin: Begin) -> None:
    talk = begin(ACCOUNT)
    assert talk.asked is not None
    assert talk.asked.speech
    talk.say("bananas")
    assert talk.asked.speech
    talk.say("oranges")
    assert talk.heard == ["Use the keys.", "Account?"]
    assert talk.asked is not None
    assert not talk.asked.speech
    assert talk(Keys("1020")).slots["account"] == "1020"


def test_messages_have_no_keys_to_fall_back_to(begin: Begin) -> None:
    talk = begin(ACCOUNT, TEXT).say("bananas").say("oranges")
    assert talk.heard == ["That is no choice.", "Account?"]


def test_wrong_keys_leave_speech_on(begin: Begin) -> None:
    talk = begin(ACCOUNT)(Keys("1"))(Keys("1"))
    assert talk.asked is not None
    assert talk.asked.speech


def test_escalating_prompts(begin: Begin) -> None:
    talk = begin(ACCOUNT.replace("next", "attempts: 4, again: [Digits please., Four digits please.], next"))
    assert talk(Keys("")).heard == ["Digits please."]
    assert talk(Keys("12")).heard == ["Too short.", "Four digits please."]
    assert talk.say("bananas").heard == ["Four digits please."]


def test_speech_can_be_switched_off(begin: Begin) -> None:
    talk = begin(ACCOUNT.replace("next", "speech: false, voice_barge_in: false, next"))
    assert talk.asked is not None
    assert (talk.asked.speech, talk.asked.voice_barge_in, talk.asked.barge_in) == (False, False, True)


def test_recognisers_are_told_what_to_expect(begin: Begin) -> None:
    asked = begin(MENU, language="es").asked
    assert asked is not None
    assert asked.language == "es"
    assert {"pay a bill", "bill", "payment", "hours", "uno", "dos", "agent"} <= set(asked.phrases)
    assert not asked.open
    asked = begin("  sure: {ask: 'Sure?', as: yes_no, next: last}").asked
    assert asked is not None
    assert {"yes", "no", "correct", "nope"} <= set(asked.phrases)
    assert asked.end_silence < begin(ACCOUNT).asked.end_silence  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "said",
    ["bill", "pay a bill", "pay the bill please", "one", "press one", "option 1", "payments", "I want to pay a bill"],
)
def test_menus_by_voice(begin: Begin, said: str) -> None:
    talk = begin(MENU).say(said)
    if talk.at == "what":  # nearly
        assert talk.heard == ["Do you want to pay a bill?"]
        talk.say("yes")
    assert [event.data.get("key") for event in talk.events if event.kind == "chose"] == ["1"]


@pytest.mark.parametrize(
    "said", ["pizza", "what is the weather", "the kill", "nineteen", "one hundred", "hours or a bill"]
)
def test_menus_dont_guess(begin: Begin, said: str) -> None:
    talk = begin(MENU).say(said)
    assert talk.heard[0] == "That is no choice."


def test_a_menu_choice_is_confirmed_when_half_sure(begin: Begin) -> None:
    talk = begin(MENU).say("hours", 0.5)
    assert talk.heard == ["Do you want to hear our hours?"]
    assert talk.say("no, pay a bill").at == "last"
    assert talk.events[-1].kind != "fault"
    assert [event.data.get("key") for event in talk.events if event.kind == "chose"] == ["1"]


def test_a_person_can_be_asked_for_in_a_sentence(begin: Begin) -> None:
    assert begin(ACCOUNT).say("I'd like to talk to an agent please").at == "message"


def test_a_list_of_names(begin: Begin) -> None:
    talk = begin(TOWN)
    assert talk.heard == ["Which town?", "For Springfield, press 1.", "For Shelbyville, press 2."]
    assert talk.say("springfeild please").slots["town"] == "Springfield"
    assert begin(TOWN)(Keys("2")).slots["town"] == "Shelbyville"
    assert begin(TOWN).say("pizza").heard[0] == "That is no choice."


def test_a_list_from_a_file(begin: Begin) -> None:
    towns = "".join(f"Place {number}: []\n" for number in range(20)) + "Capital City: [the capital]\n"
    steps = "  town: {ask: 'Which town?', as: one_of, options: towns, exits: {done: last, unsupported: last}}"
    talk = begin(steps, towns=towns)
    assert talk.asked is not None
    assert talk.asked.choices == ()
    assert "the capital" in talk.asked.phrases
    assert talk.say("I live in the capital").slots["town"] == "Capital City"
    assert begin(steps, VOICE, towns=towns).at == "last", "keys alone can't choose among so many"


def test_spoken_calls_on_the_demo() -> None:
    flows = load(ROOT / "flows", ROOT / "prompts", specs())
    scripts, problems = read_scripts(Path(__file__).parent / "calls", flows)
    assert not problems
    with Sandbox() as sandbox:
        for script in scripts:
            for channel in script.call.channels:
                outcome = rehearse(script, channel, sandbox.fresh(script.flows, script.begin))
                assert outcome.passed, [script.name, *map(str, outcome.problems)]


def test_prompts_have_a_wording_for_callers_who_may_speak(begin: Begin) -> None:
    steps = "  account: {ask: main.menu, as: digits, length: 4, next: last}"
    spoken = {"prompts/en/main.yaml": sample.PROMPTS.replace("{welcome:", "{menu_speech: Say it., welcome:")}
    assert begin(steps, changes=spoken).heard == ["Say it."]
    assert begin(steps, VOICE, changes=spoken).heard == ["What is it?"]
    assert begin(steps, TEXT, changes=spoken).heard == ["What is it?"]
    talk = begin(steps, changes=spoken).say("bananas")
    assert talk.heard == ["That is no choice.", "Say it."]
    assert talk.say("oranges").heard == ["Use the keys.", "What is it?"], "once only keys are taken"
