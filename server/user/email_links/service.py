"""What somebody does by a mailed link: each method applies the rules and calls the store."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from uuid_utils import uuid7

from emporium.user.v1 import email_link_service_pb2 as pb
from server.kit.context import Context
from server.user.accounts.rules import Changed
from server.user.accounts.rules.credentials import password_changed
from server.user.accounts.rules.proof import proved, verified
from server.user.devices.rules import ID_BYTES, DeviceTokens
from server.user.email_links.rules import OF_PASSWORD, Sent, check_sent, hash_of
from server.user.email_links.store import LinkStore
from server.user.mail.rules import MailKind, MailRequest
from server.user.passwords.common import is_common
from server.user.passwords.hashing import PasswordHasher
from server.user.passwords.rules import chosen


class EmailLinkService:
    """`emporium.user.v1.EmailLinkService`."""

    def __init__(self, store: LinkStore, hasher: PasswordHasher, devices: DeviceTokens) -> None:
        self._store = store
        self._hasher = hasher
        self._devices = devices

    async def ForgotPassword(
        self, request: pb.ForgotPasswordRequest, context: Context
    ) -> pb.ForgotPasswordResponse:
        # Whether there is such an account is looked up when the mail is sent, not here.
        mail = MailRequest(
            id=str(uuid7()),
            kind=MailKind.RESET_PASSWORD,
            user_id="",
            email=request.email,
            occurred_at=datetime.now(UTC),
            traceparent=context.traceparent,
        )
        await self._store.request(mail)
        return pb.ForgotPasswordResponse()

    async def ResetPassword(
        self, request: pb.ResetPasswordRequest, context: Context
    ) -> pb.ResetPasswordResponse:
        token_hash, now = hash_of(request.token), datetime.now(UTC)
        # First, so that a token that somebody made up costs no hash of a password.
        sent = check_sent(await self._store.find(OF_PASSWORD, token_hash, now))

        verified_id, event_id, mail_id = (str(uuid7()) for _ in range(3))
        trace = context.traceparent

        def change(sent: Sent) -> Sequence[Changed]:
            context.subject = sent.user.id
            # Who has the mail has the address.
            seen = proved(sent.user, verified_id, now, trace)
            return seen, password_changed(seen.user, None, event_id, mail_id, now, trace)

        own = sent.user.email, sent.user.full_name
        password_hash = await self._hasher.hash(chosen(request.password, own, is_common))
        await self._store.reset_password(token_hash, password_hash, now, check_sent, change)
        device = secrets.token_bytes(ID_BYTES)
        return pb.ResetPasswordResponse(
            device_token=self._devices.write(device, sent.user.id, password_hash, now)
        )

    async def VerifyEmail(
        self, request: pb.VerifyEmailRequest, context: Context
    ) -> pb.VerifyEmailResponse:
        token_hash, now = hash_of(request.token), datetime.now(UTC)
        event_id, mail_id, trace = str(uuid7()), str(uuid7()), context.traceparent

        def change(sent: Sent) -> Changed:
            context.subject = sent.user.id
            return verified(sent.user, sent.email_after, event_id, mail_id, now, trace)

        await self._store.verify_email(token_hash, now, check_sent, change)
        return pb.VerifyEmailResponse()
