"""Requests that no transaction and no dialog claims (RFC 3261 section 8.2): what is served, and what is refused how."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr import metrics
from ivr.channels.sip.dialog import Dialog
from ivr.channels.sip.incoming import IncomingLeg, called_of
from ivr.channels.sip.message import Request, tokens
from ivr.channels.sip.rate import RETRY_SECONDS
from ivr.channels.sip.running import ServerTransaction
from ivr.channels.sip.sdp import NotAcceptable
from ivr.channels.sip.values import BadValue, new_tag, parse_uri

if TYPE_CHECKING:
    from ivr.channels.sip.endpoint import SipEndpoint

Handler = Callable[["SipEndpoint", ServerTransaction, Request], None]
_OUTSIDE: dict[str, Handler] = {}


def _serves(method: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _OUTSIDE[method] = handler
        return handler

    return register


def on_request(endpoint: SipEndpoint, transaction: ServerTransaction, request: Request) -> None:
    """Section 8.2's order: method, URI, extensions, content, then the method's own rules.

    Max-Forwards is a proxy's business: a user agent serves a request that reached it with 0 (RFC 4475 section 3.3.11).
    """
    method = request.method
    if method not in _OUTSIDE:
        transaction.reply(405, Allow=endpoint.allow)
        return
    if method == "CANCEL":
        cancel(endpoint, transaction, request)
        return
    try:
        parse_uri(request.uri)
    except BadValue:
        scheme = request.uri.partition(":")[0].lower()
        transaction.reply(400 if scheme in ("sip", "sips") else 416)
        return
    unknown = [tag for tag in tokens(request.headers("require")) if tag not in endpoint.supported]
    if unknown:
        transaction.reply(420, Unsupported=", ".join(unknown))
        return
    coding = request.header("content-encoding")
    if coding and coding.strip().lower() != "identity":
        transaction.reply(415, Accept_Encoding="identity")
        return
    if request.to.tag:
        endpoint.in_dialog(transaction, request)
        return
    _OUTSIDE[method](endpoint, transaction, request)


@_serves("INVITE")
def invite(endpoint: SipEndpoint, transaction: ServerTransaction, request: Request) -> None:
    if endpoint.serves_already(request):
        transaction.reply(482)
        return
    if _crowded(endpoint, transaction, request):
        return
    if request.body:
        kind = request.header("content-type").split(";")[0].strip().lower()
        if kind != "application/sdp":
            transaction.reply(415, Accept="application/sdp")
            return
    try:
        dialog = Dialog.of_invite(request, new_tag())
    except BadValue as error:
        transaction.reply(400, str(error))
        return
    leg = IncomingLeg(endpoint, transaction, dialog, endpoint.guard.allows(request.flow.remote[0]))
    if request.body:
        try:
            leg.session.check(request.body)
        except NotAcceptable as error:
            endpoint.refuse_media(transaction, error)
            return
    if not leg.timer.accepts(request, transaction):
        return
    endpoint.adopt(leg, dialog.key)
    transaction.user = leg
    endpoint.serve(leg)


def _crowded(endpoint: SipEndpoint, transaction: ServerTransaction, request: Request) -> bool:
    """Answer 503 where no call can be taken now (section 21.5.4)."""
    settings = endpoint.settings
    if endpoint.draining or endpoint.calls >= settings.max_calls:
        metrics.REFUSED.labels("draining" if endpoint.draining else "calls").inc()
        transaction.reply(503, Retry_After=str(settings.retry_after))
        return True
    if endpoint.rate.admits() or settings.spared(called_of(request)):
        return False
    endpoint.rate.refused()
    transaction.reply(503, Retry_After=str(RETRY_SECONDS))
    return True


@_serves("CANCEL")
def cancel(endpoint: SipEndpoint, transaction: ServerTransaction, request: Request) -> None:
    """Section 9.2: 200 with the To tag of the INVITE's answers, whatever becomes of the INVITE."""
    target = endpoint.layer.invite_of(request)
    if target is None:
        transaction.reply(481)
        return
    leg = target.user
    tag = leg.dialog.local_tag if isinstance(leg, IncomingLeg) else ""
    transaction.reply(200, to_tag=tag)
    if isinstance(leg, IncomingLeg):
        leg.cancelled()


@_serves("OPTIONS")
def options(endpoint: SipEndpoint, transaction: ServerTransaction, request: Request) -> None:
    if endpoint.draining or endpoint.calls >= endpoint.settings.max_calls:
        # Section 11.2: the answer is what an INVITE would get, so that load balancers look elsewhere.
        transaction.reply(503, Retry_After=str(endpoint.settings.retry_after))
        return
    endpoint.describe_to(transaction)


@_serves("REGISTER")
def register(endpoint: SipEndpoint, transaction: ServerTransaction, request: Request) -> None:
    if endpoint.telephones is None:
        transaction.reply(405, Allow=endpoint.allow)
    else:
        endpoint.telephones.serve(transaction, request)


@_serves("REFER")
def refer(endpoint: SipEndpoint, transaction: ServerTransaction, request: Request) -> None:
    transaction.reply(603)


def _no_dialog(endpoint: SipEndpoint, transaction: ServerTransaction, request: Request) -> None:
    transaction.reply(481)


for _method in ("BYE", "INFO", "UPDATE", "NOTIFY"):
    _serves(_method)(_no_dialog)
