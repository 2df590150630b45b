"""The keys that sign and verify tokens, made once for each home."""

import json
from pathlib import Path

from server.local.home.folder import Home, write_private
from server.services import SERVICES, USER, Service


def public_file(home: Home) -> Path:
    """The file of the public keys, by which all services verify."""
    return home.keys / "jwks.json"


def are_made(home: Home) -> bool:
    """Whether this home has its keys: the public ones are written last."""
    return public_file(home).exists()


def ensure(home: Home) -> None:
    """Makes the keys that are missing, and the public set of all of them."""
    if are_made(home):
        return
    # Imported late: a second run does not need the cryptography that this loads.
    from server.kit import auth

    keys = []
    for service in SERVICES:
        if service.key_id:
            key = auth.new_key(service.key_id)
            write_private(file_of(service, home), key)
            keys.append(key)
    write_private(public_file(home), auth.jwks(keys))


def file_of(service: Service, home: Home) -> Path:
    """The file of the key that `service` signs with."""
    return home.keys / f"{service.name}.json"


def token(home: Home, user_id: str, role: str, lifetime_seconds: int) -> str:
    """An access token for `user_id`, as the user service would sign it at a login."""
    from server.kit.auth import Signer
    from server.kit.context import Role

    key = json.loads(file_of(USER, home).read_text(encoding="utf-8"))
    return Signer(key, lifetime_seconds).sign(user_id, Role(role.upper()))
