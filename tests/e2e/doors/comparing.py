"""One request by every door: what came of it, and where that is not the same."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from tests.access_oracle import service_for
from tests.e2e.doors.afterwards import only_reads, standing
from tests.e2e.doors.differences import REST, in_words_of_rest, settled, unsaid_by
from tests.e2e.doors.doors import Door, Doors
from tests.e2e.doors.outcomes import Outcome, plain
from tests.e2e.doors.twins import SERVICE, Twin
from tests.e2e.extreme_requests import INTERNAL
from tests.e2e.extreme_scene import Scene


@dataclass(frozen=True)
class Compared:
    """What was sent by one of the doors, and what came of it by all."""

    sent: Message
    outcome: Outcome


@dataclass
class Comparing:
    """Of one rpc, call after call."""

    scene: Scene
    doors: Doors
    rpc: MethodDescriptor
    _twins: dict[tuple[str, str], Twin] = field(default_factory=dict)  # by door and role

    async def compared(self, role: str, message: Message) -> Compared:
        """Makes the call by every door. Raises where what comes of it differs."""
        inside, edge = self.doors.inside, self.doors.edge
        if role == SERVICE or self.rpc.name in INTERNAL:
            # The edge lets no service in and offers nothing that is for them alone.
            await self._same(edge, role, message)
            return await self._same(inside, role, message)
        return await self._same({**inside, **edge}, role, message)

    async def _same(self, doors: Mapping[str, Door], role: str, message: Message) -> Compared:
        """What came of it by the first of the doors, which is what came of it by all."""
        asked = await asyncio.gather(
            *(self._asked(name, door, role, message) for name, door in doors.items())
        )
        told = {name: each for name, each in zip(doors, asked, strict=True) if each is not None}
        is_taken = any(each.outcome.answer is not None for each, _ in told.values())
        if is_taken and not only_reads(self.rpc):
            self._twins.clear()  # what they have has changed
        (first, (compared, due)), *_ = told.items()
        for name, (_, found) in told.items():
            wanted = in_words_of_rest(self.rpc, due) if name == REST else due
            assert found == wanted, (
                f"{self.rpc.full_name} as {role or 'nobody'} with {message}\n"
                f"by {first}: {wanted}\nby {name}: {found}"
            )
        return compared

    async def _asked(
        self, name: str, door: Door, role: str, message: Message
    ) -> tuple[Compared, Any] | None:
        twin = self._twin(name, role)
        real = settled(await twin.real(message))
        if unsaid_by(name, self.rpc, real):
            return None
        outcome = await door.ask(self.rpc, real, twin.token)
        if only_reads(self.rpc):
            return Compared(real, outcome), [plain(outcome)]
        found = [outcome]
        if outcome.answer is not None:
            found += await standing(self.scene, self.rpc, real, outcome.answer)
        return Compared(real, outcome), [twin.told(each) for each in found]

    # What only reads is asked about the same by every door, and must answer the same.
    def _twin(self, door: str, role: str) -> Twin:
        key = ("" if only_reads(self.rpc) else door, role)
        if key not in self._twins:
            self._twins[key] = Twin(self.scene, role, service_for(self.rpc) or "order")
        return self._twins[key]
