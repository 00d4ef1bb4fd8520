"""send_survey: ask a customer by mail what they think of the service."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import sqlalchemy as sa
from markupsafe import Markup
from pydantic import Field
from sqlalchemy.engine import Connection

from callcenter import consent, customers, identifiers, outbox, surveys
from callcenter.messages import NotConfiguredError, open_sender
from callcenter.tables import contacts
from ivr.actions import Action, ActionContext, ActionError, ActionResult, Args, action
from ivr.actions._who import possible
from ivr.surveys import link, words

CHANNEL = "email"


class SendSurveyArgs(Args):
    kind: Literal["csat", "nps", "ces"] = "csat"
    to: str = Field("", max_length=254, description="a mail address; by default the customer's")


@action
class SendSurvey(Action):
    """Send one mail with a link to the question, which can be answered once, within two weeks. A contact is sent each
    question once, however often the flow comes here, and nothing when it is answered already.

    The mail leaves when quiet hours allow it. `no_address`: none is known, or it is a stranger's; `refused`: the
    customer wants no mails.
    """

    name: ClassVar[str] = "send_survey"
    Args = SendSurveyArgs
    exits: ClassVar[tuple[str, ...]] = ("sent", "no_address", "refused")
    budget: ClassVar[float] = 5.0
    says: ClassVar[tuple[str, ...]] = ("system.survey_mail_subject", "system.survey_mail")

    def run(self, context: ActionContext, args: SendSurveyArgs) -> ActionResult:
        try:
            open_sender(CHANNEL, context.settings)
        except NotConfiguredError as error:
            raise ActionError(f"no survey can be sent: {error}") from None
        with context.engine.begin() as conn:
            contact = conn.execute(sa.select(contacts).where(contacts.c.id == context.contact_id)).one_or_none()
            if contact is None:
                raise ActionError("no survey can be sent: the conversation isn't stored")
            address = _address(conn, contact, args.to.strip(), context.company.country)
            if address is None:
                return ActionResult("no_address")
            if consent.refusal(conn, CHANNEL, address, customer_id=contact.customer_id):
                return ActionResult("refused")
            if not surveys.answered(conn, contact.id, args.kind):
                _queue(conn, context, contact, args.kind, address)
        return ActionResult("sent")


def _queue(conn: Connection, context: ActionContext, contact: Any, kind: str, address: str) -> None:
    from ivr.assembly import make_tickets  # which imports all actions

    company = context.company.name
    question = words(context.text, f"survey_{kind}", company=company)
    url = link(make_tickets(context.settings), context.settings.base_url, contact.id, kind, contact.language)
    outbox.queue(
        conn, channel=CHANNEL, to=address, purpose="notice", contact_id=contact.id, at=context.now,
        subject=words(context.text, "survey_mail_subject", company=company),
        body=words(context.text, "survey_mail", question=question, link=url, company=company),
        html=_html(question, url, *surveys.SCALES[kind]), meta={"unsubscribe": True},
        dedupe_key=f"survey:{contact.id}:{kind}",
    )  # fmt: skip


def _html(question: str, url: str, least: int, most: int) -> str:
    """The question, and each score as a link. Nothing is loaded from anywhere: whether it was opened is nobody's
    matter."""
    score = Markup('<a href="{0}?score={1}" style="display:inline-block;padding:8px 12px;margin:2px">{1}</a>')
    scores = Markup(" ").join(score.format(url, number) for number in range(least, most + 1))
    return str(Markup("<p>{}</p><p>{}</p>").format(question, scores))


def _address(conn: Connection, contact: Any, to: str, region: str) -> str | None:
    """The mail address given, where somebody has it whom the contact may be with; the contact's own; one of the
    customer's."""
    own = contact.caller if contact.channel == CHANNEL else None
    if to:
        try:
            given = identifiers.normalise("email", to, region)
        except identifiers.InvalidIdentifier:
            return None
        people = possible(conn, contact, region)
        owners = [one.customer_id for one in identifiers.identify(conn, "email", given) if not one.provisional]
        return given if given == own or any(people is None or owner in people for owner in owners) else None
    if own or contact.customer_id is None:
        return own
    person = customers.get(conn, customers.root(conn, contact.customer_id))
    return next((one.value for one in person.identifiers if one.kind == "email"), None)
