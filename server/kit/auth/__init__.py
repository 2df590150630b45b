"""Access tokens: EdDSA-signed JWTs, who may sign them, and how they are checked.

Claims: `iss` and `aud` are `emporium`, `sub` is the user id (or `service:<name>`), `role` one name
of `emporium.type.v1.Role`, `sid` the session's id, `iat` and `exp` Unix seconds, `jti` the token's
own id. The header says `typ: at+jwt`, so that no other kind of token passes for an access token,
and `kid`, the key. All of them are required.

`account_version` is the version of the account that a person's token was signed by, which tells
whether the account has changed since; without it the token counts as older than every change.
A token that an API key was exchanged for has the key's id as `sid`, and `scope` besides: what it
reaches, with spaces in between (RFC 9068). Without that claim a token is not limited.

A key whose id begins with `service:` vouches for that service and for nobody else: whoever steals
a service's key cannot make an admin of himself.
"""

from server.kit.auth.keys import jwks, new_key
from server.kit.auth.signing import ServiceToken, Signer
from server.kit.auth.verification import Tokens, Verifier

__all__ = ["ServiceToken", "Signer", "Tokens", "Verifier", "jwks", "new_key"]
