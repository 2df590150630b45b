"""Who calls, and how often he may: by his access token, and a moving window in memory."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import jwt
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

_KEYS = {
    key["kid"]: jwt.PyJWK(key).key
    for key in json.loads(Path(os.environ["JWKS_FILE"]).read_text(encoding="utf-8"))["keys"]
}
_LIMIT = parse(os.environ["RATE_LIMIT"])
_limiter = MovingWindowRateLimiter(MemoryStorage())

Claims = Mapping[str, Any]


async def _claims(
    request: Request, token: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> Claims:
    """What a good token says. It is checked at every call."""
    try:
        key = _KEYS[jwt.get_unverified_header(token.credentials)["kid"]]
        claims: Claims = jwt.decode(
            token.credentials,
            key,
            algorithms=["EdDSA"],
            issuer="emporium",
            audience="emporium",
            options={"require": ["iss", "aud", "sub", "sid", "role", "iat", "exp", "jti"]},
        )
    except (jwt.PyJWTError, KeyError) as error:
        raise HTTPException(401, "the token is not valid") from error
    request.state.caller = claims["sub"]
    return claims


async def _limited(claims: Annotated[Claims, Depends(_claims)]) -> Claims:
    """Refuses who has called too often in the last minute, or whatever the limit says."""
    if not await _limiter.hit(_LIMIT, claims["sub"]):
        raise HTTPException(429, "too many calls", {"Retry-After": str(_LIMIT.get_expiry())})
    return claims


Caller = Annotated[Claims, Depends(_limited)]


def require_admin_or(claims: Claims, user_id: str | None = None) -> None:
    """Raises 403 unless the caller is an admin, or the user himself."""
    if claims["role"] != "ADMIN" and claims["sub"] != user_id:
        raise HTTPException(403, "this is not yours")
