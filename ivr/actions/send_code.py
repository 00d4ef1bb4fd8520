"""send_code: a one-time code to a telephone or mailbox of the customer's."""

from __future__ import annotations

from typing import ClassVar

import sqlalchemy as sa
from pydantic import Field

from callcenter import identifiers, one_time_codes, outbox
from callcenter.db import reading
from callcenter.messages import NotConfiguredError, open_sender
from callcenter.tables import contacts, messages
from ivr.actions import Action, ActionContext, ActionError, ActionResult, Args, action
from ivr.actions._who import possible

SUBJECT, BODY = "system.code_subject", "system.code"
WORDS = {SUBJECT: "Your code for {company}", BODY: "{code} is your code for {company}."}


class SendCodeArgs(Args):
    to: str = Field(max_length=254, description="a telephone number or a mail address")


@action
class SendCode(Action):
    """Send a code that `check_code` compares, to an address that somebody has whom the contact may be with. To other
    addresses nothing is sent (`unknown`), so that nobody can have strangers texted at the company's expense."""

    name: ClassVar[str] = "send_code"
    Args = SendCodeArgs
    exits: ClassVar[tuple[str, ...]] = ("sent", "unknown", "too_many", "invalid")
    returns: ClassVar[dict[str, str]] = {"id": "text"}
    budget: ClassVar[float] = 20.0

    def run(self, context: ActionContext, args: SendCodeArgs) -> ActionResult:
        region = context.company.country
        kind = "email" if "@" in args.to else "phone"
        try:
            value = identifiers.normalise(kind, args.to, region)
        except identifiers.InvalidIdentifier:
            return ActionResult("invalid", {"id": ""})
        try:
            open_sender(one_time_codes.CHANNEL[kind], context.settings)
        except NotConfiguredError as error:
            raise ActionError(f"no code can be sent: {error}") from None
        try:
            with context.engine.begin() as conn:
                row = conn.execute(sa.select(contacts).where(contacts.c.id == context.contact_id)).one_or_none()
                people = None if row is None else possible(conn, row, region)
                owners = [one.customer_id for one in identifiers.identify(conn, kind, value) if not one.provisional]
                if not any(people is None or owner in people for owner in owners):
                    return ActionResult("unknown", {"id": ""})
                id = one_time_codes.issue(conn, kind, value, body=_words(context, BODY), at=context.now,
                                          subject=_words(context, SUBJECT), contact_id=context.contact_id)  # fmt: skip
        except one_time_codes.TooManyCodes:
            return ActionResult("too_many", {"id": ""})
        self._deliver(context, id)
        return ActionResult("sent", {"id": id})

    @staticmethod
    def _deliver(context: ActionContext, id: str) -> None:
        """At once, since somebody waits for it; what fails now is sent by the timed job."""
        with reading(context.engine) as conn:
            query = sa.select(messages.c.id).where(messages.c.dedupe_key == one_time_codes.DEDUPE + id)
            message: str = conn.execute(query).scalar_one()
        outbox.deliver(context.engine, context.settings, message, context.now)


def _words(context: ActionContext, id: str) -> str:
    found = context.text(id)
    if id == BODY and "{code}" not in found:
        found = ""
    return (found or WORDS[id]).replace("{company}", context.company.name)
