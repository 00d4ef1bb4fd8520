"""Emergency announcements in a conversation: what a supervisor has callers told, said once. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.flow import template
from ivr.flow.effects import Effect, End, Event, Say
from ivr.flow.expr import ExprError
from ivr.flow.inputs import Announcement
from ivr.flow.model import FlowSet
from ivr.flow.turn import Turn
from ivr.prompts.parts import Part, Prompt

READY = "emergency."
"""How the ids of prompts begin that are there for supervisors to choose from."""


def ready(flows: FlowSet) -> dict[str, dict[str, str]]:
    """The prompts that supervisors can choose from, by id, with their words by language."""
    ids = [id for id in sorted(flows.texts.get(flows.default_language, {})) if id.startswith(READY)]
    return {
        id: {language: flows.texts[language][id] for language in flows.company.languages if id in flows.texts[language]}
        for id in ids
    }


def tell(turn: Turn, announcement: Announcement, *, every_language: bool = False) -> bool:
    """Say it, unless this session has heard it. Whether the conversation then takes another course than it would have:
    `every_language` is for newcomers, whose language isn't known before they have chosen one."""
    if announcement.id in turn.announced:
        return False
    turn.announced = (*turn.announced, announcement.id)
    for language in _languages(turn, announcement, every=every_language):
        turn.emit(Say(_prompt(turn, announcement, language), barge_in=False))
    turn.event("announced", announcement=announcement.id, then=announcement.then)
    return announcement.then == "hang_up" or (announcement.then == "voicemail" and _has_voicemail(turn))


def interrupts(turn: Turn) -> bool:
    """Whether an announcement can be made between a question and its answer: in messages. A caller who waits for an
    agent is told by the step that waits; any other is busy with the telephone."""
    waiting = turn.before.waiting
    return waiting is not None and not turn.can("voice") and "Announced" not in waiting["for"]


def alone(effects: Sequence[Effect]) -> bool:
    """Whether nothing came of a step but an announcement: what the customer wrote is still to be answered."""
    kinds = {effect.kind for effect in effects if isinstance(effect, Event)}
    return kinds == {"announced"} and not any(isinstance(effect, End) for effect in effects)


def _languages(turn: Turn, announcement: Announcement, *, every: bool) -> list[str]:
    """In which languages to say it: the caller's, or the company's first where it has no words in that one."""
    said = [language for language in turn.company.languages if language in announcement.words]
    if turn.language in said:
        said.sort(key=lambda language: language != turn.language)
    said = said or list(announcement.words)
    return said if every else said[:1]


def _prompt(turn: Turn, announcement: Announcement, language: str) -> Prompt:
    """With the id of its prompt while that has these words, so that its recording is played."""
    words = announcement.words[language]
    if announcement.prompt:
        same = turn.flows.texts.get(language, {}).get(announcement.prompt) == words
        try:
            parts = template.parse(words).fill({}, turn.company.currency)
        except ExprError:  # a prompt with places for values, which there are none of here
            parts = (Part("text", words),)
        return Prompt(parts, language, announcement.prompt if same else "")
    return Prompt((Part("text", words),), language, "")


def _has_voicemail(turn: Turn) -> bool:
    """A version of the flows without that flow goes on as it would have."""
    return turn.company.voicemail in turn.flows.flows
