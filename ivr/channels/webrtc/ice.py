"""ICE servers (STUN and TURN) as the setting ICE_SERVERS names them: for the gateway and for the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from aiortc import RTCIceServer


def for_pages(text: str) -> list[dict[str, str]]:
    """From `stun:stun.example.com:3478,turn:user:password@turn.example.com:3478` what an `RTCPeerConnection` takes as
    `iceServers` (https://www.w3.org/TR/webrtc/#rtciceserver-dictionary). Raises ValueError."""
    return [_server(part.strip()) for part in text.split(",") if part.strip()]


def ice_servers(text: str) -> list[RTCIceServer]:
    """The same for aiortc. Raises ValueError."""
    from aiortc import RTCIceServer  # the web process does without

    return [RTCIceServer(**server) for server in for_pages(text)]


def _server(text: str) -> dict[str, str]:
    scheme, colon, rest = text.partition(":")
    account, at, address = rest.rpartition("@")
    user, _, password = account.partition(":")
    if not colon or scheme not in ("stun", "turn", "turns") or not address or bool(at) != (scheme != "stun"):
        raise ValueError(f"ICE_SERVERS: {scheme}:… is none; write stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT")
    server = {"urls": f"{scheme}:{address}"}
    return server | ({"username": unquote(user), "credential": unquote(password)} if at else {})
