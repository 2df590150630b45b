"""The contract's own rules: each compiles, because a service finds out at the first call only."""

import protovalidate
import pytest

from server.kit.call.method import Method, methods
from tests.discovery import contract

METHODS = [method for service in contract() for method in methods(service)]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.service}/{method.name}")
def test_the_rules_of_every_request_compile(method: Method) -> None:
    protovalidate.Validator().collect_violations(method.request())
