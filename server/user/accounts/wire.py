"""Accounts between Protobuf and dataclasses. No logic."""

from collections.abc import Sequence
from typing import Any

from emporium.type.v1 import role_pb2
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.context import Role
from server.kit.listing.filters import choice, moment, words
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.turns import in_turns
from server.kit.wire import fields_of_mask, timestamp
from server.user.accounts.rules import CLEARABLE, Change, Filters, Status, User
from server.user.accounts.rules.opening import NewUser

_ROLES = {Role(name): number for name, number in role_pb2.Role.items() if number}
_STATUSES = {Status(name): number for name, number in pb.User.Status.items() if number}
_ROLES_BY_NUMBER = {number: role for role, number in _ROLES.items()}
_STATUSES_BY_NUMBER = {number: status for status, number in _STATUSES.items()}
_LISTED_ROLES = (Role.CUSTOMER, Role.STAFF, Role.ADMIN)


def to_user(user: User) -> pb.User:
    """An account on the wire."""
    return pb.User(
        id=user.id,
        email=user.email,
        full_name=user.full_name,
        age=user.age,
        role=_ROLES[user.role],
        status=_STATUSES[user.status],
        created_at=timestamp(user.created_at),
        updated_at=timestamp(user.updated_at),
        etag=user.etag,
        email_verified=user.email_verified,
        totp_enabled=user.totp_enabled,
    )


async def to_batch(users: Sequence[User]) -> pb.BatchGetUsersResponse:
    """Many accounts on the wire."""
    return pb.BatchGetUsersResponse(users=await in_turns(users, to_user))


def to_list(query: PageQuery, page: Page[User]) -> pb.ListUsersResponse:
    """A page of accounts on the wire."""
    return pb.ListUsersResponse(
        users=[to_user(user) for user in page.rows], meta=page_meta(query, page)
    )


def from_create(request: pb.CreateUserRequest) -> NewUser:
    """The account that the caller asks for."""
    return NewUser(
        email=request.email,
        full_name=request.full_name,
        age=request.age if request.HasField("age") else None,
        role=_ROLES_BY_NUMBER[request.role] if request.HasField("role") else Role.CUSTOMER,
        has_password=request.HasField("password"),
    )


def to_create(new: NewUser, password: str) -> pb.CreateUserRequest:
    """What somebody would send who asks for that account."""
    return pb.CreateUserRequest(
        email=new.email,
        full_name=new.full_name,
        age=new.age,
        role=_ROLES[new.role],
        password=password,
    )


def from_list(request: pb.ListUsersRequest) -> Filters:
    """Which accounts the caller asks for. Raises `InvalidFilter`."""
    return Filters(
        status=choice(request.status, "status", Status, tuple(Status)),
        role=choice(request.role, "role", Role, _LISTED_ROLES),
        email=request.email or None,
        created_after=moment(request.created_after, "created_after"),
        created_before=moment(request.created_before, "created_before"),
        words=words(request.q, "q"),
    )


def from_update(request: pb.UpdateUserRequest) -> Change:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {name: _present(request, name) for name in ("email", "full_name", "age")}
    role, status = _present(request, "role"), _present(request, "status")
    present["role"] = _ROLES_BY_NUMBER[role] if role else None
    present["status"] = _STATUSES_BY_NUMBER[status] if status else None
    return Change(fields_of_mask(request.update_mask.paths, present, CLEARABLE), request.etag)


def from_set_role(request: pb.SetUserRoleRequest) -> Change:
    """The role that the caller asks for, as a change."""
    return Change({"role": _ROLES_BY_NUMBER[request.role]}, request.etag)


def _present(request: pb.UpdateUserRequest, name: Any) -> Any:
    return getattr(request, name) if request.HasField(name) else None
