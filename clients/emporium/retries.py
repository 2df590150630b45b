"""Which calls are retried, and how often: the channel's service config.

gRPC itself makes the retries, within the call's deadline. What is safe to repeat is read from the
contract, not listed here: an rpc that declares itself without side effects or idempotent, and an
rpc whose request carries an idempotency key.
"""

import json
from collections.abc import Iterator

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from emporium.analytics.v1 import (
    domain_event_service_pb2,
    event_service_pb2,
    report_service_pb2,
)
from emporium.analytics.v1 import personal_data_service_pb2 as activity_pb2
from emporium.order.v1 import (
    address_service_pb2,
    cart_service_pb2,
    catalog_service_pb2,
    order_service_pb2,
    payment_service_pb2,
    pricing_service_pb2,
    return_service_pb2,
    shipping_service_pb2,
    stock_service_pb2,
    webhook_service_pb2,
)
from emporium.order.v1 import personal_data_service_pb2 as buyers_pb2
from emporium.user.v1 import (
    api_key_service_pb2,
    audit_service_pb2,
    auth_service_pb2,
    email_link_service_pb2,
    key_set_service_pb2,
    personal_data_service_pb2,
    revocation_service_pb2,
    session_service_pb2,
    totp_service_pb2,
    user_service_pb2,
)

FILES: tuple[FileDescriptor, ...] = (
    audit_service_pb2.DESCRIPTOR,
    api_key_service_pb2.DESCRIPTOR,
    auth_service_pb2.DESCRIPTOR,
    email_link_service_pb2.DESCRIPTOR,
    revocation_service_pb2.DESCRIPTOR,
    personal_data_service_pb2.DESCRIPTOR,
    key_set_service_pb2.DESCRIPTOR,
    session_service_pb2.DESCRIPTOR,
    totp_service_pb2.DESCRIPTOR,
    user_service_pb2.DESCRIPTOR,
    catalog_service_pb2.DESCRIPTOR,
    stock_service_pb2.DESCRIPTOR,
    order_service_pb2.DESCRIPTOR,
    payment_service_pb2.DESCRIPTOR,
    pricing_service_pb2.DESCRIPTOR,
    shipping_service_pb2.DESCRIPTOR,
    address_service_pb2.DESCRIPTOR,
    cart_service_pb2.DESCRIPTOR,
    webhook_service_pb2.DESCRIPTOR,
    return_service_pb2.DESCRIPTOR,
    buyers_pb2.DESCRIPTOR,
    event_service_pb2.DESCRIPTOR,
    domain_event_service_pb2.DESCRIPTOR,
    activity_pb2.DESCRIPTOR,
    report_service_pb2.DESCRIPTOR,
)

# Waits of about 0.1, 0.2, 0.4 and 0.8 s, each 20% more or less at random: long enough for another
# replica to take over, short enough for an interactive caller.
RETRY_POLICY = {
    "maxAttempts": 5,  # the most that gRPC allows
    "initialBackoff": "0.1s",
    "backoffMultiplier": 2,
    "maxBackoff": "1s",
    "retryableStatusCodes": ["UNAVAILABLE"],
}

# The budget, shared by all calls to one target: a failure costs 1, a success earns 0.1, and below
# half nothing is retried. So retries add a tenth to the load of an overloaded server, instead of
# multiplying it by five.
RETRY_BUDGET = {"maxTokens": 100, "tokenRatio": 0.1}


def is_safe_to_repeat(method: MethodDescriptor) -> bool:
    """Whether a repeated call has no further effect."""
    declared = method.GetOptions().idempotency_level
    return (
        declared in {MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT}
        or "request_id" in method.input_type.fields_by_name
    )


def service_config() -> str:
    """The service config of every channel, as JSON."""
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "methodConfig": [{"name": list(_safe_methods()), "retryPolicy": RETRY_POLICY}],
            "retryThrottling": RETRY_BUDGET,
        }
    )


def _safe_methods() -> Iterator[dict[str, str]]:
    for file in FILES:
        for service in file.services_by_name.values():
            for method in service.methods:
                if is_safe_to_repeat(method):
                    yield {"service": service.full_name, "method": method.name}
