"""What browsers load of the chat: the widget's modules, the page that a link leads to, and a page to try it on."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import NotFound

from ivr.channels.chat.site import Site

STATIC = Path(__file__).parent / "static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {live}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LINK_WORDS = {
    "en": {"language": "en", "lead": "Your conversation continues here.", "go": "Continue in the chat"},
    "es": {"language": "es", "lead": "Su conversación continúa aquí.", "go": "Continuar en el chat"},
}


def blueprint(site: Site) -> Blueprint:
    routes = Blueprint("chat_pages", __name__, template_folder="templates")
    modules = {file.name: (text := file.read_bytes(), gzip.compress(text, mtime=0)) for file in STATIC.glob("*.js")}

    @routes.get("/chat/<path:name>")
    def module(name: str) -> Response:
        """The widget's modules: for every site, as there is nothing in them that anybody mayn't read."""
        if name not in modules:
            raise NotFound
        plain, packed = modules[name]
        packs = request.accept_encodings["gzip"] > 0
        response = make_response(packed if packs else plain)
        response.content_type = "text/javascript; charset=utf-8"
        if packs:
            response.headers["Content-Encoding"] = "gzip"
        response.set_etag(hashlib.sha256(plain).hexdigest()[:20] + ("-gzip" if packs else ""))
        response.cache_control.public, response.cache_control.max_age = True, 300
        response.vary.add("Accept-Encoding")
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.make_conditional(request)
        return response

    @routes.get("/chat/link")
    def link_page() -> Response:
        """Where a link to the chat leads. The link's ticket stands behind the # and counts when a person goes on: what
        merely looks at links (previews, scanners) uses none up."""
        words = LINK_WORDS.get(request.accept_languages.best_match(LINK_WORDS) or "en", LINK_WORDS["en"])
        response = page("chat_link.html", words=words)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex"
        response.vary.add("Accept-Language")
        return response

    @routes.get("/chat/demo")
    def demo() -> Response:
        """A page with the chat on it, as a company's would have it."""
        return page("chat_demo.html", base_url=site.settings.base_url)

    def page(template: str, **values: object) -> Response:
        flows = site.flows()
        company = flows.company.name if flows is not None else "Callwright"
        response = make_response(render_template(template, company=company, **values))
        response.headers["Content-Security-Policy"] = CSP.format(live=_source(site.settings.live_base_url))
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def _source(url: str) -> str:
    """The live process for a Content-Security-Policy: its scheme and host."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
