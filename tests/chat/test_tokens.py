"""Tokens of a company's own login: what they say, and what is refused."""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey
from joserfc.util import urlsafe_b64encode

from ivr.channels.chat.tokens import BadToken, Login

SECRET = "a secret of the company's own login, long enough"
NOW = 1_800_000_000


def login(key: str = SECRET) -> Login:
    return Login(key, clock=lambda: NOW)


def signed(key: Any = None, algorithm: str = "HS256", **claims: Any) -> str:
    given = {"sub": "42", "exp": NOW + 60, **claims}
    given = {name: value for name, value in given.items() if value is not None}
    return jwt.encode({"alg": algorithm}, given, key or OctKey.import_key(SECRET), algorithms=[algorithm])


def test_who_it_is() -> None:
    found = login().read(
        signed(name=" Ana  Reyes ", locale="es-MX", email="a@example.org", email_verified=True,
               phone_number="+15550100", phone_number_verified=True)
    )  # fmt: skip
    assert found.name == "Ana Reyes"
    assert found.language == "es"
    assert found.identifiers == (("account", "42"), ("email", "a@example.org"), ("phone", "+15550100"))


def test_what_the_login_has_not_verified_does_not_count() -> None:
    for said in (None, False, "true", 1):
        assert login().read(signed(email="a@example.org", email_verified=said)).identifiers == (("account", "42"),)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None}, {"exp": NOW - 60}, {"exp": "soon"}, {"exp": True}, {"exp": NOW + 2 * 86400}, {"nbf": NOW + 600},
        {"iat": NOW + 600}, {"sub": None}, {"sub": ""}, {"sub": "x" * 300}, {"sub": 42},
    ],
)  # fmt: skip
def test_claims_that_do_not_do(claims: dict[str, Any]) -> None:
    with pytest.raises(BadToken):
        login().read(signed(**claims))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é", "x" * 9000, "." * 50])
def test_junk(text: str) -> None:
    with pytest.raises(BadToken):
        login().read(text)


def test_no_signature_is_no_signature() -> None:
    def part(value: dict[str, Any]) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).decode()

    with pytest.raises(BadToken):
        login().read(f"{part({'alg': 'none'})}.{part({'sub': '42', 'exp': NOW + 60})}.")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[ed25519.Ed25519PrivateKey, Path]:
    private = ed25519.Ed25519PrivateKey.generate()
    path = tmp_path / "login.pem"
    path.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, path


def pem(private: Any) -> bytes:
    return private.private_bytes(  # type: ignore[no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("name", ["Ed25519", "EdDSA"])
def test_a_public_key(keys: tuple[ed25519.Ed25519PrivateKey, Path], name: str) -> None:
    private, path = keys
    token = signed(OKPKey.import_key(pem(private)), name)
    assert login(str(path)).read(token).identifiers == (("account", "42"),)
    with pytest.raises(BadToken):
        login(str(path)).read(signed(OKPKey.import_key(pem(ed25519.Ed25519PrivateKey.generate())), name))


def test_a_public_key_is_no_shared_secret(keys: tuple[ed25519.Ed25519PrivateKey, Path]) -> None:
    """Whoever knows the public key signs with it as if it were HS256's secret: CVE-2015-9235's confusion."""
    _, path = keys
    head, body = (urlsafe_b64encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {"sub": "1", "exp": NOW}))
    mac = hmac.digest(path.read_bytes(), head + b"." + body, "sha256")
    with pytest.raises(BadToken, match="UnsupportedAlgorithm"):
        login(str(path)).read(b".".join((head, body, urlsafe_b64encode(mac))).decode())


def test_an_elliptic_key(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "ec.pem"
    path.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert login(str(path)).read(signed(ECKey.import_key(pem(private)), "ES256")).identifiers


def test_settings_that_do_not_do(tmp_path: Path, keys: tuple[ed25519.Ed25519PrivateKey, Path]) -> None:
    with pytest.raises(ValueError, match="32 characters"):
        Login("short")
    with pytest.raises(ValueError, match="can't be read"):
        Login(str(tmp_path / "nothing.pem"))
    (tmp_path / "private.pem").write_bytes(pem(keys[0]))
    with pytest.raises(ValueError, match="is a private key"):
        Login(str(tmp_path / "private.pem"))
    (tmp_path / "junk.pem").write_text("junk")
    with pytest.raises(ValueError, match="holds no"):
        Login(str(tmp_path / "junk.pem"))
