"""Encrypts the secrets that authenticator apps have too, for where they are stored."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Unreadable(Exception):
    """It was not encrypted by this key for this account."""


class Sealing:
    """AES-256-GCM under `key`, of 32 bytes. What is one account's is nothing for another."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, user_id: str) -> bytes:
        """`secret`, encrypted."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), user_id.encode())

    def open(self, sealed: bytes, user_id: str) -> str:
        """The secret. Raises `Unreadable`."""
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, text, user_id.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Unreadable(f"the TOTP secret of {user_id}") from error
