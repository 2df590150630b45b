"""Encrypts secrets that somebody else has too, and that are needed in plain, for where they stay.

What somebody shows us to prove who they are is hashed instead, and needs no key.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Unreadable(Exception):
    """It was not encrypted by this key for this owner."""


class Sealing:
    """AES-256-GCM under `key`, of 32 bytes. What is one owner's is nothing for another."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, owner_id: str) -> bytes:
        """`secret`, encrypted."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), owner_id.encode())

    def open(self, sealed: bytes, owner_id: str) -> str:
        """The secret. Raises `Unreadable`."""
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, text, owner_id.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Unreadable(f"the secret of {owner_id}") from error
