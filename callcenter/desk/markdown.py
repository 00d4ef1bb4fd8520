"""Markdown that a company writes, as HTML: HTML and pictures in it stay text."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False})
_markdown.disable("image")


def rendered(text: str) -> Markup:
    return Markup(_markdown.render(text))  # noqa: S704 - markdown-it escapes all HTML
