"""The keys that sign and verify tokens, made once for each home."""

import math
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server.local.home.folder import Home, read_private, write_private
from server.services import ORDER, SERVICES, USER, Service

SECRET_BYTES = 32


def public_file(home: Home) -> Path:
    """The file of the public keys, by which all services verify."""
    return home.keys / "jwks.json"


def names() -> list[str]:
    """The name of each key that a home has; with a number it is the key's id."""
    return [*_of_people(), *(service.own_key for service in SERVICES)]


def _of_people() -> list[str]:
    return [service.name for service in SERVICES if service.vouches_for_people]


def file_of(name: str, home: Home) -> Path:
    """The file of the key called `name` that signs now."""
    return home.keys / f"{name.replace(':', '-')}.json"


def secret_file(service: Service, home: Home) -> Path:
    """The file of what `service` keeps to itself, whichever key it signs with."""
    return home.keys / f"secret-{service.name}.json"


def sandbox_secret_file(home: Home) -> Path:
    """The file of what the payment provider signs its notices with, and the shop knows too."""
    return home.keys / "secret-sandbox.json"


def found(name: str, home: Home) -> Path:
    """The file that has the key called `name`, or is to have it."""
    now, earlier = file_of(name, home), home.keys / f"{ORDER.name}.json"
    return earlier if name == ORDER.own_key and earlier.exists() and not now.exists() else now


def public_keys(home: Home) -> list[dict[str, Any]]:
    """The keys that are published; none before they are made."""
    keys: list[dict[str, Any]] = read_private(public_file(home)).get("keys", [])
    return keys


def are_made(home: Home) -> bool:
    """Whether this home has its keys: a public one is written after its private one."""
    published = {name_of(key) for key in public_keys(home)}
    private = [file_of(name, home) for name in names()]
    private += [secret_file(service, home) for service in SERVICES]
    private.append(sandbox_secret_file(home))
    return published >= set(names()) and all(file.exists() for file in private)


def name_of(key: Mapping[str, Any]) -> str:
    """The name that the key's id has in front of its number."""
    return str(key["kid"]).rpartition("-")[0]


def is_for_people(key: Mapping[str, Any]) -> bool:
    """Whether the key vouches for accounts; the others vouch for the service that has it."""
    return name_of(key) in _of_people()


def has_ended(key: Mapping[str, Any]) -> bool:
    """Whether the public key is taken no more."""
    return bool(key.get("exp", math.inf) <= time.time())


def ensure(home: Home) -> None:
    """Makes the keys that are missing, and publishes their public halves. Repeatable."""
    # Until November 2026 the order service's own key was in a file of the service's name.
    if (earlier := found(ORDER.own_key, home)).exists():
        earlier.rename(file_of(ORDER.own_key, home))
    if are_made(home):
        return
    for service in SERVICES:
        if not secret_file(service, home).exists():
            write_private(secret_file(service, home), {"secret": _first_secret(service, home)})
    if not sandbox_secret_file(home).exists():
        write_private(sandbox_secret_file(home), {"secret": secrets.token_urlsafe(SECRET_BYTES)})
    # Imported late: a second run does not need the cryptography that this loads.
    from server.kit import auth

    signing = []
    for name in names():
        if not file_of(name, home).exists():
            write_private(file_of(name, home), auth.new_key(f"{name}-1"))
        signing.append(read_private(file_of(name, home)))
    published = public_keys(home)
    known = {key["kid"] for key in published}
    fresh = auth.jwks(key for key in signing if key["kid"] not in known)["keys"]
    write_private(public_file(home), {"keys": published + fresh})


def _first_secret(service: Service, home: Home) -> str:
    """In base64. Secrets are made before keys: where there is a key, the home is an older one.

    There, secrets followed from the service's key. What was made by them, such as sessions, stays
    good, because the first key becomes the secret; it signs no more once it has been replaced.
    """
    name = service.name if service.vouches_for_people else service.own_key
    earlier = read_private(file_of(name, home))
    return str(earlier.get("d") or secrets.token_urlsafe(SECRET_BYTES))


def token(home: Home, user_id: str, role: str, lifetime_seconds: int) -> str:
    """An access token for `user_id`, as the user service would sign it at a login."""
    from server.kit.auth import Signer
    from server.kit.context import Role

    key = read_private(file_of(USER.name, home))
    signer = Signer(key, lifetime_seconds)
    return signer.sign(user_id, Role(role.upper()))
