"""Seals secret answers between two requests of one call, with a key that exists in memory only.

A stored session holds ciphertext (AES-256-GCM) in place of a card number. The key is made when the server starts and
dies with it, so what is in the database, its backups and its logs can be opened by nobody. Web workers inherit it
from the process that starts them; several machines behind one load balancer share it through SEAL_KEY.
"""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Vault:
    """`key` is 32 bytes; by default a new random one."""

    def __init__(self, key: bytes | None = None) -> None:
        self._cipher = AESGCM(key or AESGCM.generate_key(256))

    @classmethod
    def from_setting(cls, text: str) -> Vault:
        """From the setting SEAL_KEY. Raises `ValueError` if it is no base64 of 32 bytes."""
        if not text:
            return cls()
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise ValueError("SEAL_KEY must be 32 bytes in base64: openssl rand -base64 32")
        return cls(key)

    def seal(self, value: str) -> str:
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, value.encode(), None)).decode()

    def unseal(self, sealed: str) -> str | None:
        """The value, or `None` if it was sealed with another key (before a restart)."""
        try:
            data = base64.b64decode(sealed)
            return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], None).decode()
        except (InvalidTag, ValueError):
            return None
