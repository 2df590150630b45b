"""Second factors: each method proves who the caller is, and calls the store."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.user.v1 import totp_service_pb2 as pb
from server.kit import errors
from server.kit.context import Context
from server.user.accounts.rules import Changed, User
from server.user.accounts.rules.proof import check_proven
from server.user.accounts.store import UserStore
from server.user.logins.proving import CurrentPassword
from server.user.logins.rules import Code
from server.user.throttling.rules import Source, sources_of_caller
from server.user.throttling.throttle import Throttle
from server.user.totp.checking import Codes
from server.user.totp.codes import otpauth_uri
from server.user.totp.rules import (
    RECOVERY_CODE_BYTES,
    RECOVERY_CODES,
    Totp,
    WrongCode,
    check_begun,
    disabled,
    enabled,
    hash_of,
    recovery_codes,
)
from server.user.totp.store import TotpStore


class TotpService:
    """`emporium.user.v1.TotpService`."""

    def __init__(
        self,
        store: TotpStore,
        accounts: UserStore,
        current: CurrentPassword,
        codes: Codes,
        throttle: Throttle,
        issuer: str,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._current = current
        self._codes = codes
        self._throttle = throttle
        self._issuer = issuer
        self._now = now

    async def BeginTotp(
        self, request: pb.BeginTotpRequest, context: Context
    ) -> pb.BeginTotpResponse:
        user, _ = await self._current.prove(context.signed_in.id, request.current_password)
        check_proven(user)
        secret, sealed = self._codes.new_secret(user.id)
        await self._store.begin(user.id, sealed, self._now())
        return pb.BeginTotpResponse(
            secret=secret, otpauth_uri=otpauth_uri(secret, user.email, self._issuer)
        )

    async def ConfirmTotp(
        self, request: pb.ConfirmTotpRequest, context: Context
    ) -> pb.ConfirmTotpResponse:
        caller, now = context.signed_in, self._now()
        sources = sources_of_caller(caller.id)
        await self._throttle.check(sources)
        begun = check_begun(await self._store.find(caller.id))
        step = self._codes.step(caller.id, begun.sealed, request.totp_code)
        await self._judge(step is not None, "totp_code", sources)
        given = recovery_codes(secrets.token_bytes(RECOVERY_CODES * RECOVERY_CODE_BYTES))
        event_id, mail_id = str(uuid7()), str(uuid7())

        def check(totp: Totp | None) -> int:  # again, now that the secret stays what it is
            step = self._codes.step(caller.id, check_begun(totp).sealed, request.totp_code)
            if step is None:
                raise WrongCode("totp_code")
            return step

        def change(user: User) -> Changed:
            return enabled(user, caller, event_id, mail_id, now, context.traceparent)

        await self._store.enable(caller.id, check, change, [*map(hash_of, given)], now)
        return pb.ConfirmTotpResponse(recovery_codes=given)

    async def DeleteTotp(self, request: pb.DeleteTotpRequest, context: Context) -> Empty:
        if not request.WhichOneof("second_factor"):
            raise _no_factor()
        caller, now = context.signed_in, self._now()
        user = await self._accounts.get(caller.id)
        event_id, mail_id = str(uuid7()), str(uuid7())
        if user.totp_enabled:
            await self._prove(user, request, context)

        def change(found: User) -> Changed:
            if found.totp_enabled and not user.totp_enabled:  # since it was looked at
                raise WrongCode(_field(request))
            return disabled(found, caller, event_id, mail_id, now, context.traceparent)

        await self._store.disable(user.id, change)
        return Empty()

    async def _prove(self, user: User, request: pb.DeleteTotpRequest, context: Context) -> None:
        sources = sources_of_caller(user.id)
        await self._throttle.check(sources)
        code = Code(request.totp_code, request.recovery_code)
        is_right = await self._codes.accepts(user, code, context.traceparent)
        await self._judge(is_right, _field(request), sources)

    async def _judge(self, is_right: bool, field: str, sources: Sequence[Source]) -> None:
        if not is_right:
            await self._throttle.failed(sources)
            raise WrongCode(field)
        await self._throttle.check(sources)


def _no_factor() -> errors.Invalid:
    said = "send totp_code or recovery_code"
    both = [errors.Violation(each, said) for each in ("totp_code", "recovery_code")]
    return errors.Invalid(said, violations=both)


def _field(request: pb.DeleteTotpRequest) -> str:
    return request.WhichOneof("second_factor") or "totp_code"
