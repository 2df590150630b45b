"""The keys that tokens are signed and checked with, made once per home."""

import json

from server.local.home import Home, write_private

KEY_IDS = {"user": "user-1", "order": "service:order-1"}  # by service


def ensure(home: Home) -> None:
    """Makes the keys that are missing, and the public set of all of them."""
    public = home.keys / "jwks.json"
    if public.exists():
        return
    # Imported late: a second run has no use for the cryptography that this loads.
    from server.kit import auth

    keys = []
    for service, key_id in KEY_IDS.items():
        key = auth.new_key(key_id)
        write_private(home.keys / f"{service}.json", key)
        keys.append(key)
    write_private(public, auth.jwks(keys))


def token(home: Home, user_id: str, role: str, lifetime_seconds: int) -> str:
    """An access token for `user_id`, as the user service would sign it at a login."""
    from server.kit.auth import Signer
    from server.kit.context import Role

    key = json.loads((home.keys / "user.json").read_text(encoding="utf-8"))
    return Signer(key, lifetime_seconds).sign(user_id, Role(role.upper()))
