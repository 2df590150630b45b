"""The key set by gRPC: what verifiers take, and nothing that is secret."""

import time

from emporium.user.v1 import key_set_service_pb2 as pb
from emporium.user.v1.key_set_service_pb2_grpc import KeySetServiceStub
from server.kit import auth
from server.kit.lifecycle import Registration
from server.user.key_set.service import KeySetService
from tests.server.conftest import Serve

SERVICE = pb.DESCRIPTOR.services_by_name["KeySetService"]


async def test_it_is_every_key_that_is_taken_now(serve: Serve) -> None:
    now = int(time.time())
    old, ended = auth.new_key("user-1"), auth.new_key("service:order-1")
    keys = [{**old, "exp": now + 60}, auth.new_key("user-2"), {**ended, "exp": now - 1}]
    servicer = KeySetService(auth.Verifier(auth.jwks(keys)))
    async with serve([Registration(SERVICE, servicer)]) as channel:
        found = await KeySetServiceStub(channel).GetKeySet(pb.GetKeySetRequest())
    assert [key.kid for key in found.keys] == ["user-1", "user-2"]
    first = found.keys[0]
    assert (first.kty, first.crv, first.use, first.alg) == ("OKP", "Ed25519", "sig", "EdDSA")
    assert first.x == old["x"]
    assert old["d"] not in str(found)
