"""Canned answers, `flows/canned.yaml`: the admin's file, published with the flows.

answers:
  delay:
    title: We are late                 # or by language, as the text
    text:
      en: "Dear {customer}, we are sorry ... {agent}"
      es: "..."
    channels: [email]                  # all, if none is named

Variables: {customer} the customer's name, {agent} who answers, {company}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = re.compile(r"\{(customer|agent|company)\}")
MOST = 200


@dataclass(frozen=True, slots=True)
class Canned:
    id: str
    title: str
    text: str


def answers(data: object, *, channel: str, language: str, values: Mapping[str, str]) -> list[Canned]:
    """Those for a channel, in the customer's language (else the first that a text has), with the variables filled in.
    What in the file can't be understood is left out: an agent must not be stopped by it."""
    listed = data.get("answers") if isinstance(data, Mapping) else None
    found = []
    for id, entry in list(listed.items())[:MOST] if isinstance(listed, Mapping) else ():
        if not isinstance(entry, Mapping):
            continue
        channels = entry.get("channels") or ()
        text = _in(entry.get("text"), language)
        if text and (not channels or (isinstance(channels, list) and channel in channels)):
            filled = VARIABLE.sub(lambda name: values.get(name[1], ""), text)  # once: a name isn't read again
            found.append(Canned(str(id), _in(entry.get("title"), language) or str(id), filled))
    return found


def _in(value: Any, language: str) -> str:
    if isinstance(value, Mapping):
        value = value.get(language) or next(iter(value.values()), "")
    return value.strip() if isinstance(value, str) else ""
