"""Hides where a call came from, under a key that can be destroyed: AES-GCM."""

import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.kit.context import Device

_NONCE_BYTES = 12


def seal(key: bytes, record_id: str, device: Device) -> bytes:
    """`device` as only `key` opens it, and only for that record."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    text = json.dumps([device.address, device.label]).encode()
    return nonce + AESGCM(key).encrypt(nonce, text, record_id.encode())


def unseal(key: bytes, record_id: str, sealed: bytes) -> Device:
    """What `seal` hid. Raises `ValueError` for what it has not, or not under this key."""
    nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        address, label = json.loads(AESGCM(key).decrypt(nonce, text, record_id.encode()))
    except InvalidTag as error:
        raise ValueError("sealed under another key, or for another record") from error
    return Device(label, address)
