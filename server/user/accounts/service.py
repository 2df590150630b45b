"""Accounts: each method converts the request, applies the rules and calls the store."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.user.v1 import user_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.user.accounts import rules, wire
from server.user.accounts.rules.opening import open_account, with_link
from server.user.accounts.store import SORTABLE, Asking, Erasing, UserStore
from server.user.passwords.common import is_common
from server.user.passwords.hashing import PasswordHasher
from server.user.passwords.rules import chosen

_NEWEST_FIRST = Sort("created_at", descending=True)


class UserService:
    """`emporium.user.v1.UserService`."""

    def __init__(
        self,
        store: UserStore,
        hasher: PasswordHasher,
        tokens: PageTokens,
        forget: Callable[[str], None],
        erasing: Erasing,
        asking: Asking,
    ) -> None:
        """`forget` is called with each account that has changed."""
        self._store = store
        self._hasher = hasher
        self._tokens = tokens
        self._forget = forget
        self._erasing = erasing
        self._asking = asking

    async def CreateUser(self, request: pb.CreateUserRequest, context: Context) -> pb.User:
        new = wire.from_create(request)
        by = context.caller
        opened = open_account(new, by, _new_id(), _new_id(), _now(), context.traceparent)
        opened = with_link(opened, by, _new_id())
        context.subject = opened.user.id
        password_hash = await self._hashed(request) if new.has_password else None
        context.response = message = wire.to_user(opened.user)
        return pb.User.FromString(
            await self._store.create(
                opened, password_hash, context.key, message.SerializeToString()
            )
        )

    async def GetUser(self, request: pb.GetUserRequest, context: Context) -> pb.User:
        return wire.to_user(await self._store.get(request.user_id))

    async def BatchGetUsers(
        self, request: pb.BatchGetUsersRequest, context: Context
    ) -> pb.BatchGetUsersResponse:
        return await wire.to_batch(await self._store.get_many(request.user_ids))

    async def ListUsers(
        self, request: pb.ListUsersRequest, context: Context
    ) -> pb.ListUsersResponse:
        filters = wire.from_list(request)
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_NEWEST_FIRST, filters=filters
        )
        return wire.to_list(query, await self._store.list(filters, query))

    async def UpdateUser(self, request: pb.UpdateUserRequest, context: Context) -> pb.User:
        return await self._changed(request.user_id, wire.from_update(request), context)

    async def SuspendUser(self, request: pb.SuspendUserRequest, context: Context) -> pb.User:
        change = rules.Change({"status": rules.Status.DISABLED}, request.etag)
        return await self._changed(request.user_id, change, context)

    async def ReinstateUser(self, request: pb.ReinstateUserRequest, context: Context) -> pb.User:
        change = rules.Change({"status": rules.Status.ACTIVE}, request.etag)
        return await self._changed(request.user_id, change, context)

    async def SetUserRole(self, request: pb.SetUserRoleRequest, context: Context) -> pb.User:
        return await self._changed(request.user_id, wire.from_set_role(request), context)

    async def DeleteUser(self, request: pb.DeleteUserRequest, context: Context) -> Empty:
        event_id, now = _new_id(), _now()
        await self._store.delete(
            request.user_id,
            lambda user: rules.erased(user, request.etag, event_id, now, context.traceparent),
            self._erasing,
        )
        self._forget(request.user_id.lower())
        return Empty()

    async def _changed(self, user_id: str, change: rules.Change, context: Context) -> pb.User:
        by, event_id, now = context.signed_in, _new_id(), _now()
        mail_ids = _new_id(), _new_id()
        context.needs_role(partial(rules.check_change, change), has_it=rules.is_admin(by))
        trace = context.traceparent
        given = await self._store.update_once(
            user_id,
            lambda user: rules.changed(
                user, change, event_id, now, trace, by=by, mail_ids=mail_ids
            ),
            context.key,
            lambda user: wire.to_user(user).SerializeToString(),
            self._asking,
        )
        self._forget(user_id.lower())
        return pb.User.FromString(given)

    async def _hashed(self, new: pb.CreateUserRequest) -> bytes:
        password = chosen(new.password, (new.email, new.full_name), is_common)
        return await self._hasher.hash(password)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid7())
