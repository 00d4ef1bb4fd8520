"""Dialogs (RFC 3261 section 12): who talks to whom, by which route, and which CSeq comes next.

From and To stay as they stood on the wire: a `tel:` URI or an odd display name must come back as it went out.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from aiosipua.message import SipRequest

from ivr.channels.sip.message import Request, Response
from ivr.channels.sip.values import BadValue, NameAddr, Uri, parse_name_addr, parse_uri

Key = tuple[str, str, str]


@dataclass(slots=True)
class Dialog:
    """`local` and `remote` are whole From/To values with their tags; `target` is the peer's Contact URI."""

    call_id: str
    local: str
    local_tag: str
    remote: str
    remote_tag: str
    target: str
    routes: list[str] = field(default_factory=list)
    local_cseq: int = 0
    remote_cseq: int = 0
    pinned: bool = False
    """Requests go over the flow that the call was placed on, whatever the peer's Contact says."""

    @property
    def key(self) -> Key:
        return (self.call_id, self.local_tag, self.remote_tag)

    @classmethod
    def of_invite(cls, invite: Request, tag: str) -> Dialog:
        """The UAS side (12.1.1). Raises BadValue for a Contact that can't be called back."""
        return cls(
            call_id=invite.call_id,
            local=f"{invite.header('to')};tag={tag}",
            local_tag=tag,
            remote=invite.header("from"),
            remote_tag=invite.from_.tag,
            target=contact_of(invite),
            routes=list(invite.headers("record-route")),
            remote_cseq=invite.cseq,
        )

    @classmethod
    def of_response(cls, invite: SipRequest, response: Response, local_tag: str, cseq: int) -> Dialog:
        """The UAC side (12.1.2). Raises BadValue for a Contact that can't be called back."""
        return cls(
            call_id=response.call_id,
            local=invite.headers.get_first("from") or "",
            local_tag=local_tag,
            remote=response.header("to"),
            remote_tag=response.to.tag,
            target=contact_of(response) if response.status >= 200 or response.headers("contact") else invite.uri,
            routes=list(reversed(response.headers("record-route"))),
            local_cseq=cseq,
        )

    def request(self, method: str, cseq: int = 0) -> SipRequest:
        """A request within the dialog (12.2.1.1), without Via. `cseq` is given for the ACK of a 2xx only."""
        if not cseq:
            self.local_cseq += 1
            cseq = self.local_cseq
        uri, routes = self.target, self.routes
        if routes and not is_loose(routes[0]):
            # A strict router takes the Request-URI as its own and finds ours as the last Route.
            uri, routes = parse_name_addr(routes[0]).uri, [*routes[1:], f"<{self.target}>"]
        request = SipRequest(method=method, uri=uri)
        headers = request.headers
        headers.append("From", self.local)
        headers.append("To", self.remote)
        headers.append("Call-ID", self.call_id)
        headers.append("CSeq", f"{cseq} {method}")
        headers.append("Max-Forwards", "70")
        for route in routes:
            headers.append("Route", route)
        return request

    def retarget(self, message: Request | Response) -> None:
        """An INVITE or UPDATE within the dialog, or its 2xx, may bring a new Contact (12.2.1.2 and 12.2.2)."""
        with suppress(BadValue):
            self.target = contact_of(message)

    @property
    def next_hop(self) -> Uri:
        """Where requests go: the first Route, or the target. Raises BadValue."""
        return parse_uri(parse_name_addr(self.routes[0]).uri if self.routes else self.target)

    def newer(self, cseq: int) -> bool:
        """Take the CSeq of a request of the peer; False where it is not higher than the last (12.2.2)."""
        if cseq <= self.remote_cseq:
            return False
        self.remote_cseq = cseq
        return True


def is_loose(route: str) -> bool:
    return "lr" in parse_uri(parse_name_addr(route).uri).params


def contact_of(message: Request | Response) -> str:
    """The Contact's URI. Raises BadValue where there is none or it is no SIP URI."""
    contacts = message.headers("contact")
    if not contacts:
        raise BadValue("no Contact")
    address: NameAddr = parse_name_addr(contacts[0])
    parse_uri(address.uri)
    return address.uri
