"""What people say on the line, so that both ends know for certain whom they talked with: 20 ms of mu-law audio that
are a name. The media process hands frames of two who talk with one another on as they are."""

from __future__ import annotations

MARK = b"\x55\x2a"
FRAME = 160


def frame(who: str) -> bytes:
    """A frame that says who speaks, a name of at most 20 ASCII characters."""
    said = MARK + f"{who:<20}".encode()
    return (said * 8)[:FRAME]


def speaker(heard: bytes) -> str:
    """Who says this frame, "" for music and prompts."""
    if len(heard) != FRAME or not heard.startswith(MARK) or heard[22:24] != MARK:
        return ""
    return heard[2:22].decode("ascii", "replace").strip()
