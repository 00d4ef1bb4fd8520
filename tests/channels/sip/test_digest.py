"""Digest in and out: the RFCs' own examples, replays, stale nonces, and everything that is nearly right."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import parse_auth, stringify_auth
from aiosipua.message import SipRequest
from hypothesis import given
from hypothesis import strategies as st

from ivr.channels.sip.client import answer_challenge
from ivr.channels.sip.digest import NONCE_SECONDS, DigestServer
from ivr.channels.sip.message import Request, Response, make_response, parse
from ivr.channels.sip.settings import Registration
from tests.channels.sip.fakes import FakeClock
from tests.channels.sip.test_layer import Wire, request

HERE = "192.0.2.1"


@dataclass(frozen=True)
class Example:
    """One of an RFC's. All have `qop=auth` and `nc=00000001`."""

    algorithm: str
    realm: str
    password: str
    nonce: str
    cnonce: str
    response: str


RFC_2617 = Example(  # section 3.5
    "MD5",
    "testrealm@host.com",
    "Circle Of Life",
    "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    "0a4f113b",
    "6629fae49393a05397450978507c4ef1",
)
RFC_7616 = (  # section 3.9.1
    "http-auth@example.org",
    "Circle of Life",
    "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
)
EXAMPLES = [
    RFC_2617,
    Example("MD5", *RFC_7616, "8ca523f5e9506fed4657c9700eebdbec"),
    Example("SHA-256", *RFC_7616, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
]


class Issued(DigestServer):
    """Takes any nonce for one of its own: the RFCs' are not."""

    def _issued(self, *arguments: object) -> float:
        return 0.0


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.algorithm} {e.realm}")
def test_the_examples_of_rfc_2617_and_7616(example: Example) -> None:
    asked = request("GET", Wire())
    asked.uri = "/dir/index.html"
    header = (
        f'Digest username="Mufasa", realm="{example.realm}", uri="/dir/index.html", algorithm={example.algorithm}, '
        f'nonce="{example.nonce}", nc=00000001, cnonce="{example.cnonce}", qop=auth, response="{example.response}"'
    )
    asked.message.headers.append("Authorization", header)
    for password, verdict in ((example.password, True), ("wrong", False)):
        server = Issued({"Mufasa": password}, example.realm, FakeClock())
        assert (server.check(asked) == "ok") == verdict
    challenge = f'Digest realm="{example.realm}", qop="auth", algorithm={example.algorithm}, nonce="{example.nonce}"'
    ours = build_credentials(
        SipDigestAuth("Mufasa", example.password),
        parse_auth(challenge),
        "GET",
        "/dir/index.html",
        cnonce=example.cnonce,
    )
    assert ours is not None
    assert ours.params["response"] == example.response


class Desk:
    """A server with one user, and requests with credentials for it."""

    def __init__(self, source: str = HERE) -> None:
        self.clock = FakeClock()
        self.server = DigestServer({"ann": "secret"}, "phones", self.clock)
        self.challenges = [parse_auth(value) for value in self.server.challenges(source)]

    def asks(
        self,
        *,
        user: str = "ann",
        password: str = "secret",
        method: str = "INVITE",
        count: int = 1,
        algorithm: int = 0,
        source: str = HERE,
        **changes: str,
    ) -> Request:
        asked = request(method, Wire(remote=(source, 5060)))
        found = build_credentials(
            SipDigestAuth(user, password), self.challenges[algorithm], method, asked.uri, nonce_count=count, cnonce="c"
        )
        assert found is not None
        found.params.update(changes)
        asked.message.headers.append("Authorization", stringify_auth(found))
        return asked


@pytest.mark.parametrize("algorithm", [0, 1])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "BYE"])
def test_right_credentials(algorithm: int, method: str) -> None:
    desk = Desk()
    assert [challenge.params["algorithm"] for challenge in desk.challenges] == ["SHA-256", "MD5"]
    assert desk.server.check(desk.asks(method=method, algorithm=algorithm)) == "ok"


def test_a_replay_is_answered_with_a_new_nonce() -> None:
    desk = Desk()
    assert desk.server.check(desk.asks()) == "ok"
    assert desk.server.check(desk.asks()) == "stale"
    assert desk.server.check(desk.asks(count=2)) == "ok"
    assert desk.server.check(desk.asks(count=1)) == "stale"
    assert desk.server.check(desk.asks(method="BYE", count=2)) == "stale"


def test_a_nonce_expires() -> None:
    desk = Desk()
    desk.clock.advance(NONCE_SECONDS)
    assert desk.server.check(desk.asks(count=1)) == "ok"
    desk.clock.advance(1)
    assert desk.server.check(desk.asks(count=2)) == "stale"
    assert all("stale=true" in value for value in desk.server.challenges(HERE, stale=True))


@pytest.mark.parametrize(
    "change",
    [
        {"user": "bob"},
        {"user": ""},
        {"password": "Secret"},
        {"password": ""},
        {"realm": "elsewhere"},
        {"nonce": "made-up"},
        {"nonce": "é"},
        {"nonce": "1.2.3"},
        {"nonce": ""},
        {"uri": "sip:b@elsewhere"},
        {"qop": "auth-int"},
        {"qop": ""},
        {"algorithm_": "MD5-sess"},
        {"algorithm_": "SHA-512-256"},
        {"nc": "1"},
        {"nc": "0000000g"},
        {"nc": "+0000001"},
        {"cnonce": ""},
        {"cnonce": "other"},
        {"response": "0" * 64},
        {"response": ""},
        {"response": "é"},
        {"source": "192.0.2.66"},
    ],
    ids=str,
)
def test_credentials_that_are_nearly_right(change: dict[str, str]) -> None:
    desk = Desk()
    changed = desk.asks(**{name: value for name, value in change.items() if name != "algorithm_"})  # type: ignore[arg-type]
    if "algorithm_" in change:
        value = changed.message.headers.get("authorization")[0].replace("SHA-256", change["algorithm_"])
        changed.message.headers.set_single("Authorization", value)
    assert desk.server.check(changed) in ("no", "wrong")
    assert desk.server.check(desk.asks()) == "ok", "a refusal used up the nonce"


def test_credentials_for_another_method_or_uri_are_not_taken() -> None:
    desk = Desk()
    invite = desk.asks().message.headers.get("authorization")[0]
    for method in ("BYE", "OPTIONS"):
        other = request(method, Wire())
        other.message.headers.append("Authorization", invite)
        assert desk.server.check(other) == "wrong"
    moved = request("INVITE", Wire())
    moved.uri = "sip:c@192.0.2.2"
    moved.message.headers.append("Authorization", invite)
    assert desk.server.check(moved) == "no"


def test_another_servers_nonce() -> None:
    desk, other = Desk(), Desk()
    desk.challenges = other.challenges
    assert desk.server.check(desk.asks()) == "no"


@pytest.mark.parametrize("values", [[], ["Basic YW5uOnNlY3JldA=="], ["Digest"], ["Digest ,,,=,"], ["\x7f"], [""]])
def test_no_credentials(values: list[str]) -> None:
    asked = request("INVITE", Wire())
    for value in values:
        asked.message.headers.append("Authorization", value)
    assert Desk().server.check(asked) == "no"


def test_the_right_one_of_several_credentials() -> None:
    """A proxy's realm may stand before ours (section 22.3)."""
    desk = Desk()
    asked = desk.asks()
    ours = asked.message.headers.get("authorization")[0]
    asked.message.headers.set_single("Authorization", 'Digest username="x", realm="elsewhere"')
    asked.message.headers.append("Authorization", ours)
    assert desk.server.check(asked) == "ok"


def test_memory_of_used_nonces_is_bounded_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.channels.sip.digest._MAX_USED", 10)
    desk = Desk()
    for _ in range(30):
        desk.challenges = [parse_auth(value) for value in desk.server.challenges(HERE)]
        assert desk.server.check(desk.asks()) == "ok"
        desk.clock.advance(NONCE_SECONDS / 5)
    assert len(desk.server._used) <= 11


LINE = st.text(st.characters(exclude_characters="\r\n"), max_size=120)
"""A header's value: whatever stands on one line."""


@given(st.one_of(LINE, st.text(alphabet='Digest ="\\,\x00é', max_size=60)))
def test_any_authorization_is_refused(value: str) -> None:
    asked = request("INVITE", Wire())
    asked.message.headers.append("Authorization", f"Digest {value}")
    assert Desk().server.check(asked) == "no"
    asked.message.headers.append("Authorization", value)
    assert Desk().server.check(asked) == "no"


# Our own answers


def challenged(*challenges: str, status: int = 401) -> tuple[SipRequest, Response]:
    asked = request("REGISTER", Wire())
    response = make_response(asked, status)
    for value in challenges:
        response.headers.append("WWW-Authenticate" if status == 401 else "Proxy-Authenticate", value)
    found = parse(bytes(response), Wire())
    assert isinstance(found, Response)
    return asked.message, found


ACCOUNT = Registration("sip:pbx.example.com", "ann", "secret")


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (["MD5"], "MD5"),
        (["MD5", "SHA-256"], "SHA-256"),
        (["SHA-256", "MD5"], "SHA-256"),
        (["SHA-512-256", "md5"], "md5"),
        ([""], None),
    ],
)
def test_the_strongest_algorithm_is_answered(offered: list[str], taken: str | None) -> None:
    """RFC 8760 section 2.4; none named means MD5."""
    values = [f'Digest realm="r", nonce="n", qop="auth"{f", algorithm={name}" if name else ""}' for name in offered]
    sent, response = challenged(*values)
    answer = answer_challenge(sent, response, ACCOUNT)
    assert answer is not None
    credentials = parse_auth(answer[1], credentials=True)
    assert answer[0] == "Authorization"
    assert credentials.params.get("algorithm") == taken or taken is None
    assert len(credentials.params["response"]) == (64 if taken == "SHA-256" else 32)


@pytest.mark.parametrize(
    "challenge",
    [
        "Basic realm=r",
        "Digest",
        'Digest realm="r"',
        'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        "",
        "\x7f,=,",
        'Digest realm="r", nonce="n", qop="auth-int"',
    ],
)
def test_challenges_that_can_not_be_answered(challenge: str) -> None:
    sent, response = challenged(challenge)
    assert answer_challenge(sent, response, ACCOUNT) is None


def test_a_proxys_challenge_and_an_account_with_another_login() -> None:
    sent, response = challenged('Digest realm="r", nonce="n", qop="auth"', status=407)
    answer = answer_challenge(sent, response, Registration("sip:pbx.example.com", "ann", "secret", auth_user="login7"))
    assert answer is not None
    assert answer[0] == "Proxy-Authorization"
    assert parse_auth(answer[1], credentials=True).params["username"] == "login7"


@given(LINE)
def test_any_challenge_is_answered_or_not(value: str) -> None:
    sent, response = challenged()
    response.message.headers.append("WWW-Authenticate", f"Digest {value}")
    answer_challenge(sent, response, ACCOUNT)
