"""Each rpc of the contract says whose word decides about its callers."""

import pytest
from google.protobuf.descriptor_pb2 import MethodOptions

from server.kit.call.method import Audience, Fresh, Method, methods
from server.kit.context import Role
from tests.discovery import contract

# Changes that a token is enough for, with the reason.
BY_TOKEN = {
    "RecordEvent": "adds to what is known of the caller, and gives nobody anything",
}

METHODS = [method for service in contract() for method in methods(service)]


def lets_people_in(method: Method) -> bool:
    """Whether an account may stand behind a caller; a login is what comes before one."""
    only_services = method.access.audience == Audience.ROLES and method.access.roles == {
        Role.SERVICE
    }
    return not only_services and method.name != "Login"


def only_reads(method: Method) -> bool:
    descriptor = next(
        each
        for service in contract()
        for each in service.methods
        if (service.full_name, each.name) == (method.service, method.name)
    )
    return descriptor.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS


PEOPLES = [method for method in METHODS if lets_people_in(method)]


@pytest.mark.parametrize("method", PEOPLES, ids=lambda method: f"{method.service}/{method.name}")
def test_every_rpc_says_whose_word_decides_about_its_callers(method: Method) -> None:
    fresh, is_public = method.access.fresh, method.access.audience == Audience.PUBLIC
    if not only_reads(method):
        assert fresh == (Fresh.TOKEN if method.name in BY_TOKEN else Fresh.ALWAYS)
    elif method.access.roles == {Role.ADMIN}:
        assert fresh in (Fresh.BY_ROLE, Fresh.ALWAYS)
    else:
        assert is_public or fresh != Fresh.FRESH_UNSPECIFIED
