"""The inbox: threads of messages, the conversation, and what an agent does with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, jsonify, request
from werkzeug.exceptions import NotFound

from callcenter import cases, contacts, customers, outbox, timeline
from callcenter.desk import threads, users
from callcenter.desk.attribute_forms import fields_of
from callcenter.desk.canned import answers
from callcenter.desk.pages.knowledge import beside
from callcenter.desk.permissions import SELF
from callcenter.desk.routing import link, page
from callcenter.desk.secret import new_token
from callcenter.desk.threads import BOXES, Box
from callcenter.desk.visit import Refused, Visit
from callcenter.desk.writing import LONGEST, attached, thread_for, ways
from callcenter.messages.inbound import CHANNELS, handle_all

link(10, "home", "Inbox", icon="inbox", needs="inbox.read", key="i")

LARGEST_REPLY = 32 * 1024 * 1024
SNOOZES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


@page("/", needs=SELF)
def home(visit: Visit) -> Response:
    """The inbox, or what the role has instead."""
    if not visit.may("inbox.read"):
        return visit.go("audit_log" if visit.may("audit.read") else "customer_search")
    return visit.render("inbox.html", **_list(visit), contact=None, talk=None)


@page("/contacts/<contact_id>", needs="customers.read")
def contact(visit: Visit, contact_id: str) -> Response:
    """A contact with all that was said: in the inbox for those who answer, else by itself."""
    found = _found(visit, contact_id)
    if visit.arg("part") == "transcript":
        visit.look("contact.viewed", f"contact:{contact_id}")
        return visit.render("parts/transcript.html", **_talk(visit, found))
    visit.look("contact.viewed", f"contact:{contact_id}", customer=found.customer_id)
    person = customers.get(visit.conn, found.customer_id) if found.customer_id else None
    return visit.render(
        "inbox.html",
        **_list(visit),
        **_talk(visit, found),
        **beside(visit, found),
        person=person,
        attributes=fields_of(visit.desk.schema, person.attributes, visit) if person else [],
        recent=timeline.page(visit.conn, person.id, limit=6) if person else None,
        canned=_canned(visit, found, person),
        key=new_token(16),
        ways=ways(visit.conn, found),
        sounds=threads.sounds(visit.conn, contact_id),
    )


@page("/inbox/list", needs="inbox.read")
def inbox_list(visit: Visit) -> Response:
    return visit.render("parts/threads.html", **_list(visit), contact=None)


@page("/contacts/<contact_id>/take", needs="inbox.write", method="POST")
def take_over(visit: Visit, contact_id: str) -> Response:
    found = _found(visit, contact_id)
    _takeable(visit, found)
    before = found.served_by
    if contacts.set_served_by(visit.conn, contact_id, visit.user.by, visit.now):
        handle_all(visit.conn, contact_id, visit.now)
        visit.log("contact.taken", f"contact:{contact_id}", before=before)
        _tell(visit, contact_id, "served_by", {"served_by": visit.user.by})
    return visit.go("contact", contact_id=contact_id)


@page("/contacts/<contact_id>/give_back", needs="inbox.write", method="POST")
def give_back(visit: Visit, contact_id: str) -> Response:
    _own(visit, _found(visit, contact_id))
    threads.wake(visit.conn, contact_id)
    contacts.set_served_by(visit.conn, contact_id, "flow", visit.now)
    visit.log("contact.given_back", f"contact:{contact_id}")
    _tell(visit, contact_id, "served_by", {"served_by": "flow"})
    return visit.go("home", said=visit.t("The flow answers this thread again."))


@page("/contacts/<contact_id>/end", needs="inbox.write", method="POST")
def end_contact(visit: Visit, contact_id: str) -> Response:
    _own(visit, _found(visit, contact_id))
    threads.wake(visit.conn, contact_id)
    contacts.end(visit.conn, contact_id, outcome="completed", at=visit.now)
    visit.log("contact.ended", f"contact:{contact_id}")
    _tell(visit, contact_id, "ended", {})
    return visit.go("home", said=visit.t("The conversation has ended."))


@page("/contacts/<contact_id>/snooze", needs="inbox.write", method="POST")
def snooze(visit: Visit, contact_id: str) -> Response:
    _own(visit, _found(visit, contact_id))
    wait = SNOOZES.get(visit.form("until", 10))
    if wait is None:
        threads.wake(visit.conn, contact_id)
        return visit.go("contact", contact_id=contact_id)
    threads.snooze(visit.conn, contact_id, visit.user.id, visit.now + wait)
    visit.log("contact.put_aside", f"contact:{contact_id}", until=(visit.now + wait).isoformat())
    return visit.go("home", said=visit.t("It comes back %(when)s.", when=visit.words.moment(visit.now + wait)))


@page("/contacts/<contact_id>/case", needs="cases.write", method="POST")
def link_case(visit: Visit, contact_id: str) -> Response:
    _found(visit, contact_id)
    case_id = visit.form("case_id", 64)
    try:
        cases.attach(visit.conn, case_id, contact_id, at=visit.now)
    except LookupError:
        raise NotFound from None
    visit.log("case.contact_added", f"case:{case_id}", contact=contact_id)
    return visit.go("contact", contact_id=contact_id, said=visit.t("It is part of the case now."))


@page("/contacts/<contact_id>/reply", needs="inbox.write", method="POST", largest=LARGEST_REPLY)
def reply(visit: Visit, contact_id: str) -> Response:
    """`key` is the page's own name for what it sends: sent again, because no answer came, it is the same message."""
    found = _found(visit, contact_id)
    key = visit.form("key", 64)
    dedupe_key = f"desk:{visit.user.id}:{key}" if key else None
    before = outbox.contact_of(visit.conn, dedupe_key) if dedupe_key else None
    if before is not None:
        return _written(visit, before)
    text = visit.form("text", LONGEST).strip()
    uploads = [upload for upload in request.files.getlist("files") if upload.filename]
    if not text and not uploads:
        raise Refused(visit.t("There is nothing to send."))
    channel, _, address = (visit.form("way", 400) or f"{found.channel} {found.caller}").partition(" ")
    own = (channel, address) == (found.channel, found.caller) and found.ended_at is None
    if own:
        _own(visit, found)
    target = thread_for(visit, found, channel, address)
    kept = attached(visit, target, uploads, visit.now)
    message_id = visit.desk.messaging.write(
        visit.conn, target, text, author=visit.user.by, at=visit.now, files=kept, dedupe_key=dedupe_key
    )
    threads.wake(visit.conn, contact_id)
    visit.log("message.written", f"contact:{target}", message=message_id, channel=channel, files=len(kept))
    visit.after.append(lambda: visit.desk.messaging.deliver(target, message_id))
    return _written(visit, target)


def _written(visit: Visit, contact_id: str) -> Response:
    """A script is told where to go: it must know whether what was written has arrived."""
    if request.accept_mimetypes.best == "application/json":
        return jsonify({"go": visit.url("contact", contact_id=contact_id)})
    return visit.go("contact", contact_id=contact_id)


@page("/contacts/<contact_id>/typing", needs="inbox.write", method="POST", transaction="read")
def typing(visit: Visit, contact_id: str) -> Response:
    """Tell the visitor's page that somebody is at it."""
    if _found(visit, contact_id).served_by != visit.user.by:
        raise Refused(visit.t("Take this conversation over first."))
    visit.desk.messaging.publish(f"contact:{contact_id}", "typing", {"by": visit.user.by, "on": True})
    return jsonify({})


@page("/ticket", needs="inbox.read", method="POST")
def ticket(visit: Visit) -> Response:
    """Leave for a page to follow its user's own topic and the contact that is open."""
    topics = [f"agent:{visit.user.by.removeprefix('agent:')}"]
    contact_id = visit.form("contact", 64)
    if contact_id and _is_id(contact_id) and contacts.get(visit.conn, contact_id) is not None:
        topics.append(f"contact:{contact_id}")
    return jsonify({"ticket": visit.desk.messaging.ticket(visit.user.id, topics), "url": visit.desk.config.live_url})


def _list(visit: Visit) -> dict[str, Any]:
    if not visit.may("inbox.read"):
        return {"box": "", "threads": [], "counts": {}, "boxes": ()}
    box: Box = next((known for known in BOXES if known == visit.arg("box", 10)), "mine")
    return {
        "box": box,
        "boxes": BOXES,
        "threads": threads.threads(visit.conn, box, mine=visit.user.by, now=visit.now),
        "counts": threads.counts(visit.conn, mine=visit.user.by, now=visit.now),
    }


def _talk(visit: Visit, contact: Any) -> dict[str, Any]:
    return {
        "contact": contact,
        "talk": threads.transcript(visit.conn, contact.id),
        "names": users.names(visit.conn),
        "is_thread": contact.channel in CHANNELS,
        "mine": contact.served_by == visit.user.by,
        "takeable": _is_takeable(visit, contact),
    }


def _canned(visit: Visit, contact: Any, person: Any) -> list[Any]:
    values = {"customer": person.name if person else "", "agent": visit.user.name, "company": visit.desk.company.name}
    language = contact.language or (person.language if person else "") or visit.words.language
    return answers(visit.desk.flows.data("canned"), channel=contact.channel, language=language, values=values)


def _found(visit: Visit, contact_id: str) -> Any:
    found = contacts.get(visit.conn, contact_id)
    if found is None:
        raise NotFound
    return found


def _own(visit: Visit, contact: Any) -> None:
    if contact.served_by != visit.user.by or contact.ended_at is not None:
        raise Refused(visit.t("Take this conversation over first."))


def _is_takeable(visit: Visit, contact: Any) -> bool:
    """A supervisor may take a thread from another agent."""
    if contact.channel not in CHANNELS or contact.ended_at is not None or contact.served_by == visit.user.by:
        return False
    return visit.may("inbox.write") and (not contact.served_by.startswith("agent:") or visit.may("floor.control"))


def _takeable(visit: Visit, contact: Any) -> None:
    if contact.served_by != visit.user.by and not _is_takeable(visit, contact):
        raise Refused(visit.t("Another agent has this conversation."))


def _tell(visit: Visit, contact_id: str, kind: str, data: dict[str, Any]) -> None:
    visit.after.append(lambda: visit.desk.messaging.publish(f"contact:{contact_id}", kind, data))


def _is_id(text: str) -> bool:
    return text.isascii() and text.replace("-", "").isalnum() and len(text) <= 64
