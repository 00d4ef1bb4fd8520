"""Tokens that are given out and stored as hashes, and what must be read again, sealed under the server's key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class Unreadable(ValueError):
    """It was sealed under another key."""


def new_token(size: int = 32) -> str:
    """Random bytes, for a URL or a cookie; 16 are the fewest that nobody guesses."""
    return secrets.token_urlsafe(size)


def digest(token: str) -> str:
    """How a token is stored. Its bits can't be guessed, so that a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Compares in constant time, whatever characters are in there."""
    return hmac.compare_digest(one.encode(), other.encode())


class Key:
    """The server's key, from which one is derived for each purpose."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._key = key

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one purpose (HKDF, RFC 5869)."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(self._key)

    def seal(self, text: str) -> str:
        return self._fernet().encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Raises `Unreadable`."""
        try:
            return self._fernet().decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Unreadable("it was sealed under another key") from None

    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self.derived("seal")))


def key_from(setting: str, file: Path) -> Key:
    """The key of a setting (base64 of 32 bytes); where that is empty, the file's, which is made once and readable for
    its owner alone. Raises ValueError for a setting or a file that holds no key."""
    if setting:
        try:
            return Key(base64.b64decode(setting, validate=True))
        except ValueError:
            raise ValueError("the desk's key is base64 of 32 bytes; make one: openssl rand -base64 32") from None
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        made = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(secrets.token_bytes(KEY_BYTES))
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(made, file)  # whole, and the first of several processes wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return Key(file.read_bytes())
