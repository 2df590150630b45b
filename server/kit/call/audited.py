"""Which calls the audit log keeps, and what of them: all of it read from the contract."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

import grpc
from google.protobuf.message import Message
from uuid_utils import uuid7

from server.kit.audit.record import OK, AuditRecord
from server.kit.call.method import Audience, Method
from server.kit.call.status import Refusal
from server.kit.context import Context, Role

# How whoever may not call is refused. What is somebody else's is not there for him: an owner rule
# that finds nothing refuses too.
_REFUSALS = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})
_PRIVILEGED = frozenset({Role.STAFF, Role.ADMIN})
_ACCOUNT = "emporium.user.v1.User"

_is_id = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch


class Audited:
    """What is kept of the calls of one rpc."""

    def __init__(self, method: Method) -> None:
        access = method.access
        self._method = method
        self._service = method.service.split(".")[1]  # `user`, of `emporium.user.v1.UserService`
        self._action = f"{method.service}/{method.name}"
        self._keeps_all = method.is_audited
        self._hides = access.audience == Audience.OWNER
        by_role = access.audience in (Audience.OWNER, Audience.ROLES)
        self._roles = access.roles & _PRIVILEGED if by_role else frozenset()
        self._is_for_roles = access.audience == Audience.ROLES
        self._is_for_people = access.audience == Audience.PERSON

    @property
    def may_keep_changes(self) -> bool:
        """Whether a call that succeeds may have made a change, and be kept."""
        may_be_kept = self._keeps_all or bool(self._roles) or self._is_for_people
        return not self._method.is_read and may_be_kept

    def may_be_kept(self, context: Context, outcome: Refusal | None) -> bool:
        """Whether the log may keep a call that ended so; an outcome of None is success.

        A look, for every call; `record` decides.
        """
        return (
            self._keeps_all
            or outcome is not None
            or context.by_role
            or self._is_privileged(context)
        )

    def record(self, context: Context, outcome: Refusal | None, at: datetime) -> AuditRecord | None:
        """What the log keeps of a call that ended so, at that moment; None: nothing."""
        caller, device, subject_id = context.caller, context.device, subject_of(context)
        is_own = caller is not None and subject_id == caller.id
        if not (
            self._keeps_all
            or (outcome is not None and self._is_refused(context, outcome, is_own))
            or context.by_role
            or (self._is_privileged(context) and (self._is_for_roles or not is_own))
        ):
            return None
        return AuditRecord(
            id=str(uuid7()),
            service=self._service,
            action=self._action,
            actor_id=caller.id if caller else "",
            actor_role=caller.role if caller else None,
            subject_id=subject_id,
            resource=self._resource(context, outcome),
            request_id=context.request_id,
            outcome=outcome.reason if outcome else OK,
            first_at=at,
            last_at=at,
            address=device.address,
            device=device.label,
        )

    def _is_refused(self, context: Context, outcome: Refusal, is_own: bool) -> bool:
        if outcome.code in _REFUSALS:
            return True
        is_hidden = self._hides and outcome.code is grpc.StatusCode.NOT_FOUND
        # Without a scope a role has let the caller in, who sees what there is.
        return is_hidden and getattr(context, "owner_scope", None) is not None and not is_own

    def _is_privileged(self, context: Context) -> bool:
        return context.caller is not None and context.caller.role in self._roles

    def _resource(self, context: Context, outcome: Refusal | None) -> str:
        if context.resource or self._method.rest is None:
            return context.resource
        if outcome is None and self._method.location and context.response is not None:
            return self._method.location_of(context.response)
        path = self._method.rest.path
        named = [getattr(context.request, name, None) for name in self._method.rest.path_fields]
        if not all(isinstance(each, str) and _is_id(each) for each in named):
            return ""  # it may hold anything
        return self._method.resource_of(context.request) if named else path


def subject_of(context: Context) -> str:
    """The id of the account that a call is about; empty where it is about none that is known."""
    for found in _persons(context):
        if found and _is_id(found):
            return found.lower()
    return ""


def _persons(context: Context) -> Iterator[str]:
    yield context.subject
    yield _person(context.request)
    yield _person(context.response)


def _person(message: Message | None) -> str:
    if message is None:
        return ""
    read = _reader_of_person(message.DESCRIPTOR)
    return str(read(message)) if read else ""


@cache
def _reader_of_person(message: Any) -> Callable[[Message], object] | None:
    """What reads the account out of messages of a type; None when they have none."""
    path = _path_to_person(message)
    return attrgetter(path) if path else None


def _path_to_person(message: Any) -> str:
    """An account has one name in the contract: `user_id`, or it is a `User` itself."""
    fields = message.fields_by_name
    if message.full_name == _ACCOUNT:
        return "id"
    if "user_id" in fields:
        return "user_id"
    user = fields["user"].message_type if "user" in fields else None
    path = _path_to_person(user) if user else ""
    return f"user.{path}" if path else ""
