"""The agent's place of work: presence, offers and calls above, every other page of the desk below, so that a call
goes on whatever page is opened."""

from __future__ import annotations

import re
from typing import Any

from flask import Response
from markdown_it import MarkdownIt
from markupsafe import Markup

from callcenter.desk.calling import Calling
from callcenter.desk.pages.calls import calling
from callcenter.desk.routing import link, page
from callcenter.desk.visit import Visit, local_path
from callcenter.queues.popping import build_on

link(5, "work", "Work", icon="phone", needs="calls.take", key="w")

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False})


@page("/work", needs="calls.take")
def work(visit: Visit) -> Response:
    response = visit.render("work.html", at=local_path(visit.arg("at")) or visit.url("home"))
    return response


@page("/offers/<offer_id>/card", needs="calls.take")
@calling
def offer_card(visit: Visit, mine: Calling, offer_id: str) -> Response:
    """What an agent sees of an offer, a call or its wrap-up."""
    offer = mine.offer(offer_id)
    # The page may be quicker than what the router sends.
    pop: dict[str, Any] = offer["pop"] or build_on(visit.conn, mine.queues, offer_id).model_dump(mode="json")
    return visit.render("parts/offer.html", offer=offer, pop=pop, guide=_guide(offer["guide"], pop.get("slots", {})))


def _guide(text: str, slots: dict[str, Any]) -> Markup:
    """A queue's guide (Markdown) with slots filled in, as in {account}; HTML in either stays text."""

    def fill(found: re.Match[str]) -> str:
        value = slots.get(found[1])
        return re.sub(r"([\\`*_{}\[\]<>()#+.!|-])", r"\\\1", str(value)) if value is not None else "…"

    rendered: str = _markdown.render(re.sub(r"\{([a-z][a-z0-9_]*)\}", fill, text))
    return Markup(rendered)  # noqa: S704 - markdown-it escapes all HTML
