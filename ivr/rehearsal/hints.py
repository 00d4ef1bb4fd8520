"""What a caller can do now, in a few words for the terminal."""

from __future__ import annotations

from callcenter.counting import counted
from ivr.flow.effects import Collect, Record
from ivr.prompts.written import written


def hint(question: Collect | Record) -> str:
    if isinstance(question, Record):
        return f"recording: say something, or press {question.finish_on}"
    if question.choices:
        return "  ".join(f"{choice.key} {written(choice.label)}" for choice in question.choices)
    if question.accept:
        return "  ".join(question.accept)
    few, many = question.at_least, question.at_most
    count = counted(many, "key") if few == many else f"{few} to {many} keys"
    return f"{count}, {question.finish_on} ends" + (", not shown" if question.secret else "")
