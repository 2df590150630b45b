"""Who may do what, said once more: by the contract's options alone, and by none of our code."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from emporium.errors.v1.error_reason_pb2 import ErrorReason
from emporium.options.v1 import options_pb2
from emporium.type.v1 import role_pb2

_ACCESS: Any = options_pb2.access
_Audience, _Fresh = options_pb2.Access.Audience, options_pb2.Access.Fresh


class Whose(Enum):
    """What a call is about, seen from its caller."""

    OWN = "own"
    FOREIGN = "foreign"
    MISSING = "missing"


@dataclass(frozen=True)
class Caller:
    """Somebody who calls, and what has become of his account since his token was signed."""

    name: str
    role: str = ""  # that the token says; empty: there is no token
    account: str = ""  # the role that the account has now; empty: deleted or disabled

    @property
    def is_service(self) -> bool:
        return self.role == "SERVICE"


# Which service the one among the callers is.
THE_SERVICE = "order"

_FROM_THE_LEAST = ("CUSTOMER", "STAFF", "ADMIN")
CALLERS = (
    Caller("nobody"),
    Caller("a customer", "CUSTOMER", "CUSTOMER"),
    Caller("one of the staff", "STAFF", "STAFF"),
    Caller("an admin", "ADMIN", "ADMIN"),
    Caller("a service", "SERVICE", "SERVICE"),
    Caller("a demoted admin", "ADMIN", "CUSTOMER"),
    Caller("a demoted one of the staff", "STAFF", "CUSTOMER"),
    Caller("a promoted customer", "CUSTOMER", "ADMIN"),
    Caller("a customer who is gone", "CUSTOMER"),
    Caller("an admin who is gone", "ADMIN"),
)


def answer(rpc: MethodDescriptor, caller: Caller, whose: Whose, *, is_heard: bool = False) -> str:
    """The reason of the refusal that is due; empty where the rpc has to begin its work.

    Once what has become of the account `is_heard`, the token is worth no more than that from the
    first, by whichever rpc.
    """
    access = rpc.GetOptions().Extensions[_ACCESS]
    if not caller.role:
        return "" if access.audience == _Audience.PUBLIC else "UNAUTHENTICATED"
    by_token = _by_role(access, caller.role, whose)
    refused = by_token and not is_heard
    asks = is_heard or _asks_the_account(access, caller.role)
    if refused or caller.is_service or not asks:
        return by_token
    if not caller.account:
        return "ACCOUNT_INACTIVE"
    return _by_role(access, _lesser(caller), whose)


def reaches(
    rpc: MethodDescriptor, caller: Caller, whose: Whose, *, is_heard: bool = False
) -> bool | None:
    """Whether what the path names is there, for a caller who is let in; None: it has no owner."""
    access = rpc.GetOptions().Extensions[_ACCESS]
    if access.audience == _Audience.PERSON:
        return whose is Whose.OWN
    if access.audience != _Audience.OWNER:
        return None
    if whose is Whose.OWN:
        return True
    asks = not caller.is_service and (is_heard or _asks_the_account(access, caller.role))
    role = _lesser(caller) if asks and caller.account else caller.role
    return role in _roles(access)


def service_for(rpc: MethodDescriptor) -> str:
    """Of the services that may call, the one among the callers, or else any; empty: none may."""
    services = rpc.GetOptions().Extensions[_ACCESS].services
    return THE_SERVICE if THE_SERVICE in services else next(iter(services), "")


def believes_tokens_of_anyone(rpc: MethodDescriptor) -> bool:
    """Whether it makes no difference to the rpc who calls."""
    access = rpc.GetOptions().Extensions[_ACCESS]
    return bool(access.audience == _Audience.PUBLIC and access.fresh != _Fresh.ALWAYS)


def _lesser(caller: Caller) -> str:
    """A token gives no more than it was signed for, nor more than its account has by now."""
    return min(caller.role, caller.account, key=_FROM_THE_LEAST.index)


def _asks_the_account(access: Any, role: str) -> bool:
    if access.fresh == _Fresh.ALWAYS:
        return True
    return access.fresh == _Fresh.BY_ROLE and role in _roles(access)


def _by_role(access: Any, role: str, whose: Whose) -> str:
    if access.audience in (_Audience.PUBLIC, _Audience.SIGNED_IN):
        return ""
    if access.audience == _Audience.PERSON:
        return "PERMISSION_DENIED" if role == "SERVICE" else ""
    if role in _roles(access):
        return ""
    if access.audience == _Audience.ROLES or role == "SERVICE":
        return "PERMISSION_DENIED"
    # Whose it is, the request says, or else the store will.
    if access.owner_field and whose is not Whose.OWN:
        return ErrorReason.Name(access.not_found_reason)
    return ""


def _roles(access: Any) -> set[str]:
    roles = {role_pb2.Role.Name(number) for number in access.roles}
    return roles if THE_SERVICE in access.services else roles - {"SERVICE"}
