"""The audit log in words: a sentence for each kind of entry. Kinds that none was written for show their fields."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from callcenter.desk import hours_words
from callcenter.desk.audit import Entry
from callcenter.desk.audit_names import FIELDS, Names
from callcenter.desk.visit import Visit


def t(text: str) -> str:
    """Marks what is translated when it is said."""
    return text


SENTENCES = {
    "login": t("signed in"),
    "logout": t("signed out"),
    "login.failed": t("tried to sign in as %(target)s"),
    "login.code_failed": t("gave a wrong code"),
    "login.oidc_failed": t("couldn't sign in by single sign-on: %(why)s"),
    "refused": t("was refused %(target)s"),
    "user.added": t("added the user %(target)s"),
    "user.changed": t("changed the user %(target)s"),
    "user.link_made": t("made a link to choose a password for %(target)s"),
    "user.password_set": t("chose a password"),
    "user.password_changed": t("changed the password"),
    "user.first_admin": t("became the first admin"),
    "user.totp_on": t("switched one-time codes on"),
    "user.totp_off": t("switched one-time codes off for %(target)s"),
    "user.recovery_codes": t("made new recovery codes"),
    "user.signed_out_everywhere": t("ended all sessions of %(target)s"),
    "customers.searched": t("searched customers for “%(text)s”: %(found)s found"),
    "customer.viewed": t("looked at the customer %(target)s"),
    "customer.added": t("added the customer %(target)s"),
    "customer.changed": t("changed %(fields)s of the customer %(target)s"),
    "customer.merged": t("merged %(absorbed)s into the customer %(target)s"),
    "customer.unmerged": t("undid merging %(absorbed)s into the customer %(target)s"),
    "customer.bills": t("looked at the customer's bills in the contact %(target)s"),
    "identifier.added": t("added an identifier to the customer %(target)s: %(kind)s"),
    "identifier.removed": t("removed an identifier of the customer %(target)s"),
    "identifier.deliverable": t("had messages sent again to an address of the customer %(target)s"),
    "identifier.opted_in": t("noted that the customer %(target)s wants messages again"),
    "note.added": t("wrote a note on %(target)s"),
    "consent.noted": t("noted the consent of %(target)s: %(channel)s %(consent)s"),
    "case.opened": t("opened the case %(target)s for %(customer)s"),
    "case.changed": t("changed the case %(target)s to %(status)s"),
    "case.contact_added": t("added the contact %(contact)s to the case %(target)s"),
    "contact.viewed": t("looked at the contact %(target)s"),
    "contact.taken": t("took over the contact %(target)s"),
    "contact.given_back": t("gave the contact %(target)s back to the flow"),
    "contact.ended": t("ended the contact %(target)s"),
    "contact.put_aside": t("put the contact %(target)s aside until %(until)s"),
    "message.written": t("wrote a message in %(target)s"),
    "recording.listened": t("listened to a recording (%(target)s) of %(contact)s"),
    "file.opened": t("opened the file %(target)s of %(contact)s"),
    "history.exported": t("exported the history"),
    "audit.exported": t("exported the audit log"),
    "flows.published": t("published the flows as version %(target)s"),
    "flows.rolled_back": t("rolled the flows back to version %(target)s"),
    "hours.changed": t("changed the opening hours %(target)s: %(changes)s"),
    "hours.undone": t("undid a change of the opening hours %(target)s"),
    "hours.taken_back": t("took the published opening hours %(target)s into the file"),
    "prompt.recorded": t("gave the prompt %(target)s an own recording of %(seconds)s s"),
    "prompt.spoken": t("had the voice speak the prompt %(target)s again"),
    "prompt.brought_back": t("brought back the earlier recording of the prompt %(target)s"),
    "emergency.begun": t("began an emergency announcement for %(target)s: %(words)s"),
    "emergency.ended": t("ended the emergency announcement for %(target)s"),
    "agent.signed_out": t("signed the agent %(target)s out"),
    "agent.presence": t("set the presence of %(target)s to %(presence)s"),
    "agent.skills": t("changed the skills of %(target)s: %(skills)s"),
    "queue.priority": t("gave the contact %(target)s the priority %(priority)s"),
    "queue.moved": t("moved the contact %(target)s to the queue %(queue)s"),
    "queue.closed": t("closed the queue %(target)s"),
    "queue.reopened": t("reopened the queue %(target)s"),
    "offer.accepted": t("accepted the contact %(target)s"),
    "offer.rejected": t("rejected an offer"),
    "offer.call": t("wanted the call %(target)s"),
    "offer.skipped": t("skipped the call %(target)s"),
    "offer.done": t("finished the wrap-up of %(target)s"),
    "phone.answered": t("connected the browser's telephone"),
    "phone.hung_up": t("disconnected the browser's telephone"),
    "call.ended": t("ended the call %(target)s of %(agent)s for both"),
    "call.hold": t("put the caller of %(target)s on hold"),
    "call.resume": t("went on with the caller of %(target)s"),
    "call.listen": t("listened in on the call %(target)s"),
    "call.whisper": t("whispered in the call %(target)s"),
    "call.join": t("joined the call %(target)s"),
    "call.take_over": t("took over the call %(target)s"),
    "call.hang_up": t("hung up in the call %(target)s"),
    "call.transfer": t("transferred the call %(target)s"),
    "call.consult": t("called a colleague in the call %(target)s"),
    "call.conference": t("called somebody into the call %(target)s"),
    "call.merge": t("joined all in the call %(target)s"),
    "call.complete": t("handed over the call %(target)s"),
    "call.return": t("went back to the caller of %(target)s"),
    "call.mute": t("muted somebody in the call %(target)s"),
    "call.unmute": t("unmuted somebody in the call %(target)s"),
    "call.digits": t("pressed keys in the call %(target)s"),
    "call.record_pause": t("paused the recording of the call %(target)s"),
    "call.record_resume": t("went on recording the call %(target)s"),
    "call.secret_start": t("stopped hearing the caller of %(target)s"),
    "call.secret_end": t("heard the caller of %(target)s again"),
    "call.pay": t("began a payment in the call %(target)s"),
    "call.pay_stop": t("stopped the payment in the call %(target)s"),
    "evaluation.begun": t("began to evaluate %(contact)s of %(agent)s"),
    "evaluation.saved": t("kept a draft of an evaluation of %(contact)s"),
    "evaluation.discarded": t("discarded a draft of an evaluation of %(contact)s"),
    "evaluation.submitted": t("evaluated %(contact)s of %(agent)s: %(score)s"),
    "evaluation.viewed": t("looked at an evaluation"),
    "evaluation.replied": t("replied to an evaluation"),
    "evaluation.disputed": t("disagreed with an evaluation"),
    "evaluation.settled": t("settled an evaluation of %(agent)s: %(score)s"),
    "calibration.begun": t("began to calibrate the evaluation of %(contact)s of %(agent)s"),
    "calibration.joined": t("joined a calibration"),
    "calibration.closed": t("closed a calibration"),
    "calibration.viewed": t("looked at a calibration"),
    "coaching.added": t("agreed something with %(coached)s"),
    "coaching.done": t("ticked off what was agreed with %(coached)s"),
    "quality.exported": t("exported the figures of quality"),
    "campaign.paused": t("paused the campaign %(target)s"),
    "campaign.resumed": t("resumed the campaign %(target)s"),
    "campaign.exported": t("exported the results of the campaign %(target)s"),
    "staffing.exported": t("exported the staffing"),
}
KINDS = {
    "agent": t("Agents"), "audit": t("Audit log"), "calibration": t("Calibration"), "call": t("Calls"),
    "campaign": t("Campaigns"),
    "case": t("Cases"), "coaching": t("Coaching"), "consent": t("Consent"), "evaluation": t("Evaluations"),
    "contact": t("Contacts"), "customer": t("Customers"), "customers": t("Searches for customers"),
    "emergency": t("Emergency announcements"), "file": t("Files"), "flows": t("Flows"), "history": t("History"),
    "hours": t("Opening hours"), "identifier": t("Identifiers"), "login": t("Signing in"), "logout": t("Signing out"),
    "message": t("Messages"), "note": t("Notes"), "offer": t("Offers"), "phone": t("Telephones"),
    "prompt": t("Prompts"), "quality": t("Quality"), "queue": t("Queues"), "recording": t("Recordings"),
    "refused": t("Refusals"), "staffing": t("Staffing"), "user": t("Users"),
}  # fmt: skip
"""What entries can be filtered by: the part before the dot."""
HIDDEN = {
    "evaluation",
    "identifier",
    "merge",
    "note",
    "message",
    "order",
    "offer",
    "code",
    "before",
    "version",
    "instead_of",
}
"""Fields of sentences that were written for their kind, which tell nobody anything."""
LABELS = {
    "login": t("Login"), "role": t("Role"), "agent": t("Agent"), "agent_id": t("Agent"), "name": t("Name"),
    "email": t("email"), "active": t("May sign in"), "why": t("Reason"), "reason": t("Reason"), "until": t("Until"),
    "channel": t("Channel"), "channels": t("Channels"), "files": t("Files"), "proof": t("proof"), "kind": t("Kind"),
    "do_not_contact": t("do not contact"), "needs": t("Permission"), "case": t("Case"), "contact": t("Contact"),
    "customer": t("Customer"), "filters": t("Filters"), "prompt": t("Prompt"), "then": t("And then"),
    "method": t("Method"), "sessions_ended": t("Sessions"), "also": t("Other files"), "clipped": t("clipped"),
    "decibels": "dBFS",
}  # fmt: skip
SAID = {"role", "channel", "status", "consent", "kind", "proof", "presence"}
"""Fields whose values are words that the desk translates."""
VALUES = {
    "then": {"continue": t("The flow goes on"), "hang_up": t("The call ends"), "voicemail": t("A message can be left")},
    "method": {"password": t("Password"), "oidc": t("Single sign-on")},
}
"""Words for values that the desk calls otherwise."""


def sentence(visit: Visit, entry: Entry, names: Names) -> Markup:
    """What was done, with links; who and when stand beside it."""
    written = SENTENCES.get(entry.action)
    if written is None:
        return Markup("<code>{}</code> {}").format(entry.action, names.target(entry.target))
    values: defaultdict[str, Any] = defaultdict(lambda: "–")
    for name, value in entry.data.items():
        values[name] = _shown(visit, name, value, names)
    values["target"] = _page(entry.target) or names.target(entry.target)
    return escape(visit.t(written)) % values


def details(visit: Visit, entry: Entry, names: Names) -> Iterator[tuple[str, Markup]]:
    """(label, value) of what the sentence doesn't say."""
    written = SENTENCES.get(entry.action, "")
    for name, value in entry.data.items():
        if f"%({name})s" in written or value in (None, "", [], {}) or (written and (name in HIDDEN or value is False)):
            continue
        label = LABELS.get(name)
        yield (visit.t(label) if label else name), _shown(visit, name, value, names)


def _page(target: str) -> Markup | None:
    """A refused page by its name."""
    kind, _, name = target.partition(":")
    return Markup("<code>{}</code>").format(name) if kind == "page" else None


def _shown(visit: Visit, name: str, value: Any, names: Names) -> Markup:
    if name == "changes" and isinstance(value, list):
        try:
            return escape("; ".join(hours_words.change(visit.words, **one) for one in value))
        except TypeError:
            return escape(str(value))
    if value is None or value == "":
        return Markup("–")
    if isinstance(value, bool):
        return escape(visit.t("yes") if value else visit.t("no"))
    if isinstance(value, dict):
        pairs = (Markup("{}: {}").format(key, _shown(visit, "", item, names)) for key, item in value.items())
        return Markup(", ").join(pairs)
    if isinstance(value, list):
        return Markup(", ").join(_shown(visit, name.removesuffix("s"), item, names) for item in value)
    if isinstance(value, str) and name in FIELDS:
        return names.of(FIELDS[name], value)
    if name == "until" and isinstance(value, str):
        try:
            return escape(visit.words.moment(datetime.fromisoformat(value)))
        except ValueError:
            return escape(value)
    text = str(value)
    return escape(visit.t(VALUES.get(name, {}).get(text, text)) if name in SAID or name in VALUES else text)
