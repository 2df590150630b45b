"""The contract's own rules: each compiles, because a service finds out at the first call only."""

import protovalidate
import pytest

from emporium.analytics.v1 import event_service_pb2, report_service_pb2
from emporium.order.v1 import catalog_service_pb2, order_service_pb2
from emporium.user.v1 import auth_service_pb2, user_service_pb2
from server.kit.call.method import Method, methods

METHODS = [
    method
    for file in (
        auth_service_pb2,
        user_service_pb2,
        catalog_service_pb2,
        order_service_pb2,
        event_service_pb2,
        report_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in methods(service)
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.service}/{method.name}")
def test_the_rules_of_every_request_compile(method: Method) -> None:
    protovalidate.Validator().collect_violations(method.request())
