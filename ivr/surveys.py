"""Surveys by mail: the link in the mail, and the words of mail and page, which are prompts of the company's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callcenter.tickets import Tickets

PURPOSE = "survey"
"""Of the ticket in the link: whose contact, which question, in which language."""
TICKET_SECONDS = 14 * 24 * 3600
WORDS = {
    "survey_mail_subject": "One question from {company}",
    "survey_mail": "{question}\n\n{link}",
    "survey_csat": "How satisfied are you with our help, from 1 (not at all) to 5 (very satisfied)?",
    "survey_nps": "How likely are you to recommend {company} to others, from 0 (not at all) to 10 (certainly)?",
    "survey_ces": "How easy was it to do what you wanted, from 1 (very hard) to 7 (very easy)?",
    "survey_comment": "Would you like to tell us more? (You don't have to.)",
    "survey_send": "Send",
    "survey_thanks": "Thank you for telling us.",
    "survey_over": "This link is no longer valid.",
}
"""What is said where the company's prompts `system.*` say nothing."""


def link(tickets: Tickets, base_url: str, contact_id: str, kind: str, language: str) -> str:
    """The page's address. Who has it can answer for this contact, once."""
    ticket = tickets.issue(PURPOSE, contact_id, data={"kind": kind, "language": language})
    return f"{base_url}/survey/{ticket}"


def words(text: Callable[[str], str | None], id: str, **holes: Any) -> str:
    """A prompt by its id without `system.`; {holes} are filled. One that lacks the link isn't used."""
    found = text(f"system.{id}") or ""
    if not found or ("link" in holes and "{link}" not in found):
        found = WORDS[id]
    for name, value in holes.items():
        found = found.replace(f"{{{name}}}", str(value))
    return found
