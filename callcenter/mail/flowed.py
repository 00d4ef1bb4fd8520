"""Text whose lines were wrapped for the journey (RFC 3676, format=flowed)."""

from __future__ import annotations


def unflowed(text: str, *, delete_space: bool = False) -> str:
    """Join the lines that end in a blank with the next one of the same quoting depth; a signature's "-- " ends none."""
    out: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")  # space-stuffed, section 4.4
        goes_on = content.endswith(" ") and content != "-- "
        shown = content[:-1] if goes_on and delete_space else content
        if open_depth == depth and content != "-- ":
            out[-1] += shown
        else:
            out.append((">" * depth + " " if depth else "") + shown)
        open_depth = depth if goes_on else -1
    return "\n".join(line.rstrip() if line != "-- " else line for line in out)
