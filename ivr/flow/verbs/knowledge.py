"""knowledge: answer a question from the knowledge base, and ask whether that helped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.answering import ask_again, confirm, confirmation, global_answer, heard, nothing, unheard
from ivr.flow.answers.yes_no import meaning
from ivr.flow.effects import Collect, Say
from ivr.flow.inputs import Input, Keys, Words
from ivr.flow.knowledge.articles import Article
from ivr.flow.knowledge.finder import Found
from ivr.flow.knowledge.library import for_the_record
from ivr.flow.model import Expression, FlowSet, PromptRef, SlotName
from ivr.flow.open_question import SENTENCE
from ivr.flow.question import Question
from ivr.flow.secret import Secret
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.understand.tokens import tokens
from ivr.flow.verb import verb
from ivr.prompts.parts import Part, Prompt

CANDIDATES = 2
"""Articles that a customer is asked about before the answer is that nobody knows."""


@verb
class Knowledge(Question):
    """Answer from the articles in flows/knowledge: the short answer of the one that fits, then "Did that help?". Where
    it isn't sure, the customer is asked by the article's title first."""

    verb: ClassVar[str] = "knowledge"
    waits: ClassVar[bool] = False  # not where nobody knows the answer
    parts: ClassVar[frozenset[str]] = frozenset({"name", "title"})
    knowledge: Expression = Field(description="an expression that gives the customer's words: question")
    tags: list[str] = Field(default_factory=list, description="only articles that have one of these tags")
    helped: bool | PromptRef = Field(True, description="ask whether it helped; true for the usual words, or your own")
    into: SlotName = Field("article", description="the slot for the article's name and title")

    @property
    def asking(self) -> str:
        return self.helped if isinstance(self.helped, str) else "system.did_it_help"

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return ("answered", "unknown", *(("not_helped", "no_input", "no_match") if self.helped else ()))

    def target(self, exit: str) -> str | None:
        """Whoever doesn't say whether it helped was answered, unless the step says otherwise."""
        if exit in ("no_input", "no_match") and exit not in self.exits:
            exit = "answered"
        return super().target(exit) or (self.next if exit == "answered" else None)

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        if isinstance(self.helped, str):
            yield ("helped",), self.helped
        yield from super().says()

    def system_prompts(self) -> Iterable[str]:
        usual = ("system.did_it_help",) if self.helped is True else ()
        return (*super().system_prompts(), "system.is_it_about", *usual)

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("knowledge",), str(self.knowledge)

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        return {self.into: frozenset({"answered", "not_helped", "no_input", "no_match"})}

    def enter(self, turn: Turn) -> Leave:
        value = turn.evaluate(self.knowledge)
        words = "" if value is None or isinstance(value, Secret) else str(value)
        return self._look(turn, words, self._found(turn, words))

    def _found(self, turn: Turn, words: str) -> Sequence[Found]:
        """The articles that are likely enough to be spoken of."""
        found = turn.flows.knowledge.find(words, turn.language, turn.now.date(), tags=self.tags, limit=CANDIDATES)
        return [one for one in found if one.sure >= self.bands(turn).confirm]

    def _look(self, turn: Turn, words: str, found: Sequence[Found]) -> Leave:
        names = [one.article.name for one in found]
        state = {"stage": "about", "names": names, "words": for_the_record(words, turn.language)}
        if not found:
            return self._unknown(turn, state)
        if found[0].sure >= self.bands(turn).accept:
            return self._tell(turn, state)
        return self._ask(turn, state)

    def _ask(self, turn: Turn, state: Mapping[str, Any]) -> Leave:
        turn.state = state
        return confirm(turn, self, self._prompt(turn), **state)

    def _prompt(self, turn: Turn) -> Prompt:
        """The question that is open: whether it is about an article, or whether that helped."""
        article = self._article(turn, turn.state)
        if turn.state.get("stage") == "about" and article is not None:
            return turn.prompt("system.is_it_about", {"title": article.title})
        return turn.prompt(self.question(turn))

    def collect(self, turn: Turn) -> Collect:
        return confirmation(turn, self, self._prompt(turn))

    def _article(self, turn: Turn, state: Mapping[str, Any]) -> Article | None:
        names = state.get("names") or ()
        return turn.flows.knowledge.get(names[0], turn.language) if names else None

    def _tell(self, turn: Turn, state: Mapping[str, Any]) -> Leave:
        """Say the answer of the first article, and ask whether it helped."""
        article = self._article(turn, state)
        if article is None:
            return self._unknown(turn, state)
        self._count(turn, "answer_shown", state)
        turn.slots[self.into] = {"name": article.name, "title": article.title}
        said = Prompt((Part("text", article.answer),), turn.language)
        turn.emit(Say(said, turn.company.defaults.barge_in if self.barge_in is None else self.barge_in))
        turn.tries.clear()
        return self._ask(turn, {**state, "stage": "helped"}) if self.helped else "answered"

    def _unknown(self, turn: Turn, state: Mapping[str, Any]) -> Leave:
        if tokens(state["words"]):
            self._count(turn, "answer_unknown", {**state, "names": []})
        return "unknown"

    def _count(self, turn: Turn, kind: str, state: Mapping[str, Any]) -> None:
        article = {"article": state["names"][0]} if state["names"] else {}
        turn.event(kind, step=turn.stack[-1][1], language=turn.language, question=state["words"], **article)

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, Keys | Words)
        state = dict(turn.state)
        if isinstance(given, Words) and given.unheard:
            return unheard(turn, self, **state)
        heard(turn, given)
        if nothing(given):
            return self._again(turn, "no_input", given, state)
        asked = global_answer(turn, given, ("1", "2"))
        if isinstance(asked, Goto):
            return asked
        if asked == "repeat":
            return self._tell_again(turn, state)
        sure = isinstance(given, Keys) or given.confidence >= self.bands(turn).confirm
        yes = meaning(turn, given) if sure else None
        other = self._other(turn, given, state) if sure and not yes else ()
        if yes is None and not other:
            return self._again(turn, "no_match", given, state)
        if state["stage"] == "helped":
            if other:
                self._count(turn, "answer_not_helped", state)
            else:
                self._count(turn, "answer_helped" if yes else "answer_not_helped", state)
                return "answered" if yes else "not_helped"
        if other:
            assert isinstance(given, Words)
            return self._look(turn, given.text, other)
        if yes:
            return self._tell(turn, state)
        rest = {**state, "names": state["names"][1:]}
        return self._ask(turn, rest) if rest["names"] else self._unknown(turn, rest)

    def _other(self, turn: Turn, given: Keys | Words, state: Mapping[str, Any]) -> Sequence[Found]:
        """Another question instead of a yes or no, where an article surely answers it: "no, how do I stop it"."""
        if isinstance(given, Keys) or len(tokens(given.text)) < SENTENCE:
            return ()
        found = self._found(turn, given.text)
        new = found and found[0].article.name not in state["names"][:1]
        return found if new and found[0].sure >= self.bands(turn).accept else ()

    def _tell_again(self, turn: Turn, state: Mapping[str, Any]) -> Leave:
        article = self._article(turn, state)
        if state["stage"] == "helped" and article is not None:
            turn.emit(Say(Prompt((Part("text", article.answer),), turn.language)))
        return self._ask(turn, state)

    def _again(self, turn: Turn, kind: str, given: Input, state: Mapping[str, Any]) -> Leave:
        """Nothing, or nonsense: ask again. Whoever doesn't say what it is about can't be answered."""
        left = ask_again(turn, self, kind, given=given, **state)
        return self._unknown(turn, state) if left == kind and state["stage"] == "about" else left
