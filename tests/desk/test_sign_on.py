"""Single sign-on with a real provider, and all that must not get in by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc.jwk import RSAKey
from sqlalchemy.engine import Engine

from callcenter.desk import ports
from tests.desk.provider import CLIENT, SECRET, Provider, running
from tests.desk.support import NOW, Browser, Desk, make_desk

REDIRECT = "http://localhost/desk/oidc/return"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider's own wish for TLS
    with running(REDIRECT, int(NOW.timestamp())) as found:
        yield found


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path, provider: Provider) -> Desk:
    return make_desk(sqlite_engine, tmp_path, oidc=ports.Provider(provider.issuer, CLIENT, SECRET, "Example"))


def out_and_back(browser: Browser, start: str = "/desk/oidc/start") -> str:
    """The address to which the provider sends the browser back, path and query."""
    away = browser.get(start)
    assert away.status_code == 303
    back = requests.get(away.location, allow_redirects=False, timeout=10).headers["Location"]
    assert back.startswith(REDIRECT)
    return back.removeprefix("http://localhost")


def test_signing_on(desk: Desk, provider: Provider) -> None:
    browser = Browser(desk.app)
    assert "Sign in with Example" in browser.get("/desk/login").text
    back = browser.get(out_and_back(browser, "/desk/oidc/start?next=/desk/cases"))
    assert back.location == "/desk/cases"
    assert "Maria Ortiz" in browser.get("/desk/cases").text
    (asked,) = provider.asked
    assert asked["code_challenge_method"] == "S256"
    assert (asked["scope"], asked["response_type"]) == ("openid email profile", "code")
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    # From now on the subject counts, whatever the mail address.
    provider.claims = {"email": "other@example.com"}
    again = Browser(desk.app)
    assert again.get(out_and_back(again)).location == "/desk/"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"aud": "somebody else"},
        {"aud": [CLIENT, "somebody else"]},  # without azp
        {"aud": [CLIENT, "somebody else"], "azp": "somebody else"},
        {"exp": int(NOW.timestamp()) - 61},
        {"exp": None},
        {"nbf": int(NOW.timestamp()) + 600},
        {"iat": None},
        {"sub": None},
        {"sub": 7},
        {"at_hash": "another token's"},
        {"email": "nobody@example.com"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
    ],
)
def test_claims_that_are_not_right(desk: Desk, provider: Provider, claims: dict[str, Any]) -> None:
    provider.claims = claims
    refused(desk, Browser(desk.app))


def test_another_key(desk: Desk, provider: Provider) -> None:
    provider.sign_with = RSAKey.generate_key(2048, {"kid": "one"})
    refused(desk, Browser(desk.app))


def test_a_symmetric_signature_with_the_public_key_or_our_secret(desk: Desk, provider: Provider) -> None:
    for secret in (provider.key.as_pem(private=False), SECRET.encode()):
        provider.sign_with, provider.header = secret, {"alg": "HS256", "kid": "one"}
        refused(desk, Browser(desk.app))


def test_no_signature(desk: Desk, provider: Provider) -> None:
    provider.sign_with, provider.header = b"", {"alg": "none"}
    refused(desk, Browser(desk.app))


def test_new_keys_of_the_provider_are_fetched(desk: Desk, provider: Provider) -> None:
    first = Browser(desk.app)
    assert first.get(out_and_back(first)).location == "/desk/"
    provider.key, provider.header = RSAKey.generate_key(2048, {"kid": "two"}), {"alg": "RS256", "kid": "two"}
    second = Browser(desk.app)
    assert second.get(out_and_back(second)).location == "/desk/"


def test_an_answer_counts_once_and_in_the_browser_that_asked(desk: Desk, provider: Provider) -> None:
    browser, victim = Browser(desk.app), Browser(desk.app)
    back = out_and_back(browser)
    victim.get("/desk/login")
    assert victim.get(back).location == "/desk/login"  # somebody else's sign-on is pushed on them
    assert "session" not in str(victim.client._cookies)
    back = out_and_back(browser)
    assert browser.get(back).location == "/desk/"
    assert browser.get(back).location == "/desk/login"


def test_the_code_of_another_sign_on_fails_its_verifier(desk: Desk, provider: Provider) -> None:
    """PKCE: a code that was intercepted is worth nothing in another browser's sign-on."""
    stolen = parse_qs(urlsplit(out_and_back(Browser(desk.app))).query)["code"][0]
    browser = Browser(desk.app)
    own = out_and_back(browser)
    state = parse_qs(urlsplit(own).query)["state"][0]
    assert browser.get(f"/desk/oidc/return?state={state}&code={stolen}").location == "/desk/login"


def test_late_forged_and_foreign_answers(desk: Desk, provider: Provider) -> None:
    browser = Browser(desk.app)
    back = out_and_back(browser)
    for path in ("?state=x&code=y", "", "?error=access_denied", "?state=%00&code=%00"):
        assert browser.get(f"/desk/oidc/return{path}").location == "/desk/login"
    assert browser.get(f"{back}&iss=https://evil.example").location == "/desk/login"  # RFC 9207
    back = out_and_back(browser)
    desk.clock.go_on(minutes=10)
    assert browser.get(back).location == "/desk/login"


def test_who_is_switched_off_stays_out(desk: Desk, provider: Provider) -> None:
    from callcenter.desk import users

    browser = Browser(desk.app)
    assert browser.get(out_and_back(browser)).location == "/desk/"
    with desk.engine.begin() as conn:
        users.change(conn, desk.people["agent"].id, active=False)
    assert browser.get("/desk/").status_code == 303
    refused(desk, Browser(desk.app))


def test_another_subject_with_a_linked_users_address(desk: Desk, provider: Provider) -> None:
    browser = Browser(desk.app)
    browser.get(out_and_back(browser))
    provider.subject = "u-2"
    refused(desk, Browser(desk.app))


def test_a_provider_that_is_away(sqlite_engine: Engine, tmp_path: Path) -> None:
    away = ports.Provider("http://127.0.0.1:9", CLIENT, SECRET, "Example")
    desk = make_desk(sqlite_engine, tmp_path, oidc=away)
    browser = Browser(desk.app)
    assert browser.get("/desk/oidc/start").location == "/desk/login"
    assert "single sign-on failed" in browser.get("/desk/login").text
    assert browser.sign_in("agent").status_code == 303


def refused(desk: Desk, browser: Browser) -> None:
    answer = browser.get(out_and_back(browser))
    assert answer.location == "/desk/login"
    assert browser.get("/desk/cases").location.startswith("/desk/login")
