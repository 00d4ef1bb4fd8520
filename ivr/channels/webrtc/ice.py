"""ICE servers (STUN and TURN) as the setting ICE_SERVERS names them: for this gateway and for the pages."""

from __future__ import annotations

from urllib.parse import unquote

from aiortc import RTCIceServer


def ice_servers(text: str) -> list[RTCIceServer]:
    """From `stun:stun.example.com:3478,turn:user:password@turn.example.com:3478`. Raises ValueError."""
    return [_server(part.strip()) for part in text.split(",") if part.strip()]


def _server(text: str) -> RTCIceServer:
    scheme, colon, rest = text.partition(":")
    account, at, address = rest.rpartition("@")
    user, _, password = account.partition(":")
    if not colon or scheme not in ("stun", "turn", "turns") or not address or bool(at) != (scheme != "stun"):
        raise ValueError(f"ICE_SERVERS: {scheme}:… is none; write stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT")
    if not at:
        return RTCIceServer(urls=f"{scheme}:{address}")
    return RTCIceServer(urls=f"{scheme}:{address}", username=unquote(user), credential=unquote(password))
