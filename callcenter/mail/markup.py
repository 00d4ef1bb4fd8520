"""A mail's HTML: the quoted mail taken out by the marks of the programs that wrote it, then text for flows, and safe
HTML for people."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import lxml.etree
import lxml.html
import nh3

LONGEST = 300_000
"""Characters that are read: what is new stands at the top, and parsers take quadratic time for some hostile mails.
libxml2 gives up below 256 elements within each other; what is deeper is lost."""


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


DROPPED = _names("script style title template noscript iframe object embed applet svg math select textarea button")
"""Elements that go with all that is in them."""
BLOCKS = _names(
    "address article aside blockquote center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li"
    " main nav ol p pre section table tbody tfoot thead tr ul"
)
PARAGRAPHS = _names("p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre")
SHOWN = _names(
    "a abbr b blockquote br center code dd div dl dt em h1 h2 h3 h4 h5 h6 hr i li ol p pre s small span strong sub sup"
    " table tbody td tfoot th thead tr u ul"
)
ATTRIBUTES = {"a": {"href", "title"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}, "*": {"dir", "lang"}}
SCHEMES = {"http", "https", "mailto", "tel"}

_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?![.\d]*[1-9])", re.IGNORECASE
)
_FORWARD = re.compile(
    r"forwarded message|weitergeleitete nachricht|mensaje reenviado|message transf[ée]r[ée]|messaggio inoltrato", re.I
)
_OUTLOOK_LINE = re.compile(r"border-top\s*:\s*solid\s*#(?:E1E1E1|B5C4DF)", re.IGNORECASE)  # above its header block
_OUTLOOK_HEAD = re.compile(r"\s*(From|Von|De|Da|Van|Från|Fra)\s*:")


@dataclass(frozen=True, slots=True)
class Shown:
    """`text` is all of it, `new` without the quotes; `html` is `new`'s, safe to show. `cut`: there was more."""

    text: str = field(repr=False)
    new: str = field(repr=False)
    html: str = field(repr=False)
    cut: bool = False


def read(html: str) -> Shown:
    """Never raises."""
    cut = len(html) > LONGEST
    tree = _tree(html[:LONGEST])
    if tree is None:
        return Shown("", "", "", cut)
    _drop(tree)
    text = to_text(tree)
    _unquote(tree)
    new = to_text(tree)
    if not new and text:  # all of it was quoted, or looked so
        tree = _tree(html[:LONGEST])
        _drop(tree)
    return Shown(text, new, sanitised(lxml.html.tostring(tree, encoding="unicode")), cut)


def sanitised(html: str) -> str:
    """Only what may be shown: no scripts, forms, styles, nor anything that is loaded from elsewhere, so that opening a
    mail tells its sender nothing."""
    return nh3.clean(
        html,
        tags=set(SHOWN),
        clean_content_tags=set(DROPPED),
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    ).strip()


def to_text(tree: Any) -> str:
    """The text as it reads: a line for each block, an empty one between paragraphs."""
    out: list[str] = []
    preformatted = 0
    for event, element in lxml.etree.iterwalk(tree, events=("start", "end", "comment", "pi")):
        name = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if name in PARAGRAPHS:
                _break(out, 2)
            elif name in BLOCKS:
                _break(out, 1)
            if name == "br":
                out.append("\n")
            elif name == "li":
                out.append("- ")
            elif name in ("td", "th") and out and not out[-1].endswith("\n"):
                out.append(" ")
            preformatted += name == "pre"
            _add(out, element.text, preformatted)
        else:
            preformatted -= name == "pre"
            if name in PARAGRAPHS:
                _break(out, 2)
            elif name in BLOCKS:
                _break(out, 1)
            if element is not tree:
                _add(out, element.tail, preformatted)
    lines = [line.strip(" \t\xa0") for line in "".join(out).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _add(out: list[str], text: str | None, preformatted: int) -> None:
    if not text:
        return
    if not preformatted:
        text = re.sub(r"[ \t\r\n\f]+", " ", text)
        if text.startswith(" ") and (not out or out[-1].endswith(("\n", " "))):
            text = text[1:]
    if text:
        out.append(text)


def _break(out: list[str], lines: int) -> None:
    """End the line, and leave an empty one for two."""
    if not out:
        return
    tail = "".join(out[-3:]).rstrip(" ")
    have = len(tail) - len(tail.rstrip("\n"))
    out.append("\n" * max(0, lines - have))


def _tree(html: str) -> Any:
    try:
        # Characters that XML can't hold would be refused (https://www.w3.org/TR/xml/#charsets).
        clean = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", html)
        # As bytes with their charset named: a declaration of another one within them mustn't count.
        parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True, recover=True)
        return lxml.html.document_fromstring(clean.encode(), parser=parser, ensure_head_body=True)
    except (lxml.etree.LxmlError, ValueError):  # nothing in it
        return None


def _drop(tree: Any) -> None:
    """Take out what nobody sees: scripts, comments, hidden elements (they become visible without their style)."""
    gone = [element for element in tree.iter() if not isinstance(element.tag, str) or _unseen(element)]
    for element in gone:
        _remove(element)


def _unseen(element: Any) -> bool:
    if element.tag in DROPPED or element.tag in ("head", "img", "input", "meta", "link", "base"):
        return True
    return element.get("hidden") is not None or bool(_HIDDEN.search(element.get("style") or ""))


def _unquote(tree: Any) -> None:
    for element in list(tree.iter()):
        if element.getparent() is None or not isinstance(element.tag, str):
            continue
        kind, name = (element.get("class") or "").split(), element.get("id") or ""
        if _starts_the_rest(element, name):
            _remove_following(element)
            _remove(element)
        elif _is_quote(element, kind, name):
            _remove(element)


def _is_quote(element: Any, kind: list[str], name: str) -> bool:
    """The containers of quotes: of Gmail, Apple Mail and Thunderbird, Yahoo, Proton, Zoho, GMX, Spark, Front."""
    if element.tag == "blockquote":
        # A blockquote without a mark is the writer's own.
        return element.get("type") == "cite" or bool({"gmail_quote", "protonmail_quote", "front-blockquote"} & {*kind})
    if "gmail_attr" in kind:
        return not _FORWARD.search(element.text_content()[:500])
    if {"moz-cite-prefix", "yahoo_quoted", "protonmail_quote", "zmail_extra"} & {*kind}:
        return True
    if element.get("name") in ("quote", "messageReplySection"):
        return True
    return name.startswith(("yahoo_quoted", "ydp")) and "yahoo_quoted" in name


def _starts_the_rest(element: Any, name: str) -> bool:
    """Outlook quotes without a container: all that follows its header block belongs to the quote."""
    if name.endswith("divRplyFwdMsg") or name in ("appendonsend", "mail-editor-reference-message-container"):
        return bool(_OUTLOOK_HEAD.match(element.text_content())) or name != "divRplyFwdMsg"
    if element.tag == "div" and _OUTLOOK_LINE.search(element.get("style") or ""):
        return bool(_OUTLOOK_HEAD.match(element.text_content()))
    return False


def _remove_following(element: Any) -> None:
    """Remove all that comes after the element in the document."""
    while element is not None and element.tag != "body":
        element.tail = None
        for sibling in list(element.itersiblings()):
            element.getparent().remove(sibling)
        element = element.getparent()


def _remove(element: Any) -> None:
    """Remove an element but not the text behind it."""
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if element.tail:
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)
