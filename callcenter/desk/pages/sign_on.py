"""Single sign-on: out to the provider, and back."""

from __future__ import annotations

import logging

from flask import Response, redirect

from callcenter.desk import oidc
from callcenter.desk.permissions import PUBLIC
from callcenter.desk.routing import page
from callcenter.desk.signing_in import open_session
from callcenter.desk.visit import Visit, local_path

logger = logging.getLogger(__name__)


@page("/oidc/start", needs=PUBLIC, transaction="own")
def sign_on(visit: Visit) -> Response:
    client = visit.desk.sign_on
    if client is None:
        return visit.go("login")
    try:
        client.metadata()
        with visit.desk.engine.begin() as conn:
            begun = client.begin(
                conn, browser=visit.browser_token, next_path=local_path(visit.arg("next")), now=visit.now
            )
    except oidc.SignOnFailed as error:
        return _failed(visit, error)
    return redirect(begun.url, 303)  # type: ignore[return-value]


@page("/oidc/return", needs=PUBLIC, transaction="own")
def signed_on(visit: Visit) -> Response:
    client = visit.desk.sign_on
    if client is None:
        return visit.go("login")
    try:
        with visit.desk.engine.begin() as conn:
            begun = oidc.take(conn, visit.arg("state"), visit.browser_token, visit.now)
        if (issuer := visit.arg("iss")) and issuer != client.metadata()["issuer"]:
            raise oidc.SignOnFailed("the answer is another issuer's (RFC 9207)")
        if not (code := visit.arg("code", 4000)):
            raise oidc.SignOnFailed(f"the provider gives no code: {visit.arg('error')}")
        claims = client.claims(code, begun.nonce, begun.verifier, visit.now)
        with visit.desk.engine.begin() as conn:
            user = oidc.user_for(conn, claims)
    except oidc.SignOnFailed as error:
        return _failed(visit, error)
    return open_session(visit, user, "oidc", begun.next)


def _failed(visit: Visit, error: oidc.SignOnFailed) -> Response:
    logger.warning("single sign-on failed: %s", error)
    visit.log("login.oidc_failed", "login:oidc", why=str(error)[:200])
    return visit.go("login", fault=visit.t("The single sign-on failed. Ask your admin, who can see why."))
