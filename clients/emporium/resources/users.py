"""Accounts."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias, Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.paging import Listing, Page, PageOptions
from emporium.type.v1.role_pb2 import Role
from emporium.user.v1.personal_data_service_pb2 import (
    Erasure,
    ExportUserRequest,
    ExportUserResponse,
    GetErasureRequest,
)
from emporium.user.v1.personal_data_service_pb2_grpc import PersonalDataServiceStub
from emporium.user.v1.user_service_pb2 import (
    BatchGetUsersRequest,
    CreateUserRequest,
    DeleteUserRequest,
    GetUserRequest,
    ListUsersRequest,
    ReinstateUserRequest,
    SetUserRoleRequest,
    SuspendUserRequest,
    UpdateUserRequest,
    User,
)
from emporium.user.v1.user_service_pb2_grpc import UserServiceStub
from emporium.values import UNSET, Moment, Unset, number, query, set_mask

RoleName: TypeAlias = "str | Role.ValueType"
UserStatusName: TypeAlias = "str | User.Status.ValueType"


BATCH_GET_MAX = 1000
"""The most accounts that one `users.batch_get` may ask for. The contract has it as a validation
rule, which stubs leave out; a test compares the two."""


class UserFilters(PageOptions, total=False):
    """The arguments of `users.list`.

    Sorts by `created_at` (descending by default), `email` or `full_name`.
    """

    status: str
    """Only accounts in this status: `active` or `disabled`."""
    role: str
    """Only accounts with this role: `customer`, `staff` or `admin`."""
    email: str
    """Only the account with this e-mail, in any case."""
    created_after: Moment
    """Only accounts opened at this moment or later."""
    created_before: Moment
    """Only accounts opened before this moment."""
    q: str
    """Only accounts where each of these words begins a word of the e-mail or of the name."""


class Users:
    """`shop.users`: accounts and their roles."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = UserServiceStub(connection.channel)
        self._personal_data = PersonalDataServiceStub(connection.channel)

    async def create(
        self,
        email: str,
        full_name: str,
        *,
        password: str | None = None,
        age: int | None = None,
        role: "RoleName | None" = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> User:
        """Opens an account. Only staff may leave out `password`, only an admin give a `role`.

        With a `role` the `password` is left out: a mailed link sets the holder's own.

        A mail goes there, with a link that verifies the e-mail; where staff open it, with one that
        sets a password of the holder's own.

        A repeat with the same `idempotency_key` gets the first answer; left out, the call has a key
        of its own, which its retries share.

        Raises `AlreadyExists` (EMAIL_TAKEN, IDEMPOTENCY_KEY_REUSED), `InvalidRequest`
        (PASSWORD_REQUIRED, PASSWORD_TOO_COMMON, VALIDATION_FAILED), `PermissionDenied`
        (ROLE_NOT_ALLOWED).
        """
        request = CreateUserRequest(
            email=email,
            full_name=full_name,
            password=password,
            age=age,
            request_id=idempotency_key or str(uuid4()),
        )
        if role is not None:
            request.role = number(Role, role)
        return await self._connection.call(self._stub.CreateUser, request, timeout_seconds)

    async def get(self, user_id: str, *, timeout_seconds: float | None = None) -> User:
        """Reads an account. Raises `NotFound` (USER_NOT_FOUND), also when it is another's."""
        request = GetUserRequest(user_id=user_id)
        return await self._connection.call(self._stub.GetUser, request, timeout_seconds)

    async def batch_get(
        self, user_ids: Iterable[str], *, timeout_seconds: float | None = None
    ) -> Sequence[User]:
        """Reads 1 to `BATCH_GET_MAX` accounts at once; for services.

        They come in the order of `user_ids`, each once. Ids without an account are left out.

        Raises `PermissionDenied`, `InvalidRequest` (VALIDATION_FAILED).
        """
        request = BatchGetUsersRequest(user_ids=user_ids)
        answer = await self._connection.call(self._stub.BatchGetUsers, request, timeout_seconds)
        return answer.users

    def list(self, **filters: Unpack[UserFilters]) -> Listing[User]:
        """Lists accounts, newest first unless `sort` says otherwise; for admins.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_FILTER, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = filters.get("timeout_seconds")

        async def fetch(request: ListUsersRequest) -> Page[User]:
            answer = await self._connection.call(self._stub.ListUsers, request, timeout_seconds)
            return Page(answer.users, answer.meta)

        return Listing(ListUsersRequest(**query(filters)), fetch)

    async def update(
        self,
        user_id: str,
        *,
        email: str | None = None,
        full_name: str | None = None,
        age: int | Unset | None = UNSET,
        role: "RoleName | None" = None,
        status: "UserStatusName | None" = None,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> User:
        """Changes the fields that are given, and no others. `age=None` clears the age.

        One's own new `email` counts once the link is used that is mailed there.

        With an `etag` the change is refused when the account has another by now.

        Raises `NotFound` (USER_NOT_FOUND), `AlreadyExists` (EMAIL_TAKEN), `Outdated`
        (ETAG_MISMATCH), `PermissionDenied` (ROLE_NOT_ALLOWED), `Conflict` (LAST_ADMIN),
        `InvalidRequest` (NOTHING_TO_UPDATE, VALIDATION_FAILED). Not retried, because it is not
        idempotent.
        """
        request = UpdateUserRequest(user_id=user_id, email=email, full_name=full_name, etag=etag)
        if role is not None:
            request.role = number(Role, role)
        if status is not None:
            request.status = number(User.Status, status)
        if age is None:
            set_mask(request, request.update_mask, cleared=["age"], but=("user_id", "etag"))
        elif age is not UNSET:
            request.age = age
        return await self._connection.call(self._stub.UpdateUser, request, timeout_seconds)

    async def delete(
        self, user_id: str, *, etag: str = "", timeout_seconds: float | None = None
    ) -> None:
        """Deletes an account for good, and erases the person in every service: see `erasure`.

        Raises `NotFound`, `Outdated` (ETAG_MISMATCH), `Conflict` (LAST_ADMIN).

        `NotFound` may also mean that a first attempt had deleted it before a retry; so may
        `Unauthenticated` (ACCOUNT_INACTIVE) when it is the caller's own account.
        """
        request = DeleteUserRequest(user_id=user_id, etag=etag)
        await self._connection.call(self._stub.DeleteUser, request, timeout_seconds)

    async def export(
        self,
        user_id: str,
        *,
        part: str = "",
        page_token: str = "",
        timeout_seconds: float | None = None,
    ) -> ExportUserResponse:
        """Everything that is held on a person, from every service.

        A part that is `truncated` goes on with its `next_page_token`: ask again with both. Parts
        that a service did not give are named in `missing`.

        Raises `NotFound` (USER_NOT_FOUND), `InvalidRequest` (INVALID_FILTER, INVALID_PAGE_TOKEN).
        """
        request = ExportUserRequest(user_id=user_id, part=part, page_token=page_token)
        return await self._connection.call(self._personal_data.ExportUser, request, timeout_seconds)

    async def erasure(self, user_id: str, *, timeout_seconds: float | None = None) -> Erasure:
        """How far the erasure of a deleted account is; for admins.

        Raises `NotFound` (ERASURE_NOT_FOUND) for an account that was never deleted.
        """
        request = GetErasureRequest(user_id=user_id)
        return await self._connection.call(self._personal_data.GetErasure, request, timeout_seconds)

    async def suspend(
        self,
        user_id: str,
        *,
        etag: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> User:
        """Shuts an account; for admins. One that is shut already stays as it is.

        Raises `NotFound` (USER_NOT_FOUND), `Outdated` (ETAG_MISMATCH), `Conflict`
        (LAST_ADMIN), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED).
        """
        request = SuspendUserRequest(
            user_id=user_id, etag=etag, request_id=idempotency_key or str(uuid4())
        )
        return await self._connection.call(self._stub.SuspendUser, request, timeout_seconds)

    async def reinstate(
        self,
        user_id: str,
        *,
        etag: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> User:
        """Opens an account again that was shut; for admins.

        Raises `NotFound` (USER_NOT_FOUND), `Outdated` (ETAG_MISMATCH), `AlreadyExists`
        (IDEMPOTENCY_KEY_REUSED).
        """
        request = ReinstateUserRequest(
            user_id=user_id, etag=etag, request_id=idempotency_key or str(uuid4())
        )
        return await self._connection.call(self._stub.ReinstateUser, request, timeout_seconds)

    async def set_role(
        self,
        user_id: str,
        role: "RoleName",
        *,
        etag: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> User:
        """Gives an account a role: `customer`, `staff` or `admin`; for admins.

        Raises as `suspend` does, and `Conflict` (EMAIL_NOT_VERIFIED) for a greater role, unless a
        mailed link has set the account's password.
        """
        request = SetUserRoleRequest(
            user_id=user_id,
            role=number(Role, role),
            etag=etag,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.SetUserRole, request, timeout_seconds)
