"""The user service as a caller with some token sees it, and what such callers send."""

import uuid
from typing import Any

import grpc

from emporium.user.v1 import (
    api_key_service_pb2_grpc,
    audit_service_pb2_grpc,
    auth_service_pb2_grpc,
    email_link_service_pb2_grpc,
    personal_data_service_pb2_grpc,
    session_service_pb2_grpc,
    totp_service_pb2_grpc,
    user_service_pb2_grpc,
)
from emporium.user.v1 import user_service_pb2 as pb

PASSWORD = "correct horse"


class Door:
    """The service's stubs, with a token."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None = None, user: str = "") -> None:
        self.channel = channel
        self.user_id = user
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.users = user_service_pb2_grpc.UserServiceStub(channel)
        self.auth = auth_service_pb2_grpc.AuthServiceStub(channel)
        self.sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        self.api_keys = api_key_service_pb2_grpc.ApiKeyServiceStub(channel)
        self.totp = totp_service_pb2_grpc.TotpServiceStub(channel)
        self.links = email_link_service_pb2_grpc.EmailLinkServiceStub(channel)
        self.audit = audit_service_pb2_grpc.AuditServiceStub(channel)
        self.personal_data = personal_data_service_pb2_grpc.PersonalDataServiceStub(channel)

    def with_token(self, token: str, user: str) -> "Door":
        """The same service for somebody else."""
        return Door(self.channel, token, user)

    async def __call__(self, name: str, request: Any, *headers: tuple[str, str]) -> Any:
        stubs = (
            self.users,
            self.auth,
            self.sessions,
            self.links,
            self.audit,
            self.api_keys,
            self.personal_data,
            self.totp,
        )
        [stub] = [each for each in stubs if hasattr(each, name)]
        return await getattr(stub, name)(request, metadata=[*self.metadata, *headers])


def new_email() -> str:
    """An e-mail that no account has."""
    return f"{uuid.uuid4().hex}@example.com"


def create(**fields: Any) -> pb.CreateUserRequest:
    """A request for an account of its own, with `fields` instead of the usual ones."""
    return pb.CreateUserRequest(
        **{"email": new_email(), "full_name": "Ann Example", "password": PASSWORD, **fields}
    )
