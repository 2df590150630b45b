"""The key set, by call."""

from emporium.user.v1 import key_set_service_pb2 as pb
from server.kit.auth import Verifier
from server.kit.context import Context
from server.user.key_set import wire


class KeySetService:
    """`emporium.user.v1.KeySetService`: the keys that `verifier` takes tokens of."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    async def GetKeySet(self, request: pb.GetKeySetRequest, context: Context) -> pb.KeySet:
        return wire.to_key_set(self._verifier.public_keys)
