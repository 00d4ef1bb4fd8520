"""What the peer asks for within a dialog: one function per method, registered by name."""

from __future__ import annotations

import re
from collections.abc import Callable

from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.message import Request, make_response
from ivr.channels.sip.running import ServerTransaction
from ivr.channels.sip.sdp import NotAcceptable

Handler = Callable[[SipLeg, ServerTransaction, Request], None]
HANDLERS: dict[str, Handler] = {}

_RELAY = re.compile(rb"^[ \t]*signal[ \t]*=[ \t]*([0-9A-Da-d*#]{1,2})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_EVENT_NUMBERS = {str(number): digit for number, digit in enumerate("0123456789*#ABCD")}
_INFO_TYPES = "application/dtmf-relay, application/dtmf"


def handles(method: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[method] = handler
        return handler

    return register


def on_request(leg: SipLeg, transaction: ServerTransaction, request: Request) -> None:
    """Serve a request within the leg's dialog."""
    assert leg.dialog is not None
    if not leg.dialog.newer(request.cseq):
        transaction.reply(500, "CSeq out of order")
        return
    if request.flow.reliable:
        leg.flow = request.flow  # the peer may have connected anew
    handler = HANDLERS.get(request.method)
    if handler is None:
        transaction.reply(405, Allow=leg.endpoint.allow)
    elif leg.over and request.method != "BYE":
        transaction.reply(481)
    else:
        handler(leg, transaction, request)


@handles("BYE")
def bye(leg: SipLeg, transaction: ServerTransaction, request: Request) -> None:
    transaction.reply(200)
    leg.bye_received(request)


@handles("INVITE")
def reinvite(leg: SipLeg, transaction: ServerTransaction, request: Request) -> None:
    """Hold, resume, a new address, a refresh, or a late offer (RFC 3261 section 14.2)."""
    assert leg.dialog is not None
    if not leg.up or leg.stream is None:
        # The first INVITE is not answered yet (section 14.2).
        transaction.reply(500, Retry_After="2")
        return
    if leg.inviting:
        transaction.reply(491)
        return
    if not leg.timer.accepts(request, transaction):
        return
    leg.dialog.retarget(request)
    try:
        if request.body:
            body, agreed = leg.session.answer(request.body, leg.stream.port)
        else:
            body, agreed = leg.session.offer(leg.stream.port), None
    except NotAcceptable as error:
        leg.endpoint.refuse_media(transaction, error)
        return
    response = make_response(request, 200)
    leg.endpoint.describe(response, request.flow)
    leg.timer.agree(request, response)
    response.headers.set_single("Content-Type", "application/sdp")
    response.body = body
    leg.accepting(request.cseq, lambda: transaction.respond(response), offered=agreed is None)
    transaction.respond(response)
    if agreed:
        leg.connect(agreed)


@handles("UPDATE")
def update(leg: SipLeg, transaction: ServerTransaction, request: Request) -> None:
    """RFC 3311: a refresh, or a new offer."""
    assert leg.dialog is not None
    if request.body and (leg.inviting or not leg.up or leg.stream is None):
        transaction.reply(491 if leg.inviting else 500, Retry_After="2")
        return
    if not leg.timer.accepts(request, transaction):
        return
    leg.dialog.retarget(request)
    response = make_response(request, 200)
    agreed = None
    if request.body and leg.stream is not None:
        try:
            response.body, agreed = leg.session.answer(request.body, leg.stream.port)
        except NotAcceptable as error:
            leg.endpoint.refuse_media(transaction, error)
            return
        response.headers.set_single("Content-Type", "application/sdp")
    leg.endpoint.describe(response, request.flow)
    leg.timer.agree(request, response)
    transaction.respond(response)
    if agreed:
        leg.connect(agreed)


@handles("INFO")
def info(leg: SipLeg, transaction: ServerTransaction, request: Request) -> None:
    """A key by `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`); event numbers 10 to 15 do as well."""
    kind = request.header("content-type").split(";")[0].strip().lower()
    if not kind and not request.body:
        transaction.reply(200)
        return
    if request.header("info-package"):
        transaction.reply(469, "Bad Info Package")
        return
    if kind == "application/dtmf-relay":
        match = _RELAY.search(request.body)
        signal = match[1].decode() if match else ""
    elif kind == "application/dtmf":
        signal = request.body.strip().decode("ascii", "replace")
    else:
        transaction.reply(415, Accept=_INFO_TYPES)
        return
    digit = _EVENT_NUMBERS.get(signal) or (signal.upper() if signal.upper() in set("*#ABCD") else "")
    if not digit:
        transaction.reply(400, "No key in the body")
        return
    transaction.reply(200)
    leg.pressed(digit)


@handles("OPTIONS")
def options(leg: SipLeg, transaction: ServerTransaction, request: Request) -> None:
    leg.endpoint.describe_to(transaction)


@handles("REFER")
def refer(leg: SipLeg, transaction: ServerTransaction, request: Request) -> None:
    """Nobody outside makes us call (RFC 3515 section 2.4.2 leaves it to us)."""
    transaction.reply(603)


@handles("NOTIFY")
def notify(leg: SipLeg, transaction: ServerTransaction, request: Request) -> None:
    """Progress of our REFER (RFC 3515 section 2.4.5)."""
    if request.header("event").split(";")[0].strip().lower() != "refer" or not leg.referring:
        transaction.reply(489, Allow_Events="refer")
        return
    transaction.reply(200)
    line = request.body.split(b"\n", 1)[0].split()
    status = int(line[1]) if len(line) > 1 and re.fullmatch(rb"[1-6]\d\d", line[1]) else 0
    ended = request.header("subscription-state").strip().lower().startswith("terminated")
    if status >= 200:
        leg.refer_ended(status)
    elif ended:
        # The subscription ended before the referred call did: its fate is unknown.
        leg.refer_ended(408)


__all__ = ["HANDLERS", "handles", "on_request"]
